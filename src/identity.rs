//! Who asks: credentials of a request → a [`Caller`], or no.
//!
//! Second in the dependency order, after [`crate::mapping`]: later stages know callers, not credentials. Whatever cannot be verified is refused; no failure
//! of an issuer, a file or our own code ever makes a stranger a caller.
//!
//! | file | does |
//! |---|---|
//! | `caller` | what is known of who asks |
//! | `class` | which class of clients a caller belongs to |
//! | `client` | which program asks, by its own account |
//! | `address` | whom an address belongs to |
//! | `token`, `keys`, `issuer` | JSON web tokens: what must hold, and the keys they are verified with |
//! | `api_key` | long-lived keys of programs |
//! | `session` | the cookie that carries a token for pages |
//! | `revoked` | tokens that no longer count |
//! | `forward` | what sources are told of a caller |
//! | `secret` | values that are never printed |

mod address;
mod api_key;
mod caller;
mod class;
mod client;
mod forward;
mod issuer;
mod keys;
mod revoked;
mod secret;
mod session;
mod token;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use foldhash::quality::RandomState;
use http::{HeaderMap, header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

pub use address::network;
pub use api_key::{ApiKey, ApiKeySettings};
pub use caller::{Caller, CallerKind};
pub use class::{ClassSettings, Classes, KnownBy};
pub use client::{CLIENT_HEADERS, CLIENT_HEADERS_VARY, ClientName};
pub use forward::{Forward, ForwardSettings, InternalTokenSettings};
pub use issuer::{IssuerSettings, KeySource};
pub use keys::{KeyMaterial, StaticKey, algorithm};
pub use revoked::RevokedSettings;
pub use secret::Secret;
pub use session::{Session, SessionSettings};

use api_key::ApiKeys;
use issuer::Issuer;
use revoked::Revoked;

/// Longest that a verified token is taken on trust: what an issuer withdraws otherwise than by expiry or our list counts this much longer.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// Verified tokens that are remembered: some 1 kB each.
const VERIFIED_MAX: u64 = 50_000;

/// How callers prove who they are. `auth` of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Who signs tokens.
    pub issuers: Vec<IssuerSettings>,
    /// Keys of programs.
    pub api_keys: ApiKeySettings,
    /// The cookie of pages.
    pub session: Option<SessionSettings>,
    /// Tokens that no longer count.
    pub revoked: Option<RevokedSettings>,
    /// What sources are told.
    pub forward: ForwardSettings,
}

/// Tells callers by their credentials. Shared by all requests.
#[derive(Debug)]
pub struct Identity {
    issuers: Vec<Issuer>,
    api_keys: ApiKeys,
    session: Option<Session>,
    revoked: Revoked,
    /// By the hash of the whole token, so that none is kept.
    verified: Cache<[u8; 32], Verified, RandomState>,
    forward: Arc<Forward>,
}

/// A token that was verified a moment ago.
#[derive(Debug, Clone)]
struct Verified {
    caller: Arc<Caller>,
    /// Index of its issuer and the generation of keys it was verified with: a withdrawn key must not live on here.
    issuer: usize,
    generation: u64,
    /// It must not be used from then on.
    until: SystemTime,
}

/// Why credentials were refused. For the log: a client is told only that they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not `Bearer`, or said twice.
    #[error("the Authorization header is not one bearer token")]
    Scheme,
    /// Not three parts of base64url JSON, or too long.
    #[error("the token is malformed")]
    Malformed,
    /// The header has something that no token of ours has: a key of its own, an address of keys, a critical extension.
    #[error("the token's header is refused")]
    Header,
    /// The algorithm is not the key's.
    #[error("the token's algorithm is not that of its key")]
    Algorithm,
    /// Nobody we know has issued it.
    #[error("the token's issuer is not known")]
    Issuer,
    /// None of the issuer's keys has this id.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is not that of its key.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Its time is up.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// A claim is missing or is not what it must be.
    #[error("a claim of the token is missing or malformed")]
    Claims,
    /// It was withdrawn.
    #[error("the token was revoked")]
    Revoked,
    /// No such API key.
    #[error("the API key is not known")]
    ApiKey,
    /// A cookie whose request may have been made by another site's page.
    #[error("the session cookie came with a request that another site may have made")]
    CrossSite,
}

// === impl Identity ===

impl Identity {
    /// Reads keys and files. Asks nobody yet: [`Self::watch`] does.
    ///
    /// # Errors
    /// Everything that cannot be used, by its configuration key.
    pub fn new(settings: &Settings) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let mut issuers = Vec::new();
        for issuer in &settings.issuers {
            match Issuer::new(issuer) {
                Ok(issuer) => issuers.push(issuer),
                Err(why) => errors.push(format!("auth.issuers.{}: {why}", issuer.name)),
            }
        }
        let revoked = Revoked::new(settings.revoked.as_ref()).unwrap_or_else(|why| {
            errors.push(format!("auth.revoked: {why}"));
            Revoked::default()
        });
        let forward = Forward::new(&settings.forward).unwrap_or_else(|why| {
            errors.push(format!("auth.forward: {why}"));
            Forward::default()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            issuers,
            api_keys: ApiKeys::new(&settings.api_keys),
            session: settings.session.clone().map(Session::new),
            revoked,
            verified: Cache::builder()
                .max_capacity(VERIFIED_MAX)
                .time_to_live(VERIFIED_FOR)
                .build_with_hasher(RandomState::default()),
            forward: Arc::new(forward),
        })
    }

    /// Whether there is any way to be somebody.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !self.issuers.is_empty() || self.api_keys.is_used()
    }

    /// What sources are told of callers.
    #[must_use]
    pub fn forward(&self) -> &Arc<Forward> {
        &self.forward
    }

    /// The cookie of pages, if there is one.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Keeps keys and lists current until dropped.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn watch(self: &Arc<Self>) -> Watching {
        let mut tasks = Vec::new();
        for number in 0..self.issuers.len() {
            if self.issuers[number].is_remote() {
                let identity = self.clone();
                tasks.push(tokio::spawn(
                    async move { identity.issuers[number].keep_current().await },
                ));
            }
        }
        if self.revoked.has_file() {
            let identity = self.clone();
            tasks.push(tokio::spawn(async move { identity.revoked.keep_current().await }));
        }
        Watching(tasks)
    }

    /// Who sent a request; `None` of credentials: an anonymous caller.
    ///
    /// # Errors
    /// There are credentials, and they do not hold. Nobody becomes anonymous by failing to be somebody.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Rejected> {
        let key = self.api_keys.identify(headers)?;
        let token = match bearer(headers)? {
            Some(token) if !self.issuers.is_empty() => Some(token),
            // Where nobody issues tokens they are not ours to judge: a schema may pass them on.
            Some(_) => None,
            None => match &self.session {
                Some(session) => session.token(headers)?,
                None => None,
            },
        };
        match (token, key) {
            (None, None) => Ok(Caller::anonymous()),
            (None, Some(key)) => Ok(key.clone()),
            (Some(token), key) => {
                let caller = self.of_token(token).await?;
                Ok(match key {
                    Some(key) => Arc::new(caller.using(key)),
                    None => caller,
                })
            }
        }
    }

    /// The caller that a token names.
    ///
    /// # Errors
    /// The token does not hold.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn of_token(&self, token: &str) -> Result<Arc<Caller>, Rejected> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let now = SystemTime::now();
        if let Some(known) = self.verified.get(&hash)
            && now < known.until
            && self.issuers[known.issuer].generation() == known.generation
        {
            self.revoked.check(&known.caller)?;
            return Ok(known.caller);
        }
        let unverified = token::read(token)?;
        let number = self
            .issuers
            .iter()
            .position(|issuer| issuer.is_named(&unverified.issuer))
            .ok_or(Rejected::Issuer)?;
        let issuer = &self.issuers[number];
        let (key, generation) = issuer.key(unverified.key_id.as_deref()).await?;
        let caller = Arc::new(token::verify(token, &unverified, &key, issuer.rules())?);
        self.revoked.check(&caller)?;
        let until = caller.expires().unwrap_or(now).min(now + VERIFIED_FOR);
        if until > now {
            let verified = Verified {
                caller: caller.clone(),
                issuer: number,
                generation,
                until,
            };
            self.verified.insert(hash, verified);
        }
        Ok(caller)
    }
}

/// Background work that ends with its owner.
#[derive(Debug, Default)]
pub struct Watching(Vec<tokio::task::JoinHandle<()>>);

// === impl Watching ===

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Rejected> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Rejected::Scheme);
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or(Rejected::Scheme)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejected::Scheme);
    }
    Ok(Some(token.trim_matches(' ')))
}
