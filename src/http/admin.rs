//! `/live`, `/ready` and `/metrics`, and what operators see and do, on a port that clients cannot reach.
//!
//! Beside the request path. Says «up» or «down» and nothing of why: probes need no more, and whoever may know more reads the log.

use std::{mem::take, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response as AxumResponse},
    routing::get,
};
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::{Operate, StatusProfile, body, connection::Handle, drain::Drain, watch::InFlight};
use crate::telemetry::Metrics;

/// What is sent here is some lines of switches; and it is sent from near by.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The admin port.
pub(super) struct Admin {
    router: Router,
}

/// What is counted here, and who knows of what is counted elsewhere.
type Counted = (Arc<Metrics>, Option<Arc<dyn Operate>>);

// === impl Admin ===

impl Admin {
    pub(super) fn new(drain: Drain, metrics: Arc<Metrics>, operator: Option<Arc<dyn Operate>>) -> Self {
        let mut router = Router::new()
            .route("/live", get(|| async { "up\n" }))
            .route("/ready", get(ready).with_state(drain))
            .route("/metrics", get(render).with_state((metrics, operator.clone())));
        if let Some(operator) = operator {
            let operated = Router::new()
                .route("/", get(page))
                .route("/{name}", get(read).post(change))
                .with_state(operator);
            router = router.merge(operated);
        }
        Self { router }
    }
}

impl Handle for Admin {
    type Body = Body;

    async fn handle(&self, request: &mut Request<Incoming>, _: &mut InFlight) -> Response<Body> {
        let body = match body::read(request.body_mut(), BODY_BYTES_MAX, BODY_TIMEOUT).await {
            Ok(body) => Body::from(body),
            Err(refusal) => return refusal.answer(StatusProfile::Compat).status.into_response(),
        };
        let mut whole = Request::new(body);
        *whole.method_mut() = request.method().clone();
        *whole.uri_mut() = request.uri().clone();
        *whole.headers_mut() = take(request.headers_mut());
        match self.router.clone().oneshot(whole).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn page(State(operator): State<Arc<dyn Operate>>) -> impl IntoResponse {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(operator.page()))
}

async fn read(State(operator): State<Arc<dyn Operate>>, Path(name): Path<String>) -> AxumResponse {
    match operator.read(&name) {
        Some(value) => json(StatusCode::OK, &value),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn change(
    State(operator): State<Arc<dyn Operate>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> AxumResponse {
    // A page of another site can send its visitor's browser here, but not with this content type.
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !content_type.is_some_and(|value| value.starts_with(b"application/json")) {
        let why = "the content type must be application/json";
        return json(StatusCode::UNSUPPORTED_MEDIA_TYPE, &serde_json::json!({ "error": why }));
    }
    let changed = tokio::task::spawn_blocking(move || operator.change(&name, &body)).await;
    match changed {
        Ok(Some(Ok(value))) => json(StatusCode::OK, &value),
        Ok(Some(Err(why))) => json(StatusCode::BAD_REQUEST, &serde_json::json!({ "error": why })),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> AxumResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, format!("{value}\n")).into_response()
}

async fn ready(State(drain): State<Drain>) -> (StatusCode, &'static str) {
    if drain.is_ready() {
        (StatusCode::OK, "up\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "down\n")
    }
}

async fn render(State((metrics, operator)): State<Counted>) -> impl IntoResponse {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    let scraped = operator.map(|operator| operator.metrics()).unwrap_or_default();
    ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.render_with(scraped))
}
