//! The addresses of a source: which one a call goes to, and what is known of each.
//!
//! Breakers are here, one for each address, so that a source with one bad address of three stays available. They see tries
//! rather than calls: a second try asks again, elsewhere where there is an elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderName, HeaderValue, Uri, uri};
use tokio::time::Instant;

use super::{
    Safety,
    breaker::{Breaker, Pass, Refused},
    expected::{Expected, cost},
    state::{BreakerState, EndpointState},
};
use crate::{Call, CallError, policy::Balance};

/// All addresses of a source; at least one.
#[derive(Debug)]
pub(crate) struct Endpoints<T> {
    all: Box<[Endpoint<T>]>,
    balance: Balance,
    next: AtomicUsize,
}

/// One address.
#[derive(Debug)]
pub(crate) struct Endpoint<T> {
    pub(crate) transport: Arc<T>,
    /// Takes the place of a REST call's own scheme and host.
    origin: Option<(uri::Scheme, uri::Authority)>,
    address: String,
    pub(crate) breaker: Option<Arc<Breaker>>,
    in_flight: AtomicUsize,
    tries: AtomicU64,
    failures: AtomicU64,
    /// Where there are others to choose from.
    expected: Option<Expected>,
}

/// A try that is going to an endpoint; dropped when it is over.
#[derive(Debug)]
pub(crate) struct Visit<'e, T> {
    pub(crate) number: u16,
    pub(crate) endpoint: &'e Endpoint<T>,
    pub(crate) pass: Option<Pass<'e>>,
    started: Instant,
    is_over: bool,
}

/// An address to make an endpoint of.
#[derive(Debug)]
pub(crate) struct Address<T> {
    pub(crate) transport: Arc<T>,
    /// Takes the place of the host that REST calls name. `None`: they are sent where they say.
    pub(crate) uri: Option<Uri>,
}

// === impl Endpoints ===

impl<T> Endpoints<T> {
    /// `place`: where calls go that name their host themselves.
    pub(crate) fn new(
        addresses: Vec<Address<T>>,
        place: &str,
        balance: Balance,
        breaker: &dyn Fn(&str) -> Option<Arc<Breaker>>,
    ) -> Self {
        let several = addresses.len() > 1;
        let all = addresses
            .into_iter()
            .map(|address| Endpoint::new(address, place, breaker, several));
        Self {
            all: all.collect(),
            balance,
            next: AtomicUsize::new(0),
        }
    }

    /// Chooses where a try goes. `avoid`: where the one before failed.
    pub(crate) fn visit(&self, now: Instant, safety: Safety, avoid: Option<u16>) -> Result<Visit<'_, T>, CallError> {
        if let [only] = &*self.all {
            return only.visit(0, now).map_err(CallError::from);
        }
        let mut refused = None;
        for number in self.order(now, safety, avoid) {
            match self.all[usize::from(number)].visit(number, now) {
                Ok(visit) => return Ok(visit),
                Err(refusal) => refused = soonest(refused, refusal),
            }
        }
        Err(refused.map_or(CallError::CircuitOpen { left: Duration::ZERO }, CallError::from))
    }

    /// All endpoints, the best first: one that wants a probe, then those that are closed, then the one to avoid, then the others.
    fn order(&self, now: Instant, safety: Safety, avoid: Option<u16>) -> smallvec::SmallVec<[u16; 8]> {
        let turn = self.next.fetch_add(1, Relaxed) % self.all.len();
        let count = self.all.len();
        let means = self.all.iter().map(|endpoint| endpoint.mean(now));
        let fastest = means.filter(|mean| *mean > 0.0).fold(f64::INFINITY, f64::min);
        let mut order: smallvec::SmallVec<[(u8, u64, usize, u16); 8]> = (0..count)
            .map(|number| {
                let endpoint = &self.all[number];
                let closed = endpoint.breaker.as_ref().is_none_or(|breaker| breaker.is_closed());
                let probes = || {
                    endpoint
                        .breaker
                        .as_ref()
                        .is_some_and(|breaker| breaker.wants_probe(now))
                };
                let class = match () {
                    () if avoid == Some(number as u16) => 2,
                    () if closed => 1,
                    // What cannot be repeated is no probe while there is another way.
                    () if safety == Safety::Repeatable && avoid.is_none() && probes() => 0,
                    () => 3,
                };
                let load = match self.balance {
                    Balance::LeastInFlight => cost(endpoint.in_flight.load(Relaxed), endpoint.mean(now), fastest),
                    Balance::RoundRobin => 0,
                };
                (class, load, (number + count - turn) % count, number as u16)
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(.., number)| number).collect()
    }

    /// Whether one more endpoint may be left out because of a share of failures: not more than half of them are, since one that answers
    /// now and then is better than none. Those that fail every time are left out whatever their number.
    pub(crate) fn may_leave_out_one_more(&self) -> bool {
        let open = self.all.iter().filter(|endpoint| {
            let breaker = endpoint.breaker.as_ref();
            breaker.is_some_and(|breaker| !breaker.is_closed())
        });
        self.all.len() == 1 || (open.count() + 1) * 2 <= self.all.len()
    }

    pub(crate) fn get(&self, number: u16) -> Option<&Endpoint<T>> {
        self.all.get(usize::from(number))
    }

    pub(crate) fn states(&self, now: Instant) -> Vec<EndpointState> {
        self.all.iter().map(|endpoint| endpoint.state(now)).collect()
    }
}

/// Of two refusals, the one that is over first.
fn soonest(one: Option<Refused>, other: Refused) -> Option<Refused> {
    match one {
        Some(one) if one.left <= other.left => Some(one),
        _ => Some(other),
    }
}

// === impl Endpoint ===

impl<T> Endpoint<T> {
    fn new(address: Address<T>, place: &str, breaker: &dyn Fn(&str) -> Option<Arc<Breaker>>, several: bool) -> Self {
        let uri = address.uri.unwrap_or_default();
        let origin = uri.scheme().cloned().zip(uri.authority().cloned());
        let shown = origin
            .as_ref()
            .map_or_else(|| place.to_owned(), |(scheme, authority)| shown(scheme, authority));
        Self {
            transport: address.transport,
            breaker: breaker(&shown),
            origin,
            address: shown,
            in_flight: AtomicUsize::new(0),
            tries: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            expected: several.then(Expected::new),
        }
    }

    /// What calls there take of late, in microseconds; 0: nobody knows.
    fn mean(&self, now: Instant) -> f64 {
        self.expected.as_ref().map_or(0.0, |expected| expected.mean(now))
    }

    fn visit(&self, number: u16, now: Instant) -> Result<Visit<'_, T>, Refused> {
        let pass = match &self.breaker {
            Some(breaker) => Some(breaker.pass(now)?),
            None => None,
        };
        self.in_flight.fetch_add(1, Relaxed);
        self.tries.fetch_add(1, Relaxed);
        Ok(Visit {
            number,
            endpoint: self,
            pass,
            started: now,
            is_over: false,
        })
    }

    /// The call as a try sends it, where that is not as it was rendered: to this address, telling the time that is `left`.
    pub(crate) fn own(&self, call: &Call, deadline_header: Option<&HeaderName>, left: Duration) -> Option<Box<Call>> {
        if !matches!(call, Call::Http { .. }) || self.origin.is_none() && deadline_header.is_none() {
            return None;
        }
        let mut own = Box::new(call.clone());
        let Call::Http { uri, headers, .. } = &mut *own else {
            return None;
        };
        if let Some((scheme, authority)) = &self.origin {
            let mut parts = std::mem::take(uri).into_parts();
            parts.scheme = Some(scheme.clone());
            parts.authority = Some(authority.clone());
            *uri = Uri::from_parts(parts).expect("an absolute URL stays one with another host");
        }
        if let Some(name) = deadline_header {
            headers.insert(name, millis_left(left));
        }
        Some(own)
    }

    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    fn state(&self, now: Instant) -> EndpointState {
        let breaker = self.breaker.as_ref();
        EndpointState {
            address: self.address.clone(),
            breaker: breaker.map_or(BreakerState::Off, |breaker| breaker.state(now)),
            opened: breaker.map_or(0, |breaker| breaker.opened()),
            in_flight: self.in_flight.load(Relaxed),
            tries: self.tries.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }
}

// === impl Visit ===

impl<T> Visit<'_, T> {
    /// Says how the try ended.
    pub(crate) fn end(&mut self, has_failed: bool) {
        self.is_over = true;
        if let Some(expected) = &self.endpoint.expected {
            let now = Instant::now();
            expected.record(now - self.started, has_failed, now);
        }
    }
}

impl<T> Drop for Visit<'_, T> {
    fn drop(&mut self) {
        if let (false, Some(expected)) = (self.is_over, &self.endpoint.expected) {
            let now = Instant::now();
            expected.record_at_least(now - self.started, now);
        }
        self.endpoint.in_flight.fetch_sub(1, Relaxed);
    }
}

/// An address without what may be a password in it.
fn shown(scheme: &uri::Scheme, authority: &uri::Authority) -> String {
    let text = authority.as_str();
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    format!("{scheme}://{host}")
}

impl From<Refused> for CallError {
    fn from(refused: Refused) -> Self {
        if refused.is_rate_limit {
            Self::RateLimited { left: refused.left }
        } else {
            Self::CircuitOpen { left: refused.left }
        }
    }
}

/// The value of a header that tells the time left.
fn millis_left(left: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1))
}
