//! Metadata: text in ASCII, or bytes in base64 under names that end in `-bin`.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use http::{HeaderName, HeaderValue};

// Senders need not pad.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Why a value cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Under a name that ends in `-bin`.
    #[error("is not base64")]
    NotBase64,
    /// Under any other name.
    #[error("has letters beyond ASCII; a name that ends in -bin takes them, in base64")]
    NotAscii,
}

/// Whether values of this name are bytes.
#[must_use]
pub fn is_binary(name: &HeaderName) -> bool {
    name.as_str().ends_with("-bin")
}

/// The value as gRPC sends it: base64 without padding where the name says so, else as it is.
///
/// # Errors
/// It is no value for that name.
pub fn outgoing(name: &HeaderName, value: &HeaderValue) -> Result<HeaderValue, MetadataError> {
    if is_binary(name) {
        let bytes = decode(value.as_bytes()).ok_or(MetadataError::NotBase64)?;
        return HeaderValue::try_from(BASE64_STANDARD_NO_PAD.encode(bytes)).map_err(|_| MetadataError::NotBase64);
    }
    let is_ascii = value.as_bytes().iter().all(|byte| (0x20..=0x7e).contains(byte));
    is_ascii.then(|| value.clone()).ok_or(MetadataError::NotAscii)
}

/// The values in one that was received: for binary ones, which may be joined by commas, as base64 with padding; what is not
/// base64 stays as it is.
pub fn incoming<'a>(name: &HeaderName, value: &'a HeaderValue) -> impl Iterator<Item = String> + use<'a> {
    let is_binary = is_binary(name);
    let bytes = value.as_bytes();
    let parts = bytes.split(move |byte| is_binary && *byte == b',');
    parts.map(move |part| match decode(part.trim_ascii()).filter(|_| is_binary) {
        Some(bytes) => BASE64_STANDARD.encode(bytes),
        None => String::from_utf8_lossy(part).into_owned(),
    })
}

/// Base64 of either alphabet, padded or not.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
}
