//! What sources are told of a caller: claims in headers that no client can set, or a token of our own that says the same and proves it.

use std::{
    fmt,
    path::PathBuf,
    sync::PoisonError,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header};
use serde_json::{Map, Value};

use super::{Caller, keys::KeyMaterial};

/// What sources are told. `auth.forward`.
#[derive(Debug, Clone, Default)]
pub struct ForwardSettings {
    /// Header → claim, for sources with `identity: headers`. `headers`.
    pub headers: Vec<(HeaderName, String)>,
    /// For sources with `identity: token`. `token`.
    pub token: Option<InternalTokenSettings>,
}

/// A token that we sign for sources. `auth.forward.token`.
#[derive(Debug, Clone)]
pub struct InternalTokenSettings {
    /// The header it is sent in. `header`, default `x-internal-token`.
    pub header: HeaderName,
    /// `iss`. `issuer`, default `switchboard`.
    pub issuer: String,
    /// `aud`. `audience`, default `internal`.
    pub audience: String,
    /// Claims that are passed on. `claims`, default `sub`.
    pub claims: Vec<String>,
    /// How long it is good. `lifetime`, default 60 s, at most 10 min.
    pub lifetime: Duration,
    /// `algorithm`, default `ES256`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `secret`, `secret_file` or `private_key_file`.
    pub material: KeyMaterial,
}

/// The same at work.
#[derive(Default)]
pub struct Forward {
    headers: Vec<(HeaderName, String)>,
    token: Option<Signer>,
}

struct Signer {
    settings: InternalTokenSettings,
    header: Header,
    key: EncodingKey,
}

// === impl Forward ===

impl Forward {
    pub(super) fn new(settings: &ForwardSettings) -> Result<Self, String> {
        let token = settings.token.as_ref().map(Signer::new).transpose();
        Ok(Self {
            headers: settings.headers.clone(),
            token: token.map_err(|why| format!("token: {why}"))?,
        })
    }

    /// Takes out of a client's headers what only we may say.
    pub fn strip(&self, headers: &mut HeaderMap) {
        for (name, _) in &self.headers {
            headers.remove(name);
        }
        if let Some(token) = &self.token {
            headers.remove(&token.settings.header);
        }
    }

    /// Claims that `identity: headers` sends: whoever keeps what depends on them needs to know.
    pub fn header_claims(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(_, claim)| claim.as_str())
    }

    /// Whether there is a token to send.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Adds the caller's claims to a call. What the schema maps to the same header is replaced: it may be the client's.
    pub fn add_headers(&self, caller: &Caller, call: &mut HeaderMap) {
        for (name, claim) in &self.headers {
            let text = match caller.claim(claim) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
                _ => None,
            };
            let is_clean = |text: &String| !text.bytes().any(|byte| byte.is_ascii_control());
            match text
                .filter(is_clean)
                .and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok())
            {
                Some(value) => drop(call.insert(name, value)),
                None => drop(call.remove(name)),
            }
        }
    }

    /// Adds a token for the caller to a call; none for an anonymous one.
    pub fn add_token(&self, caller: &Caller, call: &mut HeaderMap) {
        let Some(signer) = &self.token else { return };
        match caller.is_authenticated().then(|| signer.token(caller)).flatten() {
            Some(token) => drop(call.insert(&signer.settings.header, token)),
            None => drop(call.remove(&signer.settings.header)),
        }
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("headers", &self.headers)
            .field("token", &self.token.as_ref().map(|signer| &signer.settings))
            .finish()
    }
}

// === impl Signer ===

impl Signer {
    fn new(settings: &InternalTokenSettings) -> Result<Self, String> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let key = match (&settings.material, settings.algorithm.family()) {
            (KeyMaterial::Secret(secret), AlgorithmFamily::Hmac) => of_secret(secret.reveal().as_bytes())?,
            (KeyMaterial::SecretFile(path), AlgorithmFamily::Hmac) => of_secret(read(path)?.trim_ascii())?,
            (KeyMaterial::PublicFile(path), family) => {
                let pem = read(path)?;
                let key = match family {
                    AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(&pem),
                    AlgorithmFamily::Ec => EncodingKey::from_ec_pem(&pem),
                    AlgorithmFamily::Ed => EncodingKey::from_ed_pem(&pem),
                    AlgorithmFamily::Hmac => return Err("an HS algorithm needs a secret".to_owned()),
                };
                key.map_err(|_| format!("{} is no private key in PEM for this algorithm", path.display()))?
            }
            _ => return Err("this algorithm needs `private_key_file`".to_owned()),
        };
        let mut header = Header::new(settings.algorithm);
        header.kid.clone_from(&settings.key_id);
        Ok(Self {
            settings: settings.clone(),
            header,
            key,
        })
    }

    /// The caller's token: the one made last, if it is good for half of its time.
    fn token(&self, caller: &Caller) -> Option<HeaderValue> {
        let now = SystemTime::now();
        let mut kept = caller.internal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, until)) = &*kept
            && now < *until
        {
            return Some(token.clone());
        }
        let seconds = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut claims: Map<String, Value> = self
            .settings
            .claims
            .iter()
            .filter_map(|name| Some((name.clone(), caller.claim(name)?.clone())))
            .collect();
        claims.insert("iss".to_owned(), Value::from(self.settings.issuer.as_str()));
        claims.insert("aud".to_owned(), Value::from(self.settings.audience.as_str()));
        claims.insert("iat".to_owned(), Value::from(seconds));
        claims.insert(
            "exp".to_owned(),
            Value::from(seconds + self.settings.lifetime.as_secs()),
        );
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key).ok()?;
        let mut token = HeaderValue::try_from(token).ok()?;
        token.set_sensitive(true);
        *kept = Some((token.clone(), now + self.settings.lifetime / 2));
        Some(token)
    }
}

fn of_secret(secret: &[u8]) -> Result<EncodingKey, String> {
    if secret.len() < 32 {
        return Err("a secret has at least 32 bytes".to_owned());
    }
    Ok(EncodingKey::from_secret(secret))
}
