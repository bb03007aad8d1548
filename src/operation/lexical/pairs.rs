//! Names without values.
//!
//! The library's parser drops an argument or input field of which only the name is there, and reads on: what was meant to narrow something down would be
//! gone without a word.

use super::{Kind, Tokens};

/// What a bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Selections,
    /// Variables of an operation.
    Variables,
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

/// Where the first token is that stands where a colon or a value should, in a document that the parser has taken.
pub(in crate::operation) fn missing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open: Vec<Bracket> = Vec::new();
    // Whether a parenthesis was opened just now.
    let mut is_fresh = false;
    for (kind, at, _) in Tokens::of(bytes).filter(|(kind, ..)| kind.is_said()) {
        let byte = bytes[at];
        if std::mem::take(&mut is_fresh) && byte == b'$' {
            open.pop();
            open.push(Bracket::Variables);
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
                is_fresh = true;
                open.push(Bracket::Pairs(Next::Name));
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
