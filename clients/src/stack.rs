//! What stands around every transport, outermost first:
//!
//! 1. the bulkhead ([`bulkhead`]): a cap on calls in flight;
//! 2. retries ([`retry`]), and a hedge ([`hedge`]) where the source has that on;
//! 3. the endpoint ([`endpoint`]) and its circuit breaker ([`breaker`]);
//! 4. the time-out of the try.
//!
//! The breaker stands within the retries, since it belongs to an endpoint and a second try may go to another. A call that it refuses is refused
//! before anything was sent all the same, and no retry goes where it has opened meanwhile.
//!
//! All of it is one future over shared counters: a call that succeeds takes no lock, and no timer but that of its time-out. It is boxed once, in
//! [`Stack`]. What is rare (a pause before a retry, a hedge) is boxed by itself, so that other calls need not carry the room for it about.

use std::{
    collections::hash_map::RandomState,
    fmt,
    future::Future,
    hash::{BuildHasher, Hasher},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderName;
use tokio::time::{Instant, sleep, timeout_at};

use self::{
    breaker::{Breaker, Mark, Pass, Verdict},
    bulkhead::Bulkhead,
    endpoint::{Endpoints, Visit},
    latency::Latencies,
    outcome::{Fault, Trouble, trouble},
    retry::{Budget, Next},
    state::SourceState,
};
use crate::{
    Call, CallError, CallFuture, Client, Reply,
    policy::{Kind, Resilience, Retry, Tightening},
};

mod breaker;
mod breakers;
mod bulkhead;
mod endpoint;
mod expected;
mod hedge;
mod latency;
mod outcome;
mod retry;
pub mod state;
mod window;

pub use breakers::Breakers;
pub(crate) use endpoint::Address;

/// What carries a call: a protocol.
pub trait Transport: Send + Sync + 'static {
    /// Makes one call, to be answered by `deadline`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the call.
    fn send<'a>(
        &'a self,
        call: &'a Call,
        deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a;
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It only reads, or doing it again changes nothing.
    Repeatable,
    /// It may change something: it is made again only if nothing of it was sent.
    Once,
}

/// Where a reply came from, and where it was counted as a success, so that this can be taken back. Transports leave it empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    endpoint: u16,
    there: Mark,
    /// With the connector's own breaker.
    own: Mark,
}

/// How hard one source may be pressed, and what is done when it fails.
#[derive(Debug, Clone)]
pub(crate) struct StackSettings {
    /// The source's name.
    pub(crate) name: String,
    /// Longest one attempt may take, connecting and reading the body included.
    pub(crate) call_timeout: Duration,
    /// Calls in flight before a further one is refused. Not connections: HTTP/2 multiplexes.
    pub(crate) calls_in_flight_max: usize,
    pub(crate) resilience: Resilience,
    /// Where REST calls go that name their host themselves, for breakers and states.
    pub(crate) place: String,
    /// Those of other clients; none: it shares with nobody.
    pub(crate) breakers: Option<Arc<Breakers>>,
}

/// A source with its layers, ready to be called; or a connector of it, with limits of its own.
pub(crate) struct Stack<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    call_timeout: Duration,
    retry: Retry,
    /// Of a connector.
    own: Option<Arc<Own>>,
    source: Arc<Source<T>>,
}

/// What all calls to a source share.
struct Source<T> {
    name: String,
    bulkhead: Bulkhead,
    endpoints: Endpoints<T>,
    budget: Budget,
    /// Where hedging is on.
    hedges: Option<Budget>,
    /// Where hedging is on, or the bulkhead adapts.
    latencies: Option<Latencies>,
    adapts: bool,
    deadline_header: Option<HeaderName>,
    counters: Counters,
    connectors: Mutex<Vec<Weak<Own>>>,
}

/// What a connector has of its own.
struct Own {
    name: String,
    bulkhead: Option<Bulkhead>,
    breaker: Option<Breaker>,
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    refused_open: AtomicU64,
    retries: AtomicU64,
    retries_refused: AtomicU64,
    hedges: AtomicU64,
    hedges_won: AtomicU64,
}

/// Leave for a try.
struct Leave<'s, T> {
    visit: Visit<'s, T>,
    own: Option<Pass<'s>>,
    started: Instant,
    until: Instant,
    /// Whether a time-out would be the source's fault rather than the request's, which had no time left.
    is_fair: bool,
}

/// What came of a try.
struct Tried {
    result: Result<Reply, CallError>,
    trouble: Option<Trouble>,
    /// Where it went.
    endpoint: u16,
}

/// Puts the layers around the transports of a source, one for each address.
pub(crate) fn build<T: Transport>(addresses: Vec<Address<T>>, settings: &StackSettings) -> Arc<dyn Client> {
    let rules = &settings.resilience;
    let breaker = |of: &str| {
        let rules = rules.breaker.as_ref()?;
        Some(match &settings.breakers {
            Some(breakers) => breakers.at(&settings.name, of, rules),
            None => Arc::new(Breaker::new(&settings.name, of, rules)),
        })
    };
    let source = Source {
        name: settings.name.clone(),
        bulkhead: Bulkhead::new(settings.calls_in_flight_max),
        endpoints: Endpoints::new(addresses, &settings.place, rules.balance, &breaker),
        budget: Budget::new(rules.retry.budget, 1),
        hedges: rules.hedge.then(|| Budget::new(hedge::SHARE, 0)),
        latencies: (rules.hedge || rules.adapts_in_flight).then(Latencies::new),
        adapts: rules.adapts_in_flight,
        deadline_header: rules.deadline_header.clone(),
        counters: Counters::default(),
        connectors: Mutex::default(),
    };
    Arc::new(Stack {
        inner: Arc::new(Inner {
            call_timeout: settings.call_timeout,
            retry: rules.retry.clone(),
            own: None,
            source: Arc::new(source),
        }),
    })
}

/// A number from 0 up to, not including, 1. Not for secrets.
fn random() -> f64 {
    // 53 bits: what a float holds exactly.
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

// === impl Stack ===

impl<T: Transport> Client for Stack<T> {
    fn call(&self, call: Call, safety: Safety, deadline: Instant) -> CallFuture {
        let inner = self.inner.clone();
        Box::pin(async move { inner.run(&call, safety, deadline).await })
    }

    fn discredit(&self, reply: &Reply) {
        let (now, source, counted) = (Instant::now(), &*self.inner.source, reply.counted);
        if let Some(endpoint) = source.endpoints.get(counted.endpoint) {
            let may_open = || source.endpoints.may_leave_out_one_more();
            let breaker = endpoint.breaker.as_ref();
            if breaker.is_none_or(|breaker| breaker.discredit(counted.there, now, may_open)) {
                endpoint.count_failure();
            }
        }
        if let Some(breaker) = self.inner.own.as_ref().and_then(|own| own.breaker.as_ref()) {
            breaker.discredit(counted.own, now, || true);
        }
    }

    fn tightened(&self, by: &Tightening) -> Option<Arc<dyn Client>> {
        let (inner, source) = (&*self.inner, &self.inner.source);
        let own = Arc::new(Own {
            name: by.name.clone(),
            bulkhead: by.calls_in_flight_max.map(Bulkhead::new),
            breaker: by
                .breaker
                .as_ref()
                .map(|rules| Breaker::new(&source.name, &by.name, rules)),
        });
        let mut connectors = source.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors.push(Arc::downgrade(&own));
        Some(Arc::new(Self {
            inner: Arc::new(Inner {
                call_timeout: by
                    .call_timeout
                    .map_or(inner.call_timeout, |own| own.min(inner.call_timeout)),
                retry: by
                    .retry
                    .as_ref()
                    .map_or(inner.retry.clone(), |own| inner.retry.tightened(own)),
                own: Some(own),
                source: source.clone(),
            }),
        }))
    }

    fn state(&self) -> Option<SourceState> {
        Some(self.inner.source.state())
    }
}

impl<T> fmt::Debug for Stack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("source", &self.inner.source.name)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl<T: Transport> Inner<T> {
    async fn run(&self, call: &Call, safety: Safety, deadline: Instant) -> Result<Reply, CallError> {
        let source = &*self.source;
        source.counters.calls.fetch_add(1, Relaxed);
        source.adapt();
        let own = self.own.as_deref().and_then(|own| own.bulkhead.as_ref());
        let _own_place = own.map(Bulkhead::enter).transpose()?;
        let _place = source.bulkhead.enter()?;
        let hedges = source.hedges.is_some() && safety == Safety::Repeatable;
        let mut leave = self.leave(safety, Instant::now(), deadline, None)?;
        let mut tries = 1;
        loop {
            let tried = if hedges {
                Box::pin(self.hedged(leave, call, deadline)).await
            } else {
                self.attempt(leave, call).await
            };
            let Some(trouble) = tried.trouble.filter(|_| tries < self.retry.attempts) else {
                return tried.result;
            };
            let Some(wait) = self.next(&trouble, safety, tries, deadline, tried.endpoint) else {
                return tried.result;
            };
            if !wait.is_zero() {
                Box::pin(sleep(wait)).await;
            }
            leave = match self.leave(safety, Instant::now(), deadline, Some(tried.endpoint)) {
                Ok(leave) => leave,
                // What the source did says more than that nobody asks it any more.
                Err(_) => return tried.result,
            };
            tries += 1;
        }
    }

    /// How long to wait before a further try; `None`: there is none.
    fn next(
        &self,
        trouble: &Trouble,
        safety: Safety,
        tries: u32,
        deadline: Instant,
        endpoint: u16,
    ) -> Option<Duration> {
        let (now, source) = (Instant::now(), &*self.source);
        match retry::next(
            &self.retry,
            trouble,
            safety,
            tries,
            deadline.saturating_duration_since(now),
        ) {
            Next::No => None,
            Next::LeaveAlone(asked) => {
                self.leave_alone(trouble, asked, endpoint, now);
                None
            }
            Next::After(_) if !source.budget.spend(now) => {
                source.counters.retries_refused.fetch_add(1, Relaxed);
                None
            }
            Next::After(wait) => {
                source.counters.retries.fetch_add(1, Relaxed);
                Some(wait)
            }
        }
    }

    /// Heeds a source that asks for more time than a request has.
    fn leave_alone(&self, trouble: &Trouble, asked: Duration, endpoint: u16, now: Instant) {
        let endpoint = self.source.endpoints.get(endpoint);
        let breaker = endpoint.and_then(|endpoint| endpoint.breaker.as_ref());
        let Some(breaker) = breaker else { return };
        let is_rate_limit = trouble.fault == Fault::Rate;
        if !is_rate_limit || breaker.rules().counts_rate_limits {
            breaker.leave_alone(asked, is_rate_limit, now);
        }
    }

    /// Leave for a try: there is time, and no breaker objects.
    fn leave(
        &self,
        safety: Safety,
        now: Instant,
        deadline: Instant,
        avoid: Option<u16>,
    ) -> Result<Leave<'_, T>, CallError> {
        let until = deadline.min(now + self.call_timeout);
        // An attempt without time would still be sent: `timeout_at` looks at the clock last.
        if until <= now {
            return Err(CallError::NoTime);
        }
        let source = &*self.source;
        let refused = |error| {
            source.counters.refused_open.fetch_add(1, Relaxed);
            error
        };
        let own = self.own.as_deref().and_then(|own| own.breaker.as_ref());
        let own = own.map(|breaker| breaker.pass(now)).transpose();
        let own = own.map_err(|refusal| refused(refusal.into()))?;
        let visit = source.endpoints.visit(now, safety, avoid).map_err(refused)?;
        Ok(Leave {
            visit,
            own,
            started: now,
            until,
            is_fair: until - now >= (self.call_timeout / 2).min(Duration::from_secs(1)),
        })
    }

    /// One try, within its time.
    async fn attempt(&self, leave: Leave<'_, T>, call: &Call) -> Tried {
        let is_grpc = matches!(call, Call::Grpc { .. });
        let (endpoint, until) = (leave.visit.endpoint, leave.until);
        let left = until - leave.started;
        let own = endpoint.own(call, self.source.deadline_header.as_ref(), left);
        let call = own.as_deref().unwrap_or(call);
        let mut result = {
            let sent = pin!(endpoint.transport.send(call, until));
            timeout_at(until, sent)
                .await
                .unwrap_or_else(|_| Err(CallError::Timeout(left)))
        };
        let trouble = trouble(&result, is_grpc);
        let counted = self.record(leave, trouble);
        if let Ok(reply) = &mut result {
            reply.counted = counted;
        }
        Tried {
            result,
            trouble,
            endpoint: counted.endpoint,
        }
    }

    /// Tells breakers, budgets and latencies what came of a try.
    fn record(&self, mut leave: Leave<'_, T>, trouble: Option<Trouble>) -> Counted {
        let source = &*self.source;
        let endpoint = leave.visit.endpoint;
        let watches_time = |breaker: &Arc<Breaker>| breaker.rules().slow_after.is_some();
        let rules = endpoint.breaker.as_ref();
        let took = if trouble.is_some()
            || source.latencies.is_some()
            || rules.is_some_and(watches_time)
            || leave.own.is_some()
        {
            leave.started.elapsed()
        } else {
            Duration::ZERO
        };
        leave
            .visit
            .end(trouble.is_some_and(|trouble| trouble.fault != Fault::Call));
        match trouble {
            None => {
                source.budget.earn();
                if let Some(hedges) = &source.hedges {
                    hedges.earn();
                }
                if let Some(latencies) = &source.latencies {
                    latencies.record(took);
                }
            }
            Some(trouble) if trouble.fault == Fault::Source => endpoint.count_failure(),
            Some(_) => {}
        }
        let mut counted = Counted {
            endpoint: leave.visit.number,
            ..Counted::default()
        };
        if let (Some(pass), Some(breaker)) = (leave.visit.pass.take(), rules) {
            let may_open = || source.endpoints.may_leave_out_one_more();
            counted.there = pass.record(verdict(breaker, trouble, leave.is_fair), took, may_open);
        }
        let own = self.own.as_deref().and_then(|own| own.breaker.as_ref());
        if let (Some(pass), Some(breaker)) = (leave.own.take(), own) {
            counted.own = pass.record(verdict(breaker, trouble, leave.is_fair), took, || true);
        }
        counted
    }
}

/// What a breaker makes of a try.
fn verdict(breaker: &Breaker, trouble: Option<Trouble>, is_fair: bool) -> Verdict {
    match trouble {
        None => Verdict::Success,
        Some(trouble) => match trouble.fault {
            Fault::Source if trouble.kinds.has(Kind::Timeout) && !is_fair => Verdict::Unknown,
            Fault::Source => Verdict::Failure,
            Fault::Rate if breaker.rules().counts_rate_limits => Verdict::Failure,
            Fault::Rate => Verdict::Unknown,
            Fault::Call => Verdict::Success,
        },
    }
}

// === impl Source ===

impl<T> Source<T> {
    /// Lets the bulkhead follow rate and latency.
    fn adapt(&self) {
        if self.adapts
            && let Some(latencies) = &self.latencies
            && let Some(limit) = latencies.arrive(Instant::now())
        {
            self.bulkhead.resize(limit);
        }
    }
}
