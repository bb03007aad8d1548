//! What transports make of requests that are refused before anything is executed.

use http::{HeaderName, HeaderValue};

use super::{CacheControl, Caching, OperationInfo, Outcome, Request, Response, overload, switches};
use crate::{
    operation::{
        Operation, OperationKind, RequestError, RequestErrorKind,
        error::{LimitKind, SwitchKind},
    },
    plan::build::TooLarge,
    response,
};

// === impl Response ===

impl Response {
    /// The answer to a refused request. `info`: the operation, where one was found.
    pub(super) fn of_refusal(error: &RequestError, info: Option<OperationInfo>) -> Self {
        Self {
            outcome: outcome_of(error.kind),
            body: response::error::refusal(error).into(),
            headers: headers_of(error.kind),
            caching: Caching {
                control: control_of(error.kind),
                ..Caching::default()
            },
            exceeded: error.exceeded(),
            degraded: false,
            operation: info.map(|info| OperationInfo {
                errors: error.errors.len() as u32,
                ..info
            }),
        }
    }
}

/// Headers that such an answer has.
fn headers_of(kind: RequestErrorKind) -> Vec<(HeaderName, HeaderValue)> {
    let wait = match kind {
        RequestErrorKind::Overloaded => overload::RETRY_AFTER,
        // What is off may be on again.
        RequestErrorKind::SwitchedOff(SwitchKind::Operation | SwitchKind::Mutations) => switches::WAIT,
        _ => return Vec::new(),
    };
    vec![(http::header::RETRY_AFTER, HeaderValue::from(wait.as_secs()))]
}

/// A client that is told «not found» sends the text next: nobody may keep the first answer.
fn control_of(kind: RequestErrorKind) -> CacheControl {
    match kind {
        RequestErrorKind::PersistedNotFound | RequestErrorKind::PersistedNotSupported => CacheControl::Revalidate,
        _ => CacheControl::NoStore,
    }
}

/// How far a refused request came.
fn outcome_of(kind: RequestErrorKind) -> Outcome {
    match kind {
        RequestErrorKind::Syntax | RequestErrorKind::NoDocument => Outcome::Syntax,
        RequestErrorKind::MutationNotAllowed => Outcome::MethodNotAllowed,
        // What clients of persisted queries have been told ever since: a step of the protocol, not a failure.
        RequestErrorKind::PersistedNotFound | RequestErrorKind::PersistedNotSupported => Outcome::Refused(200),
        RequestErrorKind::PersistedMalformed
        | RequestErrorKind::PersistedMismatch
        | RequestErrorKind::PersistedIdRequired
        | RequestErrorKind::PersistedIdAndText => Outcome::Refused(400),
        RequestErrorKind::NotInSafelist | RequestErrorKind::Unauthorized => Outcome::Refused(403),
        RequestErrorKind::PersistedNotInList => Outcome::Refused(404),
        RequestErrorKind::SwitchedOff(SwitchKind::Client) => Outcome::Refused(403),
        RequestErrorKind::SwitchedOff(_) | RequestErrorKind::Overloaded => Outcome::Unavailable(503),
        RequestErrorKind::OverQuota => Outcome::Unavailable(429),
        _ => Outcome::Invalid,
    }
}

pub(super) fn too_large(error: TooLarge) -> RequestError {
    RequestError::new(RequestErrorKind::Limit(LimitKind::Expansion), error.to_string())
}

pub(super) fn check_method(request: &Request, operation: &Operation) -> Result<(), RequestError> {
    if request.queries_only && operation.kind == OperationKind::Mutation {
        return Err(RequestError::new(
            RequestErrorKind::MutationNotAllowed,
            "Mutations must be sent by POST.",
        ));
    }
    Ok(())
}
