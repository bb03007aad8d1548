//! Which headers a request has, of those that are looked at.
//!
//! Found in one pass before anything is looked up: a request has a handful of headers and few of these, and each look-up that finds nothing costs as
//! much as the pass.

use http::HeaderMap;

/// A header that is looked at.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Known {
    Accept = 1,
    AcceptEncoding = 2,
    ContentEncoding = 4,
    Expect = 8,
    RequestId = 16,
    ClientName = 32,
    Baggage = 64,
}

/// What was seen of a request's headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    known: u8,
    /// Whether there is one content type, and that is JSON without more ado.
    pub(super) is_json: bool,
    /// Bytes of all names and values.
    pub(super) bytes: usize,
    /// How many there are.
    pub(super) count: usize,
}

// === impl Seen ===

impl Seen {
    /// Looks through all headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut seen = Self {
            known: 0,
            is_json: false,
            bytes: 0,
            count: headers.len(),
        };
        let mut content_types = 0;
        for (name, value) in headers {
            let name = name.as_str();
            seen.bytes += name.len() + value.len();
            seen.known |= match name {
                "baggage" => Known::Baggage as u8,
                "accept" => Known::Accept as u8,
                "accept-encoding" => Known::AcceptEncoding as u8,
                "content-encoding" => Known::ContentEncoding as u8,
                "expect" => Known::Expect as u8,
                "apollographql-client-name" | "graphql-client-name" => Known::ClientName as u8,
                "x-request-id" => Known::RequestId as u8,
                "content-type" => {
                    content_types += 1;
                    seen.is_json = content_types == 1 && value.as_bytes() == b"application/json";
                    0
                }
                _ => 0,
            };
        }
        seen
    }

    /// Whether there is at least one of these.
    pub(super) fn has(self, header: Known) -> bool {
        self.known & header as u8 != 0
    }
}
