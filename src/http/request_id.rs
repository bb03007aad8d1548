//! The id that ties an answer to its log lines.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::seen::{Known, Seen};

/// Carries the id in requests and answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a client.
const CLIENT_ID_BYTES_MAX: usize = 64;

/// Crockford's base 32: no two characters look alike when read out.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Ids of this process start with this: 6 digits of a hash of its start.
static PREFIX: LazyLock<[u8; 6]> = LazyLock::new(|| {
    use std::hash::{BuildHasher as _, RandomState};

    // `RandomState` is seeded by the system; the time keeps two processes apart even if it is not.
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let bits = RandomState::new().hash_one((std::process::id(), time));
    std::array::from_fn(|digit| DIGITS[(bits >> (5 * digit)) as usize & 31])
});

static COUNT: AtomicU64 = AtomicU64::new(0);

/// The request's own id if it has a sane one, or a new one, which is then also put among its headers for whoever forwards them.
pub(super) fn assign(headers: &mut HeaderMap, seen: Seen) -> HeaderValue {
    if seen.has(Known::RequestId)
        && let Some(id) = headers.get(REQUEST_ID).filter(|id| is_sane(id.as_bytes()))
    {
        return id.clone();
    }
    let id = next();
    headers.insert(REQUEST_ID, id.clone());
    id
}

fn is_sane(id: &[u8]) -> bool {
    (1..=CLIENT_ID_BYTES_MAX).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The process's prefix and a count of 7 digits, which goes round after 34 thousand million requests.
pub(super) fn next() -> HeaderValue {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut id = [0; 13];
    id[..6].copy_from_slice(&*PREFIX);
    for (place, digit) in id[6..].iter_mut().rev().enumerate() {
        *digit = DIGITS[(count >> (5 * place)) as usize & 31];
    }
    HeaderValue::from_bytes(&id).expect("digits and letters are a header value")
}
