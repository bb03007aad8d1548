//! Which kinds of values an expression can have. Only what can never fit is a problem, so "any" is always a safe answer.

use std::ops::{BitAnd, BitOr};

use crate::mapping::{Expr, Head, Path, Selection, Step};

/// A set of kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

/// The kind of a whole variable with some keys behind it.
pub(crate) type VariableKinds<'a> = dyn Fn(&Path) -> Kinds + 'a;

// === impl Kinds ===

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOL: Self = Self(2);
    pub(crate) const NUMBER: Self = Self(4);
    pub(crate) const TEXT: Self = Self(8);
    pub(crate) const ARRAY: Self = Self(16);
    pub(crate) const OBJECT: Self = Self(32);
    pub(crate) const SCALAR: Self = Self(15);
    pub(crate) const ANY: Self = Self(63);

    /// Whether no kind is in both.
    pub(crate) fn never_fits(self, accepted: Self) -> bool {
        (self & accepted).0 == 0
    }

    /// `text or null`.
    pub(crate) fn describe(self) -> String {
        const NAMES: [(Kinds, &str); 6] = [
            (Kinds::TEXT, "text"),
            (Kinds::NUMBER, "a number"),
            (Kinds::BOOL, "a boolean"),
            (Kinds::ARRAY, "a list"),
            (Kinds::OBJECT, "an object"),
            (Kinds::NULL, "null"),
        ];
        let found: Vec<&str> = NAMES
            .iter()
            .filter(|(kind, _)| !self.never_fits(*kind))
            .map(|(_, name)| *name)
            .collect();
        match found.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => found.concat(),
        }
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Kinds {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What a whole mapping can be.
pub(crate) fn of_selection(selection: &Selection, variables: &VariableKinds<'_>) -> Kinds {
    match selection {
        // A list of fields on a list answer gives a list.
        Selection::Fields(_) => Kinds::OBJECT,
        Selection::Value(expr) => of_expr(expr, variables),
    }
}

fn of_expr(expr: &Expr, variables: &VariableKinds<'_>) -> Kinds {
    match expr {
        Expr::Literal(value, _) => of_literal(value),
        Expr::Array(..) => Kinds::ARRAY,
        Expr::Object(_) => Kinds::OBJECT,
        Expr::Chain(_, sides, _) => sides
            .iter()
            .map(|side| of_expr(side, variables))
            .fold(Kinds(0), BitOr::bitor),
        Expr::Path(path) => of_path(path, variables),
    }
}

fn of_literal(value: &serde_json::Value) -> Kinds {
    match value {
        serde_json::Value::Null => Kinds::NULL,
        serde_json::Value::Bool(_) => Kinds::BOOL,
        serde_json::Value::Number(_) => Kinds::NUMBER,
        serde_json::Value::String(_) => Kinds::TEXT,
        serde_json::Value::Array(_) => Kinds::ARRAY,
        serde_json::Value::Object(_) => Kinds::OBJECT,
    }
}

fn of_path(path: &Path, variables: &VariableKinds<'_>) -> Kinds {
    let mut kinds = match &path.head {
        Head::Expr(expr) => of_expr(expr, variables),
        Head::Variable(_) if !path.steps.iter().any(is_method) => return variables(path),
        _ => Kinds::ANY,
    };
    for step in &path.steps {
        kinds = match step {
            Step::Method { name, args, .. } => of_method(&name.text, args.as_deref(), kinds, variables),
            Step::Optional(_) => kinds,
            Step::Key(_) | Step::Select(_) => Kinds::ANY,
        };
    }
    kinds
}

fn is_method(step: &Step) -> bool {
    matches!(step, Step::Method { .. })
}

fn of_method(name: &str, args: Option<&[Expr]>, input: Kinds, variables: &VariableKinds<'_>) -> Kinds {
    let args = args.unwrap_or_default();
    match name {
        "as" | "withWarning" | "withError" => input,
        "echo" => args.first().map_or(Kinds::ANY, |arg| of_expr(arg, variables)),
        "map" | "filter" | "entries" | "split" => Kinds::ARRAY,
        "size" | "parseInt" | "add" | "sub" | "mul" | "div" | "mod" => Kinds::NUMBER,
        "joinNotNull" | "trim" | "trimStart" | "trimEnd" | "toString" | "jsonStringify" => Kinds::TEXT,
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "and" | "or" | "not" | "in" | "contains" => Kinds::BOOL,
        "keysToCamelCase" | "keysToCamelCaseDeep" => Kinds::OBJECT | Kinds::ARRAY,
        "match" => args
            .iter()
            .map(|arm| match arm {
                Expr::Array(pair, _) => pair.get(1).map_or(Kinds::ANY, |value| of_expr(value, variables)),
                _ => Kinds::ANY,
            })
            .fold(Kinds(0), BitOr::bitor),
        _ => Kinds::ANY,
    }
}
