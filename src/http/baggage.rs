//! What a client hands on through all services of a trace. A schema may map it to its sources; then each call of each request carries it.

use http::{HeaderMap, HeaderName};

use super::seen::{Known, Seen};

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What whoever takes part must be able to hand on, and so no more: <https://www.w3.org/TR/baggage/#limits>.
const BYTES_MAX: usize = 8 * 1024;

/// Drops baggage that is too large. All of it: what is left of a list that is cut says something else.
pub(super) fn bound(headers: &mut HeaderMap, seen: Seen) {
    if !seen.has(Known::Baggage) {
        return;
    }
    let bytes: usize = headers.get_all(BAGGAGE).iter().map(|value| value.len() + 1).sum();
    if bytes > BYTES_MAX + 1 {
        headers.remove(BAGGAGE);
    }
}
