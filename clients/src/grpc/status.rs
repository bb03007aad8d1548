//! How a gRPC call ended: `grpc-status`, `grpc-message` and `grpc-status-details-bin`.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::metadata;
use crate::{Counted, Reply};

const OK: u16 = 0;
const UNKNOWN: u16 = 2;
const PERMISSION_DENIED: u16 = 7;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name of a status code; `UNKNOWN` for one that has none.
#[must_use]
pub fn code_name(code: u16) -> &'static str {
    NAMES.get(usize::from(code)).copied().unwrap_or("UNKNOWN")
}

/// How a call ended.
pub(super) struct Status {
    code: u16,
    message: String,
    /// `google.rpc.Status`, encoded.
    details: Bytes,
}

// === impl Status ===

impl Status {
    /// Takes the status out of `trailers`, which may be the head of a reply that is trailers only. A code that is no
    /// number is UNKNOWN; a message that is not UTF-8 is mended, details that are not base64 are dropped.
    pub(super) fn take(trailers: &mut HeaderMap) -> Option<Self> {
        let code = trailers.remove("grpc-status")?;
        let code = code.to_str().ok().and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN);
        let message = trailers.remove("grpc-message").map(|value| {
            percent_encoding::percent_decode(value.as_bytes())
                .decode_utf8_lossy()
                .into_owned()
        });
        let details = trailers
            .remove("grpc-status-details-bin")
            .and_then(|value| metadata::decode(value.as_bytes()));
        Some(Self {
            code,
            message: message.unwrap_or_default(),
            details: details.map(Bytes::from).unwrap_or_default(),
        })
    }

    /// The status of an answer that is not gRPC at all, as of a proxy in between.
    ///
    /// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
    pub(super) fn from_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        Self {
            code,
            message: format!("HTTP {}", status.as_u16()),
            details: Bytes::new(),
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.code == OK
    }

    pub(super) fn into_reply(self, headers: HeaderMap, trailers: HeaderMap, body: Bytes) -> Reply {
        Reply {
            status: self.code,
            headers,
            trailers,
            message: self.message,
            details: self.details,
            body,
            errors: Vec::new(),
            counted: Counted::default(),
        }
    }
}
