//! Texts inside a schema file that know where each of their bytes stands.
//!
//! A mapping is written in a GraphQL string, quoted with escapes or as a block with its indentation removed. A problem
//! inside it must point into the file, so decoding keeps a map.

use std::ops::Range;

use apollo_compiler::{Node, ast::Value};

use super::{files::Files, model::Place};

/// A decoded string that knows where each of its characters stands in the file.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// What it says.
    pub value: String,
    /// For each byte of `value`: where the character that it belongs to is written.
    written: Vec<Range<usize>>,
    /// The whole literal with its quotes.
    pub place: Place,
}

/// What decoding builds.
#[derive(Default)]
struct Decoded {
    value: String,
    written: Vec<Range<usize>>,
}

// === impl Text ===

impl Text {
    /// The text of a string literal; `None` for other values.
    pub(crate) fn new(files: &Files, node: &Node<Value>) -> Option<Self> {
        let Value::String(value) = &**node else {
            return None;
        };
        let place = files.place(node.location());
        let decoded = decode(files.slice(&place), place.span.start);
        if decoded.value == *value {
            return Some(Self {
                value: decoded.value,
                written: decoded.written,
                place,
            });
        }
        // Both decoders follow one specification; should they differ, the value counts and places are coarse.
        Some(Self {
            written: vec![place.span.clone(); value.len()],
            value: value.clone(),
            place,
        })
    }

    /// The place of a byte range of the value. Behind the last character: that character, or the literal if it is empty.
    pub(crate) fn place(&self, range: &Range<usize>) -> Place {
        let Some(last) = self.written.len().checked_sub(1) else {
            return self.place.clone();
        };
        let start = self.written[range.start.min(last)].start;
        let end = self.written[range.end.saturating_sub(1).clamp(range.start.min(last), last)].end;
        Place {
            file: self.place.file,
            span: start..end.max(start),
        }
    }

    /// The place of a span of a mapping that was parsed from this text.
    pub(crate) fn span(&self, span: &crate::mapping::Span) -> Place {
        self.place(&(span.start as usize..span.end as usize))
    }

    /// A part of the text as a text of its own.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        Self {
            value: self.value[range.clone()].to_owned(),
            written: self.written[range.clone()].to_vec(),
            place: self.place(&range),
        }
    }
}

// === impl Decoded ===

impl Decoded {
    /// Adds a character that is written at `at`.
    fn push(&mut self, character: char, at: Range<usize>) {
        self.value.push(character);
        self.written.extend(std::iter::repeat_n(at, character.len_utf8()));
    }
}

/// Decodes a literal with its quotes. `base` is its offset in the file.
fn decode(raw: &str, base: usize) -> Decoded {
    match raw.strip_prefix("\"\"\"") {
        Some(rest) => decode_block(rest.strip_suffix("\"\"\"").unwrap_or(rest), base + 3),
        None => decode_quoted(raw.get(1..).unwrap_or_default(), base + 1),
    }
}

/// <https://spec.graphql.org/October2021/#sec-String-Value.Static-Semantics>
fn decode_quoted(raw: &str, base: usize) -> Decoded {
    let mut decoded = Decoded::default();
    let mut characters = raw.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => break,
            '\\' => {
                let mut length = 2;
                let escaped = match characters.next().map(|(_, escape)| escape) {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('b') => '\u{8}',
                    Some('f') => '\u{c}',
                    Some('u') => {
                        let (escaped, digits) = unicode_escape(&raw[index + 2..]);
                        for _ in 0..digits {
                            characters.next();
                        }
                        length += digits;
                        escaped
                    }
                    Some(other) => other,
                    None => break,
                };
                decoded.push(escaped, base + index..base + index + length);
            }
            plain => decoded.push(plain, base + index..base + index + plain.len_utf8()),
        }
    }
    decoded
}

/// The character of `XXXX`, `{X…}` or a surrogate pair `XXXX\uXXXX`, and how many characters follow the `u`.
fn unicode_escape(raw: &str) -> (char, usize) {
    let hex = |digits: Option<&str>| digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if let Some(rest) = raw.strip_prefix('{') {
        let length = rest.find('}').unwrap_or(0);
        let code = hex(rest.get(..length)).and_then(char::from_u32);
        return (code.unwrap_or(char::REPLACEMENT_CHARACTER), length + 2);
    }
    let Some(first) = hex(raw.get(..4)) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if let Some(character) = char::from_u32(first) {
        return (character, 4);
    }
    let second = raw
        .get(4..6)
        .filter(|text| *text == "\\u")
        .and_then(|_| hex(raw.get(6..10)));
    let pair = second.and_then(|second| {
        char::decode_utf16([first as u16, second as u16])
            .next()
            .and_then(Result::ok)
    });
    pair.map_or((char::REPLACEMENT_CHARACTER, 4), |character| (character, 10))
}

/// <https://spec.graphql.org/October2021/#BlockStringValue()>
fn decode_block(raw: &str, base: usize) -> Decoded {
    let lines = block_lines(raw);
    let indent = lines
        .iter()
        .skip(1)
        .filter_map(|line| raw[line.clone()].find(|c| c != ' ' && c != '\t'))
        .min()
        .unwrap_or(0);
    let blank = |line: &Range<usize>| raw[line.clone()].chars().all(|c| c == ' ' || c == '\t');
    let first = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let last = lines
        .iter()
        .rposition(|line| !blank(line))
        .map_or(first, |last| last + 1);

    let mut decoded = Decoded::default();
    for (number, line) in lines.iter().enumerate().take(last).skip(first) {
        if number > first {
            let end = base + lines[number - 1].end;
            decoded.push('\n', end..end + 1);
        }
        let start = if number == 0 {
            line.start
        } else {
            (line.start + indent).min(line.end)
        };
        push_block_line(&mut decoded, &raw[start..line.end], base + start);
    }
    decoded
}

fn push_block_line(decoded: &mut Decoded, line: &str, base: usize) {
    let mut skipped_to = 0;
    for (index, character) in line.char_indices() {
        if index < skipped_to {
            continue;
        }
        if line[index..].starts_with("\\\"\"\"") {
            for _ in 0..3 {
                decoded.push('"', base + index..base + index + 4);
            }
            skipped_to = index + 4;
        } else {
            decoded.push(character, base + index..base + index + character.len_utf8());
        }
    }
}

/// Ranges of the lines of a block string, without their line ends.
fn block_lines(raw: &str) -> Vec<Range<usize>> {
    let bytes = raw.as_bytes();
    let mut lines = Vec::new();
    let (mut start, mut index) = (0, 0);
    while index < bytes.len() {
        let width = match bytes[index] {
            b'\r' if bytes.get(index + 1) == Some(&b'\n') => 2,
            b'\r' | b'\n' => 1,
            _ => 0,
        };
        if width > 0 {
            lines.push(start..index);
            start = index + width;
        }
        index += width.max(1);
    }
    lines.push(start..raw.len());
    lines
}

#[cfg(test)]
mod tests;
