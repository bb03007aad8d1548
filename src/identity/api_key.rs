//! Keys of programs: long-lived, and known here by their hashes only.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{Caller, Rejected};

/// API keys. `auth.api_keys`.
#[derive(Debug, Clone)]
pub struct ApiKeySettings {
    /// The header they come in. `header`, default `x-api-key`.
    pub header: HeaderName,
    /// Keys by name. `keys`.
    pub keys: Vec<ApiKey>,
}

/// One key. `auth.api_keys.keys.NAME`.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is, for rules, quotas and the log.
    pub name: Arc<str>,
    /// SHA-256 of the key. `sha256`, in hexadecimal. A key is a long random text, so no slow hash is needed.
    pub hash: [u8; 32],
    /// `$context.claims` of its requests. `claims`; `sub` is the name unless it says otherwise.
    pub claims: Map<String, Value>,
    /// Scopes that its requests have. `scopes`.
    pub scopes: Vec<String>,
}

/// Keys at work.
#[derive(Debug)]
pub(super) struct ApiKeys {
    header: HeaderName,
    keys: Vec<([u8; 32], Arc<Caller>)>,
}

impl Default for ApiKeySettings {
    fn default() -> Self {
        Self {
            header: HeaderName::from_static("x-api-key"),
            keys: Vec::new(),
        }
    }
}

// === impl ApiKeys ===

impl ApiKeys {
    pub(super) fn new(settings: &ApiKeySettings) -> Self {
        let callers = settings.keys.iter().map(|key| {
            let mut claims = key.claims.clone();
            claims.entry("sub").or_insert_with(|| Value::from(&*key.name));
            let scopes = key.scopes.iter().map(|scope| Arc::from(&**scope)).collect();
            (key.hash, Arc::new(Caller::of_key(&key.name, claims, scopes)))
        });
        Self {
            header: settings.header.clone(),
            keys: callers.collect(),
        }
    }

    pub(super) fn is_used(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whose key a request has, if it has one. Takes the same time for every key, right or wrong.
    ///
    /// # Errors
    /// It has one that nobody has, or two.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Option<&Arc<Caller>>, Rejected> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let mut values = headers.get_all(&self.header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Rejected::ApiKey);
        }
        let hash: [u8; 32] = Sha256::digest(value.as_bytes()).into();
        let mut found = u32::MAX;
        for (number, (known, _)) in self.keys.iter().enumerate() {
            let is_it: Choice = known.ct_eq(&hash);
            found = u32::conditional_select(&found, &(number as u32), is_it);
        }
        let found = self.keys.get(found as usize).ok_or(Rejected::ApiKey)?;
        Ok(Some(&found.1))
    }
}
