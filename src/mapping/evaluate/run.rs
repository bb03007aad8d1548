//! The evaluation itself: expressions, paths, steps.

use serde_json::Value;

use super::{
    Call, Evaluation, Limits, Note, Val, Vars,
    budget::STEP_BYTES,
    log::Log,
    pins::{Pins, Slot},
};
use crate::mapping::{
    ast::{Expr, Fallback, Head, Key, Path, Span, Step},
    methods::Method,
    parse::{bound_name, check},
};

/// Names that are compared in the time of one step.
const NAMES_PER_STEP: usize = 16;

/// One evaluation under way.
#[derive(Debug)]
pub(in crate::mapping) struct Evaluator<'a> {
    vars: Vars<'a>,
    pub(super) limits: Limits,
    pub(super) steps_left: u64,
    pub(super) bytes_left: usize,
    pub(super) depth: usize,
    /// Why the evaluation ended early, if it did: its value is then missing.
    pub(super) stopped: Option<&'static str>,
    pub(super) pins: Pins<'a>,
    /// Names bound with `->as` and not yet out of reach, innermost last.
    bound: Vec<(&'a str, Option<&'a Value>)>,
    /// The paths that are being walked, outermost first, and how many steps of each were begun.
    pub(super) trail: Vec<(&'a Path, usize)>,
    pub(super) log: Log,
}

/// What `$` and `@` are; `None` where they are missing.
#[derive(Debug, Clone, Copy)]
pub(in crate::mapping) struct Scope<'a> {
    pub(in crate::mapping) root: Option<&'a Value>,
    pub(in crate::mapping) at: Option<&'a Value>,
}

// === impl Evaluator ===

impl<'a> Evaluator<'a> {
    pub(super) fn new(slot: &'a Slot, vars: Vars<'a>, limits: Limits) -> Self {
        Self {
            vars,
            limits,
            steps_left: limits.steps,
            bytes_left: limits.bytes,
            depth: 0,
            stopped: None,
            pins: Pins::new(slot),
            bound: Vec::new(),
            trail: Vec::new(),
            log: Log::new(limits.notes_max),
        }
    }

    pub(super) fn finish(mut self, value: Option<Value>) -> Evaluation {
        let mut value = value;
        if let Some(reason) = self.stopped {
            value = None;
            let message = format!("the mapping {reason}, so its value is missing");
            self.log.note(
                0,
                Note {
                    message,
                    path: Vec::new(),
                },
            );
        }
        let errors = std::mem::take(&mut self.log.errors);
        let warnings = std::mem::take(&mut self.log.warnings);
        Evaluation {
            value,
            notes: self.log.into_notes(),
            errors,
            warnings,
        }
    }

    /// The value of `expr`, `None` if missing.
    pub(in crate::mapping) fn expr(&mut self, expr: &'a Expr, scope: Scope<'a>) -> Option<Val<'a>> {
        match expr {
            Expr::Literal(value, _) => Some(Val::Ref(value)),
            Expr::Array(items, _) => self.deeper(|run| run.list(items, scope)),
            Expr::Object(block) => self.deeper(|run| run.fill(block, scope).map(Val::Owned)),
            Expr::Path(path) => self.deeper(|run| run.path(path, scope)),
            Expr::Chain(fallback, operands, _) => self.deeper(|run| run.chain(*fallback, operands, scope)),
        }
    }

    fn list(&mut self, items: &'a [Expr], scope: Scope<'a>) -> Option<Val<'a>> {
        self.charge(1 + items.len(), 0)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            self.spend(1)?;
            values.push(self.expr(item, scope).unwrap_or(Val::null()));
        }
        Some(Val::List(values))
    }

    /// The first operand that is good enough, else what the last one came to.
    fn chain(&mut self, fallback: Fallback, operands: &'a [Expr], scope: Scope<'a>) -> Option<Val<'a>> {
        let mark = self.log.mark();
        let mut last = None;
        for operand in operands {
            self.spend(1)?;
            last = self.expr(operand, scope);
            let skipped = match &last {
                None => true,
                Some(value) => fallback == Fallback::NullOrMissing && value.is_null(),
            };
            if !skipped {
                self.log.forget_since(mark);
                break;
            }
        }
        last
    }

    fn path(&mut self, path: &'a Path, scope: Scope<'a>) -> Option<Val<'a>> {
        let bound = self.bound.len();
        self.trail.push((path, 0));
        let value = self.walk(path, scope);
        self.trail.pop();
        self.bound.truncate(bound);
        value
    }

    fn walk(&mut self, path: &'a Path, scope: Scope<'a>) -> Option<Val<'a>> {
        self.spend(1)?;
        let mut value = self.head(path, scope)?;
        for (index, step) in path.steps.iter().enumerate() {
            self.spend(1)?;
            if let Some((_, begun)) = self.trail.last_mut() {
                *begun = index + 1;
            }
            value = match step {
                Step::Key(key) => self.key(value, key, is_optional(path, index + 1))?,
                Step::Optional(_) if value.is_null() => return None,
                Step::Optional(_) => value,
                Step::Select(block) => self.select(block, value)?,
                Step::Method { name, args, span } => {
                    let method = self.callable(name, args.as_deref(), span)?;
                    self.method(method, name, args.as_deref().unwrap_or_default(), value, scope)?
                }
            };
        }
        Some(value)
    }

    fn head(&mut self, path: &'a Path, scope: Scope<'a>) -> Option<Val<'a>> {
        let quiet = is_optional(path, 0);
        let position = path.span.start;
        match &path.head {
            Head::Root => self.present(scope.root, position, quiet),
            Head::At => self.present(scope.at, position, quiet),
            Head::Key(key) => {
                let root = self.present(scope.root, position, quiet)?;
                self.key(root, key, quiet)
            }
            Head::Variable(name) => self.variable(name, quiet),
            Head::Expr(expr) => self.expr(expr, scope),
        }
    }

    fn present(&mut self, value: Option<&'a Value>, position: u32, quiet: bool) -> Option<Val<'a>> {
        if value.is_none() && !quiet {
            self.note(position, || "there is no input to read from".to_owned());
        }
        value.map(Val::Ref)
    }

    fn variable(&mut self, name: &'a Key, quiet: bool) -> Option<Val<'a>> {
        // A path may bind as many names as it is long, and each use looks through them.
        self.spend(self.bound.len() / NAMES_PER_STEP)?;
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| *bound == name.text) {
            return value.map(Val::Ref);
        }
        let value = self.vars.get(&name.text);
        if value.is_none() && !quiet {
            self.note(name.span.start, || {
                format!("there is no variable `${}` here", name.text)
            });
        }
        value.map(Val::Ref)
    }

    /// The method of that name, if it can be called so. A schema's mappings were checked for that before.
    fn callable(&mut self, name: &'a Key, args: Option<&'a [Expr]>, span: &Span) -> Option<Method> {
        let method = Method::from_name(&name.text).filter(|method| method.takes(args.map(<[_]>::len)));
        if method.is_none() {
            self.note(name.span.start, || {
                check::method(name, args, span).map_or_else(|misuse| misuse.message, |()| name.text.clone())
            });
        }
        method
    }

    fn method(
        &mut self,
        method: Method,
        name: &'a Key,
        args: &'a [Expr],
        input: Val<'a>,
        scope: Scope<'a>,
    ) -> Option<Val<'a>> {
        if method == Method::As {
            return self.bind(name, args, input, scope);
        }
        // `@` must outlive the call only if an argument can read it, and is an element where a method goes through a list.
        let by_element = matches!(method, Method::Map | Method::Filter | Method::Find);
        let (input, at) = if by_element || !args.iter().any(reads_at) {
            (input, None)
        } else {
            let at = self.keep(input)?;
            (Val::Ref(at), Some(at))
        };
        let mut call = Call::new(self, name, args, Scope { root: scope.root, at });
        method.apply(&mut call, input)
    }

    /// `->as($name)` or `->as($name, value)`: the value goes on unchanged.
    fn bind(&mut self, method: &Key, args: &'a [Expr], input: Val<'a>, scope: Scope<'a>) -> Option<Val<'a>> {
        let Some(name) = args.first().and_then(bound_name) else {
            self.note(method.span.start, || {
                "`->as` needs a name to bind, as in `->as($item)`".to_owned()
            });
            return None;
        };
        let at = self.keep(input)?;
        let value = match args.get(1) {
            None => Some(at),
            Some(value) => {
                let value = self.expr(
                    value,
                    Scope {
                        root: scope.root,
                        at: Some(at),
                    },
                );
                value.and_then(|value| self.keep(value))
            }
        };
        self.bound.push((&name.text, value));
        Some(Val::Ref(at))
    }

    /// `.key`, over each element of a list.
    fn key(&mut self, value: Val<'a>, key: &'a Key, quiet: bool) -> Option<Val<'a>> {
        if let Some(length) = value.items_len() {
            self.charge(1 + length, 0)?;
        }
        let value = match value.into_items() {
            Ok(items) => return self.deeper(|run| run.key_of_each(items, key, quiet)),
            Err(single) => single,
        };
        self.spend(key.text.len() / STEP_BYTES)?;
        let kind = value.kind();
        let (is_object, found) = match value {
            Val::Ref(Value::Object(fields)) => (true, fields.get(&key.text).map(Val::Ref)),
            Val::Owned(Value::Object(mut fields)) => (true, fields.swap_remove(&key.text).map(Val::Owned)),
            _ => (false, None),
        };
        if found.is_none() && !quiet {
            self.note(key.span.start, || match is_object {
                true => format!("there is no `{}` in this object", key.text),
                false => format!("`{}` was looked for in {kind}, which has no keys", key.text),
            });
        }
        found
    }

    fn key_of_each(&mut self, items: Vec<Val<'a>>, key: &'a Key, quiet: bool) -> Option<Val<'a>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            self.spend(1)?;
            // What was missing one step earlier is null by now, and was noted then.
            let value = if item.is_null() {
                None
            } else {
                self.key(item, key, quiet)
            };
            values.push(value.unwrap_or(Val::null()));
        }
        Some(Val::List(values))
    }
}

/// Whether the step at `index` is a `?`, so that it is no news if there is nothing before it.
fn is_optional(path: &Path, index: usize) -> bool {
    matches!(path.steps.get(index), Some(Step::Optional(_)))
}

/// Whether evaluating `expr` may look at `@`.
fn reads_at(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => false,
        Expr::Array(items, _) => items.iter().any(reads_at),
        _ => true,
    }
}
