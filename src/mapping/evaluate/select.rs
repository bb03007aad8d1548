//! Blocks: applied to a value, and the object they make.

use serde_json::{Map, Value};

use super::{Evaluator, Scope, Val, kind};
use crate::mapping::ast::{Block, Item, Key};

// === impl Evaluator ===

impl<'a> Evaluator<'a> {
    /// A `{ … }` tail.
    pub(super) fn select(&mut self, block: &'a Block, value: Val<'a>) -> Option<Val<'a>> {
        let Val::List(items) = value else {
            let value = self.keep(value)?;
            return self.select_value(block, value).map(Val::Owned);
        };
        self.charge(1 + items.len(), 0)?;
        self.deeper(|run| {
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                run.spend(1)?;
                values.push(run.select(block, item).unwrap_or(Val::null()));
            }
            Some(Val::List(values))
        })
    }

    /// Applies a block to a value, to each element of a list. A scalar of which nothing was selected is itself.
    pub(super) fn select_value(&mut self, block: &'a Block, value: &'a Value) -> Option<Value> {
        match value {
            Value::Array(items) => self.deeper(|run| run.select_each(block, items)),
            Value::Object(_) => self.fill(
                block,
                Scope {
                    root: Some(value),
                    at: Some(value),
                },
            ),
            scalar => {
                let output = self.fill(
                    block,
                    Scope {
                        root: Some(value),
                        at: Some(value),
                    },
                )?;
                let is_empty = output.as_object().is_some_and(Map::is_empty);
                if is_empty {
                    self.own(Val::Ref(scalar))
                } else {
                    Some(output)
                }
            }
        }
    }

    fn select_each(&mut self, block: &'a Block, items: &'a [Value]) -> Option<Value> {
        self.charge(1 + items.len(), 0)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            self.spend(1)?;
            values.push(self.select_value(block, item).unwrap_or(Value::Null));
        }
        Some(Value::Array(values))
    }

    /// The object that a block makes; null if a null was merged into it.
    pub(super) fn fill(&mut self, block: &'a Block, scope: Scope<'a>) -> Option<Value> {
        self.charge(1 + block.items.len(), 0)?;
        let mut output = Value::Object(Map::with_capacity(block.items.len()));
        for item in &block.items {
            self.spend(1)?;
            match item {
                Item::Named { name, value } => {
                    let Some(value) = self.expr(value, scope) else {
                        continue;
                    };
                    let value = self.own(value)?;
                    self.put(&mut output, name, value)?;
                }
                Item::Spread { value: expr, .. } => {
                    let Some(value) = self.expr(expr, scope) else {
                        continue;
                    };
                    let value = self.own(value)?;
                    output = self.spread(output, value, expr.span().start);
                }
            }
        }
        Some(output)
    }

    fn put(&mut self, output: &mut Value, name: &'a Key, value: Value) -> Option<()> {
        // Null already: something spread was null, and null wins.
        let Value::Object(fields) = output else {
            return Some(());
        };
        self.charge(0, name.text.len())?;
        if let Some(earlier) = fields.get_mut(&name.text) {
            let merged = self.merge(earlier.take(), value, name.span.start);
            *earlier = merged;
        } else {
            fields.insert(name.text.clone(), value);
        }
        Some(())
    }

    fn spread(&mut self, output: Value, value: Value, position: u32) -> Value {
        match value {
            Value::Object(_) | Value::Null => self.merge(output, value, position),
            other => {
                self.note(position, || {
                    format!("only an object can be merged in, and this is {}", kind(&other))
                });
                output
            }
        }
    }
}
