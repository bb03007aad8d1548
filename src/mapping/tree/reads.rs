//! Follows every value of a mapping back to where it comes from, and notes what is used of it.

use serde_json::Value;

use super::{Origin, Read, Reads};
use crate::mapping::{
    ast::{Block, Expr, Head, Item, Key, Path, Selection, Span, Step},
    methods::Method,
    parse::bound_name,
};

/// Places that one value may come from and is still followed. Beyond it all of them count as read whole; mappings in use
/// have two or three alternatives.
const PLACES_MAX: usize = 64;

/// Keys of a path that are followed; below them everything counts as read. JSON readers stop at 128 levels anyway, and trees
/// of keys are walked recursively.
const KEYS_MAX: usize = 128;

/// Where a value may come from; computed values come from nowhere.
type Places = Vec<Read>;

/// What `$` and `@` come from.
#[derive(Debug)]
struct Scope {
    root: Places,
    at: Places,
}

#[derive(Debug, Default)]
struct Reader<'a> {
    reads: Vec<Read>,
    bound: Vec<(&'a str, Places)>,
}

pub(super) fn of(selection: &Selection) -> Reads {
    let mut reader = Reader::default();
    let input = vec![Read {
        origin: Origin::Input,
        path: Vec::new(),
        span: 0..0,
    }];
    let scope = Scope {
        root: input.clone(),
        at: input,
    };
    match selection {
        Selection::Value(expr) => reader.used(expr, &scope),
        Selection::Fields(block) => reader.block(block, &scope),
    }
    reader.reads.sort_by_key(|read| read.span.start);
    Reads(reader.reads)
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Where the value of `expr` comes from. What it uses on the way is noted.
    fn expr(&mut self, expr: &'a Expr, scope: &Scope) -> Places {
        match expr {
            Expr::Literal(..) => Vec::new(),
            Expr::Array(items, _) => {
                items.iter().for_each(|item| self.used(item, scope));
                Vec::new()
            }
            Expr::Object(block) => {
                self.block(block, scope);
                Vec::new()
            }
            Expr::Path(path) => self.path(path, scope),
            Expr::Chain(_, operands, _) => self.either(operands.iter(), scope),
        }
    }

    /// An expression whose value becomes part of the output, or is looked at by a method.
    fn used(&mut self, expr: &'a Expr, scope: &Scope) {
        let places = self.expr(expr, scope);
        self.reads.extend(places);
    }

    fn block(&mut self, block: &'a Block, scope: &Scope) {
        for item in &block.items {
            match item {
                Item::Named { value, .. } | Item::Spread { value, .. } => self.used(value, scope),
            }
        }
    }

    fn either(&mut self, alternatives: impl Iterator<Item = &'a Expr>, scope: &Scope) -> Places {
        let mut places = Places::new();
        for alternative in alternatives {
            for place in self.expr(alternative, scope) {
                if !places
                    .iter()
                    .any(|known| known.origin == place.origin && same_keys(&known.path, &place.path))
                {
                    places.push(place);
                }
            }
        }
        if places.len() > PLACES_MAX {
            self.reads.append(&mut places);
        }
        places
    }

    fn path(&mut self, path: &'a Path, scope: &Scope) -> Places {
        let bound = self.bound.len();
        let mut places = self.head(path, scope);
        for step in &path.steps {
            places = match step {
                Step::Key(key) => below(places, key),
                Step::Optional(_) => places,
                Step::Select(block) => {
                    let scope = Scope {
                        root: places.clone(),
                        at: places.clone(),
                    };
                    self.using(places, |reader| {
                        reader.block(block, &scope);
                        Vec::new()
                    })
                }
                Step::Method { name, args, .. } => {
                    self.method(&name.text, args.as_deref().unwrap_or_default(), places, &scope.root)
                }
            };
        }
        self.bound.truncate(bound);
        places
    }

    fn head(&mut self, path: &'a Path, scope: &Scope) -> Places {
        let start = path.span.start;
        match &path.head {
            Head::Root => written_at(scope.root.clone(), start..start + 1),
            Head::At => written_at(scope.at.clone(), start..start + 1),
            Head::Key(key) => below(written_at(scope.root.clone(), key.span.clone()), key),
            Head::Variable(name) => {
                let span = start..name.span.end;
                match self.bound.iter().rev().find(|(bound, _)| *bound == name.text) {
                    Some((_, places)) => written_at(places.clone(), span),
                    None => vec![Read {
                        origin: Origin::Variable(name.text.clone()),
                        path: Vec::new(),
                        span,
                    }],
                }
            }
            Head::Expr(expr) => self.expr(expr, scope),
        }
    }

    fn method(&mut self, name: &str, args: &'a [Expr], input: Places, root: &Places) -> Places {
        let scope = Scope {
            root: root.clone(),
            at: input.clone(),
        };
        match (Method::from_name(name), args) {
            (Some(Method::As), [first, rest @ ..]) => {
                let value = rest
                    .first()
                    .map_or_else(|| input.clone(), |value| self.expr(value, &scope));
                if let Some(name) = bound_name(first) {
                    self.bound.push((&name.text, value));
                }
                input
            }
            (Some(Method::Echo | Method::Map), [replacement]) => {
                self.using(input, |reader| reader.expr(replacement, &scope))
            }
            (Some(Method::Match), pairs) => {
                self.reads.extend(input);
                let pairs = || pairs.iter().filter_map(pair);
                pairs().for_each(|(candidate, _)| self.used(candidate, &scope));
                self.either(pairs().map(|(_, value)| value), &scope)
            }
            (Some(Method::Get), [Expr::Literal(Value::String(key), span)]) => below(
                input,
                &Key {
                    text: key.clone(),
                    quoted: true,
                    span: span.clone(),
                },
            ),
            (Some(Method::Get), [Expr::Literal(..)]) => input,
            (Some(method), args) if keeps_input(method) => {
                args.iter().for_each(|arg| self.used(arg, &scope));
                input
            }
            (_, args) => {
                self.reads.extend(input);
                args.iter().for_each(|arg| self.used(arg, &scope));
                Vec::new()
            }
        }
    }

    /// Runs `inside`, which is about parts of `whole`. What it neither reads nor passes on a part of counts as read itself,
    /// since it matters whether it is there.
    fn using(&mut self, whole: Places, inside: impl FnOnce(&mut Self) -> Places) -> Places {
        let before = self.reads.len();
        let places = inside(self);
        let parts = self.reads[before..].iter().chain(&places);
        let untouched: Places = whole
            .into_iter()
            .filter(|whole| !parts.clone().any(|part| is_within(part, whole)))
            .collect();
        self.reads.extend(untouched);
        places
    }
}

/// Whether a method's result is its input, or elements of it.
pub(super) fn keeps_input(method: Method) -> bool {
    matches!(
        method,
        Method::First
            | Method::Last
            | Method::Find
            | Method::Filter
            | Method::Slice
            | Method::WithError
            | Method::WithWarning
    )
}

/// Candidate and value of one argument of `->match`.
pub(super) fn pair(arg: &Expr) -> Option<(&Expr, &Expr)> {
    match arg {
        Expr::Array(items, _) => match items.as_slice() {
            [candidate, value] => Some((candidate, value)),
            _ => None,
        },
        _ => None,
    }
}

fn below(mut places: Places, key: &Key) -> Places {
    for place in &mut places {
        if place.path.len() < KEYS_MAX {
            place.path.push(key.clone());
        }
        place.span.end = place.span.end.max(key.span.end);
    }
    places
}

fn written_at(mut places: Places, span: Span) -> Places {
    for place in &mut places {
        place.span = span.clone();
    }
    places
}

fn is_within(part: &Read, whole: &Read) -> bool {
    part.origin == whole.origin
        && part.path.len() >= whole.path.len()
        && same_keys(&part.path[..whole.path.len()], &whole.path)
}

fn same_keys(a: &[Key], b: &[Key]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.text == b.text)
}
