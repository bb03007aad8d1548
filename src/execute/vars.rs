//! Builds the variables that a connector's mappings read, and only those.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::{Map, Value};
use switchboard_clients::{Reply, grpc::metadata, proto};

use super::{Failure, FailureKind, Scope, backends::Needs, keys::Keys, local};
use crate::{
    plan::Fetch,
    schema::model::{ConnectRequest, Connector, Kind},
};

/// Variables of one call.
#[derive(Debug, Default)]
pub(super) struct CallVars<'a>(Vec<(&'static str, Cow<'a, Value>)>);

// === impl CallVars ===

impl<'a> CallVars<'a> {
    /// Everything but the source's answer.
    pub(super) fn of_request(
        scope: &'a Scope,
        fetch: &Fetch,
        needs: &Needs,
        numbers: &[u32],
        keys: &Keys,
    ) -> Result<Self, Failure> {
        let connector = &scope.surface.connectors[fetch.connector.0 as usize];
        let mut vars = Self::default();
        let key = || {
            numbers.first().map_or_else(
                || Value::Object(Map::new()),
                |number| keys.object(*number, &fetch.key_names),
            )
        };
        let is_entity = connector.kind == Kind::EntityField && !fetch.key_names.is_empty();
        if needs.args {
            vars.push(
                "args",
                if is_entity {
                    key()
                } else {
                    Self::arguments(scope, fetch)?
                },
            );
        }
        if needs.this {
            vars.push("this", key());
        }
        if needs.batch {
            vars.push(
                "batch",
                numbers
                    .iter()
                    .map(|number| keys.object(*number, &fetch.key_names))
                    .collect(),
            );
        }
        if needs.config
            && let Some(source) = connector.source
        {
            vars.0
                .push(("config", Cow::Borrowed(&scope.backends.source(source).config)));
        }
        if needs.env {
            vars.0.push(("env", Cow::Borrowed(&scope.backends.env)));
        }
        if needs.caller {
            vars.0.push(("context", Cow::Borrowed(scope.caller.context())));
        }
        if needs.request {
            vars.push(
                "request",
                Value::Object(Map::from_iter([("headers".to_owned(), header_lists(&scope.headers))])),
            );
        }
        Ok(vars)
    }

    /// Adds what the source answered to a connector.
    pub(super) fn add_reply(&mut self, needs: &Needs, connector: &Connector, reply: &Reply) {
        if needs.status {
            self.push("status", Value::from(reply.status));
        }
        if !needs.response {
            return;
        }
        let mut parts = Map::new();
        match &connector.request {
            ConnectRequest::Grpc { method, .. } => {
                let pool = method.output.parent_pool();
                let details = proto::status_details(pool, &reply.details, proto::DecodeLimits::default());
                parts.insert("headers".to_owned(), metadata_lists(&reply.headers));
                parts.insert("trailers".to_owned(), metadata_lists(&reply.trailers));
                parts.insert("message".to_owned(), Value::from(reply.message.as_str()));
                parts.insert("details".to_owned(), Value::Array(details));
            }
            ConnectRequest::Http { .. } | ConnectRequest::None => {
                parts.insert("headers".to_owned(), header_lists(&reply.headers));
            }
            ConnectRequest::Local { .. } => {
                parts.insert("headers".to_owned(), header_lists(&reply.headers));
                let told = local::response_of(&reply.errors);
                parts.extend(told.map(|(name, value)| (name.to_owned(), value)));
            }
        }
        self.push("response", Value::Object(parts));
    }

    /// What [`Vars`](crate::mapping::Vars) are made of.
    pub(super) fn pairs(&self) -> Vec<(&str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, &**value)).collect()
    }

    /// The field's arguments, as `$args` has them.
    pub(super) fn arguments(scope: &Scope, fetch: &Fetch) -> Result<Value, Failure> {
        let mut object = Map::new();
        for (name, argument) in &fetch.arguments {
            match scope.variables.argument(argument) {
                Ok(Some(value)) => {
                    object.insert(name.to_string(), value);
                }
                Ok(None) => {}
                Err(_) => {
                    return Err(Failure::new(
                        FailureKind::BadInput,
                        format!("Argument {name:?} must not be null."),
                    ));
                }
            }
        }
        Ok(Value::Object(object))
    }

    fn push(&mut self, name: &'static str, value: Value) {
        self.0.push((name, Cow::Owned(value)));
    }
}

/// Headers as mappings see them: every name has the list of its values.
fn header_lists(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for name in headers.keys() {
        let values = headers
            .get_all(name)
            .iter()
            .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes())));
        object.insert(name.as_str().to_owned(), values.collect());
    }
    Value::Object(object)
}

/// Metadata of a gRPC answer, likewise; what is bytes is base64 with padding.
fn metadata_lists(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for name in headers.keys() {
        let values = headers
            .get_all(name)
            .iter()
            .flat_map(|value| metadata::incoming(name, value));
        object.insert(name.as_str().to_owned(), values.map(Value::from).collect());
    }
    Value::Object(object)
}
