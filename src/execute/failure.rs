//! Why a fetch has no value.

use std::sync::Arc;

use serde_json::{Map, Value};
use switchboard_clients::CallError;

/// A failed fetch, as its places will report it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong; decides the code.
    pub kind: FailureKind,
    /// What the client is told. Nothing of a source's own words, unless its `errors` mapping says so.
    pub message: String,
    /// The source's name; empty for connectors without one.
    pub service: Arc<str>,
    /// Which connector.
    pub coordinate: Arc<str>,
    /// Further extensions, from the `errors` mapping.
    pub extensions: Box<Map<String, Value>>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The source answered, and it was no success.
    Refused,
    /// The source answered with something that is not what its content type says.
    InvalidBody,
    /// The answer goes beyond the source's limits or breaks its protocol.
    BadResponse,
    /// No answer in time.
    Timeout,
    /// The source cannot be reached, or the connection broke.
    Unavailable,
    /// Too many calls in flight to the source.
    Limited,
    /// The source failed too often of late; it was not asked.
    CircuitOpen,
    /// The source said that it gets too many calls; it was not asked.
    RateLimited,
    /// The operation made as many calls to the source as it may.
    RequestLimit,
    /// A value of the request cannot be sent.
    BadInput,
    /// `notFound: ERROR`, and there is no such object.
    NotFound,
    /// Our own mistake.
    Internal,
}

// === impl Failure ===

impl Failure {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            service: Arc::from(""),
            coordinate: Arc::from(""),
            extensions: Box::default(),
        }
    }

    /// A call without a usable reply. The cause goes to the log, never to the client.
    pub(super) fn of_call(error: &CallError) -> Self {
        let (kind, message) = match error {
            CallError::Timeout(_) => (FailureKind::Timeout, "The source did not answer in time."),
            CallError::Connect(_) | CallError::Refused(_) | CallError::Broken(_) => {
                (FailureKind::Unavailable, "The source is not available.")
            }
            CallError::TooLarge { .. } | CallError::Protocol(_) => {
                (FailureKind::BadResponse, "The source's answer cannot be used.")
            }
            CallError::RequestTooLarge { .. } => (
                FailureKind::BadInput,
                "The request to the source cannot be built from these values.",
            ),
            CallError::Limited { .. } => (FailureKind::Limited, "Too many calls to the source are under way."),
            CallError::CircuitOpen { .. } => (FailureKind::CircuitOpen, "The source is failing and was not asked."),
            CallError::RateLimited { .. } => (FailureKind::RateLimited, "The source takes no more calls for now."),
        };
        Self::new(kind, message)
    }
}
