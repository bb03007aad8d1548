//! HTTP → [`engine::Request`]: method, content type, body or query string.
//!
//! After `stack`, before the engine. What is wrong here is the client's fault and ends the request with a [`Refusal`].

use std::{mem::take, net::IpAddr, sync::Arc};

use http::{HeaderMap, Method, header};
use hyper::body::Incoming;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Settings, body, json, params,
    refusal::Refusal,
    seen::{Known, Seen},
};
use crate::{
    engine::{self, OnError},
    identity::Caller,
};

/// What a request says, whichever way it came.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) query: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Option<Map<String, Value>>,
    pub(super) extensions: Option<Map<String, Value>>,
    pub(super) document_id: Option<String>,
    pub(super) on_error: OnError,
}

/// What HTTP brought.
pub(super) enum Decoded {
    /// A request. In a box: it is large, and passes through many hands.
    One(Box<engine::Request>),
    /// Several, in their order. Those that are none are refused in their places.
    Several(Vec<Result<engine::Request, Refusal>>),
}

/// What all requests of one body have alike.
#[derive(Clone)]
struct Common {
    surface: usize,
    queries_only: bool,
    headers: Arc<HeaderMap>,
    deadline: Instant,
}

/// Reads a GET or POST. Takes its headers.
pub(super) async fn decode(
    http: &mut http::Request<Incoming>,
    surface: usize,
    (body_bytes_max, seen): (usize, Seen),
    settings: &Settings,
    deadline: Instant,
) -> Result<Decoded, Refusal> {
    let queries_only = *http.method() == Method::GET;
    let read = if queries_only {
        check_content_type(http.headers(), seen, Presence::Optional)?;
        json::Read::One(Box::new(params::parse(http.uri().query().unwrap_or_default())?))
    } else {
        check_content_type(http.headers(), seen, Presence::Required)?;
        if seen.has(Known::ContentEncoding) {
            check_content_encoding(http.headers())?;
        }
        let body = body::read(http.body_mut(), body_bytes_max, settings.body_timeout).await?;
        json::parse(&body, settings.batch_max)?
    };
    let common = Common {
        surface,
        queries_only,
        headers: Arc::new(take(http.headers_mut())),
        deadline,
    };
    match read {
        json::Read::One(fields) => request(*fields, common).map(Box::new).map(Decoded::One),
        json::Read::Several(all) => {
            let requests = all.into_iter().map(|fields| request(*fields?, common.clone()));
            Ok(Decoded::Several(requests.collect()))
        }
    }
}

fn request(fields: Fields, common: Common) -> Result<engine::Request, Refusal> {
    if !fields.names_a_document() {
        return Err(Refusal::Shape("`query` or `documentId` is missing"));
    }
    let Fields {
        query,
        operation_name,
        variables,
        extensions,
        document_id,
        on_error,
    } = fields;
    let Common {
        surface,
        queries_only,
        headers,
        deadline,
    } = common;
    Ok(engine::Request {
        surface,
        query,
        operation_name,
        variables,
        extensions,
        document_id,
        on_error,
        queries_only,
        headers,
        peer: None,
        caller: Caller::anonymous(),
        standing: engine::Standing::default(),
        deadline,
    })
}

enum Presence {
    Required,
    Optional,
}

/// Browsers send three content types, and none at all, to other sites without asking them first. Taking only JSON, also beside a GET, keeps pages of
/// others from using their visitors' cookies here.
fn check_content_type(headers: &HeaderMap, seen: Seen, presence: Presence) -> Result<(), Refusal> {
    if seen.is_json {
        return Ok(());
    }
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let is_json = match (values.next(), values.next(), presence) {
        (None, _, Presence::Optional) => true,
        (Some(value), None, _) => is_json(value.as_bytes()),
        _ => false,
    };
    if is_json { Ok(()) } else { Err(Refusal::ContentType) }
}

/// `application/json`, with `charset=utf-8` if any.
fn is_json(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(b"application/json"))
        && parts.all(|parameter| match parameter.iter().position(|byte| *byte == b'=') {
            Some(equals) if parameter[..equals].eq_ignore_ascii_case(b"charset") => {
                let charset = &parameter[equals + 1..];
                let charset = charset
                    .strip_prefix(b"\"")
                    .and_then(|quoted| quoted.strip_suffix(b"\""))
                    .unwrap_or(charset);
                charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8")
            }
            _ => true,
        })
}

/// A body that grows while it is read is not taken: clients do not compress requests of a few kilobytes.
fn check_content_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_plain {
        Ok(())
    } else {
        Err(Refusal::ContentEncoding)
    }
}

// === impl Decoded ===

impl Decoded {
    /// Notes who sent it, and how they stand.
    pub(super) fn is_from(&mut self, peer: Option<IpAddr>, caller: &Arc<Caller>, standing: &engine::Standing) {
        let note = |request: &mut engine::Request| {
            request.peer = peer;
            request.caller = caller.clone();
            request.standing = standing.clone();
        };
        match self {
            Self::One(request) => note(request),
            Self::Several(requests) => requests.iter_mut().flatten().for_each(note),
        }
    }
}

// === impl Fields ===

impl Fields {
    /// Whether there is anything the engine could find a document by.
    fn names_a_document(&self) -> bool {
        self.query.is_some()
            || self.document_id.is_some()
            || self
                .extensions
                .as_ref()
                .is_some_and(|extensions| extensions.get("persistedQuery").is_some_and(|query| !query.is_null()))
    }
}
