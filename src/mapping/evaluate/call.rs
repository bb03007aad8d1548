//! What a method sees of the evaluation: its arguments, `@`, and a way to remark.

use std::borrow::Cow;

use serde_json::Value;

use super::{Evaluator, Scope, Val};
use crate::mapping::ast::{Expr, Key};

/// One call of a method.
#[derive(Debug)]
pub(in crate::mapping) struct Call<'r, 'a> {
    pub(in crate::mapping) run: &'r mut Evaluator<'a>,
    name: &'a Key,
    pub(in crate::mapping) args: &'a [Expr],
    scope: Scope<'a>,
}

// === impl Call ===

impl<'r, 'a> Call<'r, 'a> {
    pub(super) fn new(run: &'r mut Evaluator<'a>, name: &'a Key, args: &'a [Expr], scope: Scope<'a>) -> Self {
        Self { run, name, args, scope }
    }

    /// The argument at `index`, or any part of one, with `@` = the method's input.
    pub(in crate::mapping) fn value(&mut self, expr: &'a Expr) -> Option<Val<'a>> {
        self.run.expr(expr, self.scope)
    }

    /// The same with `@` = an element of the input.
    pub(in crate::mapping) fn value_at(&mut self, expr: &'a Expr, at: &'a Value) -> Option<Val<'a>> {
        self.run.expr(
            expr,
            Scope {
                root: self.scope.root,
                at: Some(at),
            },
        )
    }

    /// The argument at `index`, as one JSON value.
    pub(in crate::mapping) fn arg(&mut self, index: usize) -> Option<Cow<'a, Value>> {
        let value = self.args.get(index).and_then(|arg| self.value(arg));
        match value {
            Some(value) => self.run.whole(value),
            None => self.refuse(|name| format!("an argument of `->{name}` is missing")),
        }
    }

    /// Missing, because the input is of a kind that the method does not work on.
    pub(in crate::mapping) fn needs<T>(&mut self, wanted: &str, found: &str) -> Option<T> {
        self.refuse(|name| format!("`->{name}` needs {wanted}, and this is {found}"))
    }

    /// Missing, because an argument is not what the method needs.
    pub(in crate::mapping) fn needs_argument<T>(&mut self, wanted: &str) -> Option<T> {
        self.refuse(|name| format!("`->{name}` needs {wanted} as argument"))
    }

    /// Missing, with a note that is given the method's name.
    pub(in crate::mapping) fn refuse<T>(&mut self, message: impl FnOnce(&str) -> String) -> Option<T> {
        self.remark(message);
        None
    }

    /// A note without consequences.
    pub(in crate::mapping) fn remark(&mut self, message: impl FnOnce(&str) -> String) {
        let name = self.name;
        self.run.note(name.span.start, || message(&name.text));
    }
}
