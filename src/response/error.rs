//! The one table of what clients see: failure → `extensions.code`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    execute::{Detail, Failure, FailureKind},
    mapping::{evaluate::Declared, text},
    operation::{
        RequestError, RequestErrorKind,
        error::{LimitKind, SwitchKind},
    },
};

/// Bytes of a message about a refused request: names and values in it are the client's.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// What a caller is told of a field it may not have.
const UNAUTHORIZED: &str = "UNAUTHORIZED_FIELD_OR_TYPE";

/// The code of a failed field.
#[must_use]
pub fn failure_code(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "CONNECTOR_FETCH",
        FailureKind::InvalidBody => "CONNECTOR_RESPONSE_INVALID",
        FailureKind::BadResponse => "UPSTREAM_BAD_RESPONSE",
        FailureKind::Timeout => "UPSTREAM_TIMEOUT",
        FailureKind::Unavailable => "UPSTREAM_UNAVAILABLE",
        FailureKind::UnknownOutcome { .. } => "UPSTREAM_UNKNOWN_OUTCOME",
        FailureKind::Limited => "REQUEST_CONCURRENCY_LIMITED",
        FailureKind::CircuitOpen => "UPSTREAM_CIRCUIT_OPEN",
        FailureKind::RateLimited => "UPSTREAM_RATE_LIMITED",
        FailureKind::RequestLimit => "REQUEST_LIMIT_EXCEEDED",
        FailureKind::BadInput => "BAD_USER_INPUT",
        FailureKind::Unauthorized => UNAUTHORIZED,
        FailureKind::NotFound => "NOT_FOUND",
        FailureKind::Internal => "INTERNAL_SERVER_ERROR",
    }
}

/// The code of a refused request.
#[must_use]
pub fn request_code(kind: RequestErrorKind) -> &'static str {
    match kind {
        RequestErrorKind::NoDocument => "BAD_REQUEST",
        RequestErrorKind::Syntax | RequestErrorKind::Limit(LimitKind::DocumentBytes | LimitKind::Tokens) => {
            "GRAPHQL_PARSE_FAILED"
        }
        RequestErrorKind::Validation => "GRAPHQL_VALIDATION_FAILED",
        RequestErrorKind::OperationChoice => "OPERATION_RESOLUTION_FAILURE",
        RequestErrorKind::BadInput
        | RequestErrorKind::Limit(LimitKind::ListSize | LimitKind::InputList | LimitKind::StringBytes) => {
            "BAD_USER_INPUT"
        }
        RequestErrorKind::MutationNotAllowed => "BAD_REQUEST",
        RequestErrorKind::IntrospectionDisabled => "INTROSPECTION_DISABLED",
        RequestErrorKind::Limit(LimitKind::Depth) => "MAX_DEPTH_LIMIT",
        RequestErrorKind::Limit(LimitKind::Aliases) => "MAX_ALIASES_LIMIT",
        RequestErrorKind::Limit(LimitKind::RootFields) => "MAX_ROOT_FIELDS_LIMIT",
        RequestErrorKind::Limit(LimitKind::Directives) => "MAX_DIRECTIVES_LIMIT",
        RequestErrorKind::Limit(LimitKind::Expansion) => "RECURSIVE_SELECTIONS_LIMIT",
        RequestErrorKind::Limit(LimitKind::Cost) => "COST_ESTIMATED_TOO_EXPENSIVE",
        RequestErrorKind::Limit(LimitKind::Calls) => "REQUEST_LIMIT_EXCEEDED",
        RequestErrorKind::Unauthorized => UNAUTHORIZED,
        RequestErrorKind::OverQuota => "REQUEST_RATE_LIMITED",
        RequestErrorKind::PersistedNotFound => "PERSISTED_QUERY_NOT_FOUND",
        RequestErrorKind::PersistedNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
        RequestErrorKind::PersistedMalformed => "BAD_REQUEST",
        RequestErrorKind::PersistedMismatch => "PERSISTED_QUERY_HASH_MISMATCH",
        RequestErrorKind::PersistedNotInList => "PERSISTED_QUERY_NOT_IN_LIST",
        RequestErrorKind::NotInSafelist => "QUERY_NOT_IN_SAFELIST",
        RequestErrorKind::PersistedIdRequired => "PERSISTED_QUERY_ID_REQUIRED",
        RequestErrorKind::PersistedIdAndText => "CANNOT_SEND_PQ_ID_AND_BODY",
        RequestErrorKind::SwitchedOff(SwitchKind::Operation) => "OPERATION_SWITCHED_OFF",
        RequestErrorKind::SwitchedOff(SwitchKind::Client) => "CLIENT_SWITCHED_OFF",
        RequestErrorKind::SwitchedOff(SwitchKind::Mutations) => "READ_ONLY",
        RequestErrorKind::Overloaded => "REQUEST_CONCURRENCY_LIMITED",
    }
}

/// The answer to a refused request: errors, no `data`.
#[must_use]
pub fn refusal(error: &RequestError) -> Vec<u8> {
    let mut body = b"{\"errors\":[".to_vec();
    let extensions = Map::from_iter([("code".to_owned(), Value::from(request_code(error.kind)))]);
    for (position, detail) in error.errors.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        write(&clip(&detail.message), detail.location, None, &extensions, &mut body);
    }
    body.extend_from_slice(b"]}");
    body
}

/// A message that a client had a part in: a name of 60 kB in each of 20 errors would make the answer twenty times the request.
fn clip(message: &str) -> Cow<'_, str> {
    if message.len() <= MESSAGE_BYTES_MAX {
        return Cow::Borrowed(message);
    }
    let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| message.is_char_boundary(*end));
    Cow::Owned(format!("{}…", &message[..end.unwrap_or(0)]))
}

/// Extensions of a failed field: `code`, `service`, `connector.coordinate`, then what the `errors` mapping says, which
/// may replace the code. Those who are to know less get the code alone.
pub(super) fn extensions(failure: &Failure, detail: Detail) -> Map<String, Value> {
    let mut extensions = Map::new();
    extensions.insert("code".to_owned(), Value::from(failure_code(failure.kind)));
    if detail == Detail::Terse {
        let code = failure.extensions.get("code");
        extensions.extend(code.map(|code| ("code".to_owned(), code.clone())));
        return extensions;
    }
    if !failure.service.is_empty() {
        extensions.insert("service".to_owned(), Value::from(&*failure.service));
    }
    let coordinate = Map::from_iter([("coordinate".to_owned(), Value::from(&*failure.coordinate))]);
    extensions.insert("connector".to_owned(), Value::Object(coordinate));
    extensions.extend(
        failure
            .extensions
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    extensions
}

/// An entry of `extensions.connectorErrors`.
pub(super) fn declared(declared: &Declared) -> Value {
    let mut extensions = declared.extensions.clone().unwrap_or_default();
    extensions
        .entry("code")
        .or_insert_with(|| Value::from("CONNECTORS_MAPPING_ERROR"));
    Value::Object(Map::from_iter([
        ("message".to_owned(), Value::from(declared.message.as_str())),
        ("extensions".to_owned(), Value::Object(extensions)),
    ]))
}

/// The same for a value that failed where no place of the answer shows it: a mapping made something else of it.
pub(super) fn untold(failure: &Failure, detail: Detail) -> Value {
    Value::Object(Map::from_iter([
        ("message".to_owned(), Value::from(failure.message.as_str())),
        ("extensions".to_owned(), Value::Object(extensions(failure, detail))),
    ]))
}

/// Appends one error.
pub(super) fn write(
    message: &str,
    location: Option<(u32, u32)>,
    path: Option<Value>,
    extensions: &Map<String, Value>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"message\":");
    text::write_string(message, out);
    if let Some((line, column)) = location {
        out.extend_from_slice(format!(",\"locations\":[{{\"line\":{line},\"column\":{column}}}]").as_bytes());
    }
    if let Some(path) = path {
        out.extend_from_slice(b",\"path\":");
        text::write_value(&path, out);
    }
    out.extend_from_slice(b",\"extensions\":");
    serde_json::to_writer(&mut *out, extensions).expect("writing to memory");
    out.push(b'}');
}
