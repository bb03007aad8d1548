//! What must hold of a token.
//!
//! The key decides the algorithm, never the token (<https://www.rfc-editor.org/rfc/rfc8725>). `jsonwebtoken` verifies the signature and the times; what it leaves open
//! is closed here.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Validation, errors::ErrorKind};
use serde_json::{Map, Value};

use super::{
    Caller, CallerKind, Rejected,
    caller::seconds,
    keys::{Key, name_of},
};

/// Longest token. Those in use have 1 to 2 kB; cookies end at 4.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Longest id of a key. It is looked up as it is, and is never a file's name or a part of an address.
const KEY_ID_BYTES_MAX: usize = 256;

/// Headers that a token may have. Any other, `jwk`, `jku`, `x5u`, `x5c` and `crit` first of all, tells us whom to trust or asks for what we do not do.
const HEADERS: [&str; 5] = ["alg", "typ", "kid", "x5t", "x5t#S256"];

/// What an issuer's tokens are held to.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// `iss`.
    pub(super) issuer: Arc<str>,
    /// `aud`: one of these.
    pub(super) audience: Vec<String>,
    /// Whether `aud` may be a list that has one of them.
    pub(super) audience_lists: bool,
    /// How far clocks may differ.
    pub(super) leeway: Duration,
    /// Claims that hold scopes.
    pub(super) scope_claims: Vec<String>,
}

/// What a token says of itself, before anything of it is believed.
#[derive(Debug)]
pub(super) struct Unverified {
    algorithm: String,
    pub(super) key_id: Option<String>,
    pub(super) issuer: String,
}

/// Reads what is needed to find the key.
///
/// # Errors
/// It is no token, or one that asks to be trusted on its own word.
pub(super) fn read(token: &str) -> Result<Unverified, Rejected> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Rejected::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Rejected::Malformed);
    };
    if signature.is_empty() {
        return Err(Rejected::Signature);
    }
    let header = object(header)?;
    if header.keys().any(|name| !HEADERS.contains(&name.as_str())) {
        return Err(Rejected::Header);
    }
    let is_token = |typ: &str| {
        ["JWT", "at+jwt", "application/at+jwt"]
            .iter()
            .any(|known| typ.eq_ignore_ascii_case(known))
    };
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if is_token(typ) => {}
        Some(_) => return Err(Rejected::Header),
    }
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) if id.len() <= KEY_ID_BYTES_MAX => Some(id.clone()),
        Some(_) => return Err(Rejected::UnknownKey),
    };
    let Some(Value::String(algorithm)) = header.get("alg") else {
        return Err(Rejected::Algorithm);
    };
    let Some(Value::String(issuer)) = object(claims)?.remove("iss") else {
        return Err(Rejected::Issuer);
    };
    Ok(Unverified {
        algorithm: algorithm.clone(),
        key_id,
        issuer,
    })
}

/// Verifies a token with its key.
///
/// # Errors
/// Anything that must hold does not.
pub(super) fn verify(token: &str, unverified: &Unverified, key: &Key, rules: &Rules) -> Result<Caller, Rejected> {
    // «none», and a public key taken for a secret, end here: the key has one algorithm.
    if unverified.algorithm != name_of(key.algorithm) {
        return Err(Rejected::Algorithm);
    }
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = rules.leeway.as_secs();
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[&*rules.issuer]);
    validation.set_audience(&rules.audience);
    let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation)
        .map_err(|error| rejected(error.kind()))?
        .claims;
    check_claims(&claims, rules)?;
    let scopes = scopes(&claims, &rules.scope_claims);
    Ok(Caller::new(
        CallerKind::Token,
        Some(rules.issuer.clone()),
        claims,
        scopes,
    ))
}

/// What the library lets pass: lists of issuers and audiences, negative times, tokens from the future.
fn check_claims(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Rejected> {
    if claims.get("iss").and_then(Value::as_str) != Some(&*rules.issuer) {
        return Err(Rejected::Issuer);
    }
    if !claims.get("aud").is_some_and(Value::is_string) && !rules.audience_lists {
        return Err(Rejected::Audience);
    }
    if ["sub", "jti"]
        .iter()
        .any(|name| claims.get(*name).is_some_and(|value| !value.is_string()))
    {
        return Err(Rejected::Claims);
    }
    for name in ["nbf", "iat"] {
        let Some(value) = claims.get(name) else { continue };
        let at = value.as_f64().filter(|at| *at >= 0.0).ok_or(Rejected::Claims)?;
        if seconds(at) > SystemTime::now() + rules.leeway {
            return Err(Rejected::NotYet);
        }
    }
    Ok(())
}

/// Scopes as issuers write them: a text with blanks between, or a list.
pub(super) fn scopes(claims: &Map<String, Value>, names: &[String]) -> Vec<Arc<str>> {
    let mut scopes: Vec<Arc<str>> = Vec::new();
    let mut add = |text: &str| {
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if !scopes.iter().any(|known| **known == *scope) {
                scopes.push(Arc::from(scope));
            }
        }
    };
    for value in names.iter().filter_map(|name| claims.get(name)) {
        match value {
            Value::String(text) => add(text),
            Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(&mut add),
            _ => {}
        }
    }
    scopes
}

fn object(part: &str) -> Result<Map<String, Value>, Rejected> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejected::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Rejected::Malformed)
}

fn rejected(kind: &ErrorKind) -> Rejected {
    match kind {
        ErrorKind::InvalidSignature => Rejected::Signature,
        ErrorKind::ExpiredSignature => Rejected::Expired,
        ErrorKind::ImmatureSignature => Rejected::NotYet,
        ErrorKind::InvalidIssuer => Rejected::Issuer,
        ErrorKind::InvalidAudience => Rejected::Audience,
        ErrorKind::InvalidAlgorithm => Rejected::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Rejected::Claims,
        _ => Rejected::Malformed,
    }
}
