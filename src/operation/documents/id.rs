//! How a request names a document that it does not send.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::operation::{RequestError, RequestErrorKind};

/// Bytes of an id that is no hash: `client~version~hash` and the like are far shorter.
const CUSTOM_BYTES_MAX: usize = 256;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// The name of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id<'a> {
    /// The SHA-256 of its text.
    Hash {
        /// 64 lower-case digits.
        hex: &'a str,
        /// The same.
        bytes: Hash,
    },
    /// Whatever a list calls it.
    Custom(&'a str),
}

/// Whether a request names a document, however badly.
pub(super) fn is_there(document_id: Option<&str>, extensions: Option<&Map<String, Value>>) -> bool {
    document_id.is_some() || extensions.is_some_and(|extensions| persisted_query(extensions).is_some())
}

fn persisted_query(extensions: &Map<String, Value>) -> Option<&Value> {
    extensions.get("persistedQuery").filter(|value| !value.is_null())
}

/// The hash of a text.
pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text).into()
}

/// The hash of a text as ids write it.
#[must_use]
pub fn text_id(text: &str) -> String {
    hex(&hash(text))
}

/// A hash as ids write it.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

// === impl Id ===

impl<'a> Id<'a> {
    /// Reads `documentId`, or else `extensions.persistedQuery`.
    ///
    /// # Errors
    /// It cannot be an id. Nothing is looked up then.
    pub(super) fn read(
        document_id: Option<&'a str>,
        extensions: Option<&'a Map<String, Value>>,
    ) -> Result<Option<Self>, RequestError> {
        if let Some(id) = document_id {
            return Self::of_document_id(id).map(Some);
        }
        let Some(query) = extensions.and_then(persisted_query) else {
            return Ok(None);
        };
        if query.get("version").and_then(Value::as_u64) != Some(1) {
            return Err(malformed("`persistedQuery.version` must be 1"));
        }
        let hex = query.get("sha256Hash").and_then(Value::as_str);
        hex.and_then(Self::of_hash)
            .map(Some)
            .ok_or_else(|| malformed("`persistedQuery.sha256Hash` must be 64 lower-case hexadecimal digits"))
    }

    /// `sha256:` and a hash, or any other word: `x-acme:7`, a Relay id …
    fn of_document_id(id: &'a str) -> Result<Self, RequestError> {
        if let Some(hex) = id.strip_prefix("sha256:") {
            return Self::of_hash(hex)
                .ok_or_else(|| malformed("`documentId`: 64 lower-case hexadecimal digits must follow `sha256:`"));
        }
        if is_custom(id) {
            Ok(Self::Custom(id))
        } else {
            Err(malformed("`documentId` must be a word of at most 256 characters"))
        }
    }

    /// `^[0-9a-f]{64}$`.
    pub(super) fn of_hash(hex: &'a str) -> Option<Self> {
        let mut bytes = Hash::default();
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self::Hash { hex, bytes })
    }

    /// As lists write it.
    pub(super) fn text(&self) -> &'a str {
        match self {
            Self::Hash { hex, .. } => hex,
            Self::Custom(id) => id,
        }
    }

    /// The hash under which a client may have registered the document.
    pub(super) fn registered(&self) -> Option<Hash> {
        match self {
            Self::Hash { bytes, .. } => Some(*bytes),
            Self::Custom(id) => match Self::of_hash(id) {
                Some(Self::Hash { bytes, .. }) => Some(bytes),
                _ => None,
            },
        }
    }
}

/// Whether this can be the id of a document in a list.
pub(super) fn is_custom(id: &str) -> bool {
    !id.is_empty() && id.len() <= CUSTOM_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn malformed(message: &str) -> RequestError {
    RequestError::new(RequestErrorKind::PersistedMalformed, message)
}
