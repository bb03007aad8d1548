//! Which media type a client wants its answer in.
//!
//! After routing, before decoding: a request nobody could read the answer of is not run.

use http::{HeaderMap, HeaderValue, header};

use super::StatusProfile;

/// A media type that answers can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: tells an answer of ours from one of a proxy, so its status may say more.
    GraphqlResponse,
    /// `application/json`.
    Json,
}

const GRAPHQL_RESPONSE: &[u8] = b"application/graphql-response+json";

/// How much a client wants one media type.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
struct Wish {
    quality: f32,
    /// 0: not mentioned, 1: `*/*`, 2: `application/*`, 3: by name.
    precision: u8,
}

/// The media type for the answer; `None` when the client accepts neither.
///
/// By quality; of two that are equal, the one wanted by name; of two named, `graphql-response+json`. A client that does not care gets what its
/// profile is made for: the public audit asks for `application/json`, the draft of 2026 for the other.
pub(super) fn negotiate(headers: &HeaderMap, profile: StatusProfile) -> Option<Media> {
    let default = match profile {
        StatusProfile::Compat => Media::Json,
        StatusProfile::Draft2026 => Media::GraphqlResponse,
    };
    let mut lines = headers
        .get_all(header::ACCEPT)
        .iter()
        .map(HeaderValue::as_bytes);
    let (first, second) = (lines.next(), lines.next());
    match (first, second) {
        (None | Some(b"" | b"*/*"), None) => return Some(default),
        (Some(b"application/json"), None) => return Some(Media::Json),
        // Named first and without a quality: nothing behind it can be wanted more. So ask the clients in use.
        (Some(line), _) if line.strip_prefix(GRAPHQL_RESPONSE).is_some_and(|rest| matches!(rest, [] | [b',', ..])) => {
            return Some(Media::GraphqlResponse);
        }
        _ => {}
    }
    let mut graphql = Wish::default();
    let mut json = Wish::default();
    for range in first
        .into_iter()
        .chain(second)
        .chain(lines)
        .flat_map(split_ranges)
    {
        if range
            .name
            .eq_ignore_ascii_case(GRAPHQL_RESPONSE)
        {
            graphql.hear(range.quality, 3);
        } else if range.name.eq_ignore_ascii_case(b"application/json") {
            json.hear(range.quality, 3);
        } else if range.name.eq_ignore_ascii_case(b"application/*") {
            graphql.hear(range.quality, 2);
            json.hear(range.quality, 2);
        } else if range.name == b"*/*" {
            graphql.hear(range.quality, 1);
            json.hear(range.quality, 1);
        }
    }
    match (graphql.quality > 0.0, json.quality > 0.0) {
        (false, false) => None,
        (true, false) => Some(Media::GraphqlResponse),
        (false, true) => Some(Media::Json),
        (true, true) if graphql == json && graphql.precision < 3 => Some(default),
        (true, true) if graphql >= json => Some(Media::GraphqlResponse),
        (true, true) => Some(Media::Json),
    }
}

/// One entry of `Accept`.
struct Range<'a> {
    name: &'a [u8],
    quality: f32,
}

fn split_ranges(line: &[u8]) -> impl Iterator<Item = Range<'_>> {
    line.split(|byte| *byte == b',').filter_map(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let quality = parts
            .filter_map(|parameter| {
                parameter
                    .strip_prefix(b"q=")
                    .or_else(|| parameter.strip_prefix(b"Q="))
            })
            .find_map(|quality| std::str::from_utf8(quality).ok()?.parse::<f32>().ok())
            .filter(|quality| quality.is_finite())
            .map_or(1.0, |quality| quality.clamp(0.0, 1.0));
        Some(Range { name, quality })
    })
}

// === impl Wish ===

impl Wish {
    /// The most precise range decides, whatever its quality.
    fn hear(&mut self, quality: f32, precision: u8) {
        if precision > self.precision {
            *self = Self { quality, precision };
        }
    }
}

#[cfg(test)]
mod tests;
