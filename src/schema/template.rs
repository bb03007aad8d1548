//! Texts with `{expression}` parts: URLs, header values, addresses (DIALECT §1.3).

use std::ops::Range;

use super::{
    literal::Text,
    mappings,
    model::{Template, TemplatePart},
    part::{Part, Scope},
    problem::Problems,
};

/// A piece of a template, by byte range of its text.
enum Piece {
    Literal(Range<usize>),
    /// Without the braces.
    Expression(Range<usize>),
}

/// Reads a template. `None` when any part of it is wrong, which was reported.
pub(crate) fn read(text: &Text, part: Part, scope: &mut Scope<'_>, problems: &mut Problems<'_>) -> Option<Template> {
    let pieces = split(text, part, problems)?;
    let is_url = part != Part::Header;
    let mut parts = Vec::new();
    let mut complete = true;
    for piece in pieces {
        match piece {
            Piece::Literal(range) => {
                let mut literal = text.value[range].to_owned();
                if is_url {
                    literal.retain(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{c}'));
                }
                if !literal.is_empty() {
                    parts.push(TemplatePart::Text(literal));
                }
            }
            Piece::Expression(range) => match mappings::read(&text.slice(range), part, scope, problems) {
                Some(mapping) => parts.push(TemplatePart::Expr(mapping)),
                None => complete = false,
            },
        }
    }
    complete.then(|| Template {
        parts,
        place: text.place.clone(),
    })
}

/// Splits at braces, which are counted, so that an expression may hold some.
fn split(text: &Text, part: Part, problems: &mut Problems<'_>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = 0;
    let mut open: Vec<usize> = Vec::new();
    for (index, byte) in text.value.bytes().enumerate() {
        match byte {
            b'{' => {
                if open.is_empty() && literal < index {
                    pieces.push(Piece::Literal(literal..index));
                }
                open.push(index);
            }
            b'}' => match open.pop() {
                Some(start) if open.is_empty() => {
                    if text.value[start + 1..index].trim().is_empty() {
                        let place = text.place(&(start..index + 1));
                        problems
                            .error(part.code(), &place, "the expression between `{` and `}` is empty")
                            .hint("name a value, e.g. `{$args.id}`");
                        return None;
                    }
                    pieces.push(Piece::Expression(start + 1..index));
                    literal = index + 1;
                }
                Some(_) => {}
                None => {
                    let place = text.place(&(index..index + 1));
                    problems
                        .error(part.code(), &place, "`}` without `{`")
                        .hint("a brace of the URL itself is written `%7B` and `%7D`");
                    return None;
                }
            },
            _ => {}
        }
    }
    if let Some(start) = open.first() {
        problems
            .error(part.code(), &text.place(&(*start..*start + 1)), "`{` is never closed")
            .hint("add `}`");
        return None;
    }
    if literal < text.value.len() {
        pieces.push(Piece::Literal(literal..text.value.len()));
    }
    Some(pieces)
}

// === impl Template ===

impl Template {
    /// What is written before the first expression.
    pub(crate) fn leading_text(&self) -> &str {
        match self.parts.first() {
            Some(TemplatePart::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether there is no expression in it.
    pub(crate) fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, TemplatePart::Text(_)))
    }
}
