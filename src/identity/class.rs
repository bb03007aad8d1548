//! Classes of clients: who belongs to which.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Caller, CallerKind, ClientName};

/// Who belongs to a class: whoever all of this holds of. `classes.NAME`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassSettings {
    /// Its name.
    pub name: Arc<str>,
    /// How the caller has proved who they are, if at all. `known_by`: `any`, `token`, `api_key`, `nothing`.
    pub known_by: Option<KnownBy>,
    /// Names of API keys, one of which came with the request. `api_keys`.
    pub api_keys: Vec<String>,
    /// Scopes that the caller was granted, all of them. `scopes`.
    pub scopes: Vec<String>,
    /// Claims with their values; of a list, on either side, one is enough. `claims`.
    pub claims: Map<String, Value>,
    /// What the client says of itself, one of these: `ios`, or `ios@7.1` for what begins with that version. `clients`. It proves nothing, so a class that goes by
    /// nothing else may have less than others and never more.
    pub clients: Vec<String>,
}

/// How a caller has proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// In any way.
    Any,
    /// By a token.
    Token,
    /// By an API key, without a token.
    ApiKey,
    /// Not at all.
    Nothing,
}

/// The classes of a surface.
#[derive(Debug, Clone, Default)]
pub struct Classes(Vec<ClassSettings>);

// === impl ClassSettings ===

impl ClassSettings {
    /// Whether anybody belongs to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            name: _,
            known_by,
            api_keys,
            scopes,
            claims,
            clients,
        } = self;
        known_by.is_none() && api_keys.is_empty() && scopes.is_empty() && claims.is_empty() && clients.is_empty()
    }

    /// Whether who belongs to it has proved something.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.known_by.is_some_and(|by| by != KnownBy::Nothing)
            || !self.api_keys.is_empty()
            || !self.scopes.is_empty()
            || !self.claims.is_empty()
    }

    fn fits(&self, caller: &Caller, client: ClientName<'_>) -> bool {
        let has_key = || {
            caller
                .client()
                .is_some_and(|key| self.api_keys.iter().any(|wanted| wanted == key))
        };
        self.known_by.is_none_or(|by| by.fits(caller.kind()))
            && (self.api_keys.is_empty() || has_key())
            && self.scopes.iter().all(|scope| caller.has_scope(scope))
            && self
                .claims
                .iter()
                .all(|(name, wanted)| caller.claim(name).is_some_and(|claim| meets(claim, wanted)))
            && (self.clients.is_empty() || self.clients.iter().any(|wanted| client.is(wanted)))
    }
}

// === impl KnownBy ===

impl KnownBy {
    fn fits(self, kind: CallerKind) -> bool {
        match self {
            Self::Any => kind != CallerKind::Anonymous,
            Self::Token => kind == CallerKind::Token,
            Self::ApiKey => kind == CallerKind::ApiKey,
            Self::Nothing => kind == CallerKind::Anonymous,
        }
    }
}

/// Whether a claim has a value that is wanted.
fn meets(claim: &Value, wanted: &Value) -> bool {
    match (claim, wanted) {
        (claim, Value::Array(wanted)) => wanted.iter().any(|wanted| meets(claim, wanted)),
        (Value::Array(claims), wanted) => claims.contains(wanted),
        (claim, wanted) => claim == wanted,
    }
}

// === impl Classes ===

impl Classes {
    /// These, in this order.
    #[must_use]
    pub fn new(classes: Vec<ClassSettings>) -> Self {
        Self(classes)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first class that fits, counted from one; 0: none does.
    #[must_use]
    pub fn of(&self, caller: &Caller, headers: &HeaderMap) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let client = ClientName::of(headers);
        let found = self.0.iter().position(|class| class.fits(caller, client));
        found.map_or(0, |index| index + 1)
    }

    /// The name of a class.
    #[must_use]
    pub fn name(&self, class: usize) -> Option<&str> {
        self.0.get(class.checked_sub(1)?).map(|class| &*class.name)
    }
}
