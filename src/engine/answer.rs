//! Executing an admitted operation, and sharing that between identical requests, at the same time or later.
//!
//! Requests are identical when what names their answers is equal: see `key`. Mutations, and queries whose calls may do more than read, are never shared.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};
use moka::sync::Cache;
use serde_json::{Map, Value};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    Engine, OperationInfo, Outcome, Request, Response,
    caching::{CacheControl, Caching, Forms},
    key::Key,
    overload::{Limiter, Priority, Shed},
};
use crate::{
    execute::{self, Backends, Scope, StopsAt, in_flight::InFlight},
    identity::Caller,
    operation::{Exceeded, OperationKind, Variables, Verdict},
    plan::{Constant, Plan, Sharing},
    response::{self, Assembled, OnError},
    schema::Surface,
    telemetry::DegradedMetrics,
};

/// Number of the next request that shares.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Bytes of a constant answer that a plan keeps: it counts for a plan of its size without.
const CONSTANT_BYTES_MAX: usize = 2 * 1024;

/// Bytes that a kept answer takes beside its body and key, by an estimate that is rather too high.
const ENTRY_BYTES: usize = 256;

/// An operation about to be executed.
pub(super) struct Work {
    pub(super) surface: Arc<Surface>,
    pub(super) backends: Arc<Backends>,
    pub(super) plan: Arc<Plan>,
    pub(super) variables: Variables,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) caller: Arc<Caller>,
    /// What its caller may have of it.
    pub(super) verdict: Verdict,
    pub(super) deadline: Instant,
    pub(super) writing: response::Settings,
    /// Whether identical calls of other requests may be joined.
    pub(super) shares_calls: bool,
    /// Where degraded answers are counted.
    pub(super) degraded: DegradedMetrics,
    /// Who says whether there is a place for it.
    pub(super) gate: Option<Gate>,
}

/// The way to a place among all executions.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) limiter: Arc<Limiter>,
    pub(super) priority: Priority,
}

/// An answer that many may have.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) body: Bytes,
    pub(super) errors: u32,
    /// Whether something in it is stale, stands in, or is lacking because a source failed. Such an answer is never kept.
    pub(super) degraded: bool,
    /// A critical field has failed: how long to wait before asking again.
    pub(super) critical: Option<Duration>,
    /// Until when it may be given to whoever asks the same.
    pub(super) until: Option<Instant>,
    /// What others may do with it.
    pub(super) control: CacheControl,
    /// When it was made, where it may be used again.
    pub(super) made: Option<Instant>,
    /// Seconds that it has been kept, if it has.
    pub(super) age: Option<u64>,
    /// What the operation cost when it was made.
    pub(super) weight: Option<u64>,
    /// What was made of it; there for those that are kept.
    pub(super) forms: Option<Arc<Forms>>,
}

/// How an answer without errors may be used again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reuse {
    /// Until when it may be given to whoever asks the same.
    until: Option<Instant>,
    /// What others may do with it.
    control: CacheControl,
    /// When it was made.
    made: Instant,
}

/// Whole answers that are kept, bounded in bytes.
#[derive(Debug)]
pub(super) struct Answers(Option<Cache<Arc<[u8]>, Shared, RandomState>>);

/// Executions that others may join. `None`: our own code failed.
pub(super) type Executions = InFlight<Option<Result<Shared, Shed>>>;

/// A task that ends with its owner.
struct Owned(JoinHandle<Result<Shared, Shed>>);

// === impl Engine ===

impl Engine {
    /// What there is to do for a request.
    pub(super) fn work(
        &self,
        request: &Request,
        plan: &Arc<Plan>,
        (variables, verdict): (Variables, Verdict),
        gate: Option<Gate>,
    ) -> Work {
        Work {
            surface: self.surface.clone(),
            backends: self.backends.clone(),
            plan: plan.clone(),
            variables,
            headers: request.headers.clone(),
            caller: request.caller.clone(),
            verdict,
            deadline: request.deadline,
            writing: self.writing(request),
            shares_calls: self.settings.sharing,
            degraded: self.settings.degraded.clone(),
            gate,
        }
    }
}

// === impl Work ===

impl Work {
    /// Executes the operation and writes its answer.
    ///
    /// # Errors
    /// There is no place for it.
    ///
    /// # Cancel safety
    /// Dropping the future drops a query's calls. A mutation that has begun finishes.
    pub(super) async fn run(
        self,
        introspection: Option<Map<String, Value>>,
    ) -> Result<(Assembled, Option<Reuse>), Shed> {
        let Self {
            surface,
            backends,
            plan,
            variables,
            headers,
            caller,
            verdict,
            deadline,
            writing,
            shares_calls,
            degraded,
            gate,
        } = self;
        let place = match &gate {
            Some(gate) => Some(gate.limiter.enter(gate.priority, deadline).await?),
            None => None,
        };
        let is_personal = backends.sharing(&plan).context.is_any() || !verdict.is_empty();
        let mut scope = Scope::new(surface, backends.clone(), plan.clone(), variables, headers, deadline);
        scope.shares_calls = shares_calls;
        scope.caller = caller;
        scope.detail = writing.detail;
        scope.stops_at = match writing.on_error {
            OnError::Propagate => StopsAt::NonNull,
            OnError::Null => StopsAt::Critical,
            OnError::Halt => StopsAt::Failure,
        };
        let run = execute::run(Arc::new(scope));
        let (outcome, place) = match plan.kind {
            OperationKind::Query => (run.await, place),
            // What has begun to change things is not stopped by a client that leaves, and has its place until it ends.
            OperationKind::Mutation => tokio::spawn(async move { (run.await, place) })
                .await
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
        };
        let assembled = response::assemble(&plan, &outcome, introspection.as_ref(), &writing);
        if let (Some(place), Some(sharing)) = (place, plan.sharing.get()) {
            let is_whole = assembled.errors == 0 && assembled.degraded.is_empty();
            place.finish(&sharing.usual, is_whole);
        }
        for entry in &assembled.degraded.entries {
            degraded.count(&entry.source, (entry.instead as usize, entry.instead.as_str()));
        }
        if assembled.errors > 0 || !assembled.degraded.is_empty() {
            return Ok((assembled, None));
        }
        let now = Instant::now();
        let mut until = outcome.public_until();
        let control = match plan.policy.and_then(|policy| outcome.kept_outside(policy, now)) {
            Some((seconds, is_public)) => {
                // It must not grow older here than others would let it.
                until = until.map(|until| until.min(now + Duration::from_secs(seconds.into())));
                // Nobody else's caches hold callers apart.
                CacheControl::of(Some((seconds, is_public && !is_personal)))
            }
            None => CacheControl::NoStore,
        };
        keep_constant(&backends, &plan, &assembled, control);
        let reuse = Reuse {
            until,
            control,
            made: now,
        };
        Ok((assembled, Some(reuse)))
    }

    /// The same, for many: kept where that is allowed.
    async fn run_and_keep(self, key: &[u8], answers: &Answers) -> Result<Shared, Shed> {
        let (plan, backends) = (self.plan.clone(), self.backends.clone());
        let (assembled, reuse) = self.run(None).await?;
        let shared = Shared::of(assembled, reuse);
        let sharing = backends.sharing(&plan);
        if sharing.may_be_kept && shared.until.is_some() {
            sharing.is_kept.store(true, Relaxed);
            // In memory of its own: the writer's buffer may be much larger than what it wrote.
            let body = Bytes::copy_from_slice(&shared.body);
            let kept = Shared {
                body,
                forms: Some(Arc::default()),
                ..shared.clone()
            };
            answers.put(key, kept);
        }
        Ok(shared)
    }

    /// The answer: that of identical work under way, or that of this work, which others can then join and have. It is only set up where it is needed.
    ///
    /// # Errors
    /// There is no place for it.
    ///
    /// # Panics
    /// Where the shared execution did: each of those who waited for it gets the answer that its own panic would have given.
    ///
    /// # Cancel safety
    /// Dropping the future drops the execution's calls if nobody else waits for them.
    pub(super) async fn share(
        key: Key,
        (priority, deadline): (Priority, Instant),
        (answers, executions): (&Arc<Answers>, &Arc<Executions>),
        work: impl FnOnce() -> Self,
    ) -> Result<Shared, Shed> {
        let Key { text: key, is_joined } = key;
        if !is_joined {
            return work().run_and_keep(&key, answers).await;
        }
        let next = NEXT.fetch_add(1, Relaxed);
        let start = || {
            // In a task of its own: while it runs, those who wait for it are not woken.
            let (work, key, answers) = (work(), key.clone(), answers.clone());
            let task = Owned(tokio::spawn(async move { work.run_and_keep(&key, &answers).await }));
            task.end().boxed()
        };
        // Nobody's urgency is anybody else's: whoever joined would be sent away with them.
        let flight = match priority {
            Priority::Normal => Cow::Borrowed(&key),
            other => Cow::Owned([&*key, &[other as u8]].concat()),
        };
        match executions.join(&flight, next, deadline, start).await {
            Some(shared) => shared,
            None => std::panic::resume_unwind(Box::new("the execution that was shared has panicked")),
        }
    }
}

/// Remembers an answer that cannot be another the next time.
fn keep_constant(backends: &Backends, plan: &Plan, answer: &Assembled, control: CacheControl) {
    if answer.body.len() <= CONSTANT_BYTES_MAX && !answer.has_extensions && backends.are_constant(plan) {
        let _ = plan.constant.set(Constant {
            body: Bytes::copy_from_slice(&answer.body),
            kept_outside: control.kept_outside(),
        });
    }
}

// === impl Shared ===

impl Shared {
    /// The answer of a plan that depends on nothing, if it has been found out.
    pub(super) fn constant(backends: &Backends, plan: &Plan) -> Option<Self> {
        let known = plan.constant.get().filter(|_| backends.are_constant(plan))?;
        Some(Self {
            body: known.body.clone(),
            errors: 0,
            degraded: false,
            critical: None,
            until: None,
            control: CacheControl::of(known.kept_outside),
            made: None,
            age: None,
            weight: None,
            forms: None,
        })
    }

    /// A finished answer.
    pub(super) fn of(assembled: Assembled, reuse: Option<Reuse>) -> Self {
        Self {
            body: assembled.body.into(),
            errors: assembled.errors,
            degraded: !assembled.degraded.is_empty(),
            critical: assembled.critical,
            weight: assembled.weight,
            until: reuse.and_then(|reuse| reuse.until),
            control: reuse.map_or(CacheControl::NoStore, |reuse| reuse.control),
            made: reuse.map(|reuse| reuse.made),
            age: None,
            forms: None,
        }
    }

    /// The answer to one of those who may have it.
    pub(super) fn response(
        self,
        plan: &Plan,
        operation: &OperationInfo,
        caching: Caching,
        exceeded: Exceeded,
    ) -> Response {
        Response {
            outcome: self.outcome(),
            headers: self.headers(plan),
            degraded: self.degraded,
            caching,
            operation: Some(OperationInfo {
                errors: self.errors,
                ..operation.clone()
            }),
            body: self.body,
            exceeded,
        }
    }

    /// How far it came.
    fn outcome(&self) -> Outcome {
        match self {
            Self { critical: Some(_), .. } => Outcome::Unavailable(503),
            Self { errors: 0, .. } => Outcome::Data,
            _ => Outcome::Partial,
        }
    }

    /// What a transport must say with it.
    fn headers(&self, plan: &Plan) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = plan.notices.to_vec();
        if let Some(wait) = self.critical {
            headers.push((RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1))));
        }
        headers
    }
}

// === impl Answers ===

impl Answers {
    /// None yet; with 0 bytes, none ever.
    pub(super) fn new(bytes_max: u64) -> Self {
        let cache = (bytes_max > 0).then(|| {
            Cache::builder()
                .max_capacity(bytes_max)
                .weigher(|key: &Arc<[u8]>, answer: &Shared| {
                    // Its compressed forms together take less than it does.
                    u32::try_from(key.len() + 2 * answer.body.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
                })
                .build_with_hasher(RandomState::default())
        });
        Self(cache)
    }

    /// Forgets them all.
    pub(super) fn clear(&self) {
        if let Some(cache) = &self.0 {
            cache.invalidate_all();
        }
    }

    /// Whether there are any, ever.
    pub(super) fn keeps(&self) -> bool {
        self.0.is_some()
    }

    /// The one with this name, while it is good.
    pub(super) fn kept(&self, key: &Key, sharing: &Sharing) -> Option<Shared> {
        let answers = self.0.as_ref().filter(|_| sharing.is_kept.load(Relaxed))?;
        let mut kept = answers.get(&*key.text)?;
        let now = Instant::now();
        kept.age = kept.made.map(|made| (now - made).as_secs());
        kept.until.is_some_and(|until| now < until).then_some(kept)
    }

    fn put(&self, key: &[u8], answer: Shared) {
        if let Some(cache) = &self.0 {
            cache.insert(key.into(), answer);
        }
    }
}

// === impl Owned ===

impl Owned {
    async fn end(mut self) -> Option<Result<Shared, Shed>> {
        (&mut self.0).await.ok()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}
