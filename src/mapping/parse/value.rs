//! `value`, `chain`, `path` and `literal` of the grammar.

use serde_json::Value;

use super::{Parser, Place, check, fields::is_literal_word, lexer::TokenKind};
use crate::mapping::{
    ParseError,
    ast::{Expr, Fallback, Head, Key, Path, Spec, Step},
};

// === impl Parser ===

impl Parser<'_> {
    /// One operand, or several joined by `??` or by `?!`.
    pub(super) fn value(&mut self, place: Place) -> Result<Expr, ParseError> {
        let start = self.span().start;
        let first = self.operand(place)?;
        let Some(fallback) = self.fallback() else {
            return Ok(first);
        };
        self.require(Spec::V0_3, fallback.written(), self.span())?;
        if place == Place::Field {
            let what = format!("{} outside `$( )`", fallback.written());
            self.require(Spec::V0_4, &what, self.span())?;
        }
        let mut operands = vec![first];
        while let Some(next) = self.fallback() {
            if next != fallback {
                let message = "`??` and `?!` do not mix; put one of them into `$( )`";
                return Err(ParseError::new(message, self.span()));
            }
            self.advance();
            operands.push(self.operand(place)?);
        }
        Ok(Expr::Chain(fallback, operands, start..self.end()))
    }

    fn fallback(&self) -> Option<Fallback> {
        match self.kind() {
            TokenKind::DoubleQuestion => Some(Fallback::NullOrMissing),
            TokenKind::QuestionBang => Some(Fallback::Missing),
            _ => None,
        }
    }

    fn operand(&mut self, place: Place) -> Result<Expr, ParseError> {
        let start = self.span().start;
        let literal = match self.kind() {
            _ if !self.reads_literals(place) => return self.operand_without_literals(),
            TokenKind::Name if is_literal_word(self.source(&self.span())) => self.word(),
            TokenKind::String(text) => Value::String(text.clone()),
            TokenKind::Number(number) => Value::Number(number.clone()),
            TokenKind::OpenBracket => {
                let list = self.list(place)?;
                return self.literal_steps(list, start);
            }
            TokenKind::OpenBrace => {
                let block = if self.spec >= Spec::V0_4 {
                    self.block()?
                } else {
                    self.object_literal()?
                };
                return self.literal_steps(Expr::Object(block), start);
            }
            _ => return self.path(),
        };
        let span = self.span();
        self.advance();
        self.literal_steps(Expr::Literal(literal, span), start)
    }

    /// After `name:` up to 0.3: a path, or a `{}` that selects from `$`.
    fn operand_without_literals(&mut self) -> Result<Expr, ParseError> {
        match self.kind() {
            TokenKind::OpenBrace => Ok(Expr::Object(self.block()?)),
            TokenKind::Number(_) | TokenKind::OpenBracket => {
                self.require(Spec::V0_4, "a literal outside `$( )`", self.span())?;
                self.path()
            }
            _ => self.path(),
        }
    }

    fn word(&self) -> Value {
        match self.source(&self.span()) {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::Null,
        }
    }

    /// `[a, b]`, standing on the bracket.
    fn list(&mut self, place: Place) -> Result<Expr, ParseError> {
        let start = self.span().start;
        self.nested(|parser| {
            parser.advance();
            let items = parser.values_until(&TokenKind::CloseBracket, "`,` or `]`", place)?;
            Ok(Expr::Array(items, start..parser.end()))
        })
    }

    /// Values with commas between them, and the closing token.
    fn values_until(&mut self, close: &TokenKind, wanted: &str, place: Place) -> Result<Vec<Expr>, ParseError> {
        let mut values = Vec::new();
        while !self.take(close) {
            values.push(self.value(place)?);
            if !self.take(&TokenKind::Comma) && self.kind() != close {
                return Err(self.unexpected(wanted));
            }
        }
        Ok(values)
    }

    /// What may follow a literal: steps, and after at least one of them a `{}` tail.
    fn literal_steps(&mut self, literal: Expr, start: u32) -> Result<Expr, ParseError> {
        if !matches!(self.kind(), TokenKind::Dot | TokenKind::Arrow | TokenKind::Question) {
            return Ok(literal);
        }
        self.steps(Head::Expr(Box::new(literal)), Vec::new(), start)
    }

    /// `head step* block?`. A word or quoted text at the start is a key.
    pub(super) fn path(&mut self) -> Result<Expr, ParseError> {
        let start = self.span().start;
        let mut steps = Vec::new();
        let head = match self.kind() {
            TokenKind::Dollar => Head::Root,
            TokenKind::At => Head::At,
            TokenKind::Variable => Head::Variable(self.variable()),
            TokenKind::DollarParen => return self.expression_path(),
            TokenKind::Name | TokenKind::String(_) => match self.key_here() {
                Some(key) if !key.quoted && !is_literal_word(&key.text) => Head::Key(key),
                Some(key) => {
                    steps.push(Step::Key(key));
                    Head::Root
                }
                None => return Err(self.unexpected("a value")),
            },
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        self.steps(head, steps, start)
    }

    /// The [`TokenKind::Variable`] that comes next; the span leaves the `$` out.
    fn variable(&self) -> Key {
        let span = self.span();
        let span = span.start + 1..span.end;
        Key {
            text: self.source(&span).to_owned(),
            quoted: false,
            span,
        }
    }

    /// `$( value )` and its steps.
    fn expression_path(&mut self) -> Result<Expr, ParseError> {
        let start = self.span().start;
        let inside = self.nested(|parser| {
            parser.advance();
            let inside = parser.value(Place::Inner)?;
            if !parser.take(&TokenKind::CloseParen) {
                return Err(parser.unexpected("`)`"));
            }
            Ok(inside)
        })?;
        self.steps(Head::Expr(Box::new(inside)), Vec::new(), start)
    }

    fn steps(&mut self, head: Head, mut steps: Vec<Step>, start: u32) -> Result<Expr, ParseError> {
        loop {
            match self.kind() {
                TokenKind::Dot => steps.push(Step::Key(self.key_step()?)),
                TokenKind::Arrow => steps.push(self.method_step()?),
                TokenKind::Question => steps.push(self.optional_step(steps.last())?),
                TokenKind::OpenBrace => {
                    steps.push(Step::Select(self.block()?));
                    break;
                }
                TokenKind::Number(_) if self.span().start == self.end() => {
                    let message = "a key that starts with a digit needs quotes, as in `.\"0\"`";
                    return Err(ParseError::new(message, self.span()));
                }
                _ => break,
            }
        }
        if matches!(self.kind(), TokenKind::Dot | TokenKind::Arrow | TokenKind::Question) {
            let message = "nothing can follow the `{ … }` of a path; put the path into `$( )` first";
            return Err(ParseError::new(message, self.span()));
        }
        Ok(Expr::Path(Path {
            head,
            steps,
            span: start..self.end(),
        }))
    }

    fn key_step(&mut self) -> Result<Key, ParseError> {
        self.advance();
        let key = self.key_here().ok_or_else(|| self.unexpected("a key"))?;
        self.advance();
        Ok(key)
    }

    fn optional_step(&mut self, before: Option<&Step>) -> Result<Step, ParseError> {
        let span = self.span();
        self.require(Spec::V0_3, "`?`", span.clone())?;
        if matches!(before, Some(Step::Optional(_))) {
            return Err(ParseError::new("one `?` is enough", span));
        }
        self.advance();
        Ok(Step::Optional(span))
    }

    fn method_step(&mut self) -> Result<Step, ParseError> {
        let start = self.span().start;
        self.advance();
        if self.kind() != &TokenKind::Name {
            return Err(self.unexpected("the name of a method"));
        }
        let name = self.name_key();
        self.advance();
        let args = if self.kind() == &TokenKind::OpenParen {
            Some(self.arguments()?)
        } else {
            None
        };
        let span = start..self.end();
        self.misuses.extend(check::method(&name, args.as_deref(), &span).err());
        Ok(Step::Method { name, args, span })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.nested(|parser| {
            parser.advance();
            parser.values_until(&TokenKind::CloseParen, "`,` or `)`", Place::Inner)
        })
    }
}

// === impl Fallback ===

impl Fallback {
    /// As it stands in a mapping, in code quotes.
    fn written(self) -> &'static str {
        match self {
            Self::NullOrMissing => "`??`",
            Self::Missing => "`?!`",
        }
    }
}
