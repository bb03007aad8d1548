//! What an operation is estimated to cost: whether it may run, and what its client is told.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::{Caching, OperationInfo, Outcome, Response};
use crate::{
    operation::{Exceeded, Limits, RequestError, RequestErrorKind, Variables, error::LimitKind},
    plan::{Estimate, Plan},
    response::{self, Assembled, degraded::Report},
    schema::Surface,
};

/// Asks for `extensions.cost` in the answer: `true`.
pub const COST_HEADER: HeaderName = HeaderName::from_static("x-switchboard-cost");

/// Asks for the estimate alone, nothing is run: `cost`.
pub const DRY_RUN_HEADER: HeaderName = HeaderName::from_static("x-switchboard-dry-run");

/// Checks the sizes that an operation asks for, and the estimate.
pub(super) fn check(
    plan: &Plan,
    variables: &Variables,
    estimate: Estimate,
    limits: &Limits,
) -> Result<Exceeded, RequestError> {
    let exceeded = check_sizes(plan, variables, limits)?;
    let cost = within(estimate.cost, limits.cost, LimitKind::Cost, |cost, most| {
        format!("The operation is estimated to cost {cost}; at most {most} is allowed.")
    });
    let calls = within(estimate.calls, limits.calls, LimitKind::Calls, |calls, most| {
        format!("The operation may need {calls} calls to backends; at most {most} are allowed.")
    });
    [cost, calls]
        .into_iter()
        .flatten()
        .try_fold(exceeded, |exceeded, error| Ok(exceeded.and(limits.over(error)?)))
}

/// Checks the size arguments of an operation.
pub(super) fn check_sizes(plan: &Plan, variables: &Variables, limits: &Limits) -> Result<Exceeded, RequestError> {
    match plan.costs.size_problem(variables, limits.list_size) {
        None => Ok(Exceeded::default()),
        Some((message, location)) => {
            let kind = RequestErrorKind::Limit(LimitKind::ListSize);
            limits.over(RequestError::at(kind, message, Some(location)))
        }
    }
}

fn within(count: u64, most: u64, kind: LimitKind, say: impl FnOnce(u64, u64) -> String) -> Option<RequestError> {
    (most > 0 && count > most).then(|| RequestError::new(RequestErrorKind::Limit(kind), say(count, most)))
}

/// Whether the client wants `extensions.cost`.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    has(headers, &COST_HEADER, b"true")
}

/// Whether the client wants the estimate and nothing else.
pub(super) fn is_dry_run(headers: &HeaderMap) -> bool {
    has(headers, &DRY_RUN_HEADER, b"cost")
}

fn has(headers: &HeaderMap, name: &HeaderName, word: &[u8]) -> bool {
    headers
        .get(name)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(word))
}

/// Adds `extensions.cost` to a finished answer.
pub(super) fn add(answer: &mut Assembled, surface: &Surface, plan: &Plan, estimate: Estimate, limits: &Limits) {
    let actual = response::cost::actual(surface, plan, answer);
    let mut cost = extension(estimate, limits);
    cost.insert("actual".to_owned(), Value::from(actual));
    response::cost::add(answer, &Value::Object(cost));
}

/// The answer to a dry run: no data, and the estimate.
pub(super) fn dry_run(estimate: Estimate, limits: &Limits) -> Vec<u8> {
    let mut answer = Assembled {
        body: b"{\"data\":null}".to_vec(),
        errors: 0,
        has_extensions: false,
        degraded: Report::default(),
        critical: None,
        weight: None,
    };
    response::cost::add(&mut answer, &Value::Object(extension(estimate, limits)));
    answer.body
}

fn extension(estimate: Estimate, limits: &Limits) -> Map<String, Value> {
    let limit = |limit: u64| if limit == 0 { Value::Null } else { Value::from(limit) };
    Map::from_iter([
        ("requested".to_owned(), Value::from(estimate.cost)),
        ("limit".to_owned(), limit(limits.cost)),
        ("calls".to_owned(), Value::from(estimate.calls)),
        ("callsLimit".to_owned(), limit(limits.calls)),
    ])
}

// === impl Response ===

impl Response {
    /// An estimate in place of an answer.
    pub(super) fn of_estimate(body: impl Into<Bytes>, found: OperationInfo, exceeded: Exceeded) -> Self {
        Self {
            outcome: Outcome::Data,
            body: body.into(),
            headers: Vec::new(),
            caching: Caching::default(),
            operation: Some(found),
            exceeded,
            degraded: false,
        }
    }
}
