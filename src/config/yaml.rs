//! YAML text → a tree that knows the place of everything in it.
//!
//! Events of the parser rather than serde: serde stops at the first problem, forgets the text of a scalar (`off` becomes false) and has lost the place of a
//! key by the time its value is found wrong.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// Collections within collections. The deepest key we know stands at 4; `config` of a source may go deeper.
const NESTING_MAX: usize = 16;

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Yaml,
}

#[derive(Debug)]
pub(super) enum Yaml {
    /// Any scalar, as text. `is_plain`: written without quotes, so that it may mean null, a number or a truth value.
    Scalar {
        text: String,
        is_plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

/// What the parser, or we, refuse.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) place: Place,
    pub(super) message: String,
}

type Events<'a> = dyn Iterator<Item = Result<(Event<'a>, Span), ScanError>> + 'a;

/// Reads a text of one document. An empty one is an empty mapping.
pub(super) fn parse(text: &str) -> Result<Node, Refused> {
    let mut events: Box<Events<'_>> =
        Box::new(Parser::new_from_str(text).filter(|event| !matches!(event, Ok((Event::StreamStart, _)))));
    let start = Place { line: 1, column: 1 };
    let empty = Node {
        place: start,
        value: Yaml::Mapping(Vec::new()),
    };
    let mut document = None;
    while let Some((event, place)) = next(&mut *events)? {
        match event {
            Event::DocumentStart(..) if document.is_some() => {
                return Err(Refused {
                    place,
                    message: "a second document begins".to_owned(),
                });
            }
            Event::DocumentStart(..) | Event::DocumentEnd | Event::StreamEnd => {}
            event => document = Some(node(event, place, &mut *events, 0)?),
        }
    }
    Ok(match document {
        Some(node) if node.is_null() => empty,
        Some(node) => node,
        None => empty,
    })
}

fn next<'a>(events: &mut Events<'a>) -> Result<Option<(Event<'a>, Place)>, Refused> {
    match events.next() {
        None => Ok(None),
        Some(Ok((event, span))) => Ok(Some((event, place(span.start.line(), span.start.col())))),
        Some(Err(error)) => {
            let place = place(error.marker().line(), error.marker().col());
            Err(Refused {
                place,
                message: error.info(),
            })
        }
    }
}

fn place(line: usize, column_from_0: usize) -> Place {
    Place {
        line,
        column: column_from_0 + 1,
    }
}

fn node<'a>(event: Event<'a>, place: Place, events: &mut Events<'a>, nesting: usize) -> Result<Node, Refused> {
    let refuse = |message: &str| {
        Err(Refused {
            place,
            message: message.to_owned(),
        })
    };
    if nesting > NESTING_MAX {
        return refuse("the file is nested too deeply");
    }
    let value = match event {
        Event::Scalar(text, style, ..) => Yaml::Scalar {
            text: text.into_owned(),
            is_plain: style == ScalarStyle::Plain,
        },
        Event::SequenceStart(..) => Yaml::Sequence(sequence(events, nesting)?),
        Event::MappingStart(..) => Yaml::Mapping(mapping(events, nesting)?),
        Event::Alias(_) => return refuse("aliases (`*name`) are not supported"),
        _ => return refuse("a value was expected"),
    };
    Ok(Node { place, value })
}

fn sequence<'a>(events: &mut Events<'a>, nesting: usize) -> Result<Vec<Node>, Refused> {
    let mut items = Vec::new();
    while let Some((event, place)) = next(events)? {
        if event == Event::SequenceEnd {
            break;
        }
        items.push(node(event, place, events, nesting + 1)?);
    }
    Ok(items)
}

fn mapping<'a>(events: &mut Events<'a>, nesting: usize) -> Result<Vec<(Key, Node)>, Refused> {
    let mut entries: Vec<(Key, Node)> = Vec::new();
    while let Some((event, place)) = next(events)? {
        let text = match event {
            Event::MappingEnd => break,
            Event::Scalar(text, ..) => text.into_owned(),
            _ => {
                return Err(Refused {
                    place,
                    message: "a key must be a word".to_owned(),
                });
            }
        };
        if entries.iter().any(|(known, _)| known.text == text) {
            return Err(Refused {
                place,
                message: format!("the key `{text}` stands twice"),
            });
        }
        let Some((event, value_place)) = next(events)? else {
            break;
        };
        entries.push((Key { place, text }, node(event, value_place, events, nesting + 1)?));
    }
    Ok(entries)
}

// === impl Node ===

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Yaml::Scalar { text, is_plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}
