//! Resolvers in this process: what is asked of them, and what becomes of their errors.

use std::sync::Arc;

use serde_json::{Map, Value};
use switchboard_clients::local::{ErrorOrigin, LocalCall, ReplyError};

use super::{Failure, FailureKind, Scope, failure::Status, url};
use crate::{
    mapping::{evaluate::Vars, text},
    plan::{ClientHeaders, Fetch},
    schema::model::{Connector, LocalField, Mapping},
};

/// The call of a field.
pub(super) fn render(
    scope: &Scope,
    fetch: &Fetch,
    (field, args): (&LocalField, Option<&Mapping>),
    vars: &Vars<'_>,
) -> Result<LocalCall, Failure> {
    let given = match args.map(|args| url::evaluate(args, vars)) {
        None | Some(None | Some(Value::Null)) => Map::new(),
        Some(Some(Value::Object(given))) => given,
        Some(Some(_)) => {
            return Err(Failure::new(
                FailureKind::BadInput,
                "The arguments of a resolver are not an object.",
            ));
        }
    };
    // What the field does not have was told at the start, where it could be seen.
    let arguments = given.into_iter().filter_map(|(name, value)| {
        let (name, argument) = field.arguments.iter().find(|(known, _)| **known == *name)?;
        Some((name.clone(), argument.text.clone(), argument.fit(value)))
    });
    Ok(LocalCall {
        operation: field.operation.word(),
        field: field.name.clone(),
        arguments: arguments.collect(),
        selection: fetch.asked.clone().unwrap_or_else(|| Arc::from("")),
        headers: scope.headers.clone(),
        context: Arc::new(scope.caller.context().as_object().cloned().unwrap_or_default()),
    })
}

/// Appends everything that takes part in the answer to a call: what is asked, and of the client all that a resolver may look at.
pub(super) fn write_key(call: &LocalCall, key: &mut Vec<u8>) {
    key.extend_from_slice(b"local ");
    key.extend_from_slice(call.document().as_bytes());
    for (_, _, value) in &call.arguments {
        key.push(b'\n');
        text::write_value(value, key);
    }
    key.push(b'\n');
    serde_json::to_writer(&mut *key, &*call.context).expect("writing to memory");
    key.push(b'\n');
    let headers = ClientHeaders {
        resolvers: true,
        ..ClientHeaders::default()
    };
    headers.write(&call.headers, key);
}

/// What a client is told of a resolver's error, before an `errors:` mapping has its say.
///
/// An author's own words are passed on. What another library said, and came through `?`, stays in the log.
pub(super) fn failure(error: &ReplyError) -> Failure {
    let failure = match error.origin {
        ErrorOrigin::Author => Failure {
            extensions: Box::new(error.extensions.clone()),
            ..Failure::new(FailureKind::Refused, error.message.clone())
        },
        ErrorOrigin::Library => Failure::new(FailureKind::Refused, "Request failed"),
        // Not ours: a fallback may stand in for it.
        ErrorOrigin::Panic => Failure {
            extensions: Box::new(Map::from_iter([(
                "code".to_owned(),
                Value::from("INTERNAL_SERVER_ERROR"),
            )])),
            ..Failure::new(FailureKind::Refused, "Internal server error.")
        },
        ErrorOrigin::Query => Failure::new(
            FailureKind::BadInput,
            "The request to the source cannot be built from these values.",
        ),
    };
    Failure {
        status: Some(Status::Http(500)),
        ..failure
    }
}

/// The cause of a failed value: for the log alone, where clients are not told.
pub(super) fn log(scope: &Scope, connector: &Connector, error: &ReplyError) {
    if error.origin != ErrorOrigin::Author {
        let (id, path) = (scope.request_id(), &error.path);
        tracing::warn!(request_id = id, connector = %connector.coordinate, path, error = error.message, "a resolver failed");
    }
}

/// `$response.message` and `$response.errors`.
pub(super) fn response_of(errors: &[ReplyError]) -> [(&'static str, Value); 2] {
    let message = errors
        .first()
        .map_or(Value::Null, |error| Value::from(error.message.as_str()));
    let error = |error: &ReplyError| {
        Value::Object(Map::from_iter([
            ("message".to_owned(), Value::from(error.message.as_str())),
            ("path".to_owned(), Value::from(error.path.as_str())),
            ("extensions".to_owned(), Value::Object(error.extensions.clone())),
        ]))
    };
    [("message", message), ("errors", errors.iter().map(error).collect())]
}
