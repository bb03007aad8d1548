//! The documents that commands look at: those that a surface lists, or those of manifests that the command line names.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde_json::{Value, json};

use super::Failure;
use crate::{
    app,
    config::{ManifestConfig, SurfaceConfig},
    operation::documents::{ListedDocument, export, manifest::ManifestOf},
};

/// `[CLIENT[@VERSION]=]FILE`: a manifest, or a folder of `.graphql` files, and whom it is for.
#[derive(Debug, Clone)]
pub(super) struct ManifestArg {
    file: PathBuf,
    of: ManifestOf,
}

/// An operation of a list, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) client: Option<String>,
    pub(super) version: Option<String>,
    /// The file that it was read from, and its id there.
    pub(super) origin: String,
}

// === impl ManifestArg ===

impl FromStr for ManifestArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whom, file) = match text.split_once('=') {
            Some((whom, file)) => (Some(whom), file),
            None => (None, text),
        };
        let (client, version) = match whom.map(|whom| whom.split_once('@').unwrap_or((whom, ""))) {
            Some((client, version)) => (Some(client), Some(version).filter(|version| !version.is_empty())),
            None => (None, None),
        };
        if file.is_empty() || client.is_some_and(str::is_empty) {
            return Err("write FILE, CLIENT=FILE or CLIENT@VERSION=FILE".to_owned());
        }
        Ok(Self {
            file: PathBuf::from(file),
            of: ManifestOf {
                client: client.map(str::to_owned),
                version: version.map(str::to_owned),
                prefix: None,
            },
        })
    }
}

/// The documents of manifests.
pub(super) fn of_arguments(manifests: &[ManifestArg]) -> Result<Vec<ListedDocument>, Failure> {
    let mut documents = Vec::new();
    for ManifestArg { file, of } in manifests {
        let of = of.clone();
        let manifest = ManifestConfig { file: file.clone(), of };
        documents.extend(app::documents::read_manifest(&manifest).map_err(Failure)?);
    }
    Ok(documents)
}

/// The documents that a surface lists, with origins as messages show them.
pub(super) fn of_surface(surface: &SurfaceConfig, base: &Path) -> Result<Vec<ListedDocument>, Failure> {
    let list = app::documents::read(surface).map_err(|errors| Failure(errors.join("\n")))?;
    let shown = list.documents.into_iter().map(|document| ListedDocument {
        origin: app::shown(Path::new(&document.origin), base),
        ..document
    });
    Ok(shown.collect())
}

// === impl Name ===

impl Name {
    /// The names of a document: that of each of its operations.
    pub(super) fn all(document: &ListedDocument) -> Vec<Self> {
        let fallback = document.ids.last().map_or("(anonymous)", String::as_str);
        let names = match export::export(&document.text, fallback) {
            Ok(operations) if !operations.is_empty() => operations.into_iter().map(|one| one.name).collect(),
            _ => vec![fallback.to_owned()],
        };
        let of = |name| Self {
            name,
            client: document.client.clone(),
            version: document.version.clone(),
            origin: document.origin.clone(),
        };
        names.into_iter().map(of).collect()
    }

    pub(super) fn json(&self) -> Value {
        json!({ "name": self.name, "client": self.client, "version": self.version, "origin": self.origin })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.client, &self.version) {
            (Some(client), Some(version)) => write!(f, " ({client} {version})"),
            (Some(client), None) => write!(f, " ({client})"),
            (None, _) => Ok(()),
        }
    }
}
