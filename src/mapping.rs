//! The mapping language of the schema dialect: how answers of sources become fields.
//!
//! First in the dependency order: imports nothing of ours. Pure. A text goes through [`parse()`] once, at start-up. Per
//! operation it is cut down and compiled ([`Projection`]); per answer the compiled form notes spans in a [`Table`], and
//! what spans cannot say goes through [`evaluate()`].

pub mod ast;
pub mod evaluate;
mod fill;
mod layout;
mod methods;
pub mod parse;
mod print;
mod project;
mod scan;
mod spans;
mod table;
pub mod text;
pub mod tree;
mod wire;

pub use ast::{Block, Expr, Fallback, Head, Item, Key, Path, Selection, Span, Spec, Step};
pub use evaluate::{Declared, Evaluation, Limits, Note, Vars, evaluate, evaluate_block, evaluate_expr};
pub use fill::Context;
pub use layout::{Layout, LayoutField, LayoutId, Layouts};
pub use parse::{ParseError, parse, parse_by_grammar, parse_with_misuses};
pub use project::Projection;
pub use scan::{ScanError, ScanLimits};
pub use table::{NONE, Node, NodeKind, Table};
pub use tree::{KeyTree, Origin, OutputField, OutputTree, Read, Reads, Variant, output, reads};
pub use wire::{WireError, WireProjection};
