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
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Scanned<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.syntax()) }
    }

    /// Passes over the string here; returns whether it has escapes.
    fn string(&mut self) -> Scanned<bool> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += text::plain_length(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
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

    fn escape(&mut self) -> Scanned<()> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.syntax());
                }
                6
            }
            _ => return Err(self.syntax()),
        };
        self.at += length;
        Ok(())
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
        self.bytes.get(self.at).copied()
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
        self.stop(ScanError::Syntax(self.at))
    }

    #[cold]
    fn stop(&mut self, error: ScanError) -> Stop {
        self.error = error;
        Stop
    }
}

/// Eight blanks.
const BLANKS: u64 = 0x2020_2020_2020_2020;
