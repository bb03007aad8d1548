//! JSON itself: objects, arrays, strings and numbers, each checked while it is passed over.
//! <https://www.rfc-editor.org/rfc/rfc8259>

use super::{ScanError, Scanned, Scanner, Stop};
use crate::mapping::{
    table::{Node, NodeKind},
    text,
};

// === impl Scanner ===

impl<'a> Scanner<'a> {
    /// Calls `each` with every key of the object here (its inside, and whether it has escapes), positioned at the value.
    pub(super) fn object(&mut self, mut each: impl FnMut(&mut Self, &'a [u8], bool) -> Scanned<()>) -> Scanned<()> {
        self.enter()?;
        self.space();
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            let (name, escaped) = self.key()?;
            each(self, name, escaped)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(self.syntax()),
            }
            self.space();
        }
    }

    /// Passes over a key, its colon and the space around; gives its inside, and whether that has escapes.
    pub(super) fn key(&mut self) -> Scanned<(&'a [u8], bool)> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let name = &self.bytes[start..self.at - 1];
        self.space();
        self.expect(b':')?;
        self.space();
        Ok((name, escaped))
    }

    /// Calls `each` at every item of the array here.
    pub(super) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Scanned<()>) -> Scanned<()> {
        self.enter()?;
        self.space();
        if self.peek() == Some(b']') {
            return self.leave();
        }
        let mut count = 0;
        loop {
            count += 1;
            if count > self.limits.list {
                return Err(self.stop(ScanError::ListTooLong(self.at)));
            }
            each(self)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(self.syntax()),
            }
        }
    }

    pub(super) fn enter(&mut self) -> Scanned<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > self.limits.depth {
            Err(self.stop(ScanError::TooDeep(self.at)))
        } else {
            Ok(())
        }
    }

    fn leave(&mut self) -> Scanned<()> {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// Checks the value here and passes over it.
    pub(super) fn skip(&mut self) -> Scanned<Node> {
        self.space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => {
                self.string()?;
                NodeKind::String
            }
            Some(b'{') => {
                self.object(|scanner, _, _| scanner.skip().map(drop))?;
                NodeKind::RawObject
            }
            Some(b'[') => {
                self.array(|scanner| scanner.skip().map(drop))?;
                NodeKind::RawArray
            }
            Some(b't') => self.literal(b"true", NodeKind::True)?,
            Some(b'f') => self.literal(b"false", NodeKind::False)?,
            Some(b'n') => self.literal(b"null", NodeKind::Null)?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                NodeKind::Number
            }
            _ => return Err(self.syntax()),
        };
        Ok(Node::span(kind, self.body, start as u32, (self.at - start) as u32))
    }

    fn literal(&mut self, word: &[u8], kind: NodeKind) -> Scanned<NodeKind> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(kind)
        } else {
            Err(self.syntax())
        }
    }

    fn number(&mut self) -> Scanned<()> {
        let mut at = self.at;
        if self.byte(at) == Some(b'-') {
            at += 1;
        }
        at = match self.byte(at) {
            Some(b'0') => at + 1,
            Some(b'1'..=b'9') => self.digits(at)?,
            _ => return Err(self.syntax_at(at)),
        };
        if self.byte(at) == Some(b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.byte(at) {
            at += 1;
            if let Some(b'+' | b'-') = self.byte(at) {
                at += 1;
            }
            at = self.digits(at)?;
        }
        self.at = at;
        Ok(())
    }

    /// Where the digits that start at `at` end; there must be one.
    #[inline]
    fn digits(&mut self, at: usize) -> Scanned<usize> {
        let mut end = at;
        while let Some(b'0'..=b'9') = self.byte(end) {
            end += 1;
        }
        if end > at { Ok(end) } else { Err(self.syntax_at(at)) }
    }

    /// Passes over the string here; returns whether it has escapes.
    #[inline]
    fn string(&mut self) -> Scanned<bool> {
        let bytes = self.bytes;
        let mut at = self.at + 1;
        let mut escaped = false;
        loop {
            at += text::plain_length(&bytes[at.min(bytes.len())..]);
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                _ => return Err(self.syntax_at(at)),
            }
        }
    }

    /// Where the escape at `at` ends.
    #[inline]
    fn escape(&mut self, at: usize) -> Scanned<usize> {
        match self.byte(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let digits = self.bytes.get(at + 2..at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.syntax_at(at));
                }
                Ok(at + 6)
            }
            _ => Err(self.syntax_at(at)),
        }
    }

    /// The next eight bytes, if there are so many.
    #[inline]
    fn word(&self) -> Option<u64> {
        self.bytes
            .get(self.at..)?
            .first_chunk::<8>()
            .map(|bytes| u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            // Indentation: runs of blanks in one look.
            if let Some(word) = self.word() {
                self.at += (word ^ BLANKS).trailing_zeros() as usize / 8;
            }
        }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn expect(&mut self, byte: u8) -> Scanned<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    #[cold]
    pub(super) fn syntax(&mut self) -> Stop {
        self.syntax_at(self.at)
    }

    #[cold]
    fn syntax_at(&mut self, at: usize) -> Stop {
        self.stop(ScanError::Syntax(at))
    }

    #[cold]
    fn stop(&mut self, error: ScanError) -> Stop {
        self.error = error;
        Stop
    }
}

/// Eight blanks.
const BLANKS: u64 = 0x2020_2020_2020_2020;
