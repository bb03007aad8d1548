//! Whether a mutation goes on after one of its root fields.

use super::{Link, Outcome, Scope, StepOutcome};
use crate::plan::{FieldSource, Shape};

/// Whether there will be no data, whatever comes after a root field: something critical below it has failed, or its own call has, it may not be null, and nothing
/// stands in for it.
///
/// <https://spec.graphql.org/September2025/#sec-Errors-and-Non-Null-Types>
pub(super) fn leaves_nothing(scope: &Scope, outcome: &Outcome, root_field: u16) -> bool {
    let plan = &scope.plan;
    let mut steps = plan.steps.iter().zip(&outcome.steps);
    if steps.any(|(step, outcome)| step.is_critical && step.root_field == root_field && has_failed(outcome)) {
        return true;
    }
    let Shape::One(fields) = &plan.shapes[usize::from(plan.root.0)] else {
        return false;
    };
    let field = fields.get(usize::from(root_field));
    let Some(field) = field.filter(|field| scope.propagates && field.non_null.first() == Some(&true)) else {
        return false;
    };
    match field.source {
        FieldSource::Step(step) => field.stand_by.is_none() && has_failed(&outcome.steps[usize::from(step.0)]),
        _ => false,
    }
}

fn has_failed(outcome: &StepOutcome) -> bool {
    outcome.live.iter().any(|link| matches!(link, Link::Failed(_)))
}
