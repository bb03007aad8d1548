//! The inside of blocks: `fields` and `item` of the grammar.

use super::{Parser, Place, is_lone, lexer::TokenKind};
use crate::mapping::{
    ParseError,
    ast::{Block, Expr, Item, Key, Span, Spec, Step},
};

/// How the entries of one list are kept apart: all by commas, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Unknown,
    Comma,
    Space,
}

// === impl Parser ===

impl Parser<'_> {
    /// The block of a whole mapping without braces.
    pub(super) fn top_block(&self, items: Vec<Item>) -> Block {
        Block {
            items,
            span: 0..u32::try_from(self.text.len()).unwrap_or(u32::MAX),
        }
    }

    /// `{ fields }`, standing on the brace.
    pub(super) fn block(&mut self) -> Result<Block, ParseError> {
        let start = self.span().start;
        self.nested(|parser| {
            parser.advance();
            let items = parser.items(&TokenKind::CloseBrace)?;
            if !parser.take(&TokenKind::CloseBrace) {
                return Err(parser.unexpected("a field or `}`"));
            }
            Ok(Block {
                items,
                span: start..parser.end(),
            })
        })
    }

    /// Everything up to `end`, which is left standing.
    pub(super) fn items(&mut self, end: &TokenKind) -> Result<Vec<Item>, ParseError> {
        let mut items = Vec::new();
        let mut separator = Separator::Unknown;
        while self.kind() != end && self.kind() != &TokenKind::End {
            items.push(self.item()?);
            if self.kind() == &TokenKind::Comma {
                self.require(Spec::V0_4, "a comma between fields", self.span())?;
                if separator == Separator::Space {
                    return Err(self.mixed_separators());
                }
                separator = Separator::Comma;
                self.advance();
            } else if separator == Separator::Comma && self.kind() != end && self.kind() != &TokenKind::End {
                return Err(self.mixed_separators());
            } else {
                separator = Separator::Space;
            }
        }
        Ok(items)
    }

    fn mixed_separators(&self) -> ParseError {
        ParseError::new("put commas between all fields of a list or between none", self.span())
    }

    /// `{ name: value, … }` up to 0.3, inside `$( )` and arguments; standing on the brace.
    pub(super) fn object_literal(&mut self) -> Result<Block, ParseError> {
        let start = self.span().start;
        self.nested(|parser| {
            parser.advance();
            let mut items = Vec::new();
            while parser.kind() != &TokenKind::CloseBrace {
                let Some(name) = parser.take_alias() else {
                    return Err(parser.unexpected("`name: value` or `}`"));
                };
                items.push(Item::Named {
                    name,
                    value: parser.value(Place::Inner)?,
                });
                if !parser.take(&TokenKind::Comma) && parser.kind() != &TokenKind::CloseBrace {
                    return Err(parser.unexpected("`,` or `}`"));
                }
            }
            parser.advance();
            Ok(Block {
                items,
                span: start..parser.end(),
            })
        })
    }

    fn item(&mut self) -> Result<Item, ParseError> {
        if self.kind() == &TokenKind::Dots {
            return self.spread();
        }
        if let Some(name) = self.take_alias() {
            return Ok(Item::Named {
                name,
                value: self.value(Place::Field)?,
            });
        }
        match self.kind() {
            TokenKind::Name | TokenKind::String(_) => self.unnamed_key(),
            TokenKind::Dollar | TokenKind::DollarParen | TokenKind::Variable | TokenKind::At => {
                let start = self.span();
                let value = self.path()?;
                self.merged(value, start)
            }
            _ => Err(self.unexpected("a field")),
        }
    }

    /// `name :` or `"name" :`, if it comes next.
    fn take_alias(&mut self) -> Option<Key> {
        if self.kind_after(1) != &TokenKind::Colon {
            return None;
        }
        let key = self.key_here()?;
        self.advance();
        self.advance();
        Some(key)
    }

    /// The next token as a key, not taken.
    pub(super) fn key_here(&self) -> Option<Key> {
        match self.kind() {
            TokenKind::Name => Some(self.name_key()),
            TokenKind::String(text) => Some(Key {
                text: text.clone(),
                quoted: true,
                span: self.span(),
            }),
            _ => None,
        }
    }

    /// A path that starts with a key: a lone one keeps its name, a longer one is merged in.
    fn unnamed_key(&mut self) -> Result<Item, ParseError> {
        let start = self.span();
        let Some(name) = self.key_here() else {
            return Err(self.unexpected("a field"));
        };
        let value = self.path()?;
        match value {
            Expr::Path(path) if is_lone(&path) && !self.at_fallback() => Ok(Item::Named {
                name,
                value: Expr::Path(path),
            }),
            value => self.merged(value, start),
        }
    }

    /// A path without a name, which must end in `{}`.
    fn merged(&self, value: Expr, start: Span) -> Result<Item, ParseError> {
        let ends_in_block = match &value {
            Expr::Path(path) => matches!(path.steps.last(), Some(Step::Select(_))),
            _ => false,
        };
        if ends_in_block && !self.at_fallback() {
            return Ok(Item::Spread { value, explicit: false });
        }
        let message = match self.kind() {
            TokenKind::OpenBracket => "an element of a list is read with `->get(…)`, as in `tags->get(0)`",
            _ => "this value has no name; write `name: …` before it, or select from it with `{ … }`",
        };
        Err(ParseError::new(message, start.start..self.end()))
    }

    fn at_fallback(&self) -> bool {
        matches!(self.kind(), TokenKind::DoubleQuestion | TokenKind::QuestionBang)
    }

    /// `...path`, standing on the dots.
    fn spread(&mut self) -> Result<Item, ParseError> {
        self.require(Spec::V0_4, "`...`", self.span())?;
        self.advance();
        let start = self.span();
        let literal = match self.kind() {
            TokenKind::Name => is_literal_word(self.source(&start)),
            TokenKind::String(_) | TokenKind::Number(_) | TokenKind::OpenBrace | TokenKind::OpenBracket => true,
            _ => false,
        };
        if literal {
            let message = "after `...` comes a path; put a literal into `$( )`, as in `...$({ … })`";
            return Err(ParseError::new(message, start));
        }
        let value = self.path()?;
        if self.at_fallback() {
            let message = "after `...` comes one path; put alternatives into `$( )`, as in `...$(a ?? b)`";
            return Err(ParseError::new(message, self.span()));
        }
        Ok(Item::Spread { value, explicit: true })
    }
}

/// Whether an unquoted word is a literal where literals are read.
pub(super) fn is_literal_word(word: &str) -> bool {
    matches!(word, "true" | "false" | "null")
}
