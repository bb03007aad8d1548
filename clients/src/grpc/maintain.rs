//! The task that makes and keeps the connections of one source.
//!
//! It alone knows addresses and attempts. It starts with the first call, connects to every address, connects again where a
//! connection was lost, looks the name up again when that happens and from time to time, and ends when no call has been made
//! for a while. Calls that wait share its attempts: whatever their number, an address sees one.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    balance::{Shared, Target},
    connection::Connection,
    health::Health,
};
use crate::{
    CallError,
    connect::IDLE_TIMEOUT,
    failure::{ConnectTimeout, classify},
    names::{Slow, at_least_one},
};

// A source with more has its calls spread over as many of them, which ones is chance.
const ADDRESSES_MAX: usize = 32;

// How long a look-up is good for. DNS does not tell us the record's own time.
const LOOKUP_EVERY: Duration = Duration::from_secs(30);
// After a loss it is done at once, though not more often than this.
const LOOKUP_AGAIN: Duration = Duration::from_secs(1);

// Between attempts at one address while calls have others, or none is waiting: the first, the longest.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
// Between attempts while calls wait and there is no connection at all.
const WANTED_BACKOFF: Duration = Duration::from_millis(5);
const WANTED_BACKOFF_MAX: Duration = Duration::from_millis(100);

pub(super) struct Maintainer {
    target: Target,
    shared: Arc<Shared>,
    endpoints: Vec<Endpoint>,
    dials: JoinSet<(SocketAddr, Dialled)>,
    lookup: Lookup,
    /// Whether calls wait that found no connection: until one is made or every address was tried.
    is_wanted: bool,
    /// Why the last attempt of any kind failed.
    error: Option<CallError>,
    /// Chooses among many addresses and spreads attempts in time.
    random: RandomState,
    /// Since when no call was made, as far as is known.
    unused_since: Instant,
}

type Dialled = Result<Arc<Connection>, CallError>;
type Found = io::Result<Vec<SocketAddr>>;

struct Endpoint {
    address: SocketAddr,
    health: Arc<Health>,
    link: Link,
    /// Attempts in a row that came to nothing, and when the last one did.
    failures: u32,
    failed_at: Instant,
    /// Whether it failed since calls wait.
    was_tried: bool,
    /// Whether its last connection was closed without an answer: calls that waited for that one need not wait for another.
    hung_up: bool,
}

enum Link {
    Down,
    Dialling,
    Up(Arc<Connection>),
}

/// The look-up under way, or the next one. One that takes too long goes on, so that they do not pile up.
struct Lookup {
    running: Option<JoinHandle<Found>>,
    /// Until when it is waited for.
    patience: Instant,
    /// When it is done next; never for an address that is one.
    next: Option<Instant>,
    last: Option<Instant>,
}

/// What the maintainer waits for.
enum Event {
    /// Something may be due.
    Woken,
    Dialled(SocketAddr, Dialled),
    Found(Found),
}

// === impl Maintainer ===

impl Maintainer {
    pub(super) fn new(target: Target, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        let literal = target.host.parse::<IpAddr>().ok();
        let endpoint = literal.map(|ip| Endpoint::new(SocketAddr::new(ip, target.port)));
        Self {
            target,
            shared,
            endpoints: endpoint.into_iter().collect(),
            dials: JoinSet::new(),
            lookup: Lookup {
                running: None,
                patience: now,
                next: literal.is_none().then_some(now),
                last: None,
            },
            is_wanted: false,
            error: None,
            random: RandomState::new(),
            unused_since: now,
        }
    }

    /// Runs until no call has been made for [`IDLE_TIMEOUT`].
    ///
    /// # Cancel safety
    /// Dropping it drops attempts; calls under way keep their connections.
    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            if self.shared.is_used.swap(false, Ordering::Relaxed) || self.shared.is_wanted.load(Ordering::Relaxed) {
                self.unused_since = now;
            }
            if now >= self.unused_since + IDLE_TIMEOUT && self.end() {
                return;
            }
            self.step(now);
            match self.next().await {
                Event::Woken => {}
                Event::Dialled(address, outcome) => self.dialled(address, outcome),
                Event::Found(found) => self.found(found),
            }
        }
    }

    /// Ends if no call is under way and none has come to wait in the meantime.
    fn end(&mut self) -> bool {
        let mut is_kept = self.shared.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = self.connections().any(|connection| connection.in_flight() > 0);
        if is_busy || self.shared.is_wanted.load(Ordering::Relaxed) {
            return false;
        }
        *is_kept = false;
        self.shared.ready.store(Arc::default());
        true
    }

    /// Starts whatever is due.
    fn step(&mut self, now: Instant) {
        let mut was_lost = false;
        for endpoint in &mut self.endpoints {
            was_lost |= endpoint.forget_closed(now);
        }
        if was_lost {
            self.lookup.soon(now);
            self.publish();
        }
        if self.endpoints.iter().any(|endpoint| endpoint.hung_up) {
            let error = io::Error::new(io::ErrorKind::ConnectionReset, "closed before anything was answered");
            self.error = Some(CallError::Connect(Arc::new(error)));
        }
        let is_wanted = self.shared.is_wanted.load(Ordering::Relaxed);
        if is_wanted && self.connections().next().is_some() {
            // It was made while the call went to sleep.
            self.tell(None);
        } else if is_wanted && !self.is_wanted {
            self.is_wanted = true;
            for endpoint in &mut self.endpoints {
                endpoint.was_tried = std::mem::take(&mut endpoint.hung_up);
            }
        }
        if self.lookup.is_due(now) {
            self.lookup.start(&self.target, now);
        }
        for index in 0..self.endpoints.len() {
            if self.due(&self.endpoints[index]).is_some_and(|due| due <= now) {
                self.dial(index);
            }
        }
        let is_looking = self.lookup.running.is_some() && now < self.lookup.patience;
        if self.is_wanted && !is_looking && self.endpoints.iter().all(|endpoint| endpoint.was_tried) {
            let error = self.error.clone();
            let limit = self.target.dialer.connect_timeout;
            self.tell(Some(error.unwrap_or_else(|| match self.endpoints.is_empty() {
                true => CallError::Connect(Arc::new(Slow(limit))),
                false => classify(ConnectTimeout(limit).into()),
            })));
        }
    }

    async fn next(&mut self) -> Event {
        let until = self.wakes_at();
        tokio::select! {
            () = self.shared.wake.notified() => Event::Woken,
            Some(Ok((address, outcome))) = self.dials.join_next() => Event::Dialled(address, outcome),
            found = async { self.lookup.running.as_mut().expect("checked").await }, if self.lookup.running.is_some() => {
                self.lookup.running = None;
                Event::Found(found.unwrap_or_else(|error| Err(io::Error::other(error))))
            }
            () = sleep_until(until) => Event::Woken,
        }
    }

    /// When something will be due.
    fn wakes_at(&self) -> Instant {
        let dials = self.endpoints.iter().filter_map(|endpoint| self.due(endpoint));
        let lookup = match self.lookup.running {
            Some(_) => self.is_wanted.then_some(self.lookup.patience),
            None => self.lookup.next,
        };
        let idle = self.unused_since + IDLE_TIMEOUT;
        // Calls under way may outlast it, and whether there was one is only looked at then.
        let idle = idle.max(Instant::now() + LOOKUP_AGAIN);
        dials.chain(lookup).fold(idle, Instant::min)
    }

    /// When an endpoint is to be connected to.
    fn due(&self, endpoint: &Endpoint) -> Option<Instant> {
        if !matches!(endpoint.link, Link::Down) {
            return None;
        }
        let doublings = match endpoint.failures {
            0 => return Some(endpoint.failed_at),
            failures => 1_u32 << (failures - 1).min(16),
        };
        let pause = if self.is_wanted {
            (WANTED_BACKOFF * doublings).min(WANTED_BACKOFF_MAX)
        } else {
            let pause = (BACKOFF * doublings).min(BACKOFF_MAX);
            let part = self.random.hash_one((endpoint.address, endpoint.failures)) % 1000;
            pause / 2 + pause * u32::try_from(part).unwrap_or(0) / 2000
        };
        Some(endpoint.failed_at + pause)
    }

    fn dial(&mut self, index: usize) {
        let endpoint = &mut self.endpoints[index];
        endpoint.link = Link::Dialling;
        let address = endpoint.address;
        let dialler = self.target.dialer.clone();
        let dialled = dialler.dial(address, endpoint.health.clone(), self.shared.wake.clone());
        self.dials.spawn(async move { (address, dialled.await) });
    }

    fn dialled(&mut self, address: SocketAddr, outcome: Dialled) {
        let now = Instant::now();
        // It may have gone from the name's addresses in the meantime.
        let Some(endpoint) = self.endpoints.iter_mut().find(|endpoint| endpoint.address == address) else {
            return;
        };
        match outcome {
            Ok(connection) => {
                endpoint.link = Link::Up(connection);
                self.publish();
                self.tell(None);
            }
            Err(error) => {
                endpoint.link = Link::Down;
                endpoint.failed(now);
                self.error = Some(error);
                self.lookup.soon(now);
            }
        }
    }

    fn found(&mut self, found: Found) {
        let now = Instant::now();
        match at_least_one(found) {
            Ok(addresses) => {
                self.lookup.next = Some(now + LOOKUP_EVERY);
                self.keep(addresses);
            }
            // The last good addresses are better than none.
            Err(error) if self.endpoints.is_empty() => {
                self.lookup.next = Some(now + LOOKUP_AGAIN);
                self.error = Some(CallError::Connect(Arc::new(error)));
            }
            Err(_) => self.lookup.next = Some(now + LOOKUP_EVERY),
        }
    }

    /// Takes these addresses for those that there were. Calls under way at others go on.
    fn keep(&mut self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable_by_key(|address| (self.random.hash_one(address), *address));
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        self.endpoints.retain(|endpoint| addresses.contains(&endpoint.address));
        for address in addresses {
            if self.endpoints.iter().all(|endpoint| endpoint.address != address) {
                self.endpoints.push(Endpoint::new(address));
            }
        }
        self.publish();
    }

    fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.endpoints.iter().filter_map(|endpoint| match &endpoint.link {
            Link::Up(connection) => Some(connection),
            Link::Down | Link::Dialling => None,
        })
    }

    /// Lets calls have the connections that there are.
    fn publish(&self) {
        self.shared.ready.store(Arc::new(self.connections().cloned().collect()));
    }

    /// Wakes the calls that wait: there is a connection, or there will be none.
    fn tell(&mut self, error: Option<CallError>) {
        self.is_wanted = false;
        self.shared.is_wanted.store(false, Ordering::Relaxed);
        self.shared.news.send_replace(error);
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            health: Arc::new(Health::new()),
            link: Link::Down,
            failures: 0,
            failed_at: Instant::now(),
            was_tried: false,
            hung_up: false,
        }
    }

    /// Whether it had a connection that takes no more calls.
    fn forget_closed(&mut self, now: Instant) -> bool {
        let Link::Up(connection) = &self.link else {
            return false;
        };
        if !connection.is_closed() {
            return false;
        }
        self.hung_up = connection.hung_up();
        self.link = Link::Down;
        if self.hung_up {
            self.failed(now);
        } else {
            self.failures = 0;
            self.failed_at = now;
        }
        true
    }

    fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
        self.was_tried = true;
    }
}

// === impl Lookup ===

impl Lookup {
    fn is_due(&self, now: Instant) -> bool {
        self.running.is_none() && self.next.is_some_and(|next| next <= now)
    }

    /// Something is wrong with the addresses we have.
    fn soon(&mut self, now: Instant) {
        if let Some(next) = &mut self.next {
            let again = self.last.map_or(now, |last| last + LOOKUP_AGAIN);
            *next = again.max(now).min(*next);
        }
    }

    fn start(&mut self, target: &Target, now: Instant) {
        self.last = Some(now);
        self.patience = now + target.dialer.connect_timeout;
        self.running = Some(tokio::spawn(target.resolve.resolve(&target.host, target.port)));
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}
