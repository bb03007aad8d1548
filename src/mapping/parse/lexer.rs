//! Text → tokens. The first half of [`super::parse()`]; knows no versions.

use super::ParseError;
use crate::mapping::ast::Span;

/// One token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// `name`; the text is the span's.
    Name,
    /// `$name`; the name is the span's text after the `$`.
    Variable,
    /// `$`.
    Dollar,
    /// `$(`.
    DollarParen,
    /// `@`.
    At,
    /// A quoted text, escapes resolved.
    String(String),
    /// A number.
    Number(serde_json::Number),
    OpenBrace,
    CloseBrace,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    Comma,
    Colon,
    Dot,
    /// `...`.
    Dots,
    /// `->`.
    Arrow,
    /// `?`.
    Question,
    /// `??`.
    DoubleQuestion,
    /// `?!`.
    QuestionBang,
    /// After the last token.
    End,
}

/// All tokens of `text`, ending with [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::new("the mapping is longer than 4 GiB", 0..0));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        let token = lexer.next()?;
        let ended = token.kind == TokenKind::End;
        tokens.push(token);
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

// === impl Lexer ===

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_blank();
        let start = self.at;
        let Some(first) = self.rest().first().copied() else {
            return Ok(Token {
                kind: TokenKind::End,
                span: self.span(start),
            });
        };
        let kind = match first {
            b'"' | b'\'' => self.string(first)?,
            b'$' => self.dollar(),
            b'.' => self.dot()?,
            b'-' => self.dash()?,
            b'?' => self.question(),
            b'0'..=b'9' => self.number()?,
            _ if is_name_start(first) => {
                self.take_name();
                TokenKind::Name
            }
            _ => self.single()?,
        };
        Ok(Token {
            kind,
            span: self.span(start),
        })
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// From `start` to where the lexer stands. Positions fit: [`tokens`] has looked at the length.
    fn span(&self, start: usize) -> Span {
        let at = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        at(start)..at(self.at)
    }

    fn skip_blank(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.at += 1,
                b'#' => {
                    let line = self.rest().iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    self.at = line.map_or(self.text.len(), |length| self.at + length);
                }
                _ => return,
            }
        }
    }

    fn take_name(&mut self) {
        while self.peek(0).is_some_and(is_name_part) {
            self.at += 1;
        }
    }

    fn take_digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn taken(&mut self, length: usize, kind: TokenKind) -> TokenKind {
        self.at += length;
        kind
    }

    fn single(&mut self) -> Result<TokenKind, ParseError> {
        let kind = match self.peek(0) {
            Some(b'@') => TokenKind::At,
            Some(b'{') => TokenKind::OpenBrace,
            Some(b'}') => TokenKind::CloseBrace,
            Some(b'(') => TokenKind::OpenParen,
            Some(b')') => TokenKind::CloseParen,
            Some(b'[') => TokenKind::OpenBracket,
            Some(b']') => TokenKind::CloseBracket,
            Some(b',') => TokenKind::Comma,
            Some(b':') => TokenKind::Colon,
            _ => return Err(self.stray()),
        };
        Ok(self.taken(1, kind))
    }

    /// The error for a character that starts no token.
    fn stray(&self) -> ParseError {
        let Some(character) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            return ParseError::new("the mapping ends in the middle of a token", self.span(self.at));
        };
        let start = self.span(self.at).start;
        let width = u32::try_from(character.len_utf8()).unwrap_or(1);
        let message = format!("`{character}` has no meaning here; {}", instead_of(character));
        ParseError::new(message, start..start + width)
    }

    fn dollar(&mut self) -> TokenKind {
        self.at += 1;
        match self.peek(0) {
            Some(b'(') => self.taken(1, TokenKind::DollarParen),
            Some(byte) if is_name_start(byte) => {
                self.take_name();
                TokenKind::Variable
            }
            _ => TokenKind::Dollar,
        }
    }

    fn dot(&mut self) -> Result<TokenKind, ParseError> {
        if self.rest().starts_with(b"...") {
            return Ok(self.taken(3, TokenKind::Dots));
        }
        if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            return self.number();
        }
        Ok(self.taken(1, TokenKind::Dot))
    }

    /// An arrow, or the sign of a number, which blanks may stand behind as between any two tokens.
    fn dash(&mut self) -> Result<TokenKind, ParseError> {
        if self.peek(1) == Some(b'>') {
            return Ok(self.taken(2, TokenKind::Arrow));
        }
        let sign = self.at;
        self.at += 1;
        self.skip_blank();
        match (self.peek(0), self.peek(1)) {
            (Some(b'0'..=b'9'), _) | (Some(b'.'), Some(b'0'..=b'9')) => self.digits(sign, "-"),
            _ => {
                self.at = sign;
                Err(self.stray())
            }
        }
    }

    /// `a???b` is `a?` `??` `b`, so the longest sequence loses one `?` to the step before it.
    fn question(&mut self) -> TokenKind {
        let rest = self.rest();
        let step_first = rest.starts_with(b"???") || rest.starts_with(b"??!");
        match self.peek(1) {
            Some(b'?') if !step_first => self.taken(2, TokenKind::DoubleQuestion),
            Some(b'!') => self.taken(2, TokenKind::QuestionBang),
            _ => self.taken(1, TokenKind::Question),
        }
    }

    fn number(&mut self) -> Result<TokenKind, ParseError> {
        self.digits(self.at, "")
    }

    /// `1`, `1.5`, `1.`, `.5`; no exponents. The number begins at `start`, with its sign.
    fn digits(&mut self, start: usize, sign: &str) -> Result<TokenKind, ParseError> {
        let first = self.at;
        self.take_digits();
        // The dots of a spread that follows at once are not ours.
        let fraction = self.peek(0) == Some(b'.') && !self.rest().starts_with(b"..");
        if fraction {
            self.at += 1;
            self.take_digits();
        }
        let text = format!("{sign}{}", &self.text[first..self.at]);
        if self.peek(0).is_some_and(is_name_part) {
            let message = format!("`{text}` runs into a name; numbers are written without exponents and units");
            return Err(ParseError::new(message, self.span(start)));
        }
        number(&text, fraction)
            .map(TokenKind::Number)
            .ok_or_else(|| ParseError::new("the number is too large for a 64-bit float", self.span(start)))
    }

    /// A backslash takes the next character as it is, but `\n` is a newline.
    fn string(&mut self, quote: u8) -> Result<TokenKind, ParseError> {
        let start = self.at;
        let quote = char::from(quote);
        let mut text = String::new();
        let mut characters = self.text[start + 1..].char_indices();
        while let Some((offset, character)) = characters.next() {
            if character == quote {
                self.at = start + 1 + offset + 1;
                return Ok(TokenKind::String(text));
            }
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                _ => text.push(character),
            }
        }
        self.at = self.text.len();
        Err(ParseError::new(
            format!("the text is not closed; add {quote} at its end"),
            self.span(start),
        ))
    }
}

/// Whole numbers that fit 64 bits stay whole.
fn number(text: &str, fraction: bool) -> Option<serde_json::Number> {
    if !fraction {
        if let Ok(whole) = text.parse::<i64>() {
            return Some(whole.into());
        }
        if let Ok(whole) = text.parse::<u64>() {
            return Some(whole.into());
        }
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64)
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether `text` can be written without quotes.
pub(in crate::mapping) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(is_name_start) && text.bytes().all(is_name_part)
}

/// What the language has for a character that others use.
fn instead_of(character: char) -> &'static str {
    match character {
        '=' => "`name: value` gives a name, and `->eq(…)` compares",
        '<' | '>' => "values are compared with `->lt(…)`, `->gt(…)` and the like",
        '+' | '*' | '/' | '%' => "numbers have `->add(…)` and the like, and lists of texts `->joinNotNull(…)`",
        '!' | '&' | '|' => "conditions have `->not`, `->and(…)` and `->or(…)`",
        '“' | '”' | '„' | '‘' | '’' | '`' => "texts stand in `'…'` or `\"…\"`",
        _ => "a key with such a character needs quotes",
    }
}
