//! The spine: one GraphQL request in, one answer out.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// One GraphQL request, decoded from its transport and not yet looked at.
#[derive(Debug)]
pub struct Request {
    /// Which surface is asked: index in the order of configuration.
    pub surface: usize,
    /// The document's text.
    pub query: Option<String>,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// Raw values by name, not yet coerced.
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// `extensions` of the request.
    pub extensions: Option<serde_json::Map<String, serde_json::Value>>,
    /// `documentId`.
    pub document_id: Option<String>,
    /// What an error does to its parent; `PROPAGATE` unless said.
    pub on_error: OnError,
    /// Whether only queries may run (HTTP GET).
    pub queries_only: bool,
    /// The client's headers, for mappings that read them.
    pub headers: Arc<HeaderMap>,
    /// When the answer must be out.
    pub deadline: Instant,
}

/// `onError` of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// Null climbs to the nearest nullable parent.
    #[default]
    Propagate,
    /// Null stays where the error is, even in a non-null position.
    Null,
    /// The first error ends the answer: `data` is null.
    Halt,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Response {
    /// How far the request came; the transport derives its status from it.
    pub outcome: Outcome,
    /// The JSON text.
    pub body: Bytes,
    /// Headers the answer needs whatever the transport makes of the rest, e.g. `Retry-After`, `Cache-Control`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Name and kind of the operation, when one was found: for logs.
    pub operation: Option<OperationInfo>,
}

/// Who answered, for logs and metrics.
#[derive(Debug, Clone)]
pub struct OperationInfo {
    /// The operation's name, if it has one.
    pub name: Option<Arc<str>>,
    /// `query` or `mutation`.
    pub kind: &'static str,
    /// Number of errors in the answer.
    pub errors: u32,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Executed, no errors.
    Data,
    /// Executed, `data` and `errors`.
    Partial,
    /// Refused before execution: the document does not parse.
    Syntax,
    /// Refused before execution: validation, operation choice, variables, limits.
    Invalid,
    /// A mutation where only queries are allowed.
    MethodNotAllowed,
    /// Not now: shed, quota, maintenance, failed critical field. Status to use.
    Unavailable(u16),
}
