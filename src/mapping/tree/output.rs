//! Follows what a mapping makes down to the keys it names.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Extent, OutputField, OutputTree, Variant,
    reads::{keeps_input, pair},
};
use crate::mapping::{
    ast::{Block, Expr, Head, Item, Key, Path, Selection, Span, Step},
    methods::Method,
    parse::bound_name,
};

/// The key that says which type an object is of.
const TYPENAME: &str = "__typename";

/// Bounds of a tree: what lies beyond is opaque. A name bound with `->as` and used twice doubles a tree, so without them a
/// short mapping could name more keys than there is memory. Mappings in use have some hundred keys, ten levels deep.
const LEVELS_MAX: u32 = 128;
const NODES_MAX: u32 = 100_000;

#[derive(Debug, Default)]
struct Maker<'a> {
    bound: Vec<(&'a str, OutputTree)>,
}

pub(super) fn of(selection: &Selection) -> OutputTree {
    let mut maker = Maker::default();
    match selection {
        Selection::Value(expr) => maker.expr(expr, &OutputTree::opaque()),
        Selection::Fields(block) => maker.block(block, &OutputTree::opaque()),
    }
}

// === impl Maker ===

impl<'a> Maker<'a> {
    /// What `expr` makes; `at` is what `@` holds.
    fn expr(&mut self, expr: &'a Expr, at: &OutputTree) -> OutputTree {
        match expr {
            Expr::Literal(value, _) => OutputTree {
                literals: vec![value.clone()],
                ..OutputTree::default()
            },
            Expr::Array(items, _) => self.either(items.iter(), at),
            Expr::Object(block) => self.block(block, at),
            Expr::Path(path) => self.path(path, at),
            Expr::Chain(_, operands, _) => self.either(operands.iter(), at),
        }
    }

    fn either(&mut self, alternatives: impl Iterator<Item = &'a Expr>, at: &OutputTree) -> OutputTree {
        let trees = alternatives.map(|alternative| self.expr(alternative, at));
        trees.reduce(OutputTree::or).unwrap_or_default()
    }

    fn block(&mut self, block: &'a Block, at: &OutputTree) -> OutputTree {
        let mut tree = OutputTree {
            is_object: true,
            ..OutputTree::default()
        };
        for item in &block.items {
            match item {
                Item::Named { name, value } => {
                    let value = self.expr(value, at);
                    tree = tree.with(OutputTree::of_field(name, value));
                }
                Item::Spread { value, .. } => {
                    let mut value = self.expr(value, at);
                    // Only an object is merged in: the literals are not what this block may be.
                    value.literals.clear();
                    tree = tree.with(value);
                }
            }
        }
        tree.measured().bounded()
    }

    fn path(&mut self, path: &'a Path, at: &OutputTree) -> OutputTree {
        let bound = self.bound.len();
        let mut tree = match &path.head {
            Head::Root | Head::Key(_) => OutputTree::opaque(),
            Head::At => at.clone(),
            Head::Variable(name) => {
                let bound = self.bound.iter().rev().find(|(bound, _)| *bound == name.text);
                bound.map_or_else(OutputTree::opaque, |(_, tree)| tree.clone())
            }
            Head::Expr(expr) => self.expr(expr, at),
        };
        for step in &path.steps {
            tree = match step {
                Step::Key(key) => tree.below(&key.text),
                Step::Optional(_) => tree,
                Step::Select(block) => self.block(block, &OutputTree::opaque()),
                Step::Method { name, args, .. } => self.method(&name.text, args.as_deref().unwrap_or_default(), tree),
            };
        }
        self.bound.truncate(bound);
        tree
    }

    fn method(&mut self, name: &str, args: &'a [Expr], input: OutputTree) -> OutputTree {
        match (Method::from_name(name), args) {
            (Some(Method::As), [first, rest @ ..]) => {
                let value = rest
                    .first()
                    .map_or_else(|| input.clone(), |value| self.expr(value, &input));
                if let Some(name) = bound_name(first) {
                    self.bound.push((&name.text, value));
                }
                input
            }
            (Some(Method::Echo | Method::Map), [replacement]) => self.expr(replacement, &input),
            (Some(Method::Match), pairs) => self.either(pairs.iter().filter_map(pair).map(|(_, value)| value), &input),
            (Some(Method::Get), [Expr::Literal(Value::String(key), _)]) => input.below(key),
            (Some(Method::Get), _) => input,
            (Some(method), _) if keeps_input(method) => input,
            _ => OutputTree::opaque(),
        }
    }
}

// === impl OutputTree ===

impl OutputTree {
    /// May be anything.
    #[must_use]
    pub fn opaque() -> Self {
        Self {
            is_opaque: true,
            ..Self::default()
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&OutputField> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// What the output is for objects of type `typename`: the variants of that name, or everything if there are none.
    #[must_use]
    pub fn for_type(&self, typename: &str) -> &Self {
        let variant = self.variants.iter().find(|variant| &*variant.typename == typename);
        variant.map_or(self, |variant| &variant.tree)
    }

    /// The type that all of it is of: said with one literal `__typename`, outside of any alternative.
    #[must_use]
    pub fn typename(&self) -> Option<&str> {
        match (&self.variants[..], &self.field(TYPENAME)?.tree.literals[..]) {
            ([], [Value::String(name)]) => Some(name),
            _ => None,
        }
    }

    fn of_field(name: &Key, tree: Self) -> Self {
        let field = OutputField {
            name: name.text.as_str().into(),
            spans: vec![name.span.clone()],
            tree: Arc::new(tree.bounded()),
        };
        Self {
            fields: vec![field],
            ..Self::default()
        }
        .measured()
    }

    /// Itself, or opaque when it has become too large to go on with.
    fn bounded(self) -> Self {
        let fits = self.extent.levels < LEVELS_MAX && self.extent.nodes < NODES_MAX;
        if fits { self } else { Self::opaque() }
    }

    /// With its extent taken anew from its parts.
    fn measured(mut self) -> Self {
        let below = self.fields.iter().map(|field| &field.tree);
        let beside = self.variants.iter().map(|variant| &variant.tree);
        self.extent = Extent {
            levels: below.clone().map(|tree| tree.extent.levels + 1).max().unwrap_or(0),
            nodes: below
                .chain(beside)
                .fold(1, |sum, tree| sum.saturating_add(tree.extent.nodes)),
        };
        self
    }

    /// What is below `key`. A key that is not named may be there if anything may.
    fn below(&self, key: &str) -> Self {
        let named = self.field(key).map(|field| (*field.tree).clone());
        match named {
            Some(tree) if self.is_opaque => tree.or(Self::opaque()),
            Some(tree) => tree,
            None if self.is_opaque => Self::opaque(),
            None => Self::default(),
        }
    }

    /// Either of two.
    fn or(mut self, mut other: Self) -> Self {
        let variants = union_variants(self.take_variants(), other.take_variants());
        self.join(other, Self::or);
        self.variants = variants;
        self.measured().bounded()
    }

    /// Both, merged.
    fn and(self, other: Self) -> Self {
        self.with(other).measured().bounded()
    }

    /// Both, merged, not yet measured: for one of many parts.
    fn with(mut self, mut other: Self) -> Self {
        let (mine, others) = (std::mem::take(&mut self.variants), std::mem::take(&mut other.variants));
        let mut variants = Vec::new();
        let names = mine.iter().chain(&others).map(|variant| &variant.typename);
        for typename in names {
            if variants.iter().any(|known: &Variant| known.typename == *typename) {
                continue;
            }
            let of = |variants: &[Variant], common: &Self| {
                let own = variants.iter().find(|variant| variant.typename == *typename);
                own.map_or_else(|| common.clone(), |variant| (*variant.tree).clone())
            };
            let tree = of(&mine, &self).and(of(&others, &other));
            variants.push(Variant {
                typename: typename.clone(),
                tree: Arc::new(tree),
            });
        }
        self.join(other, Self::and);
        self.variants = variants;
        self
    }

    /// Fields, flags and literals of both, variants aside.
    fn join(&mut self, other: Self, combine: fn(Self, Self) -> Self) {
        self.is_object |= other.is_object;
        self.is_opaque |= other.is_opaque;
        for literal in other.literals {
            if !self.literals.contains(&literal) {
                self.literals.push(literal);
            }
        }
        for field in other.fields {
            match self.fields.iter_mut().find(|known| known.name == field.name) {
                Some(known) => {
                    extend_spans(&mut known.spans, field.spans);
                    if !Arc::ptr_eq(&known.tree, &field.tree) {
                        known.tree = Arc::new(combine((*known.tree).clone(), (*field.tree).clone()));
                    }
                }
                None => self.fields.push(field),
            }
        }
    }

    /// The alternatives that this one consists of: its variants, or itself if it names its type.
    fn take_variants(&mut self) -> Vec<Variant> {
        if !self.variants.is_empty() {
            return std::mem::take(&mut self.variants);
        }
        let literals = self
            .field(TYPENAME)
            .map(|field| field.tree.literals.clone())
            .unwrap_or_default();
        let names = literals.iter().filter_map(Value::as_str);
        names
            .map(|name| Variant {
                typename: name.into(),
                tree: Arc::new(self.clone()),
            })
            .collect()
    }
}

fn union_variants(mut variants: Vec<Variant>, more: Vec<Variant>) -> Vec<Variant> {
    for variant in more {
        match variants.iter_mut().find(|known| known.typename == variant.typename) {
            Some(known) if !Arc::ptr_eq(&known.tree, &variant.tree) => {
                known.tree = Arc::new((*known.tree).clone().or((*variant.tree).clone()));
            }
            Some(_) => {}
            None => variants.push(variant),
        }
    }
    variants
}

fn extend_spans(spans: &mut Vec<Span>, more: Vec<Span>) {
    for span in more {
        if !spans.contains(&span) {
            spans.push(span);
        }
    }
}
