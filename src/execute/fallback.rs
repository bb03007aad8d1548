//! Values of `@fallback` for the rows whose call failed, in tables as if the source had sent them.
//!
//! Runs when a wave has landed, before anything reads from it: what is below a fallback is fetched and completed like
//! what is below an answer.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    Failure, Link, Outcome, Scope, StandIn, Used,
    backends::Needs,
    failure::Status,
    gather::{self, Asks, Wanted},
    keys::Keys,
    vars::CallVars,
};
use crate::{
    mapping::{Declared, Limits, Table, Vars, evaluate},
    plan::{Fetch, STAND_BYS_MAX, StandBy, Step},
};

/// The fallbacks of one step, while its wave lands.
pub(super) struct Fallbacks<'a> {
    scope: &'a Scope,
    step: &'a Step,
    /// `$this` of each stand-by at each row, where it is read.
    this: Vec<Option<(Keys, Vec<Wanted>)>>,
    made: Vec<Made>,
    /// Number of the first table that is made.
    first: u32,
    pub(super) declared: Vec<Declared>,
}

/// What stands in for one failure.
struct Made {
    failure: u32,
    mask: u64,
    table: Table,
    /// Nodes by the `$this` of their row.
    nodes: HashMap<Vec<Option<u32>>, u32>,
}

// === impl Fallbacks ===

impl<'a> Fallbacks<'a> {
    /// For a step whose calls failed at some rows at least; `None`: it has no fallback.
    pub(super) fn of(scope: &'a Scope, step: &'a Step, outcome: &Outcome) -> Option<Self> {
        if step.stand_bys.is_empty() {
            return None;
        }
        let this = step.stand_bys.iter().map(|stand_by| {
            (!stand_by.this.is_empty()).then(|| {
                let mut keys = Keys::default();
                let rows = gather::gather_parts(scope, step, &stand_by.this, outcome, &mut keys);
                (keys, rows)
            })
        });
        Some(Self {
            scope,
            step,
            this: this.collect(),
            made: Vec::new(),
            first: outcome.tables.len() as u32,
            declared: Vec::new(),
        })
    }

    /// What stands in at a row, by its position among those of the step.
    pub(super) fn link(&mut self, row: usize, number: u32, failure: &Failure) -> Link {
        let mask = self.mask(failure);
        if mask == 0 {
            return Link::Failed(number);
        }
        let at = self.made.iter().position(|made| made.failure == number);
        let at = at.unwrap_or_else(|| {
            self.made.push(Made {
                failure: number,
                mask,
                table: Table::new(self.fetch().projection.layouts.len()),
                nodes: HashMap::new(),
            });
            self.made.len() - 1
        });
        let this: Vec<Option<u32>> = self
            .this
            .iter()
            .map(|this| match this.as_ref()?.1.get(row)?.asks {
                Asks::Key(number) => Some(number),
                Asks::Nobody | Asks::Failed(_) => None,
            })
            .collect();
        let table = self.first + at as u32;
        if let Some(node) = self.made[at].nodes.get(&this) {
            return Link::Value { table, node: *node };
        }
        let value = self.value(mask, &this, failure);
        let made = &mut self.made[at];
        let node = self.scope.plan.fetches[usize::from(self.step.fetch.0)]
            .projection
            .stand_in(&value, &mut made.table);
        made.table.nodes.push(node);
        let node = (made.table.nodes.len() - 1) as u32;
        made.nodes.insert(this, node);
        Link::Value { table, node }
    }

    /// The tables that were made, in order.
    pub(super) fn finish(self) -> Vec<(Table, StandIn)> {
        let tables = self.made.into_iter().zip(self.first..);
        tables
            .map(|(made, table)| {
                let stand_in = StandIn {
                    table,
                    failure: made.failure,
                    used: Used::Fallback { mask: made.mask },
                };
                (made.table, stand_in)
            })
            .collect()
    }

    fn fetch(&self) -> &'a Fetch {
        &self.scope.plan.fetches[usize::from(self.step.fetch.0)]
    }

    /// Which stand-bys are for such a failure.
    fn mask(&self, failure: &Failure) -> u64 {
        let faults = failure.faults();
        let stand_bys = self.step.stand_bys.iter().take(usize::from(STAND_BYS_MAX)).enumerate();
        stand_bys
            .filter(|(_, stand_by)| stand_by.fallback.on.has_any(faults))
            .fold(0, |mask, (bit, _)| mask | 1 << bit)
    }

    /// The value of the step at a row: the fallback of its field, or an object of those fields that have one.
    fn value(&mut self, mask: u64, this: &[Option<u32>], failure: &Failure) -> Value {
        let step = self.step;
        let mut object = Map::new();
        for (number, stand_by) in step.stand_bys.iter().enumerate().take(usize::from(STAND_BYS_MAX)) {
            if mask & 1 << number == 0 {
                continue;
            }
            let value = self.evaluate(stand_by, number, this[number], failure);
            match &stand_by.field {
                None => return value,
                Some(name) => object.insert(name.to_string(), value),
            };
        }
        Value::Object(object)
    }

    fn evaluate(&mut self, stand_by: &StandBy, number: usize, this: Option<u32>, failure: &Failure) -> Value {
        let mapping = &stand_by.fallback.selection;
        let mut needs = Needs::default();
        needs.add(mapping);
        let reads_this = std::mem::take(&mut needs.this);
        let Ok(vars) = CallVars::of_request(self.scope, self.fetch(), &needs, &[], &Keys::default()) else {
            return Value::Null;
        };
        let object = match (&self.this[number], this) {
            (Some((keys, _)), Some(this)) => keys.object(this, &stand_by.this_names),
            _ => Value::Object(Map::new()),
        };
        let error = error(failure);
        let mut pairs = vars.pairs();
        pairs.push(("error", &error));
        if reads_this {
            pairs.push(("this", &object));
        }
        let evaluation = evaluate(
            &mapping.selection,
            mapping.spec,
            None,
            &Vars::new(&pairs),
            &Limits::quiet(),
        );
        self.declared.extend(evaluation.errors);
        evaluation.value.unwrap_or(Value::Null)
    }
}

/// `$error`.
fn error(failure: &Failure) -> Value {
    let status = match failure.status {
        Some(Status::Http(status) | Status::Grpc(status)) => Value::from(status),
        None => Value::Null,
    };
    let kind = failure.fault().map_or(Value::Null, |fault| Value::from(fault.as_str()));
    Value::Object(Map::from_iter([
        ("kind".to_owned(), kind),
        ("status".to_owned(), status),
        ("message".to_owned(), Value::from(failure.message.as_str())),
    ]))
}
