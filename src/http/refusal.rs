//! Requests that end here: what HTTP refuses before the engine sees it, as one table.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::StatusCode;

use super::StatusProfile;
use crate::engine::overload::RETRY_AFTER;

/// What may be done at a surface's path.
pub(super) const METHODS: &str = "GET, POST";

/// What may be done at the path of the pages' cookie.
pub(super) const SESSION_METHODS: &str = "POST, DELETE";

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No surface has this path.
    NoSuchPath,
    /// Neither GET, POST nor OPTIONS.
    Method,
    /// None of our media types is acceptable.
    NotAcceptable,
    /// Path and query are too long.
    UriTooLong,
    /// The headers are too large.
    HeadersTooLarge,
    /// The head is no HTTP.
    NotHttp,
    /// Two servers could read the head differently.
    Framing,
    /// A page of another site may have made the request in its visitor's name.
    CrossSite,
    /// The same with the cookie of a session.
    ForeignSession,
    /// Credentials are needed, and there are none.
    NoCredentials,
    /// There are credentials, and they do not hold.
    BadCredentials,
    /// More requests than its client may make.
    OverQuota,
    /// Neither POST nor DELETE, for the session's cookie.
    SessionMethod,
    /// The content type is missing, or not `application/json`.
    ContentType,
    /// The body is compressed, or worse.
    ContentEncoding,
    /// The body exceeds its limit.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTimeout,
    /// The body broke off, or its chunks are malformed.
    BodyBroken,
    /// There is too much to do already to read the body.
    Overloaded,
    /// Several requests in one body, where that is not allowed.
    Batch,
    /// An array of requests within one.
    BatchInBatch,
    /// No request in an array, or more than so many.
    BatchSize(usize),
    /// Not JSON, not UTF-8, nested too deeply, or with something behind it.
    NotJson,
    /// The query string cannot be decoded.
    NotParameters,
    /// A parameter that has to be JSON is none.
    Parameter(&'static str),
    /// JSON, with a number that no machine can hold.
    NumberRange,
    /// Well-formed JSON or parameters, but not a GraphQL request. Says what was expected.
    Shape(&'static str),
    /// A bug of ours.
    Internal,
}

/// How a refusal looks to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
}

// === impl Refusal ===

impl Refusal {
    /// The table. Codes are those that clients know already; where they know none, the status says more than a new one would.
    pub(super) fn answer(self, profile: StatusProfile) -> Answer {
        let (status, message) = match self {
            Self::NoSuchPath => (404, "there is nothing at this path"),
            Self::Method => (405, "only GET and POST are allowed"),
            Self::NotAcceptable => (406, "answers are application/graphql-response+json or application/json"),
            Self::UriTooLong => (414, "the URI is too long; use POST"),
            Self::HeadersTooLarge => (431, "the request headers are too large"),
            Self::NotHttp => (400, "this is no HTTP request"),
            Self::Framing => (
                400,
                "the head of the request is ambiguous: it must have one `Host`, say the length of the body once, and end its lines in CRLF",
            ),
            Self::CrossSite => (
                403,
                "a page of another site may have sent this; add the header GraphQL-Require-Preflight, or use POST",
            ),
            Self::ForeignSession => (
                403,
                "a page of another site may have sent this; the session's cookie is for our own pages and for listed origins",
            ),
            Self::NoCredentials => (401, "credentials are needed"),
            Self::BadCredentials => (401, "the credentials are not valid"),
            Self::OverQuota => (429, "too many requests; Retry-After says when to ask again"),
            Self::SessionMethod => (405, "only POST and DELETE are allowed"),
            Self::ContentType => (415, "the content type must be application/json in UTF-8"),
            Self::ContentEncoding => (415, "the body must not be encoded"),
            Self::BodyTooLarge => (413, "the body is too large"),
            Self::BodyTimeout => (408, "the body took too long"),
            Self::BodyBroken => (400, "the body is incomplete or malformed"),
            Self::Overloaded => (503, "there is too much to do right now; try again in a moment"),
            Self::Batch => (400, "batches are not supported; send one request at a time"),
            Self::BatchInBatch => (400, "an array of requests must not hold another one"),
            Self::BatchSize(_) => (400, ""),
            Self::NotJson => (400, "the body is not valid JSON"),
            Self::NotParameters => (400, "the query string is malformed"),
            Self::Parameter(message) => (400, message),
            Self::NumberRange => (
                400,
                "a number is beyond the range of 64 bits; send it as a string if the schema takes one",
            ),
            Self::Shape(message) => match profile {
                StatusProfile::Compat => (400, message),
                StatusProfile::Draft2026 => (422, message),
            },
            Self::Internal => (500, "internal server error"),
        };
        let code = match self {
            Self::Batch | Self::BatchInBatch => "BATCHING_NOT_SUPPORTED",
            Self::BatchSize(_) => "BATCH_LIMIT",
            Self::Overloaded => "REQUEST_CONCURRENCY_LIMITED",
            Self::CrossSite | Self::ForeignSession => "FORBIDDEN",
            Self::NoCredentials | Self::BadCredentials => "UNAUTHENTICATED",
            Self::OverQuota => "REQUEST_RATE_LIMITED",
            Self::Internal => "INTERNAL_SERVER_ERROR",
            Self::NumberRange => "BAD_USER_INPUT",
            _ => "BAD_REQUEST",
        };
        let message = match self {
            Self::BatchSize(most) => Cow::Owned(format!("an array must hold from 1 to {most} requests")),
            _ => Cow::Borrowed(message),
        };
        Answer {
            status: StatusCode::from_u16(status).expect("statuses of the table are valid"),
            code,
            message,
        }
    }

    /// `Allow` of the answer.
    pub(super) fn allow(self) -> Option<&'static str> {
        match self {
            Self::Method => Some(METHODS),
            Self::SessionMethod => Some(SESSION_METHODS),
            _ => None,
        }
    }

    /// `Retry-After` of the answer.
    pub(super) fn retry_after(self) -> Option<Duration> {
        (self == Self::Overloaded).then_some(RETRY_AFTER)
    }

    /// `WWW-Authenticate` of the answer.
    pub(super) fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoCredentials => Some("Bearer"),
            Self::BadCredentials => Some("Bearer error=\"invalid_token\""),
            _ => None,
        }
    }

    /// Whether the connection cannot be used further: we do not know, or do not want to wait for, where its next request begins.
    pub(super) fn closes(self) -> bool {
        matches!(
            self,
            Self::NotHttp
                | Self::Framing
                | Self::BodyTimeout
                | Self::BodyBroken
                | Self::HeadersTooLarge
                | Self::UriTooLong
        )
    }
}

// === impl Answer ===

impl Answer {
    /// The answer as GraphQL JSON. The table's texts need no escapes.
    pub(super) fn body(&self) -> Bytes {
        let Self { code, message, .. } = self;
        Bytes::from(format!(
            r#"{{"errors":[{{"message":"{message}","extensions":{{"code":"{code}"}}}}]}}"#
        ))
    }
}
