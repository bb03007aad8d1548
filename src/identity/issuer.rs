//! One issuer of tokens: its rules, and its keys as they change.
//!
//! Keys are fetched in the background. A token that names a key nobody has heard of may mean that keys were changed a moment ago, so it starts a fetch too: one in
//! half a minute, whatever the number of such tokens. While an issuer cannot be reached the keys of its last good answer count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use switchboard_clients::{
    Call, Client, Safety,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use super::{
    Rejected,
    keys::{self, Key, StaticKey},
    token::Rules,
};

/// Between two fetches that unknown keys ask for.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(30);

/// How long a request waits for keys that are being fetched.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// After a fetch that failed, the first and the longest pause: until there are keys nobody can be told from a stranger, later there is no hurry.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
const RETRY_WITH_KEYS: Duration = Duration::from_secs(30);

/// Time and bytes of one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
const FETCH_BYTES_MAX: usize = 256 * 1024;

/// Who signs tokens. `auth.issuers.NAME`.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Its key in the configuration.
    pub name: String,
    /// `iss` of its tokens. `issuer`.
    pub issuer: String,
    /// `aud` of tokens for us: one of these. `audience`, at least one.
    pub audience: Vec<String>,
    /// Whether `aud` may be a list that has one of ours. `audience_lists`, default false.
    pub audience_lists: bool,
    /// How far its clock and ours may differ. `leeway`, default and at most 60 s.
    pub leeway: Duration,
    /// Claims that hold scopes. `scope_claims`, default `scope` and `scp`.
    pub scope_claims: Vec<String>,
    /// Where its keys are: `jwks_url`, the address of a key set; `discovery: true`, to ask the issuer for that; or `keys`, listed here. One of them.
    pub keys: KeySource,
    /// How often keys are fetched. `refresh`, default 10 min.
    pub refresh: Duration,
    /// How long the last good keys count while it cannot be reached. `keep_keys`, default 24 h, at least 1 h.
    pub keep_keys: Duration,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A JWK set at this address. `jwks_url`.
    Url(Uri),
    /// The address is in its OpenID configuration. `discovery: true`.
    Discovery,
    /// In the configuration. `keys`.
    Static(Vec<StaticKey>),
}

/// An issuer at work.
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    rules: Rules,
    source: KeySource,
    refresh: Duration,
    keep: Duration,
    client: Option<Arc<dyn Client>>,
    keys: ArcSwap<Keys>,
    /// Changes whenever a key is no longer there.
    generation: AtomicU64,
    /// Held while fetching; when an unknown key last asked for it.
    fetching: Mutex<Option<Instant>>,
}

/// The keys of one good answer.
#[derive(Debug, Default)]
struct Keys {
    keys: Vec<Key>,
    /// When they were fetched; `None`: they do not change.
    fetched: Option<Instant>,
}

// === impl Issuer ===

impl Issuer {
    pub(super) fn new(settings: &IssuerSettings) -> Result<Self, String> {
        let mut keys = Keys::default();
        if let KeySource::Static(listed) = &settings.keys {
            for (number, key) in listed.iter().enumerate() {
                keys.keys
                    .push(Key::of_settings(key).map_err(|why| format!("keys[{number}]: {why}"))?);
            }
        }
        let client = match settings.keys {
            KeySource::Static(_) => None,
            KeySource::Url(_) | KeySource::Discovery => {
                let of_client = SourceSettings {
                    connect_timeout: Duration::from_secs(1),
                    call_timeout: FETCH_TIMEOUT,
                    body_bytes_max: FETCH_BYTES_MAX,
                    calls_in_flight_max: 4,
                    ..SourceSettings::new(format!("issuer {}", settings.name), TransportSettings::Rest)
                };
                Some(of_client.client().map_err(|error| error.to_string())?)
            }
        };
        Ok(Self {
            name: settings.name.clone(),
            rules: Rules {
                issuer: Arc::from(&*settings.issuer),
                audience: settings.audience.clone(),
                audience_lists: settings.audience_lists,
                leeway: settings.leeway,
                scope_claims: settings.scope_claims.clone(),
            },
            source: settings.keys.clone(),
            refresh: settings.refresh,
            keep: settings.keep_keys,
            client,
            keys: ArcSwap::from_pointee(keys),
            generation: AtomicU64::new(0),
            fetching: Mutex::default(),
        })
    }

    pub(super) fn is_named(&self, issuer: &str) -> bool {
        *self.rules.issuer == *issuer
    }

    pub(super) fn is_remote(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The key with this id, and the generation it is of. Without an id: the only key there is.
    ///
    /// # Errors
    /// There is none, also not after asking the issuer, if it was not asked a moment ago.
    pub(super) async fn key(&self, id: Option<&str>) -> Result<(Key, u64), Rejected> {
        if let Some(found) = self.find(id) {
            return Ok(found);
        }
        if self.client.is_none() {
            return Err(Rejected::UnknownKey);
        }
        let asked = async {
            let mut last = self.fetching.lock().await;
            if let Some(found) = self.find(id) {
                return Some(found);
            }
            if last.is_some_and(|last| last.elapsed() < UNKNOWN_KEY_EVERY) {
                return None;
            }
            *last = Some(Instant::now());
            self.fetch().await;
            self.find(id)
        };
        let found = timeout(WAIT_MAX, asked).await.ok().flatten();
        found.ok_or(Rejected::UnknownKey)
    }

    fn find(&self, id: Option<&str>) -> Option<(Key, u64)> {
        let generation = self.generation();
        let known = self.keys.load();
        if known.fetched.is_some_and(|fetched| fetched.elapsed() > self.keep) {
            return None;
        }
        let key = match id {
            Some(id) => known.keys.iter().find(|key| key.id.as_deref() == Some(id))?,
            None => match &known.keys[..] {
                [only] => only,
                _ => return None,
            },
        };
        Some((key.clone(), generation))
    }

    /// Fetches keys from time to time, for ever.
    pub(super) async fn keep_current(&self) {
        let mut pause = RETRY_MIN;
        loop {
            let is_fetched = {
                let _fetching = self.fetching.lock().await;
                self.fetch().await
            };
            if is_fetched {
                pause = RETRY_MIN;
                sleep(self.refresh).await;
            } else if self.keys.load().keys.is_empty() {
                sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            } else {
                sleep(RETRY_WITH_KEYS).await;
            }
        }
    }

    /// Asks for the keys. Whatever goes wrong leaves those that there are.
    async fn fetch(&self) -> bool {
        match self.load().await {
            Ok(keys) => {
                let before = self.keys.swap(Arc::new(Keys {
                    keys: keys.clone(),
                    fetched: Some(Instant::now()),
                }));
                let is_gone = |old: &Key| !keys.iter().any(|new| new.id == old.id && same(new, old));
                if before.keys.iter().any(is_gone) {
                    self.generation.fetch_add(1, Ordering::AcqRel);
                }
                true
            }
            Err(why) => {
                tracing::warn!(issuer = self.name, why, "an issuer's keys cannot be fetched");
                false
            }
        }
    }

    async fn load(&self) -> Result<Vec<Key>, String> {
        let url = match &self.source {
            KeySource::Url(url) => url.clone(),
            KeySource::Discovery => self.discover().await?,
            KeySource::Static(_) => return Err("its keys are in the configuration".to_owned()),
        };
        let body = self.get(url).await?;
        keys::of_set(&body).map_err(|why| format!("the key set cannot be used: {why}"))
    }

    /// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig>
    async fn discover(&self) -> Result<Uri, String> {
        let base = self.rules.issuer.trim_end_matches('/');
        let url = Uri::try_from(format!("{base}/.well-known/openid-configuration"))
            .map_err(|_| "the issuer is no address".to_owned())?;
        let is_secure = url.scheme_str() == Some("https");
        let document: Value = serde_json::from_slice(&self.get(url).await?)
            .map_err(|_| "the OpenID configuration is not JSON".to_owned())?;
        if document.get("issuer").and_then(Value::as_str) != Some(&*self.rules.issuer) {
            return Err("the OpenID configuration is another issuer's".to_owned());
        }
        let keys = document.get("jwks_uri").and_then(Value::as_str).unwrap_or_default();
        let url = Uri::try_from(keys).map_err(|_| "`jwks_uri` is no address".to_owned())?;
        if url.host().is_none() || is_secure && url.scheme_str() != Some("https") {
            return Err("`jwks_uri` is not as safe as the issuer's own address".to_owned());
        }
        Ok(url)
    }

    async fn get(&self, uri: Uri) -> Result<bytes::Bytes, String> {
        let client = self.client.as_ref().ok_or("there is no client")?;
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let call = Call::Http {
            method: Method::GET,
            uri,
            headers,
            body: None,
        };
        let reply = client
            .call(call, Safety::Once, Instant::now() + FETCH_TIMEOUT)
            .await
            .map_err(|error| error.to_string())?;
        if reply.status != StatusCode::OK.as_u16() {
            return Err(format!("it answered with status {}", reply.status));
        }
        Ok(reply.body)
    }
}

/// Whether two keys of one id are one key.
fn same(one: &Key, other: &Key) -> bool {
    use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    match (one.decoding.kind(), other.decoding.kind()) {
        _ if one.algorithm != other.algorithm => false,
        (SecretOrDer(one), SecretOrDer(other)) => one == other,
        (RsaModulusExponent { n, e }, RsaModulusExponent { n: n2, e: e2 }) => n == n2 && e == e2,
        _ => false,
    }
}
