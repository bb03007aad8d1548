//! A source's reply → success or failure, and its values in a table (DIALECT §1.5).

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use serde_json::{Map, Value};
use switchboard_clients::{Reply, grpc, proto};

use super::{Failure, FailureKind, Scope, failure::Status, local, vars::CallVars};
use crate::{
    mapping::{Context, Declared, Node, ScanError, ScanLimits, Table, Vars, WireError, evaluate, text, tree},
    plan::Fetch,
    schema::model::{ConnectRequest, Connector, Mapping, Site, Source, TypeKind},
};

/// Bytes of a source's own words that developers are shown.
const DEBUG_BYTES: usize = 2_000;

/// A body as the mapping language sees it.
enum Decoded {
    Json(Bytes),
    /// A message, not yet read.
    Message(Bytes, Box<proto::MessageDescriptor>),
    Value(Option<Value>),
}

/// Reads a reply by the fetch's mapping. Returns the output's node.
pub(super) fn read(
    scope: &Scope,
    fetch: &Fetch,
    connector: &Connector,
    reply: &Reply,
    vars: &CallVars<'_>,
    table: &mut Table,
    declared: &mut Vec<Declared>,
) -> Result<Node, Failure> {
    let pairs = vars.pairs();
    let vars = Vars::new(&pairs);
    let mut context = Context {
        vars: &vars,
        declared: Vec::new(),
    };
    let limits = scope
        .backends
        .of(connector)
        .map_or(super::backends::SourceSettings::default().scan, |source| source.scan);
    let decoded = decode(connector, reply);
    succeed(scope, connector, reply, &decoded, &mut context)?;
    if !reply.errors.is_empty() && default_success(connector, reply) {
        table.errors_at = reply.errors.iter().map_while(|error| error.at).collect();
    }
    let node = match decoded {
        Decoded::Json(body) => fetch
            .projection
            .read_json(body, limits, &mut context, table)
            .map_err(|error| unreadable(scope, connector, reply, error))?,
        Decoded::Message(body, message) => {
            read_message(fetch, &body, &message, limits, &mut context, table).map_err(|error| {
                tracing::warn!(request_id = scope.request_id(), connector = %connector.coordinate, error, "answer cannot be read");
                Failure::new(FailureKind::BadResponse, "The source's answer cannot be used.")
            })?
        }
        Decoded::Value(value) => fetch.projection.read_value(value.as_ref(), &mut context, table),
    };
    declared.append(&mut context.declared);
    if node.is_nothing() && says_absent(connector, reply) && !may_be_null(scope, connector) {
        return Err(Failure::new(FailureKind::NotFound, "There is no such object."));
    }
    Ok(node)
}

/// Whether a source says that there is no such thing, and its connector calls that a success.
fn says_absent(connector: &Connector, reply: &Reply) -> bool {
    match connector.request {
        ConnectRequest::Grpc { .. } => reply.status == 5,
        ConnectRequest::Local { .. } => false,
        _ => reply.status == 404,
    }
}

/// Whether the field that a connector is for may be null.
fn may_be_null(scope: &Scope, connector: &Connector) -> bool {
    let Site::Field(ty, field) = connector.site else {
        return true;
    };
    match &scope.surface.types[ty.0 as usize].kind {
        TypeKind::Object(fields) => !fields[field as usize].ty.non_null[0],
        _ => true,
    }
}

fn unreadable(scope: &Scope, connector: &Connector, reply: &Reply, error: ScanError) -> Failure {
    tracing::warn!(request_id = scope.request_id(), connector = %connector.coordinate, %error, "answer cannot be read");
    let text = error.to_string();
    let mut failure = match error {
        // Nobody asked for an encoding, and none is undone.
        ScanError::Syntax(_) if reply.headers.contains_key(header::CONTENT_ENCODING) => {
            Failure::new(FailureKind::BadResponse, "The source's answer cannot be used.")
        }
        ScanError::Syntax(_) => Failure::new(
            FailureKind::InvalidBody,
            "The server returned data in an unexpected format.",
        ),
        ScanError::TooDeep(_) | ScanError::ListTooLong(_) => {
            Failure::new(FailureKind::BadResponse, "The source's answer cannot be used.")
        }
    };
    if scope.is_verbose() {
        let debug = serde_json::json!({ "cause": text });
        failure.extensions.insert("debug".to_owned(), debug);
    }
    failure
}

fn decode(connector: &Connector, reply: &Reply) -> Decoded {
    if let ConnectRequest::Grpc { method, .. } = &connector.request {
        if reply.status != 0 {
            return Decoded::Value(Some(Value::Null));
        }
        return Decoded::Message(reply.body.clone(), Box::new(method.output.clone()));
    }
    if reply.body.is_empty() {
        return Decoded::Value(Some(Value::Null));
    }
    let Some(content_type) = reply.headers.get(header::CONTENT_TYPE) else {
        return Decoded::Json(reply.body.clone());
    };
    let content_type = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    let (media, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let media = media.trim();
    if media.ends_with("/json") || media.ends_with("+json") {
        return Decoded::Json(reply.body.clone());
    }
    if media == "text/plain" {
        let charset = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("charset="));
        let encoding = charset
            .and_then(|label| encoding_rs::Encoding::for_label(label.trim_matches('"').as_bytes()))
            .unwrap_or(encoding_rs::UTF_8);
        return Decoded::Value(Some(Value::from(encoding.decode(&reply.body).0)));
    }
    Decoded::Value(Some(Value::Null))
}

/// Reads a message by its fields, or by its ProtoJSON form where the mapping needs that.
fn read_message(
    fetch: &Fetch,
    body: &Bytes,
    message: &proto::MessageDescriptor,
    limits: ScanLimits,
    context: &mut Context<'_>,
    table: &mut Table,
) -> Result<Node, String> {
    if let Some(wire) = &fetch.wire {
        match wire.read(&fetch.projection, body, limits, context, table) {
            Ok(node) => return Ok(node),
            Err(WireError::Unusual) => *table = Table::new(fetch.projection.layouts.len()),
            Err(WireError::Malformed) => return Err("malformed message".to_owned()),
            Err(WireError::ListTooLong) => return Err("a list has too many items".to_owned()),
        }
    }
    let value = proto::decode_to_json(message, body, message_limits(limits)).map_err(|error| error.to_string())?;
    Ok(fetch.projection.read_value(Some(&value), context, table))
}

/// A message's limits: a value takes some 100 bytes once decoded.
fn message_limits(limits: ScanLimits) -> proto::DecodeLimits {
    proto::DecodeLimits {
        depth: limits.depth as usize,
        list: limits.list as usize,
        values: 2_000_000,
    }
}

fn source<'a>(scope: &'a Scope, connector: &Connector) -> Option<&'a Source> {
    connector.source.map(|id| &scope.surface.sources[id.0 as usize])
}

fn success_rule<'a>(scope: &'a Scope, connector: &'a Connector) -> Option<&'a Mapping> {
    connector
        .is_success
        .as_ref()
        .or_else(|| source(scope, connector)?.is_success.as_ref())
}

fn default_success(connector: &Connector, reply: &Reply) -> bool {
    match connector.request {
        ConnectRequest::Grpc { .. } => reply.status == 0,
        _ => (200..300).contains(&reply.status),
    }
}

/// Decides whether a reply is a success; a failure is made from the `errors` mappings.
fn succeed(
    scope: &Scope,
    connector: &Connector,
    reply: &Reply,
    decoded: &Decoded,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let ok = match success_rule(scope, connector) {
        Some(rule) => matches!(apply(rule, decoded, context), Some(Value::Bool(true))),
        None => default_success(connector, reply),
    };
    if ok {
        Ok(())
    } else {
        Err(refusal(scope, connector, reply, decoded, context))
    }
}

/// A mapping's value on an answer; the answer is parsed only if the mapping looks at it.
fn apply(mapping: &Mapping, decoded: &Decoded, context: &mut Context<'_>) -> Option<Value> {
    let parsed = match decoded {
        Decoded::Json(body) if reads_answer(mapping) => text::parse_value(body).ok(),
        Decoded::Message(body, message) if reads_answer(mapping) => {
            proto::decode_to_json(message, body, message_limits(ScanLimits::default())).ok()
        }
        Decoded::Json(_) | Decoded::Message(..) => None,
        Decoded::Value(value) => value.clone(),
    };
    let evaluation = evaluate::evaluate(
        &mapping.selection,
        mapping.spec,
        parsed.as_ref(),
        context.vars,
        &evaluate::Limits::quiet(),
    );
    context.declared.extend(evaluation.errors);
    evaluation.value
}

fn reads_answer(mapping: &Mapping) -> bool {
    tree::reads(&mapping.selection)
        .0
        .iter()
        .any(|read| read.origin == tree::Origin::Input)
}

fn refusal(
    scope: &Scope,
    connector: &Connector,
    reply: &Reply,
    decoded: &Decoded,
    context: &mut Context<'_>,
) -> Failure {
    let mut failure = match reply.errors.first() {
        Some(error) => {
            local::log(scope, connector, error);
            local::failure(error)
        }
        None => Failure::new(FailureKind::Refused, "Request failed"),
    };
    failure.status = Some(match connector.request {
        ConnectRequest::Grpc { .. } => Status::Grpc(reply.status),
        _ => Status::Http(reply.status),
    });
    let status = |status: Value| Value::Object(Map::from_iter([("status".to_owned(), status)]));
    match connector.request {
        ConnectRequest::Grpc { .. } => drop(failure.extensions.insert("grpc".to_owned(), grpc_status(reply.status))),
        ConnectRequest::Local { .. } => {}
        _ => drop(
            failure
                .extensions
                .insert("http".to_owned(), status(reply.status.into())),
        ),
    }
    if scope.is_verbose() {
        let said = String::from_utf8_lossy(&reply.body[..reply.body.len().min(DEBUG_BYTES)]).into_owned();
        let debug = serde_json::json!({ "said": said, "message": reply.message });
        failure.extensions.insert("debug".to_owned(), debug);
    }
    map_errors(&mut failure, scope, connector, decoded, context);
    tracing::debug!(request_id = scope.request_id(), connector = %connector.coordinate, status = reply.status, "source refused");
    failure
}

/// What the `errors` mappings make of a failure.
fn map_errors(
    failure: &mut Failure,
    scope: &Scope,
    connector: &Connector,
    decoded: &Decoded,
    context: &mut Context<'_>,
) {
    let source = source(scope, connector);
    let message = connector
        .errors
        .message
        .as_ref()
        .or_else(|| source?.errors.message.as_ref());
    if let Some(mapping) = message {
        failure.message = match apply(mapping, decoded, context) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
    }
    let mappings = [
        source.and_then(|source| source.errors.extensions.as_ref()),
        connector.errors.extensions.as_ref(),
    ];
    for mapping in mappings.into_iter().flatten() {
        if let Some(Value::Object(extensions)) = apply(mapping, decoded, context) {
            failure.extensions.extend(extensions);
        }
    }
}

/// Why single values of a successful reply are not there, in the order of its errors.
pub(super) fn failed_values(
    scope: &Scope,
    connector: &Connector,
    reply: &Reply,
    vars: &CallVars<'_>,
) -> Vec<Arc<Failure>> {
    if !default_success(connector, reply) {
        // The whole failed, and the connector calls that a success.
        return Vec::new();
    }
    let decoded = decode(connector, reply);
    let failure = |error| {
        local::log(scope, connector, error);
        let mut failure = local::failure(error);
        // To an `errors` mapping each is the only one.
        let parts = local::response_of(std::slice::from_ref(error));
        let response = Value::Object(
            parts
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
        );
        let mut pairs = vars.pairs();
        pairs.retain(|(name, _)| *name != "response");
        pairs.push(("response", &response));
        let mut context = Context {
            vars: &Vars::new(&pairs),
            declared: Vec::new(),
        };
        map_errors(&mut failure, scope, connector, &decoded, &mut context);
        signed(scope, connector, failure)
    };
    reply.errors.iter().map(failure).collect()
}

fn grpc_status(status: u16) -> Value {
    Value::Object(Map::from_iter([
        ("status".to_owned(), Value::from(status)),
        ("code".to_owned(), Value::from(grpc::code_name(status))),
    ]))
}

/// Adds who failed to a failure.
pub(super) fn signed(scope: &Scope, connector: &Connector, failure: Failure) -> Arc<Failure> {
    let service = source(scope, connector).map_or_else(|| Arc::from(""), |source| source.name.clone());
    Arc::new(Failure {
        service,
        coordinate: connector.coordinate.clone(),
        ..failure
    })
}
