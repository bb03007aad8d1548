//! Tokens that no longer count though their time is not up: a file, read again when it changes.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::{Caller, Rejected};

/// How often the file is looked at: how long a withdrawn token may still be used.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Bytes of the file. A million ids of 36 characters.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where withdrawn tokens are listed. `auth.revoked`.
#[derive(Debug, Clone)]
pub struct RevokedSettings {
    /// `file`: JSON, `{"jti": ["…"], "versions": {"SUBJECT": 3}}`.
    pub file: PathBuf,
    /// The claim that `versions` is compared with. `version_claim`, default `ver`.
    pub version_claim: String,
}

/// The list at work.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    settings: Option<RevokedSettings>,
    list: ArcSwap<List>,
}

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct List {
    /// These tokens.
    jti: HashSet<String>,
    /// Of these subjects, tokens of a lower version, or of none.
    versions: HashMap<String, f64>,
}

// === impl Revoked ===

impl Revoked {
    pub(super) fn new(settings: Option<&RevokedSettings>) -> Result<Self, String> {
        let list = settings.map(read).transpose()?.unwrap_or_default();
        Ok(Self {
            settings: settings.cloned(),
            list: ArcSwap::from_pointee(list),
        })
    }

    pub(super) fn has_file(&self) -> bool {
        self.settings.is_some()
    }

    /// # Errors
    /// The caller's token was withdrawn.
    pub(super) fn check(&self, caller: &Caller) -> Result<(), Rejected> {
        let Some(settings) = &self.settings else { return Ok(()) };
        let list = self.list.load();
        let is_listed = caller
            .claim("jti")
            .and_then(Value::as_str)
            .is_some_and(|id| list.jti.contains(id));
        let is_old = || {
            let least = list.versions.get(caller.subject()?)?;
            let version = caller.claim(&settings.version_claim).and_then(Value::as_f64);
            Some(version.is_none_or(|version| version < *least))
        };
        if is_listed || is_old().unwrap_or(false) {
            return Err(Rejected::Revoked);
        }
        Ok(())
    }

    /// Reads the file when it has changed, for ever. One that cannot be read leaves what was read before.
    pub(super) async fn keep_current(&self) {
        let Some(settings) = &self.settings else { return };
        let changed = || {
            std::fs::metadata(&settings.file)
                .ok()
                .map(|file| (file.modified().ok(), file.len()))
        };
        let mut known: Option<(Option<SystemTime>, u64)> = None;
        loop {
            let now = changed();
            if now != known {
                match read(settings) {
                    Ok(list) => {
                        self.list.store(Arc::new(list));
                        known = now;
                    }
                    Err(why) => tracing::warn!(why, "the list of revoked tokens cannot be read; the one before holds"),
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

fn read(settings: &RevokedSettings) -> Result<List, String> {
    let path = settings.file.display();
    let size = std::fs::metadata(&settings.file)
        .map_err(|error| format!("{path}: {error}"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{path} is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read(&settings.file).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))
}
