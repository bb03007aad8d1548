//! What pages of other sites may do here: the guard against requests they make in their visitors' names, and CORS.
//!
//! Beside `decode`. A browser sends some requests to other sites without asking them first. Of those a POST cannot have the content type that `decode` wants; a GET
//! can be anything, so it is judged here.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Settings, refusal::Refusal};

/// Headers that a page of another site cannot send without asking first. What clients of GraphQL send to say so.
const PREFLIGHT_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("x-apollo-operation-name"),
    HeaderName::from_static("graphql-require-preflight"),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What scripts may read beside the body.
const EXPOSED: &str = "x-request-id, retry-after, deprecation, sunset, etag, age, ratelimit, ratelimit-policy, x-ratelimit-limit, \
                       x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-cost-limit, x-ratelimit-cost-remaining";

/// Which sites' pages may read answers. Nobody's by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Exactly as browsers send them: `https://shop.example`, with a port if it is not the scheme's.
    pub origins: Vec<String>,
    /// Whether their requests may carry cookies and the like.
    pub credentials: bool,
    /// How long a browser may remember that it was allowed to ask.
    pub max_age: Duration,
}

// === impl Cors ===

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            credentials: false,
            max_age: Duration::from_secs(600),
        }
    }
}

impl Cors {
    /// The request's origin, if its pages may read the answer. One header, compared as a whole.
    pub(super) fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let is_listed = self.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
        is_listed.then(|| origin.clone())
    }

    /// Adds what the browser wants to know. Without listed origins answers are the same for all and say nothing.
    pub(super) fn add(&self, admitted: Option<HeaderValue>, preflight: Option<Preflight>, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = admitted else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            answer.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        let Some(Preflight { headers, methods }) = preflight else {
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            return;
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        // Whoever is listed may send any header: sources see only those that a schema names.
        if let Some(headers) = headers {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
            answer.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        }
        answer.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(self.max_age.as_secs()),
        );
    }
}

/// A browser's question whether it may send a request.
#[derive(Debug)]
pub(super) struct Preflight {
    headers: Option<HeaderValue>,
    /// What may be done at the path.
    methods: &'static str,
}

// === impl Preflight ===

impl Preflight {
    /// What an OPTIONS asks of a path at which these methods are allowed.
    pub(super) fn of(headers: &HeaderMap, methods: &'static str) -> Option<Self> {
        headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        Some(Self {
            headers: headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            methods,
        })
    }
}

/// Refuses a GET that a page of another site may have made in its visitor's name: one that shows a browser's signs, comes from elsewhere, and could be sent without
/// asking first. Other programs are not concerned: nobody can make them send what they did not mean to.
pub(super) fn check_get(headers: &HeaderMap, settings: &Settings) -> Result<(), Refusal> {
    if !settings.csrf || !may_be_foreign(headers) {
        return Ok(());
    }
    // `decode` takes no content type but JSON's, which cannot be sent without asking.
    let had_to_ask = headers.contains_key(header::CONTENT_TYPE)
        || PREFLIGHT_HEADERS
            .iter()
            .any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
    if had_to_ask || settings.cors.admitted(headers).is_some() {
        return Ok(());
    }
    Err(Refusal::CrossSite)
}

fn may_be_foreign(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        // `none`: typed into the address bar.
        Some(site) => !matches!(site.as_bytes(), b"same-origin" | b"none"),
        // Browsers that do not say so send an `Origin` with what scripts ask for elsewhere, and cookies with the rest.
        None => headers.contains_key(header::ORIGIN) || headers.contains_key(header::COOKIE),
    }
}
