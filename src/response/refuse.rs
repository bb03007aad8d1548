//! What of an answer its caller may not have.

use super::write::{Propagate, Row, Writer};
use crate::{
    execute::{self, FailureKind},
    plan::{Entry, FieldShape, GuardId},
    schema::access::Decision,
};

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn decide(&self, guard: GuardId, row: Option<Row<'a>>) -> Decision {
        match (&self.outcome.scope, row) {
            (Some(scope), Some(row)) => {
                execute::guard::decide(scope, self.outcome, guard, row.number, row.table, &row.node)
            }
            // Nobody to ask: nobody gets it.
            _ => Decision::Refused { is_absent: false },
        }
    }

    /// Goes on to an object, or says why not.
    pub(super) fn enter(&mut self, field: &FieldShape, entry: Entry, row: Row<'a>) -> Result<(), Propagate> {
        let decision = match entry {
            Entry::Refused { is_absent } => Decision::Refused { is_absent },
            Entry::Guarded(guard) => self.decide(guard, Some(row)),
        };
        match decision {
            Decision::Allowed => Ok(()),
            Decision::Refused { is_absent: true } => {
                // Where null may stand it does, without a word; the levels of lists say whether it may.
                if *field.non_null.last().expect("a type has a level for itself") {
                    self.nothing(field, true)?;
                }
                Err(Propagate)
            }
            Decision::Refused { .. } | Decision::ByObject => {
                self.unauthorized(field);
                Err(Propagate)
            }
        }
    }

    pub(super) fn refuse(&mut self, field: &FieldShape, is_absent: bool) -> Result<(), Propagate> {
        if is_absent {
            return self.nothing(field, field.non_null[0]);
        }
        self.unauthorized(field);
        self.null(field.non_null[0])
    }

    fn unauthorized(&mut self, field: &FieldShape) {
        let message = "You may not have this field.";
        self.error(message, FailureKind::Unauthorized, None, Some(field.location));
    }
}
