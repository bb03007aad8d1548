//! The tokens of a text, whether it is GraphQL or not.
//!
//! For what is to be known of a text before it is parsed, and what the library's parser does not tell. <https://spec.graphql.org/September2025/#sec-Language.Source-Text>

/// The tokens of a document: what each begins with, where, and its bytes.
pub(crate) struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

// === impl Tokens ===

impl<'t> Tokens<'t> {
    /// Those of a text.
    pub(crate) fn of(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, usize, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let kind = KINDS[usize::from(*self.text.get(at)?)];
        let length = length(kind, &self.text[at..]);
        self.at += length;
        Some((kind, at, length))
    }
}

/// What a token begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Blank,
    Comma,
    Comment,
    Name,
    Number,
    Text,
    Open,
    Close,
    Other,
}

// === impl Kind ===

impl Kind {
    /// Whether it is more than what stands between others.
    pub(crate) fn is_said(self) -> bool {
        !matches!(self, Self::Blank | Self::Comma | Self::Comment)
    }
}

/// By first byte. The byte order mark is the only blank of several bytes.
static KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b' ' | b'\t' | b'\r' | b'\n' | BOM => Kind::Blank,
            b',' => Kind::Comma,
            b'#' => Kind::Comment,
            b'_' | b'A'..=b'Z' | b'a'..=b'z' => Kind::Name,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'"' => Kind::Text,
            b'{' | b'[' | b'(' => Kind::Open,
            b'}' | b']' | b')' => Kind::Close,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

/// First byte of the byte order mark; other characters that begin with it are nowhere but in texts and comments of what is GraphQL.
const BOM: u8 = 0xEF;

/// Bytes of the token that `text` begins with; at least one.
fn length(kind: Kind, text: &[u8]) -> usize {
    let run = |goes_on: fn(u8) -> bool| {
        let rest = text[1..].iter().position(|byte| !goes_on(*byte));
        rest.map_or(text.len(), |length| length + 1)
    };
    match kind {
        Kind::Blank => run(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | BOM | 0xBB | 0xBF)),
        Kind::Comment => run(|byte| !matches!(byte, b'\r' | b'\n')),
        Kind::Name => run(|byte| byte == b'_' || byte.is_ascii_alphanumeric()),
        Kind::Number => run(|byte| matches!(byte, b'.' | b'+' | b'-' | b'_') || byte.is_ascii_alphanumeric()),
        Kind::Text => text_length(text),
        Kind::Other if text.starts_with(b"...") => 3,
        Kind::Comma | Kind::Open | Kind::Close | Kind::Other => 1,
    }
}

/// Bytes of a string, quotes included; of one without an end, all that could be meant.
fn text_length(text: &[u8]) -> usize {
    let is_block = text.starts_with(b"\"\"\"");
    let mut at = if is_block { 3 } else { 1 };
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if is_block && text[at..].starts_with(b"\\\"\"\"") => at += 4,
            b'\\' if !is_block => at += 2,
            b'"' if !is_block => return at + 1,
            b'"' if is_block && text[at..].starts_with(b"\"\"\"") => return at + 3,
            b'\r' | b'\n' if !is_block => return at,
            _ => at += 1,
        }
    }
    text.len()
}
