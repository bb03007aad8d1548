//! What can be said of a mapping without data: what it reads, and which keys it makes.
//!
//! Start-up's second look at a mapping, after [`crate::mapping::parse()`]: checks and the plan are built on it.

mod cut;
mod keys;
mod output;
mod reads;

use std::sync::Arc;

use serde_json::Value;

use super::{
    ast::{Key, Selection, Span},
    layout::Layouts,
};

/// Keys below a value and what is read below them; without any, the whole value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyTree(pub Vec<(Arc<str>, KeyTree)>);

/// Everything that a mapping reads, in the order it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reads(pub Vec<Read>);

/// One place where a mapping reads something.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// What it reads from.
    pub origin: Origin,
    /// The keys below it, with their places; without any, all of it. Lists in between are not mentioned.
    pub path: Vec<Key>,
    /// The path as it is written at the place of reading.
    pub span: Span,
}

/// What a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The mapping's input: `$` at the top.
    Input,
    /// A variable, by its name without `$`. Names bound with `->as` are followed to what they stand for.
    Variable(String),
}

/// What a mapping makes. A union: of the pairs of `->match` and the operands of `??` and `?!` only one comes true. Lists
/// are looked through: the tree of a list is that of its elements.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutputTree {
    /// Keys that are named, in order of first appearance.
    pub fields: Vec<OutputField>,
    /// Whether a `{ … }` was written, even an empty one.
    pub is_object: bool,
    /// Whether there may be anything beside `fields`: the end of a path, or the result of a method that is not followed.
    pub is_opaque: bool,
    /// Literals that the value may be, each once.
    pub literals: Vec<Value>,
    /// Where alternatives name their type with a literal `__typename`: each alternative by itself.
    pub variants: Vec<Variant>,
    /// How large it is.
    extent: Extent,
}

/// Size of an [`OutputTree`], kept so that none grows beyond what walks over it can bear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Extent {
    levels: u32,
    /// Of the whole tree, shared parts counted as often as they occur.
    nodes: u32,
}

/// One key of an object that a mapping makes.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputField {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is named; more than once when alternatives or merged objects share it.
    pub spans: Vec<Span>,
    /// What it holds.
    pub tree: Arc<OutputTree>,
}

/// One alternative of an output of abstract type.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The literal `__typename`.
    pub typename: Arc<str>,
    /// What the output is then, with what it has in any case.
    pub tree: Arc<OutputTree>,
}

/// What `selection` reads. Never less than it really reads: where a method may look at anything, that is the whole value.
#[must_use]
pub fn reads(selection: &Selection) -> Reads {
    reads::of(selection)
}

/// Which keys `selection` makes (DIALECT §2.1, step 1).
#[must_use]
pub fn output(selection: &Selection) -> OutputTree {
    output::of(selection)
}

/// What is read of the input for the parts of the output that `layouts` ask for; `None` if nothing is.
#[must_use]
pub fn wanted(selection: &Selection, layouts: &Layouts) -> Option<KeyTree> {
    reads(&cut::of(selection, layouts)).input()
}
