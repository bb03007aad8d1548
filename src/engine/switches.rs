//! What operators have switched off while the server runs.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::HeaderMap;
use serde_json::{Value, json};

use super::{Engine, Request};
use crate::{
    execute::Backends,
    identity::CLIENT_HEADERS,
    operation::{Operation, OperationKind, RequestError, RequestErrorKind, documents::text_id, error::SwitchKind},
};

/// When clients may ask again for what is switched off.
pub(super) const WAIT: Duration = Duration::from_secs(30);

/// Everything that is switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// Names of sources that are not called.
    pub sources: BTreeSet<String>,
    /// Fields, as `Type.field`, whose own calls are not made: their fallbacks serve.
    pub fields: BTreeSet<String>,
    /// Operations that are not answered, by name, by document id or by the hash of their text.
    pub operations: BTreeSet<String>,
    /// Clients that are not answered: `name`, or `name@version`.
    pub clients: BTreeSet<String>,
    /// Whether mutations are refused.
    pub read_only: bool,
}

// === impl Engine ===

impl Engine {
    /// Switches off what is said, and everything else on.
    pub fn switch(&self, switches: &Switches) {
        let off = (!switches.is_empty()).then(|| Arc::new(switches.clone()));
        self.switches.store(off);
        self.backends.switch(&self.surface, &switches.sources, &switches.fields);
        // What was kept may have come from what is off now.
        self.answers.clear();
    }

    /// Whether a source is one of the surface's.
    #[must_use]
    pub fn has_source(&self, name: &str) -> bool {
        self.surface.sources.iter().any(|source| *source.name == *name)
    }

    /// Names of the surface's sources.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        self.surface
            .sources
            .iter()
            .map(|source| source.name.to_string())
            .collect()
    }

    /// What its sources are called by.
    #[must_use]
    pub fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Whether a field, as `Type.field`, has a call of its own.
    #[must_use]
    pub fn has_call(&self, field: &str) -> bool {
        let mut connectors = self.surface.connectors.iter();
        connectors.any(|connector| connector.is_of_field(field))
    }
}

// === impl Switches ===

impl Switches {
    /// Whether everything is on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is off by either.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.union(other).cloned().collect();
        Self {
            sources: both(&self.sources, &other.sources),
            fields: both(&self.fields, &other.fields),
            operations: both(&self.operations, &other.operations),
            clients: both(&self.clients, &other.clients),
            read_only: self.read_only || other.read_only,
        }
    }

    /// As it is written in a file.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "sources": self.sources,
            "fields": self.fields,
            "operations": self.operations,
            "clients": self.clients,
            "read_only": self.read_only,
        })
    }

    /// What was switched between two states, for people: `-source reviews, +read_only`; empty: nothing was.
    #[must_use]
    pub fn changes(&self, next: &Self) -> String {
        let mut changes = Vec::new();
        let sets = [
            ("source", &self.sources, &next.sources),
            ("field", &self.fields, &next.fields),
            ("operation", &self.operations, &next.operations),
            ("client", &self.clients, &next.clients),
        ];
        for (what, before, after) in sets {
            changes.extend(after.difference(before).map(|name| format!("{what} {name} off")));
            changes.extend(before.difference(after).map(|name| format!("{what} {name} on")));
        }
        match (self.read_only, next.read_only) {
            (false, true) => changes.push("mutations off".to_owned()),
            (true, false) => changes.push("mutations on".to_owned()),
            _ => {}
        }
        changes.join(", ")
    }

    /// Refuses what is switched off.
    pub(super) fn check(&self, request: &Request, operation: &Operation) -> Result<(), RequestError> {
        let refused = |kind, message: &str| Err(RequestError::new(RequestErrorKind::SwitchedOff(kind), message));
        if self.has_client(&request.headers) {
            return refused(
                SwitchKind::Client,
                "This version of the client is not served any more; please update it.",
            );
        }
        if self.has_operation(request, operation) {
            return refused(SwitchKind::Operation, "This operation is switched off for now.");
        }
        if self.read_only && operation.kind == OperationKind::Mutation {
            return refused(SwitchKind::Mutations, "Nothing can be changed for now.");
        }
        Ok(())
    }

    fn has_client(&self, headers: &HeaderMap) -> bool {
        !self.clients.is_empty()
            && CLIENT_HEADERS.iter().any(|(name, version)| {
                let text = |header: &str| headers.get(header).and_then(|value| value.to_str().ok());
                let Some(name) = text(name) else { return false };
                let version = text(version).unwrap_or_default();
                self.clients.contains(name) || self.clients.contains(&format!("{name}@{version}"))
            })
    }

    fn has_operation(&self, request: &Request, operation: &Operation) -> bool {
        let hash = || {
            let persisted = request.extensions.as_ref()?.get("persistedQuery")?;
            persisted.get("sha256Hash")?.as_str()
        };
        if self.operations.is_empty() {
            return false;
        }
        let mut names = [operation.name.as_deref(), request.document_id.as_deref(), hash()]
            .into_iter()
            .flatten();
        let is_off = |id: &str| self.operations.contains(id);
        names.any(|id| is_off(id) || is_off(id.trim_start_matches("sha256:")))
            || self.operations.iter().any(|id| is_hash(id))
                && request.query.as_deref().is_some_and(|text| is_off(&text_id(text)))
    }
}

/// Whether an operation may be meant by the hash of its text.
fn is_hash(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
