//! What becomes of fields whose call failed: stale values and fallbacks are told, a failed critical field ends the answer.

use super::{
    degraded::Instead,
    write::{Propagate, Row, Writer},
};
use crate::{
    execute::{Failure, Link, Used},
    plan::{FieldShape, FieldSource, StepId},
};

/// Where a writer stood before it tried something.
pub(super) struct Mark {
    out: usize,
    errors: usize,
    error_count: u32,
    omitted: u32,
    degraded: usize,
    stopped: bool,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    /// Tells that a step's value comes from a table that stands in for an answer. `false`: it does not, or not for this field.
    pub(super) fn note_stand_in(&mut self, field: &FieldShape, table: u32) -> StandsIn {
        let Some(stand_in) = self.outcome.stand_in(table) else {
            return StandsIn::No;
        };
        let failure = &self.outcome.failures[stand_in.failure as usize];
        match stand_in.used {
            Used::Stale { age } => {
                self.degraded.note(&self.path, failure, Instead::Stale, Some(age));
                StandsIn::No
            }
            Used::Fallback { mask } => match field.stand_by {
                Some(bit) if mask & 1 << bit != 0 => StandsIn::Fallback(stand_in.failure),
                _ => StandsIn::Lacks(stand_in.failure),
            },
        }
    }

    /// Completes a fallback. One that comes to null for an error is none: then the field has failed as its call has.
    pub(super) fn complete_fallback(
        &mut self,
        field: &'a FieldShape,
        step: StepId,
        failure: u32,
        complete: impl FnOnce(&mut Self) -> Result<(), Propagate>,
    ) -> Result<(), Propagate> {
        let mark = self.mark();
        let number = failure;
        let failure = &self.outcome.failures[number as usize];
        self.degraded.note(&self.path, failure, Instead::Fallback, None);
        let done = complete(self);
        let has_failed = done.is_err() || self.is_null_since(&mark) && self.has_errors_since(&mark);
        if has_failed && self.critical.is_none() {
            self.go_back(&mark);
            self.failed(number, field, Some(step));
            return self.null(field.non_null[0]);
        }
        done
    }

    /// Ends the answer if a critical field came to null by a failure at it, below it or of what it came with.
    pub(super) fn check_critical(
        &mut self,
        field: &'a FieldShape,
        row: Option<Row<'a>>,
        mark: &Mark,
        done: Result<(), Propagate>,
    ) -> Result<(), Propagate> {
        let is_null = done.is_err() || self.is_null_since(mark);
        if is_null && self.critical.is_none() && !self.has_outgrown() {
            let lacks = self.lacks(field, row);
            if done.is_err() || self.has_errors_since(mark) || lacks.is_some() {
                if let Some(failure) = lacks.filter(|_| !self.has_errors_since(mark)) {
                    self.failed(failure, field, None);
                }
                self.fail_critically(None);
            }
        }
        done
    }

    /// The error of a failed call, at a place that needed it.
    pub(super) fn failed(&mut self, number: u32, field: &FieldShape, step: Option<StepId>) {
        let failure: &Failure = &self.outcome.failures[number as usize];
        self.degraded.note(&self.path, failure, Instead::Null, None);
        if step.is_some_and(|step| self.plan.steps[usize::from(step.0)].is_critical) {
            self.tell_failed(number, field);
            return self.fail_critically(Some(number));
        }
        self.tell_failed(number, field);
    }

    /// The failure of a field that was to come with its object, where a fallback stands in that does not have it.
    fn lacks(&self, field: &FieldShape, row: Option<Row<'a>>) -> Option<u32> {
        let FieldSource::Slot { via, .. } = field.source else {
            return None;
        };
        let table = match via {
            None => row?.number,
            Some(step) => match self.link(step, row) {
                Link::Value { table, .. } => table,
                _ => return None,
            },
        };
        let stand_in = self.outcome.stand_in(table)?;
        let Used::Fallback { mask } = stand_in.used else {
            return None;
        };
        let is_own = via.is_some() && field.stand_by.is_some_and(|bit| mask & 1 << bit != 0);
        (!is_own).then_some(stand_in.failure)
    }

    /// There is no answer without this: all of `data` is null.
    pub(super) fn fail_critically(&mut self, failure: Option<u32>) {
        let failure = failure.map(|number| &self.outcome.failures[number as usize]);
        self.critical = Some(failure.map_or(super::WAIT, |failure| failure.wait()));
        self.stopped = true;
        // What was served instead of something is not served after all.
        self.degraded.entries.retain(|entry| entry.instead == Instead::Null);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            out: self.out.len(),
            errors: self.errors.len(),
            error_count: self.error_count,
            omitted: self.omitted,
            degraded: self.degraded.entries.len(),
            stopped: self.stopped,
        }
    }

    fn go_back(&mut self, mark: &Mark) {
        self.out.truncate(mark.out);
        self.errors.truncate(mark.errors);
        (self.error_count, self.omitted) = (mark.error_count, mark.omitted);
        self.degraded.entries.truncate(mark.degraded);
        self.stopped = mark.stopped;
        // Some of it may have been cut off.
        self.written.clear();
    }

    fn has_errors_since(&self, mark: &Mark) -> bool {
        (self.error_count, self.omitted) != (mark.error_count, mark.omitted)
    }

    fn is_null_since(&self, mark: &Mark) -> bool {
        self.out.get(mark.out..) == Some(b"null")
    }
}

/// Whether a value stands in for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum StandsIn {
    /// It can be used as it is.
    No,
    /// It is the field's fallback, for this failure.
    Fallback(u32),
    /// The row has fallbacks of other fields: this one has failed.
    Lacks(u32),
}
