//! Keys that tokens are verified with: each with the one algorithm it is for.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize as _;
use serde_json::Value;

use super::Secret;

/// Keys of one set that are looked at; issuers have two or three.
const KEYS_MAX: usize = 100;

/// Bytes of an RSA modulus: 2,048 bits (RFC 7518 §3.3).
const RSA_BYTES_MIN: usize = 256;

/// Bytes of a shared secret: as many as the shortest hash has (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;

/// A key that the configuration names.
#[derive(Debug, Clone)]
pub struct StaticKey {
    /// Its id; without one it is for tokens that name none.
    pub id: Option<String>,
    /// What it is for.
    pub algorithm: Algorithm,
    /// The key itself: `public_key_file` (PEM), or `secret` (from the environment) or `secret_file` for HS algorithms.
    pub material: KeyMaterial,
}

/// Where a key is.
#[derive(Debug, Clone)]
pub enum KeyMaterial {
    /// A shared secret: `HS256` and its like.
    Secret(Secret<String>),
    /// The same, in a file.
    SecretFile(PathBuf),
    /// A public key in PEM, in a file.
    PublicFile(PathBuf),
}

/// One key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Option<Arc<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// The algorithm of that name.
#[must_use]
pub fn algorithm(name: &str) -> Option<Algorithm> {
    Algorithm::from_str(name).ok()
}

/// The name of an algorithm as tokens write it.
pub(super) fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::HS384 => "HS384",
        Algorithm::HS512 => "HS512",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::RS256 => "RS256",
        Algorithm::RS384 => "RS384",
        Algorithm::RS512 => "RS512",
        Algorithm::PS256 => "PS256",
        Algorithm::PS384 => "PS384",
        Algorithm::PS512 => "PS512",
        Algorithm::EdDSA => "EdDSA",
        // No token's name for it, so that nothing is verified by what we do not know.
        _ => "",
    }
}

// === impl Key ===

impl Key {
    /// Reads a key of the configuration.
    ///
    /// # Errors
    /// The file cannot be read, or is no key for this algorithm.
    pub(super) fn of_settings(settings: &StaticKey) -> Result<Self, String> {
        let is_shared = settings.algorithm.family() == AlgorithmFamily::Hmac;
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let decoding = match &settings.material {
            KeyMaterial::Secret(secret) if is_shared => of_secret(secret.reveal().as_bytes())?,
            KeyMaterial::SecretFile(path) if is_shared => of_secret(read(path)?.trim_ascii())?,
            KeyMaterial::PublicFile(path) if !is_shared => {
                let pem = read(path)?;
                let key = match settings.algorithm.family() {
                    AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(&pem),
                    AlgorithmFamily::Ec => DecodingKey::from_ec_pem(&pem),
                    AlgorithmFamily::Ed | AlgorithmFamily::Hmac => DecodingKey::from_ed_pem(&pem),
                };
                let name = name_of(settings.algorithm);
                key.map_err(|_| format!("{} is no public key in PEM for {name}", path.display()))?
            }
            _ if is_shared => return Err("an HS algorithm needs `secret` or `secret_file`".to_owned()),
            _ => return Err("this algorithm needs `public_key_file`".to_owned()),
        };
        Ok(Self {
            id: settings.id.as_deref().map(Arc::from),
            algorithm: settings.algorithm,
            decoding,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn of_secret(secret: &[u8]) -> Result<DecodingKey, String> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!("a secret has at least {SECRET_BYTES_MIN} bytes"));
    }
    Ok(DecodingKey::from_secret(secret))
}

/// The keys of a JWK set that may verify tokens; others are left out.
///
/// # Errors
/// It is no key set, or none of its keys can be used.
pub(super) fn of_set(json: &[u8]) -> Result<Vec<Key>, &'static str> {
    let set: Value = serde_json::from_slice(json).map_err(|_| "it is not JSON")?;
    let listed = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or("it has no list of keys")?;
    let mut keys: Vec<Key> = Vec::new();
    for value in listed.iter().take(KEYS_MAX) {
        let Some(key) = Jwk::deserialize(value).ok().as_ref().and_then(of_jwk) else {
            continue;
        };
        if !keys.iter().any(|known| known.id == key.id) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err("none of its keys can be used");
    }
    Ok(keys)
}

/// A public key for signatures. Shared secrets have no place in a set that everybody may read.
fn of_jwk(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let is_for_signatures = !matches!(&common.public_key_use, Some(of) if *of != PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures {
        return None;
    }
    let default = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            if modulus.len() - leading < RSA_BYTES_MIN {
                return None;
            }
            Algorithm::RS256
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Algorithm::ES256,
            EllipticCurve::P384 => Algorithm::ES384,
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let algorithm = match common.key_algorithm {
        None => default,
        Some(KeyAlgorithm::RS256) => Algorithm::RS256,
        Some(KeyAlgorithm::RS384) => Algorithm::RS384,
        Some(KeyAlgorithm::RS512) => Algorithm::RS512,
        Some(KeyAlgorithm::PS256) => Algorithm::PS256,
        Some(KeyAlgorithm::PS384) => Algorithm::PS384,
        Some(KeyAlgorithm::PS512) => Algorithm::PS512,
        Some(KeyAlgorithm::ES256) => Algorithm::ES256,
        Some(KeyAlgorithm::ES384) => Algorithm::ES384,
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(_) => return None,
    };
    let fits = algorithm == default || (default == Algorithm::RS256 && algorithm.family() == AlgorithmFamily::Rsa);
    if !fits {
        return None;
    }
    Some(Key {
        id: common.key_id.as_deref().map(Arc::from),
        algorithm,
        decoding: DecodingKey::from_jwk(jwk).ok()?,
    })
}
