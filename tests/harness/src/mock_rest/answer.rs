//! What a scripted route answers.

use std::io;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

/// What a route answers.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    breaks_off: bool,
}

// === impl Answer ===

impl Answer {
    /// 200 with `content-type: application/json`.
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "so that tests can write `Answer::json(json!(…))`"
    )]
    pub fn json(body: Value) -> Self {
        Self::raw("application/json", body.to_string())
    }

    /// 200 with `content-type: text/plain`.
    #[must_use]
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self::raw("text/plain; charset=utf-8", body)
    }

    /// 200 with this content type and exactly these bytes.
    #[must_use]
    pub fn raw(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self {
            status: StatusCode::OK,
            headers,
            body: body.into(),
            breaks_off: false,
        }
    }

    /// 200 with exactly these bytes and no content type.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..Self::status(200)
        }
    }

    /// This status, no body, no content type.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let answer = Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            breaks_off: false,
        };
        answer.with_status(status)
    }

    /// Changes the status.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status is 100 to 999");
        self
    }

    /// Adds a header. A name may come several times.
    ///
    /// # Panics
    /// When name or value cannot be a header's.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, value.parse().expect("a header value"));
        self
    }

    /// Sends the body but not its end: the connection breaks instead.
    #[must_use]
    pub fn breaking_off(mut self) -> Self {
        self.breaks_off = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = if self.breaks_off {
            let broken = async {
                // hyper sends what it has when the body has no more for now; an error at once would discard it.
                tokio::task::yield_now().await;
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            };
            Body::from_stream(stream::iter([Ok(self.body)]).chain(stream::once(broken)))
        } else {
            Body::from(self.body)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
