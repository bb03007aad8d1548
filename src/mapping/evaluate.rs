//! A mapping and data → a value, by the rules of DIALECT §1.6 and §1.7.
//!
//! Runs per request, after [`crate::mapping::parse()`] has run at start-up. Pure and bounded: what exceeds [`Limits`] ends
//! as a missing value with a note. Walking a path borrows from the data; only what ends up in the output is copied.

mod budget;
mod call;
mod log;
mod merge;
mod pins;
mod remarks;
mod run;
mod select;
mod val;

use serde_json::{Map, Value};

use crate::mapping::ast::{Block, Expr, Selection, Spec};

pub(in crate::mapping) use budget::Equality;
pub(in crate::mapping) use call::Call;
pub(in crate::mapping) use run::{Evaluator, Scope};
pub(in crate::mapping) use val::{Val, kind};

use pins::Slot;

/// What a mapping came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// The value; `None` is *missing*, which is not null.
    pub value: Option<Value>,
    /// What a developer may want to know: keys that were not there, wrong inputs of methods. One per place of the mapping,
    /// at most [`Limits::notes_max`]. They never fail a field.
    pub notes: Vec<Note>,
    /// What `->withError` declared, at most 100.
    pub errors: Vec<Declared>,
    /// What `->withWarning` said, at most 100.
    pub warnings: Vec<Note>,
}

/// A remark about one place of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Plain words.
    pub message: String,
    /// The keys and methods that lead to the place, e.g. `["items", "->map", "name"]`.
    pub path: Vec<String>,
}

/// An error that a mapping declared with `->withError`.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// For the client.
    pub message: String,
    /// For the error's `extensions`.
    pub extensions: Option<Map<String, Value>>,
    /// As in [`Note::path`].
    pub path: Vec<String>,
}

/// The variables of a mapping: names without `$`, and their values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vars<'a> {
    entries: &'a [(&'a str, &'a Value)],
}

/// How much one evaluation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Expressions within expressions, and levels of a value that is copied. A text of
    /// [`NESTING_MAX`](super::parse::NESTING_MAX) brackets needs at most two levels for each, and JSON readers stop at
    /// 128.
    pub depth: usize,
    /// Steps taken and elements visited; a step is at most a microsecond.
    pub steps: u64,
    /// Memory of the values that are made, estimated, none of it given back in between. A source's answer of 4 MiB, copied
    /// whole, takes about 16 MiB.
    pub bytes: usize,
    /// Notes that are kept, beside the one about a limit. With 0 none are even worded: for requests nobody debugs.
    pub notes_max: usize,
}

/// Evaluates a whole mapping. `data` is `$`, `None` where a mapping has no input, e.g. in a URL.
///
/// A list of fields over missing data is an object all the same (its values may come from variables).
///
/// No rule of evaluation differs between the versions so far; `spec` is asked for so that one can.
#[must_use]
pub fn evaluate(
    selection: &Selection,
    spec: Spec,
    data: Option<&Value>,
    vars: &Vars<'_>,
    limits: &Limits,
) -> Evaluation {
    match selection {
        Selection::Value(expr) => evaluate_expr(expr, spec, data, data, vars, limits),
        Selection::Fields(block) => evaluate_block(block, spec, data, vars, limits),
    }
}

/// Evaluates one expression of a mapping with `$` = `root` and `@` = `at`.
#[must_use]
pub fn evaluate_expr(
    expr: &Expr,
    _spec: Spec,
    root: Option<&Value>,
    at: Option<&Value>,
    vars: &Vars<'_>,
    limits: &Limits,
) -> Evaluation {
    let slot = Slot::default();
    let mut run = Evaluator::new(&slot, *vars, *limits);
    let value = run.expr(expr, Scope { root, at }).and_then(|value| run.own(value));
    run.finish(value)
}

/// Applies a block to `root`: once, or to each element of a list.
#[must_use]
pub fn evaluate_block(
    block: &Block,
    _spec: Spec,
    root: Option<&Value>,
    vars: &Vars<'_>,
    limits: &Limits,
) -> Evaluation {
    let slot = Slot::default();
    let mut run = Evaluator::new(&slot, *vars, *limits);
    let value = match root {
        Some(root) => run.select_value(block, root),
        None => run.fill(block, Scope { root: None, at: None }),
    };
    run.finish(value)
}

// === impl Vars ===

impl<'a> Vars<'a> {
    /// Looks names up in `entries`, first to last. There are at most a dozen, so a scan is the fastest map.
    #[must_use]
    pub fn new(entries: &'a [(&'a str, &'a Value)]) -> Self {
        Self { entries }
    }

    /// The value of `$name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.entries
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }
}

// === impl Limits ===

impl Limits {
    /// The defaults without notes: for answers, which nobody debugs.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            notes_max: 0,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 192,
            steps: 1_000_000,
            bytes: 32 * 1024 * 1024,
            notes_max: 100,
        }
    }
}
