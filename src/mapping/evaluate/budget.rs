//! What an evaluation may spend. Everything that loops or copies goes through here, and ends here when it is too much.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Evaluator, Val};

/// Memory that a value takes besides its text, rounded: what serde_json's tree uses is some 30 to 80 bytes a node.
const NODE_BYTES: usize = 32;

/// Bytes of text that count as one step.
pub(super) const STEP_BYTES: usize = 64;

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mapping) enum Equality {
    /// 1 is not 1.0.
    Strict,
    /// 1 is 1.0. Whole numbers are compared as such: as floats, different large ids would be the same.
    Loose,
}

// === impl Evaluator ===

impl<'a> Evaluator<'a> {
    /// Accounts for work; `None` when there has been too much.
    pub(in crate::mapping) fn spend(&mut self, steps: usize) -> Option<()> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match self.steps_left.checked_sub(steps) {
            Some(left) if self.stopped.is_none() => {
                self.steps_left = left;
                Some(())
            }
            _ => self.stop("took too many steps"),
        }
    }

    /// Accounts for reading through a text.
    pub(in crate::mapping) fn spend_text(&mut self, text: &str) -> Option<()> {
        self.spend(1 + text.len() / STEP_BYTES)
    }

    /// Accounts for memory: values and bytes of text.
    pub(in crate::mapping) fn charge(&mut self, nodes: usize, bytes: usize) -> Option<()> {
        let wanted = nodes.saturating_mul(NODE_BYTES).saturating_add(bytes);
        match self.bytes_left.checked_sub(wanted) {
            Some(left) if self.stopped.is_none() => {
                self.bytes_left = left;
                Some(())
            }
            _ => self.stop("made too large a value"),
        }
    }

    /// Runs `inside` one level deeper.
    pub(super) fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= self.limits.depth {
            return self.stop("went too deep");
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn stop<T>(&mut self, reason: &'static str) -> Option<T> {
        self.stopped.get_or_insert(reason);
        None
    }

    /// A text made on the way.
    pub(in crate::mapping) fn text(&mut self, text: String) -> Option<Val<'a>> {
        self.charge(1, text.len())?;
        Some(Val::Owned(Value::String(text)))
    }

    /// The value as a JSON value of its own.
    pub(in crate::mapping) fn own(&mut self, value: Val<'a>) -> Option<Value> {
        match value {
            Val::Owned(value) => Some(value),
            Val::Ref(value) => self.copy(value, 0),
            Val::List(items) => {
                self.charge(1 + items.len(), 0)?;
                let items: Option<Vec<Value>> = items.into_iter().map(|item| self.own(item)).collect();
                items.map(Value::Array)
            }
        }
    }

    /// The value as one JSON value, borrowed if it is one.
    pub(in crate::mapping) fn whole(&mut self, value: Val<'a>) -> Option<Cow<'a, Value>> {
        match value {
            Val::Ref(value) => Some(Cow::Borrowed(value)),
            other => self.own(other).map(Cow::Owned),
        }
    }

    /// What [`Self::whole`] gave, as a JSON value of its own.
    pub(in crate::mapping) fn own_whole(&mut self, value: Cow<'a, Value>) -> Option<Value> {
        match value {
            Cow::Borrowed(value) => self.copy(value, 0),
            Cow::Owned(value) => Some(value),
        }
    }

    /// The value as one that can be referred to until the evaluation ends.
    pub(in crate::mapping) fn keep(&mut self, value: Val<'a>) -> Option<&'a Value> {
        match value {
            Val::Ref(value) => Some(value),
            other => {
                let value = self.own(other)?;
                self.charge(1, 0)?;
                Some(self.pins.keep(value))
            }
        }
    }

    fn copy(&mut self, value: &Value, level: usize) -> Option<Value> {
        if level > self.limits.depth {
            return self.stop("went too deep");
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.charge(1, 0)?;
                Some(value.clone())
            }
            Value::String(text) => {
                self.charge(1, text.len())?;
                Some(value.clone())
            }
            Value::Array(items) => {
                self.charge(1 + items.len(), 0)?;
                let mut copies = Vec::with_capacity(items.len());
                for item in items {
                    copies.push(self.copy(item, level + 1)?);
                }
                Some(Value::Array(copies))
            }
            Value::Object(fields) => {
                self.charge(1 + fields.len(), 0)?;
                let mut copies = Map::with_capacity(fields.len());
                for (key, field) in fields {
                    self.charge(0, key.len())?;
                    copies.insert(key.clone(), self.copy(field, level + 1)?);
                }
                Some(Value::Object(copies))
            }
        }
    }

    /// Whether two values are the same; `None` when finding out took too long.
    pub(in crate::mapping) fn equal(&mut self, a: &Value, b: &Value, equality: Equality) -> Option<bool> {
        self.spend(1)?;
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => Some(match equality {
                Equality::Strict => a == b,
                Equality::Loose => same_number(a, b),
            }),
            (Value::String(a), Value::String(b)) if a.len() == b.len() => {
                self.spend_text(a)?;
                Some(a == b)
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b) {
                    if !self.equal(a, b, equality)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
                for (key, a) in a {
                    self.spend(key.len() / STEP_BYTES)?;
                    match b.get(key) {
                        Some(b) if self.equal(a, b, equality)? => {}
                        _ => return Some(false),
                    }
                }
                Some(true)
            }
            (Value::Null, Value::Null) => Some(true),
            (Value::Bool(a), Value::Bool(b)) => Some(a == b),
            _ => Some(false),
        }
    }
}

/// Floats are compared exactly, as the language says.
fn same_number(a: &Number, b: &Number) -> bool {
    if a.is_f64() || b.is_f64() {
        a.as_f64() == b.as_f64()
    } else {
        a == b
    }
}
