//! What stands between a backend's socket and its answers: the call log, and the switches of a test.
//!
//! A call is counted and logged as it arrives, then waits at the gate, then is delayed, then may fail.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::{Semaphore, watch};

use crate::data::random::Random;

// Load tests make millions of calls; what a test looks at is at most this far back.
const LOG_ENTRIES_MAX: usize = 10_000;

/// One call as a backend saw it.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET /products/{id}`, or `shop.inventory.v1.Inventory/BatchGetStock`.
    pub route: Arc<str>,
    /// `POST` for every gRPC call.
    pub method: Method,
    /// As sent, still percent-encoded.
    pub path_and_query: String,
    /// All headers, or all metadata.
    pub headers: HeaderMap,
    /// The body, or the protobuf-encoded request message.
    pub body: Bytes,
    /// Ids the call asks for, in order: captured path segments, values of `id`, `user` and `userId`; of a gRPC
    /// message its repeated ids.
    pub keys: Vec<String>,
}

/// The switches and the log of one backend.
#[derive(Debug)]
pub(crate) struct Control {
    log: Mutex<Log>,
    keeps_log: AtomicBool,
    rules: Mutex<Vec<Rule>>,
    gates: Mutex<Vec<(Option<String>, Arc<Semaphore>)>>,
    arrived: watch::Sender<u64>,
    traffic: Arc<Traffic>,
}

#[derive(Debug, Default)]
struct Log {
    calls: u64,
    by_route: HashMap<Arc<str>, u64>,
    recent: VecDeque<Call>,
}

/// Slowness or failure, for one route or for all.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) route: Option<String>,
    pub(crate) delay: Duration,
    pub(crate) failure: Option<Failure>,
}

/// Which calls fail, and how.
#[derive(Debug)]
pub(crate) struct Failure {
    /// HTTP status or gRPC code.
    pub(crate) status: u16,
    /// So many calls more; `None`: until told otherwise.
    pub(crate) left: Option<u64>,
    /// With this probability, and what decides.
    pub(crate) share: Option<(f64, Random)>,
}

#[derive(Debug, Default)]
struct Traffic {
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    abandoned: watch::Sender<u64>,
}

/// A call that is being answered. Dropped unfinished, its client has gone away.
#[derive(Debug)]
pub(crate) struct Admitted {
    traffic: Arc<Traffic>,
    finished: bool,
}

// === impl Control ===

impl Control {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::default(),
            keeps_log: AtomicBool::new(true),
            rules: Mutex::default(),
            gates: Mutex::default(),
            arrived: watch::Sender::new(0),
            traffic: Arc::default(),
        })
    }

    /// Takes a call in: logs it, holds it, delays it. An error is the status it shall fail with.
    pub(crate) async fn admit(&self, call: Call) -> Result<Admitted, u16> {
        let route = Arc::clone(&call.route);
        let mut admitted = Admitted::new(&self.traffic);
        self.record(call);
        self.pass_gate(&route).await;
        let (delay, failure) = self.decide(&route);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match failure {
            None => Ok(admitted),
            Some(status) => {
                admitted.finished = true;
                Err(status)
            }
        }
    }

    fn record(&self, call: Call) {
        let mut log = lock(&self.log);
        log.calls += 1;
        match log.by_route.get_mut(&call.route) {
            Some(count) => *count += 1,
            None => {
                log.by_route.insert(Arc::clone(&call.route), 1);
            }
        }
        if self.keeps_log.load(Relaxed) {
            if log.recent.len() == LOG_ENTRIES_MAX {
                log.recent.pop_front();
            }
            log.recent.push_back(call);
        }
        self.arrived.send_replace(log.calls);
    }

    async fn pass_gate(&self, route: &str) {
        let gate = {
            let gates = lock(&self.gates);
            gates
                .iter()
                .find(|(of, _)| applies(of.as_deref(), route))
                .map(|(_, gate)| Arc::clone(gate))
        };
        if let Some(gate) = gate {
            // An error means the gate was opened for good.
            if let Ok(permit) = gate.acquire().await {
                permit.forget();
            }
        }
    }

    fn decide(&self, route: &str) -> (Duration, Option<u16>) {
        let mut delay = Duration::ZERO;
        let mut failure = None;
        for rule in lock(&self.rules)
            .iter_mut()
            .filter(|rule| applies(rule.route.as_deref(), route))
        {
            delay += rule.delay;
            failure = failure.or_else(|| rule.failure.as_mut().and_then(Failure::strike));
        }
        (delay, failure)
    }

    pub(crate) fn add_rule(&self, rule: Rule) {
        lock(&self.rules).push(rule);
    }

    pub(crate) fn hold(&self, route: Option<&str>) {
        lock(&self.gates).push((route.map(str::to_owned), Arc::new(Semaphore::new(0))));
    }

    pub(crate) fn let_through(&self, calls: usize) {
        for (_, gate) in lock(&self.gates).iter() {
            gate.add_permits(calls);
        }
    }

    pub(crate) fn release(&self) {
        for (_, gate) in lock(&self.gates).drain(..) {
            gate.close();
        }
    }

    pub(crate) fn recover(&self) {
        lock(&self.rules).clear();
        self.release();
    }

    pub(crate) fn reset(&self) {
        *lock(&self.log) = Log::default();
        self.arrived.send_replace(0);
        self.traffic
            .in_flight_max
            .store(self.traffic.in_flight.load(Relaxed), Relaxed);
        self.traffic.abandoned.send_replace(0);
    }

    pub(crate) fn keep_log(&self, yes: bool) {
        self.keeps_log.store(yes, Relaxed);
    }

    pub(crate) fn keeps_log(&self) -> bool {
        self.keeps_log.load(Relaxed)
    }

    pub(crate) fn calls(&self) -> u64 {
        lock(&self.log).calls
    }

    pub(crate) fn calls_to(&self, route: &str) -> u64 {
        lock(&self.log)
            .by_route
            .iter()
            .filter(|(of, _)| applies(Some(route), of))
            .map(|(_, count)| count)
            .sum()
    }

    pub(crate) fn calls_by_route(&self) -> Vec<(String, u64)> {
        let mut routes: Vec<_> = lock(&self.log)
            .by_route
            .iter()
            .map(|(route, count)| (route.to_string(), *count))
            .collect();
        routes.sort();
        routes
    }

    pub(crate) fn log(&self) -> Vec<Call> {
        lock(&self.log).recent.iter().cloned().collect()
    }

    pub(crate) fn distinct_keys(&self, route: &str) -> usize {
        let log = lock(&self.log);
        let calls = log.recent.iter().filter(|call| applies(Some(route), &call.route));
        calls.flat_map(|call| &call.keys).collect::<HashSet<_>>().len()
    }

    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.traffic.in_flight.load(Relaxed)
    }

    pub(crate) fn in_flight_max(&self) -> u64 {
        self.traffic.in_flight_max.load(Relaxed)
    }

    pub(crate) fn abandoned(&self) -> u64 {
        *self.traffic.abandoned.borrow()
    }

    pub(crate) fn abandonments(&self) -> watch::Receiver<u64> {
        self.traffic.abandoned.subscribe()
    }
}

// === impl Failure ===

impl Failure {
    /// The status to fail this call with, if it is to fail.
    fn strike(&mut self) -> Option<u16> {
        if let Some((share, random)) = &mut self.share
            && !random.chance(*share)
        {
            return None;
        }
        match &mut self.left {
            Some(0) => None,
            Some(left) => {
                *left -= 1;
                Some(self.status)
            }
            None => Some(self.status),
        }
    }
}

// === impl Admitted ===

impl Admitted {
    fn new(traffic: &Arc<Traffic>) -> Self {
        let now = traffic.in_flight.fetch_add(1, Relaxed) + 1;
        traffic.in_flight_max.fetch_max(now, Relaxed);
        Self {
            traffic: Arc::clone(traffic),
            finished: false,
        }
    }

    /// The answer is ready.
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.traffic.in_flight.fetch_sub(1, Relaxed);
        if !self.finished {
            self.traffic.abandoned.send_modify(|count| *count += 1);
        }
    }
}

/// Whether `wanted` names `route`: all of it, a route without its method's service (`BatchGetStock`), or everything.
fn applies(wanted: Option<&str>, route: &str) -> bool {
    wanted.is_none_or(|wanted| {
        route == wanted
            || route
                .strip_suffix(wanted)
                .is_some_and(|service| service.ends_with('/') && !service.contains(' '))
    })
}

/// A panic of another test thread must not hide that test's message behind ours.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
