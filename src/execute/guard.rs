//! Rules that look at objects: decided when the objects are there, before anything is called for them.

use serde_json::Value;

use super::{
    Outcome, Scope,
    gather::add_part,
    keys::{KeyBuffer, object_of},
};
use crate::{
    mapping::{Node, Table},
    operation::gates,
    plan::GuardId,
    schema::access::Decision,
};

/// Whether the caller may have what is behind a guard, given the object's row. What cannot be decided is refused.
pub(crate) fn decide(
    scope: &Scope,
    outcome: &Outcome,
    guard: GuardId,
    number: u32,
    table: &Table,
    row: &Node,
) -> Decision {
    let guard = &scope.plan.guards[usize::from(guard.0)];
    let mut buffer = KeyBuffer::default();
    for part in &guard.parts {
        // What could not be had reads as null, which no rule should take for a yes.
        add_part(outcome, number, table, row, part, &mut buffer, &mut None);
        buffer.end_part();
    }
    let this = match guard.parts.len() == guard.names.len() {
        true => object_of(&buffer, &guard.names),
        // A field that nobody supplies: it reads as missing.
        false => Value::Object(serde_json::Map::new()),
    };
    let args = gates::arguments(&scope.variables, &guard.arguments);
    match scope.surface.decide(guard.access, &scope.caller, &args, Some(&this)) {
        Decision::ByObject => Decision::Refused { is_absent: false },
        decided => decided,
    }
}
