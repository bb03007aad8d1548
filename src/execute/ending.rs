//! Whether a mutation goes on after one of its root fields.

use super::{Link, Outcome, Scope, StepOutcome, StopsAt};
use crate::plan::{FieldSource, Plan, Shape};

/// Whether there will be no data, whatever comes after a root field: a call for it has failed, nothing stands in for it, and it takes everything with it.
///
/// <https://spec.graphql.org/September2025/#sec-Errors-and-Non-Null-Types>
pub(super) fn leaves_nothing(scope: &Scope, outcome: &Outcome, root_field: u16) -> bool {
    let plan = &scope.plan;
    let of_field = plan.steps.iter().zip(&outcome.steps);
    let mut failed = of_field.filter(|(step, outcome)| step.root_field == root_field && has_failed(outcome));
    failed.any(|(step, _)| step.is_critical || scope.stops_at == StopsAt::Failure && step.stand_bys.is_empty())
        || scope.stops_at == StopsAt::NonNull && has_no_value(plan, outcome, root_field)
}

/// Whether the call of a root field that may not be null has failed.
fn has_no_value(plan: &Plan, outcome: &Outcome, root_field: u16) -> bool {
    let Shape::One(fields) = &plan.shapes[usize::from(plan.root.0)] else {
        return false;
    };
    let field = fields.get(usize::from(root_field));
    let Some(field) = field.filter(|field| field.non_null.first() == Some(&true)) else {
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
