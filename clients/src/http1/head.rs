//! The head of a reply, and how its body is framed.
//!
//! <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use smallvec::SmallVec;

use super::Broken;

/// Headers of a reply; common servers and hyper stop at 100 too.
const HEADERS_MAX: usize = 100;

/// Bytes of a head. Four times what common servers send at most.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The head of a reply.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether the connection may carry another exchange once the body was read.
    pub(super) keeps_alive: bool,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// Where the connection does.
    Close,
}

// === impl Head ===

impl Head {
    /// Takes a head from the front of `buffer`; `None` if there is not all of it yet.
    ///
    /// # Errors
    /// It is no head of HTTP/1, is too large, or says two things of where its body ends.
    pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Broken> {
        let mut lines = [MaybeUninit::<httparse::Header<'_>>::uninit(); HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parsed =
            httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, buffer, &mut lines);
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if buffer.len() > HEAD_BYTES_MAX => {
                return Err(Broken::protocol("the head is too large"));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Broken::protocol(error)),
        };
        let (Some(status), Some(version)) = (response.code, response.version) else {
            return Err(Broken::protocol("the head has no status"));
        };
        // Places instead of borrowed text: values become slices of the buffer, which is not copied.
        let base = buffer.as_ptr().addr();
        let place = |part: &[u8]| (part.as_ptr().addr() - base, part.len());
        let places = response.headers.iter();
        let places: SmallVec<[_; 16]> = places
            .map(|line| (place(line.name.as_bytes()), place(line.value)))
            .collect();
        let head = buffer.split_to(length).freeze();
        let headers = headers(&head, &places)?;
        let (framing, is_clear) = framing(status, &headers)?;
        Ok(Some(Self {
            status,
            framing,
            keeps_alive: is_clear && framing != Framing::Close && keeps_alive(version, &headers),
            headers,
        }))
    }
}

type Place = (usize, usize);

fn headers(head: &Bytes, places: &[(Place, Place)]) -> Result<HeaderMap, Broken> {
    let mut headers = HeaderMap::with_capacity(places.len());
    for ((name, name_bytes), (value, value_bytes)) in places {
        let name = HeaderName::from_bytes(&head[*name..name + name_bytes]).map_err(Broken::protocol)?;
        let value = head.slice(*value..value + value_bytes);
        let value = HeaderValue::from_maybe_shared(value).map_err(Broken::protocol)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Where the body ends, and whether that was said in one way only.
fn framing(status: u16, headers: &HeaderMap) -> Result<(Framing, bool), Broken> {
    let length = content_length(headers)?;
    if matches!(status, 100..200 | 204 | 304) {
        return Ok((Framing::Length(0), true));
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        // The coding wins over the length, as the standard says; whoever sends both is not trusted with another exchange.
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok((Framing::Chunked, length.is_none()))
        }
        (Some(_), _) => Err(Broken::protocol("the transfer coding is not known")),
        (None, _) => Ok((length.map_or(Framing::Close, Framing::Length), true)),
    }
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Broken> {
    let mut found = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for part in value.as_bytes().split(|byte| *byte == b',') {
            let digits = part.trim_ascii();
            let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(digits).ok().filter(|_| is_number);
            let length: Option<u64> = length.and_then(|digits| digits.parse().ok());
            if length.is_none() || found.is_some_and(|found| Some(found) != length) {
                return Err(Broken::protocol("the length of the body is not clear"));
            }
            found = length;
        }
    }
    Ok(found)
}

fn keeps_alive(version: u8, headers: &HeaderMap) -> bool {
    let says = |word: &[u8]| {
        headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(word))
    };
    match version {
        0 => says(b"keep-alive"),
        _ => !says(b"close"),
    }
}

/// The chunk size at the front of `buffer`, taken off it; `None` if its line is not all there.
pub(super) fn take_chunk_size(buffer: &mut BytesMut) -> Result<Option<u64>, Broken> {
    // A size has 16 digits at most; what else may stand in its line nobody uses.
    const LINE_BYTES_MAX: usize = 4 * 1024;
    match httparse::parse_chunk_size(buffer) {
        Ok(httparse::Status::Complete((length, size))) => {
            buffer.advance(length);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if buffer.len() <= LINE_BYTES_MAX => Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => Err(Broken::protocol("the size of a chunk is not a number")),
    }
}

#[cfg(test)]
mod tests;
