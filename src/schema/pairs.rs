//! Names without values.
//!
//! The library's parser drops an argument or input field of which only the name is there, and reads on: what was meant to narrow something down would be
//! gone without a word.

use super::tokens::{Kind, Tokens};

/// What a bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Selections,
    /// Variables of an operation, or arguments as a schema defines them.
    Definitions,
    /// `name: value`, and what comes next.
    Pairs(Next),
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Name,
    Colon,
    Value,
}

/// What came last, as far as it tells what the parenthesis behind it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    /// `directive`
    Definition,
    /// `@`
    At,
    /// `directive @`
    DefinitionAt,
    /// `@name`
    Directive,
}

/// What is in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// Of operations: arguments, or an operation's variables.
    Operations,
    /// Of a schema: arguments of directives, all others are definitions.
    Schema,
}

/// Where the first token is that stands where a colon or a value should, in a text that the parser has taken.
pub(crate) fn missing(text: &str, of: Text) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open: Vec<Bracket> = Vec::new();
    // Whether a parenthesis was opened just now.
    let mut is_fresh = false;
    let mut last = Last::default();
    for (kind, at, length) in Tokens::of(bytes).filter(|(kind, ..)| kind.is_said()) {
        let byte = bytes[at];
        let before = last;
        last = last.then(kind, &bytes[at..at + length]);
        if std::mem::take(&mut is_fresh) && byte == b'$' {
            open.pop();
            open.push(Bracket::Definitions);
            continue;
        }
        if let Some(Bracket::Pairs(next)) = open.last_mut() {
            match (*next, kind) {
                (Next::Name, Kind::Name) => *next = Next::Colon,
                (Next::Colon, _) if byte == b':' => *next = Next::Value,
                (Next::Colon, _) | (Next::Value, Kind::Close) => return Some(at),
                // The name of a variable is behind it.
                (Next::Value, _) if byte == b'$' => {}
                (Next::Value, _) => *next = Next::Name,
                (Next::Name, _) => {}
            }
        }
        match (kind, byte) {
            (Kind::Open, b'(') => {
                is_fresh = of == Text::Operations;
                open.push(match of {
                    Text::Schema if before != Last::Directive => Bracket::Definitions,
                    _ => Bracket::Pairs(Next::Name),
                });
            }
            (Kind::Open, b'[') => open.push(Bracket::List),
            (Kind::Open, _) => open.push(match open.last() {
                None | Some(Bracket::Selections) => Bracket::Selections,
                Some(_) => Bracket::Pairs(Next::Name),
            }),
            (Kind::Close, _) => drop(open.pop()),
            _ => {}
        }
    }
    None
}

// === impl Last ===

impl Last {
    fn then(self, kind: Kind, token: &[u8]) -> Self {
        match (self, kind, token) {
            (Self::Definition, _, b"@") => Self::DefinitionAt,
            (_, _, b"@") => Self::At,
            (Self::At, Kind::Name, _) => Self::Directive,
            (Self::Other | Self::Directive, Kind::Name, b"directive") => Self::Definition,
            _ => Self::Other,
        }
    }
}
