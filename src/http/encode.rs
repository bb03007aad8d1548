//! [`engine::Response`] or a [`Refusal`] → HTTP.
//!
//! Last stage of a request. The two tables of statuses are [`status`] here and [`Refusal::answer`].

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::ext::ReasonPhrase;

use super::{
    StatusProfile,
    accept::Media,
    refusal::{METHODS, Refusal, SESSION_METHODS},
    request_id::REQUEST_ID,
};
use crate::engine::{self, Outcome};

/// Partial success: `data` and `errors`. Not yet in the `http` crate's list.
const PARTIAL_SUCCESS: u16 = 294;

/// The status of an answer of the engine.
///
/// <https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes>
fn status(outcome: Outcome, media: Media, profile: StatusProfile) -> StatusCode {
    use Media::{GraphqlResponse, Json};
    use StatusProfile::{Compat, Draft2026};

    let status = match (outcome, profile, media) {
        (Outcome::Data | Outcome::Several { .. }, ..) | (Outcome::Partial, Compat, _) => 200,
        (Outcome::Partial, Draft2026, _) => PARTIAL_SUCCESS,
        // Clients that know only `application/json` take other statuses for a failure of the network.
        (Outcome::Syntax | Outcome::Invalid, Compat, Json) => 200,
        (Outcome::Syntax | Outcome::Invalid, Compat, GraphqlResponse) | (Outcome::Syntax, Draft2026, _) => 400,
        (Outcome::Invalid, Draft2026, _) => 422,
        (Outcome::MethodNotAllowed, ..) => 405,
        (Outcome::Refused(status) | Outcome::Unavailable(status), ..) => status,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// The content types there are, as places in [`TEMPLATES`].
#[derive(Debug, Clone, Copy)]
enum ContentType {
    Json,
    GraphqlResponse,
}

/// The headers of answers by their content type, with an empty id: a copy of all costs less than putting each in its place. What is in an answer is
/// no page and no script, whatever it looks like: no browser may take it for one. It is kept by nobody who is not told otherwise.
static TEMPLATES: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    [
        "application/json; charset=utf-8",
        "application/graphql-response+json; charset=utf-8",
    ]
    .map(|content_type| {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(REQUEST_ID, HeaderValue::from_static(""));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers
    })
});

/// The content type of an answer. In the draft a client that accepts only `application/json` gets it for success alone: no proxy's error
/// page can then pass for an answer of ours.
fn content_type(status: StatusCode, media: Media, profile: StatusProfile) -> ContentType {
    match (media, profile) {
        (Media::Json, StatusProfile::Draft2026) if !status.is_success() => ContentType::GraphqlResponse,
        (Media::Json, _) => ContentType::Json,
        (Media::GraphqlResponse, _) => ContentType::GraphqlResponse,
    }
}

/// An answer of the engine as HTTP.
pub(super) fn answer(
    response: engine::Response,
    media: Media,
    profile: StatusProfile,
    id: HeaderValue,
) -> Response<Full<Bytes>> {
    let status = status(response.outcome, media, profile);
    let mut http = plain(status, response.body, content_type(status, media, profile), id);
    if response.outcome == Outcome::MethodNotAllowed {
        http.headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if status.as_u16() == PARTIAL_SUCCESS {
        http.extensions_mut()
            .insert(ReasonPhrase::from_static(b"Partial Success"));
    }
    for (name, value) in response.headers {
        http.headers_mut().append(name, value);
    }
    http
}

/// What a client is told who has the answer already.
pub(super) fn not_modified(id: HeaderValue) -> Response<Full<Bytes>> {
    let mut http = Response::new(Full::default());
    *http.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = http.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    http
}

/// A refusal as HTTP. `varies`: whether somebody could give it to another request.
pub(super) fn refusal(
    refusal: Refusal,
    media: Media,
    profile: StatusProfile,
    id: HeaderValue,
    varies: bool,
) -> Response<Full<Bytes>> {
    let answer = refusal.answer(profile);
    let mut http = plain(
        answer.status,
        answer.body(),
        content_type(answer.status, media, profile),
        id,
    );
    if varies {
        http.headers_mut()
            .insert(header::VARY, HeaderValue::from_static("accept"));
    }
    if let Some(allow) = refusal.allow() {
        http.headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(wait) = refusal.retry_after() {
        http.headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    if let Some(challenge) = refusal.challenge() {
        http.headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    http
}

/// The answer to a page that asked for its session's cookie, or to be rid of it.
pub(super) fn session(cookie: Option<HeaderValue>, id: HeaderValue) -> Response<Full<Bytes>> {
    let mut http = options(id);
    let headers = http.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(SESSION_METHODS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    http
}

/// The answer to OPTIONS.
pub(super) fn options(id: HeaderValue) -> Response<Full<Bytes>> {
    let mut http = Response::new(Full::default());
    *http.status_mut() = StatusCode::NO_CONTENT;
    let headers = http.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    http
}

fn plain(status: StatusCode, body: Bytes, content_type: ContentType, id: HeaderValue) -> Response<Full<Bytes>> {
    let mut http = Response::new(Full::new(body));
    *http.status_mut() = status;
    let headers = http.headers_mut();
    headers.clone_from(&TEMPLATES[content_type as usize]);
    headers.insert(REQUEST_ID, id);
    http
}

#[cfg(test)]
mod tests;
