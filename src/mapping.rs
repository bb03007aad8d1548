//! The mapping language of the schema dialect: how answers of sources become fields.
//!
//! First in the dependency order: imports nothing of ours. Pure. A text goes through [`parse()`] once, at start-up;
//! per request it goes through [`evaluate()`].

pub mod ast;
pub mod evaluate;
mod methods;
pub mod parse;

pub use ast::{Block, Expr, Fallback, Head, Item, Key, Path, Selection, Span, Spec, Step};
pub use evaluate::{
    Declared, Evaluation, Limits, Note, Vars, evaluate, evaluate_block, evaluate_expr,
};
pub use parse::{ParseError, parse};
