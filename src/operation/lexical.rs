//! What a document has too much of is counted in its bytes before a tree is made of it: a tree takes many times its size.
//!
//! Only counted, never understood: what is no GraphQL is left to the parser, which says where.

mod plain;

use super::{
    Limits, RequestError, RequestErrorKind,
    error::LimitKind,
    limits::{LimitMode, within},
};
use crate::schema::tokens::{Kind, Tokens};

pub(super) use plain::plain;

/// What a document is made of.
#[derive(Debug, Default)]
struct Counts {
    /// As the parser counts them: each comma, comment and run of blanks is one.
    tokens: usize,
    /// Names behind an `@`.
    directives: u64,
    /// `a: b` outside parentheses.
    aliases: u64,
    /// Bytes of the longest string as it is written.
    text: usize,
    /// Braces within each other where nothing but braces is open.
    braces: usize,
    /// Whether each bracket is closed by one of its kind.
    is_balanced: bool,
}

/// What came last, but for blanks and commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Name,
    /// A colon behind a name.
    Colon,
    At,
    Other,
}

/// Refuses a document with too many bytes, tokens, directives or braces within braces, or too long a string. Of one with too many bytes or tokens it is told what most of them are, if there is
/// a limit on that.
pub(super) fn check(text: &str, limits: &Limits) -> Result<(), RequestError> {
    let counts = Counts::of(text.as_bytes());
    let is_long = is_long(text, limits);
    let has_many = is_long || limits.tokens > 0 && counts.tokens > limits.tokens;
    if limits.mode == LimitMode::Enforce {
        if has_many || counts.tokens > SMALL {
            within(
                "directives",
                counts.directives,
                limits.directives,
                LimitKind::Directives,
            )?;
        }
        if has_many {
            within("aliases", counts.aliases, limits.aliases, LimitKind::Aliases)?;
        }
    }
    if is_long {
        return Err(too_long(text, limits));
    }
    if has_many {
        return Err(too_many_tokens(limits));
    }
    if limits.mode == LimitMode::Enforce && limits.string_bytes > 0 && counts.text / WRITTEN > limits.string_bytes {
        return Err(too_long_string(counts.text, limits));
    }
    if counts.is_balanced && counts.braces > limits.nesting {
        let what = "levels of selections";
        return within(what, counts.braces as u64, limits.nesting as u64, LimitKind::Depth);
    }
    Ok(())
}

/// Whether it has more bytes than it may.
pub(super) fn is_long(text: &str, limits: &Limits) -> bool {
    limits.document_bytes > 0 && text.len() > limits.document_bytes
}

fn too_long(text: &str, limits: &Limits) -> RequestError {
    let message = format!(
        "The document has {} bytes; at most {} are allowed.",
        text.len(),
        limits.document_bytes
    );
    RequestError::new(RequestErrorKind::Limit(LimitKind::DocumentBytes), message)
}

fn too_long_string(bytes: usize, limits: &Limits) -> RequestError {
    let most = limits.string_bytes;
    let message =
        format!("A string of the document is written in {bytes} bytes; at most {most} are allowed in a string.");
    RequestError::new(RequestErrorKind::Limit(LimitKind::StringBytes), message)
}

/// The document has more tokens than it may.
pub(super) fn too_many_tokens(limits: &Limits) -> RequestError {
    let message = format!("the document has more than {} tokens", limits.tokens);
    RequestError::new(RequestErrorKind::Limit(LimitKind::Tokens), message)
}

/// Bytes that one of a string may be written in: `\\u0041`. Only the parser can tell the length of what is not longer than that makes it.
const WRITTEN: usize = 6;

/// Tokens of a document whose tree is small enough to be counted in.
const SMALL: usize = 1_000;

// === impl Counts ===

impl Counts {
    fn of(text: &[u8]) -> Self {
        let mut counts = Self::default();
        let mut open = Vec::new();
        let (mut only_braces, mut is_broken) = (0, false);
        let mut last = Last::Other;
        for (kind, at, length) in Tokens::of(text) {
            let byte = text[at];
            counts.tokens += 1;
            match kind {
                Kind::Blank | Kind::Comma | Kind::Comment => continue,
                Kind::Name => {
                    match last {
                        Last::At => counts.directives += 1,
                        Last::Colon if only_braces == open.len() => counts.aliases += 1,
                        _ => {}
                    }
                    last = Last::Name;
                    continue;
                }
                Kind::Open => {
                    if byte == b'{' && only_braces == open.len() {
                        only_braces += 1;
                        counts.braces = counts.braces.max(only_braces);
                    }
                    open.push(byte);
                }
                Kind::Close => {
                    is_broken |= open.pop() != Some(opposite(byte));
                    only_braces = only_braces.min(open.len());
                }
                Kind::Text => counts.text = counts.text.max(written(&text[at..at + length])),
                Kind::Other | Kind::Number => {}
            }
            last = match (byte, last) {
                (b'@', _) => Last::At,
                (b':', Last::Name) => Last::Colon,
                _ => Last::Other,
            };
        }
        counts.is_balanced = !is_broken && open.is_empty();
        counts
    }
}

/// Bytes that a string is written in, but for the indentation of one in three quotes, which is not part of it; 0 where its end is missing, as the parser says.
fn written(text: &[u8]) -> usize {
    let Some(block) = text.strip_prefix(b"\"\"\"") else {
        return text.len();
    };
    let Some(block) = block.strip_suffix(b"\"\"\"") else {
        return 0;
    };
    let lines = block.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.map(|line| line.trim_ascii_start().len() + 1).sum()
}

fn opposite(close: u8) -> u8 {
    match close {
        b'}' => b'{',
        b']' => b'[',
        _ => b'(',
    }
}

#[cfg(test)]
mod tests;
