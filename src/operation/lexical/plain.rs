//! What is allowed in a document and the library's parser does not know.

use std::borrow::Cow;

use crate::schema::tokens::{Kind, Tokens};

/// The same document without commas and descriptions, which mean nothing, and with everything else in its place.
///
/// <https://spec.graphql.org/September2025/#sec-Insignificant-Commas>,
/// <https://spec.graphql.org/September2025/#sec-Descriptions>
pub(in crate::operation) fn plain(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut blanks = Vec::new();
    let (mut open, mut last) = (Vec::new(), 0);
    let mut tokens = Tokens::of(bytes)
        .filter(|(kind, ..)| kind.is_said() || *kind == Kind::Comma)
        .peekable();
    while let Some((kind, at, length)) = tokens.next() {
        let next = tokens.peek().map(|(_, at, length)| &bytes[*at..at + length]);
        let describes = match (open.last(), next) {
            (None, Some(b"query" | b"mutation" | b"subscription" | b"fragment")) => true,
            (Some(b'('), Some(b"$")) => !matches!(last, b':' | b'='),
            _ => false,
        };
        match kind {
            Kind::Comma => {
                blanks.push(at..at + length);
                continue;
            }
            Kind::Text if describes => blanks.push(at..at + length),
            Kind::Open => open.push(bytes[at]),
            Kind::Close => drop(open.pop()),
            _ => {}
        }
        last = bytes[at];
    }
    if blanks.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut done = 0;
    for blank in blanks {
        plain.push_str(&text[done..blank.start]);
        let blanked = text[blank.clone()].bytes().map(|byte| match byte {
            b'\n' | b'\r' => char::from(byte),
            _ => ' ',
        });
        plain.extend(blanked);
        done = blank.end;
    }
    plain.push_str(&text[done..]);
    Cow::Owned(plain)
}
