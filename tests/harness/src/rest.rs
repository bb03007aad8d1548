//! What all REST backends share: every call goes past the [`Control`], answers and errors are JSON.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{StatusCode, header::CONTENT_TYPE, request::Parts};
use serde_json::json;

use crate::{
    control::{Call, Control},
    query::Query,
};

const BODY_BYTES_MAX: usize = 1 << 20;

/// Query parameters that name what is asked for.
const KEY_PARAMETERS: [&str; 3] = ["id", "user", "userId"];

/// A refusal with the error body that all REST backends share: `{"error": {"code", "message"}}`.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) &'static str, pub(crate) String);

// === impl Refusal ===

impl Refusal {
    pub(crate) fn not_found(what: &str) -> Self {
        Self(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("there is no {what} of this id"),
        )
    }

    pub(crate) fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, code, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        json_response(
            status,
            json!({ "error": { "code": code, "message": message } }).to_string(),
        )
    }
}

/// Puts every route of `router` behind `control`.
pub(crate) fn observed(router: Router, control: Arc<Control>) -> Router {
    router.layer(from_fn_with_state(control, observe))
}

async fn observe(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let template = parts
        .extensions
        .get::<MatchedPath>()
        .map_or(parts.uri.path(), MatchedPath::as_str)
        .to_owned();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match control.admit(seen(&control, &template, &parts, body.clone())).await {
        Ok(admitted) => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            admitted.finish();
            response
        }
        Err(status) => injected(status),
    }
}

/// The log entry of a call; without a log nothing is copied.
pub(crate) fn seen(control: &Control, template: &str, parts: &Parts, body: Bytes) -> Call {
    let route: Arc<str> = format!("{} {template}", parts.method).into();
    let method = parts.method.clone();
    if !control.keeps_log() {
        return Call {
            route,
            method,
            path_and_query: String::new(),
            headers: Default::default(),
            body,
            keys: Vec::new(),
        };
    }
    let path_and_query = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    Call {
        route,
        method,
        path_and_query,
        headers: parts.headers.clone(),
        body,
        keys: keys(template, parts),
    }
}

fn keys(template: &str, parts: &Parts) -> Vec<String> {
    let captured = template
        .split('/')
        .zip(parts.uri.path().split('/'))
        .filter(|(name, _)| name.starts_with('{'));
    let mut keys: Vec<_> = captured.map(|(_, value)| value.to_owned()).collect();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    keys.extend(
        KEY_PARAMETERS
            .iter()
            .flat_map(|name| query.all(name))
            .map(str::to_owned),
    );
    keys
}

/// The answer to a call that was told to fail.
pub(crate) fn injected(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refusal(status, "INJECTED_FAILURE", "this backend was told to fail".to_owned()).into_response()
}

/// An answer of ready-made JSON.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// `{"name":[item,item]}` of ready-made items.
pub(crate) fn json_list<'a>(name: &str, items: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = format!("{{\"{name}\":[");
    push_joined(&mut text, items);
    text.push_str("]}");
    text
}

/// Appends the items with commas between them.
pub(crate) fn push_joined<'a>(text: &mut String, items: impl IntoIterator<Item = &'a str>) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
}
