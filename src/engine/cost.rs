//! What an operation is estimated to cost: whether it may run, and what its client is told.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::{Caching, OperationInfo, Outcome, Response, too_large};
use crate::{
    operation::{
        Exceeded, LimitMode, Limits, Operation, RequestError, RequestErrorKind, Variables, Verdict, error::LimitKind,
    },
    plan::{self, Estimate, Plan},
    response::{self, Assembled, degraded::Report},
    schema::Surface,
};

/// Asks for `extensions.cost` in the answer: `true`.
pub const COST_HEADER: HeaderName = HeaderName::from_static("x-switchboard-cost");

/// Asks for the estimate alone, nothing is run: `cost`.
pub const DRY_RUN_HEADER: HeaderName = HeaderName::from_static("x-switchboard-dry-run");

/// Checks the sizes that an operation asks for, and the estimate together with what is taken already.
pub(super) fn check(
    plan: &Plan,
    variables: &Variables,
    (beside, estimate): (Estimate, Estimate),
    limits: &Limits,
) -> Result<Exceeded, RequestError> {
    let exceeded = check_sizes(plan, variables, limits)?;
    let who = match beside {
        Estimate { cost: 0, calls: 0 } => "The operation",
        _ => "With those before it, the operation",
    };
    let sum = beside.and(estimate);
    let cost = within(sum.cost, limits.cost, LimitKind::Cost, |cost, most| {
        format!("{who} is estimated to cost {cost}; at most {most} is allowed.")
    });
    let calls = within(sum.calls, limits.calls, LimitKind::Calls, |calls, most| {
        format!("{who} may need {calls} calls to backends; at most {most} are allowed.")
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

/// Whether an operation would be refused for what it is estimated to cost, its variables being as they are when nothing is given.
///
/// # Errors
/// The estimate is over a limit, or the operation cannot be planned.
pub fn check_estimate(surface: &Surface, operation: &Operation, limits: &Limits) -> Result<(), RequestError> {
    let limits = Limits {
        mode: LimitMode::Enforce,
        ..limits.clone()
    };
    let variables = Variables::defaults(surface, operation);
    let bits = variables.condition_bits(operation);
    let plan = plan::build::build(surface, operation, bits, &Verdict::open(operation)).map_err(too_large)?;
    check(
        &plan,
        &variables,
        (Estimate::default(), plan.costs.estimate(&variables)),
        &limits,
    )
    .map(|_| ())
}

/// What an operation is estimated to cost, its variables being as they are when nothing is given.
///
/// # Errors
/// The operation cannot be planned.
pub fn estimate(surface: &Surface, operation: &Operation) -> Result<Estimate, RequestError> {
    let variables = Variables::defaults(surface, operation);
    let plan = plan::build::build(
        surface,
        operation,
        variables.condition_bits(operation),
        &Verdict::open(operation),
    )
    .map_err(too_large)?;
    Ok(plan.costs.estimate(&variables))
}

/// What a client wants to know of costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// `extensions.cost` in the answer.
    pub(super) shown: bool,
    /// The estimate and nothing else.
    pub(super) dry_run: bool,
}

impl Wanted {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // Hardly anybody asks: a walk over a dozen names is less than two look-ups.
        if !headers.keys().any(|name| name.as_str().starts_with("x-switchboard-")) {
            return Self::default();
        }
        Self {
            shown: has(headers, &COST_HEADER, b"true"),
            dry_run: has(headers, &DRY_RUN_HEADER, b"cost"),
        }
    }
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
