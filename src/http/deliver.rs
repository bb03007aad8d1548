//! An answer on its way out: what caches may do with it, whether the client has it already, compression.
//!
//! After the engine, around `encode`. What an answer has beside its body is decided here; nothing is made that nobody asked for.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::Full;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    StatusProfile,
    accept::Media,
    coding::{Coding, Compressor},
    encode,
    seen::{Known, Seen},
    unwritten::Unwritten,
};
use crate::engine::{self, CacheControl, Caching, Outcome};

/// What a request says of how its answer may come. Taken before the request is given away.
pub(super) struct Wishes {
    is_get: bool,
    coding: Option<Coding>,
    /// `If-None-Match`: what the client has.
    known: Vec<HeaderValue>,
}

/// Makes the HTTP answer.
///
/// # Cancel safety
/// Nothing is lost but the answer.
pub(super) async fn deliver(
    mut answer: Box<engine::Response>,
    media: Media,
    profile: StatusProfile,
    id: HeaderValue,
    wishes: Wishes,
    (compressor, unwritten): (&Compressor, &Arc<Unwritten>),
) -> Response<Full<Bytes>> {
    let caching = std::mem::take(&mut answer.caching);
    let may_be_coded = compressor.takes(answer.body.len());
    let is_whole = answer.outcome == Outcome::Data && !answer.degraded;
    let tag = (wishes.is_get && is_whole).then(|| tag(&answer.body, media, &caching));
    if let Some(tag) = tag.as_ref().filter(|tag| wishes.has(tag)) {
        let notices = std::mem::take(&mut answer.headers);
        let mut http = encode::not_modified(id);
        let headers = http.headers_mut();
        for (name, value) in notices {
            headers.append(name, value);
        }
        headers.insert(header::ETAG, tag.clone());
        describe(headers, &caching, true, may_be_coded);
        return http;
    }
    let coding = wishes.coding.filter(|_| may_be_coded);
    let coded = match coding {
        Some(coding) => compressed(coding, &answer.body, &caching, compressor).await,
        None => None,
    };
    let is_coded = coded.is_some();
    if let Some(coded) = coded {
        answer.body = coded;
    }
    answer.body = unwritten.count(answer.body);
    let mut http = encode::answer(*answer, media, profile, id);
    let headers = http.headers_mut();
    if let Some(coding) = coding.filter(|_| is_coded) {
        headers.insert(header::CONTENT_ENCODING, coding.value());
    }
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    let is_reused = wishes.is_get || caching.control != CacheControl::NoStore;
    describe(headers, &caching, is_reused || is_coded, may_be_coded);
    http
}

/// Adds what caches go by to headers that keep them from it. `varies`: whether somebody could give the answer to another request.
fn describe(headers: &mut HeaderMap, caching: &Caching, varies: bool, may_be_coded: bool) {
    if caching.control != CacheControl::NoStore {
        headers.insert(header::CACHE_CONTROL, caching.control.value());
    }
    if let Some(age) = caching.age.filter(|_| caching.control != CacheControl::NoStore) {
        headers.insert(header::AGE, HeaderValue::from(age));
    }
    if !varies {
        return;
    }
    let ours = if may_be_coded {
        "accept, accept-encoding"
    } else {
        "accept"
    };
    let vary = match &caching.vary {
        None => HeaderValue::from_static(ours),
        Some(all) if all == "*" => all.clone(),
        Some(names) => HeaderValue::from_bytes(&[ours.as_bytes(), b", ", names.as_bytes()].concat())
            .expect("both are names of headers"),
    };
    headers.append(header::VARY, vary);
}

/// The body compressed, made once where the answer is kept.
async fn compressed(coding: Coding, body: &Bytes, caching: &Caching, compressor: &Compressor) -> Option<Bytes> {
    let Some(kept) = caching.forms.as_ref().map(|forms| &forms.compressed[coding as usize]) else {
        return compressor.compress(coding, body).await;
    };
    if let Some(known) = kept.get() {
        return known.clone();
    }
    let made = compressor.compress(coding, body).await;
    // `None` may only mean that there was too much to do.
    if made.is_some() {
        let _ = kept.set(made.clone());
    }
    made
}

/// The entity tag of an answer: the same in all processes, and for all codings, which weak ones may be.
fn tag(body: &Bytes, media: Media, caching: &Caching) -> HeaderValue {
    let digest = match &caching.forms {
        Some(forms) => *forms.digest.get_or_init(|| xxh3_128(body)),
        None => xxh3_128(body),
    };
    let kind = match media {
        Media::GraphqlResponse => 'g',
        Media::Json => 'j',
    };
    HeaderValue::try_from(format!("W/\"{digest:032x}{kind}\"")).expect("hexadecimal digits")
}

// === impl Wishes ===

impl Wishes {
    /// What a request says.
    pub(super) fn of(method: &Method, headers: &HeaderMap, seen: Seen, compressor: &Compressor) -> Self {
        let is_get = *method == Method::GET;
        let known = match is_get {
            true => headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect(),
            false => Vec::new(),
        };
        Self {
            is_get,
            coding: seen
                .has(Known::AcceptEncoding)
                .then(|| compressor.wanted(headers))
                .flatten(),
            known,
        }
    }

    /// Whether the client has an answer with this tag. Weak comparison: <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>
    fn has(&self, tag: &HeaderValue) -> bool {
        let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
        let wanted = opaque(tag.as_bytes());
        self.known
            .iter()
            // Ours have no comma in them.
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|known| known == b"*" || opaque(known) == wanted)
    }
}
