//! What hyper refuses before any handler of ours has seen it: a head that is no HTTP, or larger than its buffer. Its answers have neither body nor id.

use memchr::memmem;

use crate::http::{
    StatusProfile,
    refusal::Refusal,
    request_id::{self, REQUEST_ID},
    watch::BareRefusal,
};

/// How such an answer begins: nothing but refusals of clients is written so.
const BEGINS: &[u8] = b"HTTP/1.1 4";

/// What it says of its body.
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// Whether it is worth looking closer.
pub(super) fn may_be(written: &[u8]) -> bool {
    written.starts_with(BEGINS)
}

/// The same refusal with a body in JSON and an id, if it is one of hyper's own. `in_first_line`: of what was too large nothing but the URI has been seen.
pub(super) fn with_body(head: &[u8], in_first_line: bool) -> Option<(BareRefusal, Vec<u8>)> {
    let is_ours = || memmem::find(head, REQUEST_ID.as_str().as_bytes()).is_some();
    if !head.ends_with(b"\r\n\r\n") || is_ours() {
        return None;
    }
    let start = memmem::find(head, NO_BODY)?;
    let lines_from = memmem::find(head, b"\r\n")? + 2;
    let refusal = match &head[BEGINS.len() - 1..BEGINS.len() + 2] {
        b"431" if in_first_line => Refusal::UriTooLong,
        b"414" => Refusal::UriTooLong,
        b"431" => Refusal::HeadersTooLarge,
        b"400" => Refusal::NotHttp,
        _ => return None,
    };
    let answer = refusal.answer(StatusProfile::Compat);
    let (body, id) = (answer.body(), request_id::next());
    let mut out = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n{REQUEST_ID}: ",
        answer.status,
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&head[lines_from..start]);
    out.extend_from_slice(&head[start + NO_BODY.len()..]);
    out.extend_from_slice(&body);
    let status = answer.status;
    Some((BareRefusal { id, status }, out))
}
