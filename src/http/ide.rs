//! A page to try operations with, where a surface is asked for HTML. Whole: it loads nothing from anywhere.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::Full;

use super::request_id::REQUEST_ID;

const PAGE: &str = include_str!("ide/page.html");

const INDEX: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Switchboard</title>\
    <style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;margin:4rem auto;max-width:40rem}</style>\
    <h1>Switchboard</h1><p>There is nothing at this path. These are the surfaces:<ul>";

/// What the page may do: run what stands in it, and ask the surface it came from.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Whether it is a browser that wants to see something, and not a client that asks something.
pub(super) fn is_wanted(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts_html = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("text/html"));
    *method == Method::GET && uri.query().is_none() && headers.get_all(header::ACCEPT).iter().any(accepts_html)
}

/// The page.
pub(super) fn page(id: HeaderValue) -> Response<Full<Bytes>> {
    html(StatusCode::OK, Bytes::from_static(PAGE.as_bytes()), id)
}

/// Where there is nothing: the surfaces that there are. `paths` need no escapes in HTML, or they are not shown.
pub(super) fn index<'a>(paths: impl Iterator<Item = &'a str>, id: HeaderValue) -> Response<Full<Bytes>> {
    let mut text = INDEX.to_owned();
    for path in paths.filter(|path| !path.contains(['<', '>', '&', '"'])) {
        let _ = write!(text, "<li><a href=\"{path}\">{path}</a>");
    }
    html(StatusCode::NOT_FOUND, text.into(), id)
}

fn html(status: StatusCode, text: Bytes, id: HeaderValue) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(text));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(REQUEST_ID, id);
    page
}
