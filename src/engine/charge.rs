//! What an operation takes out of its client's buckets: its cost, and its share of what only so many may ask for.

use http::{HeaderName, HeaderValue, header::RETRY_AFTER};

use super::{Engine, Request};
use crate::{
    operation::{Operation, RequestError, RequestErrorKind},
    plan::{Estimate, Plan, Shape},
    quota::{Charge, Limiter, OverQuota, Rate, Standing, Ticket, seconds_up},
    telemetry::{SecurityEvent, Suspect, security},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-cost-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-cost-remaining");

/// How often a client may ask for one thing. `surfaces.NAME.quotas` of the configuration.
#[derive(Debug)]
pub struct OperationQuota {
    /// An operation's name, or a field of the root as `Type.field`, of which each alias counts.
    pub name: String,
    /// How often.
    pub limiter: Limiter,
}

/// What was taken for an operation, and what its client is told of it.
#[derive(Debug, Default)]
pub(super) struct Bill {
    charge: Option<Charge>,
    root_fields: u64,
    headers: Vec<(HeaderName, HeaderValue)>,
}

// === impl Engine ===

impl Engine {
    /// Takes what an operation needs, before anything of it is run.
    ///
    /// # Errors
    /// A bucket has not so much in it now.
    pub(super) fn charge(
        &self,
        request: &Request,
        operation: &Operation,
        (plan, estimate): (&Plan, Estimate),
        bill: &mut Bill,
    ) -> Result<(), RequestError> {
        let Some(ticket) = &request.standing.ticket else {
            return Ok(());
        };
        for quota in self.settings.quotas.iter() {
            let times = times(&quota.name, operation, plan);
            if times == 0 {
                continue;
            }
            if let Err(over) = quota.limiter.take_exactly(ticket.client(), times) {
                let message = format!(
                    "{} is asked for too often; Retry-After says when to ask again.",
                    quota.name
                );
                return Err(self.over_quota(&message, (ticket, over), request, bill));
            }
        }
        bill.root_fields = root_fields(plan).count() as u64;
        match ticket.charge(estimate.cost.max(bill.root_fields)) {
            Ok(charge) => bill.charge = charge,
            Err(over) => {
                bill.tell(ticket, &over.standing);
                let message = "The operation costs more than there is left; Retry-After says when to ask again.";
                return Err(self.over_quota(message, (ticket, over), request, bill));
            }
        }
        Ok(())
    }

    fn over_quota(
        &self,
        message: &str,
        (ticket, over): (&Ticket, OverQuota),
        request: &Request,
        bill: &mut Bill,
    ) -> RequestError {
        if ticket.is_news() {
            let id = request.headers.get("x-request-id").and_then(|id| id.to_str().ok());
            let suspect = Suspect {
                request_id: id.unwrap_or_default(),
                surface: &self.surface.name,
                peer: request.peer,
            };
            let reason = format!("more than tier {} allows: {message}", ticket.tier().name());
            security(SecurityEvent::OverQuota, &reason, suspect);
        }
        let wait = seconds_up(over.wait).max(1);
        bill.headers.push((RETRY_AFTER, HeaderValue::from(wait)));
        RequestError::new(RequestErrorKind::OverQuota, message)
    }
}

/// How many times an operation asks for something.
fn times(name: &str, operation: &Operation, plan: &Plan) -> u32 {
    let count = match name.contains('.') {
        true => root_fields(plan).filter(|coordinate| *coordinate == name).count(),
        false => usize::from(operation.name.as_deref() == Some(name)),
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The fields of the root, each alias by itself.
fn root_fields(plan: &Plan) -> impl Iterator<Item = &str> {
    let fields = match &plan.shapes[usize::from(plan.root.0)] {
        Shape::One(fields) => fields.as_slice(),
        Shape::ByType { .. } | Shape::Behind { .. } => &[],
    };
    fields.iter().map(|field| &*field.coordinate)
}

// === impl Bill ===

impl Bill {
    /// Gives back what the operation did not cost.
    pub(super) fn settle(&mut self, actual: Option<u64>) {
        let Some(mut charge) = self.charge.take() else { return };
        if let Some(actual) = actual {
            charge.settle(actual.max(self.root_fields));
        }
        self.tell(&charge.ticket, &charge.standing);
    }

    /// What its client is told. What was not run costs nothing.
    pub(super) fn into_headers(mut self) -> Vec<(HeaderName, HeaderValue)> {
        self.settle(Some(0));
        self.headers
    }

    fn tell(&mut self, ticket: &Ticket, standing: &Standing) {
        let name = ticket.tier().name();
        let Rate { count, per, burst } = standing.rate;
        let remaining = standing.remaining;
        let texts = [
            (
                RATE_LIMIT,
                format!("\"{name}-cost\";r={remaining};t={}", seconds_up(standing.full_in)),
            ),
            (
                RATE_LIMIT_POLICY,
                format!("\"{name}-cost\";q={count};w={};burst={burst}", seconds_up(per)),
            ),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(header, text)| Some((header, HeaderValue::try_from(text).ok()?)));
        self.headers.extend(texts);
        self.headers.push((X_LIMIT, HeaderValue::from(burst.get())));
        self.headers.push((X_REMAINING, HeaderValue::from(remaining)));
    }
}
