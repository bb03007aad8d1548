//! What is known of who asks.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;
use serde_json::{Map, Value};

/// Who asks. Made by `identity` only, so whoever has one knows that it was verified.
pub struct Caller {
    kind: CallerKind,
    issuer: Option<Arc<str>>,
    subject: Option<Arc<str>>,
    /// The API key's name.
    client: Option<Arc<str>>,
    scopes: Vec<Arc<str>>,
    /// `$context`: `{ claims: {…}, scopes: […] }`.
    context: Value,
    expires: Option<SystemTime>,
    /// The token that sources get, until when it is used, and by whom it was made.
    pub(super) internal: Mutex<Option<(HeaderValue, SystemTime)>>,
}

/// How a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// Not at all.
    Anonymous,
    /// By an API key.
    ApiKey,
    /// By a token.
    Token,
}

// === impl Caller ===

impl Caller {
    /// Nobody in particular.
    #[must_use]
    pub fn anonymous() -> Arc<Self> {
        static ANONYMOUS: OnceLock<Arc<Caller>> = OnceLock::new();
        ANONYMOUS
            .get_or_init(|| Arc::new(Self::new(CallerKind::Anonymous, None, Map::new(), Vec::new())))
            .clone()
    }

    pub(super) fn new(
        kind: CallerKind,
        issuer: Option<Arc<str>>,
        claims: Map<String, Value>,
        scopes: Vec<Arc<str>>,
    ) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).map(Arc::from);
        let expires = match kind {
            CallerKind::Token => claims.get("exp").and_then(Value::as_f64).map(seconds),
            CallerKind::Anonymous | CallerKind::ApiKey => None,
        };
        let listed = scopes.iter().map(|scope| Value::from(&**scope)).collect();
        let context = Map::from_iter([
            ("claims".to_owned(), Value::Object(claims)),
            ("scopes".to_owned(), Value::Array(listed)),
        ]);
        Self {
            kind,
            issuer,
            subject,
            client: None,
            scopes,
            context: Value::Object(context),
            expires,
            internal: Mutex::default(),
        }
    }

    /// Known by an API key.
    pub(super) fn of_key(name: &Arc<str>, claims: Map<String, Value>, scopes: Vec<Arc<str>>) -> Self {
        Self {
            client: Some(name.clone()),
            ..Self::new(CallerKind::ApiKey, None, claims, scopes)
        }
    }

    /// The same user by way of a program that has a key of its own. What a user may is the token's affair alone.
    pub(super) fn using(&self, key: &Self) -> Self {
        Self {
            kind: self.kind,
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            client: key.client.clone(),
            scopes: self.scopes.clone(),
            context: self.context.clone(),
            expires: self.expires,
            internal: Mutex::default(),
        }
    }

    /// How the caller is known.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// Whether it is anybody.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.kind != CallerKind::Anonymous
    }

    /// `sub`: which user.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Who vouches for it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The name of the API key that it came with.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// `$context` of mappings and rules.
    #[must_use]
    pub fn context(&self) -> &Value {
        &self.context
    }

    /// One claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.context.get("claims")?.get(name)
    }

    /// Whether it was granted a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| **granted == *scope)
    }

    /// When the token ends.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Appends whose requests are counted together: the user's, by whichever program, else the program's. Whether there is anybody to count them for.
    pub fn write_account(&self, out: &mut Vec<u8>) -> bool {
        let parts = match (&self.subject, &self.client) {
            (Some(subject), _) if self.kind == CallerKind::Token => [self.issuer.as_ref(), Some(subject)],
            (_, Some(client)) => [None, Some(client)],
            // A token of nobody in particular: whoever bears it may get another any time.
            _ => return false,
        };
        for part in parts {
            out.push(u8::from(part.is_some()));
            out.extend_from_slice(part.map_or(&[][..], |part| part.as_bytes()));
            // In no text.
            out.push(0xFF);
        }
        true
    }

    /// Appends who it is, so that two texts are equal only for the same user of the same issuer, or the same API key.
    pub fn write_identity(&self, out: &mut Vec<u8>) {
        // In no text.
        const ENDS: u8 = 0xFF;
        out.push(self.kind as u8);
        for part in [&self.issuer, &self.subject, &self.client].into_iter().flatten() {
            out.extend_from_slice(part.as_bytes());
            out.push(ENDS);
        }
        if self.kind == CallerKind::Token && self.subject.is_none() {
            // A token without a subject is nobody's but its bearer's.
            crate::mapping::text::write_value(&self.context, out);
        }
        out.push(ENDS);
    }
}

impl fmt::Debug for Caller {
    /// Without claims: they are the user's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("kind", &self.kind)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Seconds since 1970; beyond what a clock shows, the far future.
pub(super) fn seconds(seconds: f64) -> SystemTime {
    const FAR: f64 = 253_402_300_799.0;
    UNIX_EPOCH + Duration::from_secs_f64(seconds.clamp(0.0, FAR))
}
