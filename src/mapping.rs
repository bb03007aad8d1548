//! The mapping language of the schema dialect: how answers of sources become fields.
//!
//! First in the dependency order: imports nothing of ours. Pure.

pub mod ast;

pub use ast::{Block, Expr, Fallback, Head, Item, Key, Path, Selection, Span, Spec, Step};
