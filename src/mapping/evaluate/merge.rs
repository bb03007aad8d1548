//! Two outputs under one name.

use serde_json::Value;

use super::{Evaluator, kind};

// === impl Evaluator ===

impl Evaluator<'_> {
    /// Objects by key, lists by index; null wins; otherwise the later wins, with a note if it is of another kind.
    pub(super) fn merge(&mut self, earlier: Value, later: Value, position: u32) -> Value {
        match (earlier, later) {
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (Value::Object(mut fields), Value::Object(more)) => {
                for (key, value) in more {
                    match fields.get_mut(&key) {
                        Some(field) => *field = self.merge(field.take(), value, position),
                        None => {
                            fields.insert(key, value);
                        }
                    }
                }
                Value::Object(fields)
            }
            (Value::Array(mut items), Value::Array(more)) => {
                let mut more = more.into_iter();
                for (item, value) in items.iter_mut().zip(more.by_ref()) {
                    *item = self.merge(item.take(), value, position);
                }
                items.extend(more);
                Value::Array(items)
            }
            (earlier, later) => {
                if kind(&earlier) != kind(&later) {
                    let kinds = (kind(&earlier), kind(&later));
                    self.note(position, || {
                        format!("{} and {} cannot be merged; the later is kept", kinds.0, kinds.1)
                    });
                }
                later
            }
        }
    }
}
