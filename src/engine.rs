//! The spine: one GraphQL request in, one answer out.

mod access;
mod answer;
mod batch;
mod caching;
mod charge;
mod cost;
mod explain;
mod key;
pub mod overload;
mod refused;
mod standing;
mod switches;

use std::{mem::take, net::IpAddr, sync::Arc};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::{
    execute::{Backends, Detail},
    identity::{CLIENT_HEADERS_VARY, Caller},
    operation::{
        Exceeded, Limits, Operation, RequestError, Variables, Verdict, bounds,
        documents::{self, Documents, ListedDocument, Origin, Resolved, Unlisted},
    },
    plan::{Estimate, Plan, PlanCache},
    schema::Surface,
    telemetry::DegradedMetrics,
};

use answer::{Answers, Executions, Shared, Work};
use charge::Bill;
use key::{Key, KeyParts};
use overload::{Limiter, Priorities, Priority, shed};
use refused::{check_method, too_large};
use standing::TermsByClass;

pub use crate::response::OnError;
pub use caching::{CacheControl, Caching, Forms};
pub use charge::OperationQuota;
pub use cost::{COST_HEADER, DRY_RUN_HEADER, check_estimate, estimate};
pub use standing::{Standing, Terms};
pub use switches::Switches;

/// One GraphQL request, decoded from its transport and not yet looked at.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which surface is asked: index in the order of configuration.
    pub surface: usize,
    /// The document's text.
    pub query: Option<String>,
    /// Which operation of the document.
    pub operation_name: Option<String>,
    /// Raw values by name, not yet coerced.
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// `extensions` of the request.
    pub extensions: Option<serde_json::Map<String, serde_json::Value>>,
    /// `documentId`.
    pub document_id: Option<String>,
    /// What an error does to its parent; `PROPAGATE` unless said.
    pub on_error: OnError,
    /// Whether only queries may run (HTTP GET).
    pub queries_only: bool,
    /// The client's headers, for mappings that read them.
    pub headers: Arc<HeaderMap>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// Who sent it: the address of the connection, where there is one.
    pub peer: Option<IpAddr>,
    /// What its client may ask for.
    pub standing: Standing,
    /// When the answer must be out.
    pub deadline: Instant,
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Response {
    /// How far the request came; the transport derives its status from it.
    pub outcome: Outcome,
    /// The JSON text.
    pub body: Bytes,
    /// Headers the answer needs whatever the transport makes of the rest, e.g. `Retry-After`, `Deprecation`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What others may do with it.
    pub caching: Caching,
    /// Name and kind of the operation, when one was found: for logs.
    pub operation: Option<OperationInfo>,
    /// The limits that it exceeds: the one it is refused for, or all, where limits are only measured.
    pub exceeded: Exceeded,
    /// Whether something in it is stale, stands in, or is lacking because a source failed: nobody may keep it.
    pub degraded: bool,
}

/// Who answered, for logs and metrics.
#[derive(Debug, Clone)]
pub struct OperationInfo {
    /// The operation's name, if it has one.
    pub name: Option<Arc<str>>,
    /// `query` or `mutation`.
    pub kind: &'static str,
    /// Number of errors in the answer.
    pub errors: u32,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Executed, no errors.
    Data,
    /// Executed, `data` and `errors`.
    Partial,
    /// Several requests that came together, each with an outcome of its own.
    Several {
        /// Whether all of them were executed without errors.
        all_data: bool,
    },
    /// Refused before execution: the document does not parse.
    Syntax,
    /// Refused before execution: validation, operation choice, variables, limits.
    Invalid,
    /// A mutation where only queries are allowed.
    MethodNotAllowed,
    /// Refused before execution with a status that clients know it by: persisted documents.
    Refused(u16),
    /// Not now: shed, quota, maintenance, failed critical field. Status to use.
    Unavailable(u16),
}

/// Answers the requests of one surface.
#[derive(Debug)]
pub struct Engine {
    surface: Arc<Surface>,
    backends: Arc<Backends>,
    documents: Documents,
    plans: PlanCache,
    executions: Arc<Executions>,
    answers: Arc<Answers>,
    terms: TermsByClass,
    settings: Settings,
    switches: ArcSwapOption<Switches>,
}

/// How a surface answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bounds on documents.
    pub limits: Limits,
    /// Bytes of an answer.
    pub response_bytes: usize,
    /// How much errors say.
    pub detail: Detail,
    /// What the clients of each class are held to; `None`: to the same as everybody.
    pub classes: Vec<Option<Terms>>,
    /// Whether every answer says what it cost, and not only those whose clients ask.
    pub show_cost: bool,
    /// Whether identical requests in flight share one execution, and identical calls one call.
    pub sharing: bool,
    /// Bytes of whole answers that are kept while they are good.
    pub answers_kept: u64,
    /// Whether what a caller may not have refuses its whole operation, and not only the field.
    pub refuses_operations: bool,
    /// Documents that are named instead of sent.
    pub persisted: documents::Settings,
    /// Where degraded answers are counted.
    pub degraded: DegradedMetrics,
    /// Who says how many executions there may be; none: as many as come.
    pub overload: Option<Arc<Limiter>>,
    /// Which operations go first when there are too many.
    pub priorities: Priorities,
    /// How often a client may ask for some things.
    pub quotas: Arc<[OperationQuota]>,
    /// Whether what operations cost is counted for some of its clients.
    pub weighs: bool,
}

/// A request whose operation may run.
struct Prepared<'e> {
    operation: Arc<Operation>,
    found: OperationInfo,
    admitted: Admitted,
    /// What it is held to.
    limits: &'e Limits,
    /// Whether another client would have meant another document, or none.
    by_client: bool,
    /// How its document was named.
    origin: Origin,
    /// What its client wants to know of costs.
    wanted: cost::Wanted,
}

/// An operation that may run.
struct Admitted {
    plan: Arc<Plan>,
    verdict: Verdict,
    variables: Variables,
    estimate: Estimate,
    exceeded: Exceeded,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            response_bytes: 8 * 1024 * 1024,
            detail: Detail::default(),
            classes: Vec::new(),
            show_cost: false,
            sharing: true,
            answers_kept: 64 * 1024 * 1024,
            refuses_operations: false,
            persisted: documents::Settings::default(),
            degraded: DegradedMetrics::default(),
            overload: None,
            priorities: Priorities::default(),
            quotas: Arc::from([]),
            weighs: false,
        }
    }
}

// === impl Engine ===

impl Engine {
    /// The engine of a surface.
    #[must_use]
    pub fn new(surface: Arc<Surface>, backends: Arc<Backends>, settings: Settings) -> Self {
        let terms = TermsByClass::new(&settings);
        let limits: Vec<Limits> = terms.all.iter().map(|terms| terms.limits.clone()).collect();
        let documents = Documents::new(&limits, settings.persisted.clone());
        Self {
            surface,
            backends,
            documents,
            plans: PlanCache::default(),
            executions: Arc::default(),
            answers: Arc::new(Answers::new(settings.answers_kept)),
            terms,
            settings,
            switches: ArcSwapOption::empty(),
        }
    }

    /// Answers one GraphQL request. Never fails: what goes wrong becomes part of the response.
    ///
    /// # Cancel safety
    /// Dropping the future drops a query's calls. A mutation that has begun finishes.
    pub async fn handle(&self, request: &Request) -> Box<Response> {
        let mut info = None;
        if self.documents.is_shared() {
            self.documents.fetch(&self.asked(request)).await;
        }
        let mut bill = Bill::default();
        let mut response = match self.run(request, &mut info, &mut bill).await {
            Ok(response) => response,
            Err(error) => Box::new(Response::of_refusal(&error, info)),
        };
        response.headers.extend(bill.into_headers());
        response
    }

    /// Makes these documents the surface's list, each checked and planned before anyone asks for it. Those that are refused are left out, and told.
    pub fn list(&self, documents: &[ListedDocument]) -> Vec<Unlisted> {
        self.documents.list(&self.surface, documents, |operation| {
            let variables = Variables::defaults(&self.surface, operation);
            self.plans
                .get_or_build(
                    &self.surface,
                    operation,
                    variables.condition_bits(operation),
                    &Verdict::open(operation),
                )
                .map(drop)
                .map_err(too_large)
        })
    }

    /// How many documents are listed.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.documents.listed()
    }

    /// How many plans are kept.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.plans.count()
    }

    async fn run(
        &self,
        request: &Request,
        info: &mut Option<OperationInfo>,
        bill: &mut Bill,
    ) -> Result<Box<Response>, RequestError> {
        let mut prepared = self.prepare(request, info, Estimate::default())?;
        self.execute(request, &mut prepared, bill).await
    }

    /// Everything that can refuse a request before it runs. `beside`: what those take that share its budget.
    fn prepare(
        &self,
        request: &Request,
        info: &mut Option<OperationInfo>,
        beside: Estimate,
    ) -> Result<Prepared<'_>, RequestError> {
        self.check_load(request)?;
        let Resolved {
            operation,
            limits,
            registration,
            by_client,
            origin,
        } = self.documents.resolve(&self.surface, &self.asked(request))?;
        let found = OperationInfo {
            name: operation.name.clone(),
            kind: operation.kind_name(),
            errors: 0,
        };
        *info = Some(found.clone());
        check_method(request, &operation)?;
        if let Some(switches) = &*self.switches.load() {
            switches.check(request, &operation)?;
        }
        let wanted = cost::Wanted::of(&request.headers);
        let admitted = self.admit(&operation, request, limits, (!wanted.dry_run).then_some(beside))?;
        if !wanted.dry_run {
            self.documents.register(registration);
        }
        Ok(Prepared {
            operation,
            found,
            admitted,
            limits,
            by_client,
            origin,
            wanted,
        })
    }

    /// Lent what it needs, and what it answers in a box: all of it is large, and each hand that it passed through would copy it.
    async fn execute(
        &self,
        request: &Request,
        prepared: &mut Prepared<'_>,
        bill: &mut Bill,
    ) -> Result<Box<Response>, RequestError> {
        let Prepared {
            operation,
            found,
            admitted:
                Admitted {
                    plan,
                    verdict,
                    variables,
                    estimate,
                    exceeded,
                },
            limits,
            by_client,
            origin,
            wanted,
        } = prepared;
        let (estimate, exceeded) = (*estimate, *exceeded);
        let told = (exceeded, request.queries_only, *by_client);
        if wanted.dry_run {
            let estimated = cost::dry_run(estimate, limits);
            return Ok(Box::new(Response::of_estimate(estimated, found.clone(), exceeded)));
        }
        self.charge(request, operation, (plan, estimate), bill)?;
        let introspection = match plan.introspection {
            true => Some(operation.introspect(&self.surface, variables)?),
            false => None,
        };
        let shows_cost = self.settings.show_cost || wanted.shown;
        // What it weighs is only known of an answer that is made.
        let is_weighed = shows_cost || self.settings.weighs;
        if !is_weighed && let Some(shared) = Shared::constant(&self.backends, plan) {
            return Ok(self.respond(shared, plan, found, told));
        }
        let shared = if shows_cost || introspection.is_some() {
            let gate = self.gate(request, operation, *origin);
            let work = self.work(request, plan, (take(variables), take(verdict)), gate);
            let (mut assembled, reuse) = work.run(introspection).await.map_err(shed)?;
            if shows_cost {
                cost::add(&mut assembled, &self.surface, plan, estimate, limits);
            }
            // What it costs is for those who ask: in no cache it may stand for the answer without.
            Shared::of(assembled, reuse.filter(|_| !shows_cost))
        } else {
            let key = Key::of(&KeyParts {
                operation,
                backends: &self.backends,
                plan,
                variables,
                headers: &request.headers,
                caller: &request.caller,
                verdict,
                on_error: request.on_error,
                shares: self.settings.sharing,
                keeps: self.answers.keeps(),
            });
            match self.answers.kept(&key, self.backends.sharing(plan)) {
                Some(kept) => kept,
                None => {
                    let gate = self.gate(request, operation, *origin);
                    let priority = gate.as_ref().map_or(Priority::Normal, |gate| gate.priority);
                    let work = || self.work(request, plan, (take(variables), take(verdict)), gate);
                    let places = (&self.answers, &self.executions);
                    let sharing = Work::share(key, (priority, request.deadline), places, work);
                    sharing.await.map_err(shed)?
                }
            }
        };
        bill.settle(shared.weight);
        Ok(self.respond(shared, plan, found, told))
    }

    /// The response to a request. `by_url`: it was a GET. `by_client`: see [`Engine::caching`].
    fn respond(
        &self,
        shared: Shared,
        plan: &Plan,
        found: &OperationInfo,
        (exceeded, by_url, by_client): (Exceeded, bool, bool),
    ) -> Box<Response> {
        let caching = self.caching(plan, &shared, by_url, by_client);
        Box::new(shared.response(plan, found, caching, exceeded))
    }

    /// What others may do with an answer. `by_client`: which document was meant depends on who the client said it is.
    fn caching(&self, plan: &Plan, shared: &Shared, by_url: bool, by_client: bool) -> Caching {
        let mut caching = Caching {
            control: shared.control,
            age: shared.age,
            vary: None,
            forms: shared.forms.clone(),
        };
        // Answers to what no URL says are in nobody's way.
        if by_url || caching.control != CacheControl::NoStore {
            caching.vary = self.backends.sharing(plan).vary.clone();
            if by_client {
                let names = HeaderValue::from_static(CLIENT_HEADERS_VARY);
                caching.vary = Some(caching::vary_by_both(caching.vary, names));
            }
            if caching.vary.as_ref().is_some_and(|vary| vary == "*") {
                caching.control = CacheControl::NoStore;
            }
        }
        caching
    }

    /// Everything that can refuse an operation that was found: its variables, what it asks for, what it is estimated to cost.
    /// `beside`: what is taken already of what it may cost; `None`: its cost is asked for, and refuses nothing.
    fn admit(
        &self,
        operation: &Operation,
        request: &Request,
        limits: &Limits,
        beside: Option<Estimate>,
    ) -> Result<Admitted, RequestError> {
        let given = request.variables.as_ref();
        let values = bounds::check_variables(operation, given, limits)?;
        let variables = Variables::coerce(&self.surface, operation, given, limits.errors_told())?;
        let bits = variables.condition_bits(operation);
        let verdict = Verdict::of(&self.surface, operation, &variables, &request.caller);
        let plan = self
            .plans
            .get_or_build(&self.surface, operation, bits, &verdict)
            .map_err(too_large)?;
        if plan.introspection && !limits.introspection {
            return Err(RequestError::introspection_disabled());
        }
        if !plan.refused.is_empty() {
            self.refused(&plan, request)?;
        }
        let estimate = plan.costs.estimate(&variables);
        let checked = match beside {
            // Whoever asks for the estimate gets it, also where it is too much.
            None => cost::check_sizes(&plan, &variables, limits)?,
            Some(beside) => cost::check(&plan, &variables, (beside, estimate), limits)?,
        };
        Ok(Admitted {
            plan,
            verdict,
            variables,
            estimate,
            exceeded: operation.exceeded.and(values).and(checked),
        })
    }
}
