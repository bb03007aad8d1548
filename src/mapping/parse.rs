//! Text → [`Selection`], by the rules of the version that the file links (DIALECT §1.1, §1.6).
//!
//! First step of a mapping's life, at start-up. Never panics; time is linear in the text; nesting is bounded.

pub(in crate::mapping) mod check;
mod fields;
pub(in crate::mapping) mod lexer;
mod value;

use crate::mapping::ast::{Expr, Head, Item, Key, Path, Selection, Span, Spec, Step};

pub(in crate::mapping) use check::bound_name;
use lexer::{Token, TokenKind};

/// Brackets within brackets that a mapping may have. Schemas in use stay under 10; 64 is what the server accepts of
/// documents too, and keeps every later walk over the tree far from the end of a 2 MiB stack.
pub const NESTING_MAX: usize = 64;

/// Why a mapping is refused: one sentence that says what is wrong and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Plain words.
    pub message: String,
    /// What they are about.
    pub span: Span,
}

/// Reads a mapping.
///
/// # Errors
/// The text does not follow the grammar of `spec`, or calls a method that is unknown or given the wrong arguments.
pub fn parse(text: &str, spec: Spec) -> Result<Selection, ParseError> {
    let (selection, misuses) = read(text, spec)?;
    match misuses.into_iter().next() {
        Some(misuse) => Err(misuse),
        None => Ok(selection),
    }
}

/// Reads a mapping as [`parse()`] does, and tells of every call in it that can never work rather than of the first.
///
/// # Errors
/// The text does not follow the grammar of `spec`.
pub fn parse_with_misuses(text: &str, spec: Spec) -> Result<(Selection, Vec<ParseError>), ParseError> {
    read(text, spec)
}

/// Reads a mapping by its grammar alone: what is wrong with the call of a method is left to the evaluation, where the value is
/// missing. For who tries mappings out; a schema's are read by [`parse()`], which knows such mistakes before there is data.
///
/// # Errors
/// The text does not follow the grammar of `spec`.
pub fn parse_by_grammar(text: &str, spec: Spec) -> Result<Selection, ParseError> {
    read(text, spec).map(|(selection, _)| selection)
}

/// The mapping, and every call of a method in it that can never work, in the order they are written.
fn read(text: &str, spec: Spec) -> Result<(Selection, Vec<ParseError>), ParseError> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser {
        text,
        tokens: &tokens,
        next: 0,
        spec,
        nesting: 0,
        misuses: Vec::new(),
    };
    let selection = parser.whole()?;
    Ok((selection, parser.misuses))
}

/// Where a value stands: decides up to 0.3 whether literals are understood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole mapping, or after `name:` in a block.
    Field,
    /// Inside `$( )` or a method's arguments.
    Inner,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// Index of the token to read next; never beyond the last, which is [`TokenKind::End`].
    next: usize,
    spec: Spec,
    /// Brackets that are open.
    nesting: usize,
    /// Calls of methods that can never work.
    misuses: Vec<ParseError>,
}

// === impl ParseError ===

impl ParseError {
    pub(in crate::mapping) fn new(message: impl Into<String>, span: Span) -> Self {
        Self {
            message: message.into(),
            span,
        }
    }
}

// === impl Parser ===

impl Parser<'_> {
    /// The whole text: one value if it is one, else a list of fields.
    fn whole(&mut self) -> Result<Selection, ParseError> {
        if matches!(self.kind(), TokenKind::End | TokenKind::Dots) {
            return self.top_fields();
        }
        let as_value = self.top_value();
        if let Ok(Some(selection)) = as_value {
            return Ok(selection);
        }
        self.next = 0;
        self.nesting = 0;
        self.misuses.clear();
        match (self.top_fields(), as_value) {
            // The reading that got further is the one that was meant.
            (Err(fields), Err(value)) if value.span.start >= fields.span.start => Err(value),
            (result, _) => result,
        }
    }

    /// The whole text as one value; `None` when it goes on after one. A lone key keeps its name.
    fn top_value(&mut self) -> Result<Option<Selection>, ParseError> {
        if self.kind() == &TokenKind::OpenBrace {
            self.require(Spec::V0_4, "a `{ … }` around the whole mapping", self.span())
                .map_err(|error| ParseError::new(format!("{error}; leave the braces out"), error.span))?;
        }
        let lone_key = self.lone_key();
        let value = self.value(Place::Field)?;
        if self.kind() != &TokenKind::End {
            return Ok(None);
        }
        Ok(Some(match (value, lone_key) {
            (Expr::Path(path), Some(key)) if is_lone(&path) => {
                let items = vec![Item::Named {
                    name: key,
                    value: Expr::Path(path),
                }];
                Selection::Fields(self.top_block(items))
            }
            (value, _) => Selection::Value(value),
        }))
    }

    fn top_fields(&mut self) -> Result<Selection, ParseError> {
        let items = self.items(&TokenKind::End)?;
        Ok(Selection::Fields(self.top_block(items)))
    }

    /// The key that the text starts with, if it starts with one.
    fn lone_key(&self) -> Option<Key> {
        match self.kind() {
            TokenKind::Name => Some(self.name_key()),
            TokenKind::String(text) if !self.reads_literals(Place::Field) => Some(Key {
                text: text.clone(),
                quoted: true,
                span: self.span(),
            }),
            _ => None,
        }
    }

    /// Whether quoted text, `true`, `false`, `null`, numbers, lists and objects are literals at `place`.
    fn reads_literals(&self, place: Place) -> bool {
        self.spec >= Spec::V0_4 || place == Place::Inner
    }

    /// Refuses what the linked version does not have yet.
    fn require(&self, spec: Spec, what: &str, span: Span) -> Result<(), ParseError> {
        if self.spec >= spec {
            return Ok(());
        }
        Err(ParseError::new(
            format!("{what} needs {spec}, and this file links {}", self.spec),
            span,
        ))
    }

    // Tokens.

    fn token(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    fn kind_after(&self, ahead: usize) -> &TokenKind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + ahead).min(last)].kind
    }

    fn span(&self) -> Span {
        self.token().span.clone()
    }

    /// The end of the token read last.
    fn end(&self) -> u32 {
        self.next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.span.end)
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    fn source(&self, span: &Span) -> &str {
        let at = |position: u32| usize::try_from(position).unwrap_or(usize::MAX);
        self.text.get(at(span.start)..at(span.end)).unwrap_or_default()
    }

    /// The [`TokenKind::Name`] that comes next, as a key.
    fn name_key(&self) -> Key {
        let span = self.span();
        Key {
            text: self.source(&span).to_owned(),
            quoted: false,
            span,
        }
    }

    /// An error about the next token.
    fn unexpected(&self, wanted: &str) -> ParseError {
        let span = self.span();
        let found = match self.kind() {
            TokenKind::End => "the mapping ends".to_owned(),
            TokenKind::String(_) => "there is a quoted text".to_owned(),
            _ => format!("there is `{}`", self.source(&span)),
        };
        let advice = match self.kind() {
            TokenKind::OpenParen => "; methods are called as `->name(…)`, and fields of a selection have no arguments",
            TokenKind::OpenBracket => "; an element of a list is read with `->get(…)`, as in `tags->get(0)`",
            _ => "",
        };
        ParseError::new(format!("expected {wanted} here, but {found}{advice}"), span)
    }

    /// Runs `inside` one bracket deeper.
    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.nesting == NESTING_MAX {
            let message = format!("brackets are nested more than {NESTING_MAX} deep; split the mapping");
            return Err(ParseError::new(message, self.span()));
        }
        self.nesting += 1;
        let result = inside(self);
        self.nesting -= 1;
        result
    }
}

/// Whether a path that starts with a key is only that key, perhaps optional, perhaps with a `{}` tail.
fn is_lone(path: &Path) -> bool {
    let steps = match path.head {
        Head::Key(_) => &path.steps[..],
        // A quoted key: see `Head::Key`.
        Head::Root => path.steps.get(1..).unwrap_or_default(),
        _ => return false,
    };
    steps
        .iter()
        .all(|step| matches!(step, Step::Optional(_) | Step::Select(_)))
}
