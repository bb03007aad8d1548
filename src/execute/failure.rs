//! Why a fetch has no value.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use switchboard_clients::CallError;

use crate::schema::model::{Fault, Faults};

/// What a client is told to wait whose request has failed, unless more is known: short enough for a person, long enough for a restart or a probe.
const WAIT: Duration = Duration::from_secs(5);

/// Codes of gRPC.
mod code {
    pub(super) const DEADLINE_EXCEEDED: u16 = 4;
    pub(super) const NOT_FOUND: u16 = 5;
    pub(super) const UNAVAILABLE: u16 = 14;
}

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
    /// The status of a source that answered.
    pub status: Option<Status>,
    /// How long the source is left alone.
    pub left_alone: Option<Duration>,
}

/// What a source answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// An HTTP status.
    Http(u16),
    /// A gRPC code.
    Grpc(u16),
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
    /// A call that changes something was sent, and no answer came: it may have been done or not.
    UnknownOutcome {
        /// Whether there was no time left, rather than no connection.
        is_late: bool,
    },
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
    /// The caller may not have it.
    Unauthorized,
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
            status: None,
            left_alone: None,
        }
    }

    /// The kind of failure in the words of the dialect; `None`: nothing is wrong with the source.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        Some(match (self.kind, self.status) {
            (FailureKind::Refused, Some(Status::Grpc(_))) => Fault::GrpcStatus,
            (FailureKind::Refused, Some(Status::Http(400..=499))) => Fault::Http4xx,
            (FailureKind::Refused, Some(Status::Http(500..))) => Fault::Http5xx,
            (FailureKind::Refused | FailureKind::InvalidBody | FailureKind::BadResponse, _) => Fault::InvalidResponse,
            (FailureKind::Timeout | FailureKind::UnknownOutcome { is_late: true }, _) => Fault::Timeout,
            (FailureKind::Unavailable | FailureKind::UnknownOutcome { is_late: false }, _) => Fault::Unavailable,
            (FailureKind::Limited | FailureKind::RateLimited | FailureKind::RequestLimit, _) => Fault::Limited,
            (FailureKind::CircuitOpen, _) => Fault::CircuitOpen,
            (FailureKind::NotFound, _) => Fault::NotFound,
            (FailureKind::BadInput | FailureKind::Unauthorized | FailureKind::Internal, _) => return None,
        })
    }

    /// All kinds that name it, as `on:` of retries has them too: a status 503 says that the source is unavailable, whoever writes it.
    pub(super) fn faults(&self) -> Faults {
        let also = match (self.kind, self.status) {
            (FailureKind::Refused, Some(Status::Http(404) | Status::Grpc(code::NOT_FOUND))) => Some(Fault::NotFound),
            (FailureKind::Refused, Some(Status::Http(502..=504) | Status::Grpc(code::UNAVAILABLE))) => {
                Some(Fault::Unavailable)
            }
            (FailureKind::Refused, Some(Status::Grpc(code::DEADLINE_EXCEEDED))) => Some(Fault::Timeout),
            _ => None,
        };
        self.fault().into_iter().chain(also).collect()
    }

    /// Whether an older answer is better than none. Not where the source has answered and means it: what is gone or forbidden
    /// now must not come back from memory. <https://www.rfc-editor.org/rfc/rfc5861#section-4>
    #[must_use]
    pub fn allows_stale(&self) -> bool {
        match (self.fault(), self.status) {
            (None | Some(Fault::NotFound), _) => false,
            // Request Timeout, Too Early, Too Many Requests: not now.
            (Some(Fault::Http4xx), Some(Status::Http(status))) => matches!(status, 408 | 425 | 429),
            // CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
            (Some(Fault::GrpcStatus), Some(Status::Grpc(code))) => matches!(code, 1 | 2 | 4 | 8 | 10 | 13 | 14 | 15),
            _ => true,
        }
    }

    /// How long to wait before asking again, for clients, in whole seconds: while a source is left alone there is no use in asking.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let left = self.left_alone.unwrap_or(WAIT);
        Duration::from_secs(left.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)).max(Duration::from_secs(1))
    }

    /// A call that changes something, and of which nobody knows whether it did.
    pub(super) fn of_lost(error: &CallError) -> Option<Self> {
        let is_late = match error {
            CallError::Timeout(_) => true,
            CallError::Broken(_) => false,
            _ => return None,
        };
        let message = "The source did not answer: what was asked of it may have been done or not.";
        Some(Self::new(FailureKind::UnknownOutcome { is_late }, message))
    }

    /// A call without a usable reply. The cause goes to the log, never to the client.
    pub(super) fn of_call(error: &CallError) -> Self {
        let (kind, message) = match error {
            CallError::Timeout(_) | CallError::ConnectTimeout(_) | CallError::NoTime => {
                (FailureKind::Timeout, "The source did not answer in time.")
            }
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
            CallError::NoRoom => (FailureKind::Limited, "Answers of sources take all the memory they may."),
            CallError::Limited { .. } => (FailureKind::Limited, "Too many calls to the source are under way."),
            CallError::CircuitOpen { .. } => (FailureKind::CircuitOpen, "The source is failing and was not asked."),
            CallError::RateLimited { .. } => (FailureKind::RateLimited, "The source takes no more calls for now."),
        };
        let left_alone = match error {
            CallError::CircuitOpen { left } | CallError::RateLimited { left } => Some(*left),
            _ => None,
        };
        Self {
            left_alone,
            ..Self::new(kind, message)
        }
    }
}
