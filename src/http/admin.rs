//! `/live`, `/ready` and `/metrics`, on a port that clients cannot reach.
//!
//! Beside the request path. Says «up» or «down» and nothing of why: probes need no more, and whoever may know more reads the log.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::{connection::Handle, drain::Drain, watch::Watch};
use crate::telemetry::Metrics;

/// The admin port.
pub(super) struct Admin {
    router: Router,
}

// === impl Admin ===

impl Admin {
    pub(super) fn new(drain: Drain, metrics: Arc<Metrics>) -> Self {
        let router = Router::new()
            .route("/live", get(|| async { "up\n" }))
            .route("/ready", get(ready).with_state(drain))
            .route("/metrics", get(render).with_state(metrics));
        Self { router }
    }
}

impl Handle for Admin {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, watch: &Watch) -> Response<Body> {
        let _in_flight = watch.enter();
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn ready(State(drain): State<Drain>) -> (StatusCode, &'static str) {
    if drain.is_ready() {
        (StatusCode::OK, "up\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "down\n")
    }
}

async fn render(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.render())
}
