//! What becomes of a field when the fetch that supplies it fails: its fallback, or the end of the request.

use std::sync::Arc;

use super::{FieldShape, FieldSource, KeyPart, StepId, align, build::Planner, group::Group};
use crate::schema::model::{Fallback, Field, KeyTree};

/// What stands in for a field when the fetch of a step fails.
#[derive(Debug)]
pub struct StandBy {
    /// How its value is made.
    pub fallback: Arc<Fallback>,
    /// The field's name in the rows of the step; `None`: it is the step's value.
    pub field: Option<Arc<str>>,
    /// Where each part of `$this` is read, as in [`super::Step::key`].
    pub this: Vec<KeyPart>,
    /// Names of these parts.
    pub this_names: Vec<Vec<Arc<str>>>,
}

// === impl Planner ===

impl<'a> Planner<'a> {
    /// Notes for a field that was planned what becomes of it when its fetch fails.
    pub(super) fn contract(&mut self, group: &Group<'a>, field: &'a Field, shape: &mut FieldShape) {
        shape.is_critical = field.is_critical;
        let (step, name) = match &shape.source {
            FieldSource::Step(step) => (*step, None),
            FieldSource::Slot { via: Some(step), .. } => (*step, Some(field.name.clone())),
            FieldSource::Slot { via: None, .. } => {
                // It comes with its object: so does its failure.
                if let (true, Some(base)) = (field.is_critical, group.base) {
                    self.steps[usize::from(base.step.0)].is_critical = true;
                }
                return;
            }
            FieldSource::Constant(_)
            | FieldSource::Introspection
            | FieldSource::Nobody
            | FieldSource::Refused { .. }
            | FieldSource::Guarded(..) => return,
        };
        self.steps[usize::from(step.0)].is_critical |= field.is_critical;
        let Some(fallback) = &field.fallback else { return };
        let known = self.steps[usize::from(step.0)]
            .stand_bys
            .iter()
            .position(|known| known.field == name);
        let number = known.unwrap_or_else(|| {
            let (this, this_names) = self.this(group, step, &fallback.this_reads);
            let stand_bys = &mut self.steps[usize::from(step.0)].stand_bys;
            stand_bys.push(StandBy {
                fallback: fallback.clone(),
                field: name,
                this,
                this_names,
            });
            stand_bys.len() - 1
        });
        shape.stand_by = u8::try_from(number).ok().filter(|number| *number < STAND_BYS_MAX);
    }

    /// Where the parts of `$this` are, as far as they are there anyway: no call is made for the sake of a fallback, and
    /// none waits for another because of one.
    fn this(&mut self, group: &Group<'a>, step: StepId, reads: &KeyTree) -> (Vec<KeyPart>, Vec<Vec<Arc<str>>>) {
        let reads = self.up_to_lists(reads, group.ty);
        let (mut parts, mut names) = (Vec::new(), Vec::new());
        for (name, below) in reads.0 {
            let Some((via, rows)) = group.supplier(&name) else {
                continue;
            };
            let is_over = via.is_none_or(|via| {
                let key = &self.steps[usize::from(step.0)].key;
                key.iter().any(|part| part.via == Some(via))
            });
            if is_over {
                self.key_parts(rows, via, &name, &below, &mut Vec::new(), &mut parts);
                align::tree_paths(&KeyTree(vec![(name, below)]), &mut Vec::new(), &mut names);
            }
        }
        (parts, names)
    }
}

/// Fields of one step that have a fallback, as many as a mask has bits.
pub const STAND_BYS_MAX: u8 = 64;
