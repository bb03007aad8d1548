//! How many executions there are at once, and who has to go when there are too many.
//!
//! Stands before execution and after everything that costs little: an answer from memory and an execution that others have begun need no place. Nothing
//! is counted per request but two atomics and the window of `adapt`; the queue is looked at when there is one.

mod adapt;
mod crowd;
mod priorities;
mod queue;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{Engine, Request, answer::Gate};
use crate::{
    operation::{Operation, RequestError, RequestErrorKind, documents::Origin},
    telemetry::{Labels, Scraped, Series},
};
use adapt::{Adapt, Sample};
use crowd::{Counted, Crowd};
use queue::{Patience, Queue, Ticket};

pub use priorities::Priorities;

/// When clients may ask again: the least that a header can say.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Of so many places four are for sheddable operations: the rest is left for others before anybody has to wait.
const SHEDDABLE_SHARE: (usize, usize) = (4, 5);

/// What anybody may wait in a crowd: a share of what is usual.
const SHARE_IN_CROWD: u32 = 10;

/// How much there may be at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Executions at once: a number, 0 = no limit, or `auto`, which goes by how long they take. `auto`: only the sources know how much they can do.
    pub max_in_flight: MaxInFlight,
    /// How long an operation may wait for its turn. 250 ms, which a person hardly notices; at most a tenth of it while more
    /// come than can be answered.
    pub queue_timeout: Duration,
    /// Bytes of sources' answers in memory, all of them together, beside those that surfaces keep (`cache_bytes`). 256 MiB: 64 of the largest there may be. What comes
    /// beyond it is not read: its call has failed. 0 = no limit.
    pub source_bytes: usize,
}

/// Executions at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxInFlight {
    /// As many as come.
    Unlimited,
    /// So many.
    AtMost(usize),
    /// As many as do not make each other slow.
    Adapts,
}

/// Who goes first, and who has to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// Before all others, and in their place in the queue.
    Critical,
    /// In turn.
    #[default]
    Normal,
    /// Only while there is room; never waits.
    Sheddable,
}

/// Why there was no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// It could not even wait: the queue is as long as its time allows, or it may not wait.
    Full,
    /// Its time in the queue was up, or somebody more urgent took its place there.
    Late,
}

/// Places of one server, of all its surfaces together.
#[derive(Debug)]
pub struct Limiter {
    adapt: Adapt,
    in_flight: AtomicUsize,
    /// Length of the queue: 0 = nobody need look at it.
    waiting: AtomicUsize,
    line: Mutex<Line>,
    /// Requests that wanted a place.
    came: AtomicU64,
    queue_timeout: Duration,
    /// Whether somebody was sent away at once of late.
    is_shedding: AtomicBool,
    shed: [[AtomicU64; Shed::ALL.len()]; Priority::ALL.len()],
}

/// Those who wait, and whether they are too many.
#[derive(Debug)]
struct Line {
    queue: Queue,
    crowd: Crowd,
}

/// A place of one execution; free again when dropped.
#[derive(Debug)]
pub struct Place {
    limiter: Arc<Limiter>,
    since: Instant,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: MaxInFlight::Adapts,
            queue_timeout: Duration::from_millis(250),
            source_bytes: 256 * 1024 * 1024,
        }
    }
}

/// What a client is told that was sent away.
pub(super) fn shed(_: Shed) -> RequestError {
    RequestError::new(
        RequestErrorKind::Overloaded,
        "There is too much to do right now; try again in a moment.",
    )
}

// === impl Engine ===

impl Engine {
    /// The way to a place for an operation.
    pub(super) fn gate(&self, request: &Request, operation: &Operation, origin: Origin) -> Option<Gate> {
        let limiter = self.settings.overload.clone()?;
        let priorities = &self.settings.priorities;
        if !priorities.is_any() {
            let priority = Priority::Normal;
            return Some(Gate { limiter, priority });
        }
        // A text that came without an id was not looked for in the list.
        let origin = match origin {
            Origin::Text if self.documents.is_listed(&self.asked(request)) => Origin::Listed,
            origin => origin,
        };
        let priority = priorities.of(operation.name.as_deref(), origin, request.standing.class);
        Some(Gate { limiter, priority })
    }

    /// Whether requests can be sent away before anybody knows what they ask for.
    #[must_use]
    pub fn refuses_unread(&self) -> bool {
        let limiter = self.settings.overload.as_ref();
        let refuses = limiter.filter(|limiter| limiter.is_shedding() && !self.settings.priorities.has_critical());
        refuses.inspect(|limiter| limiter.turn_away(Priority::Normal)).is_some()
    }

    /// Sends away what would first have to be parsed, while others are sent away who have less to ask.
    pub(super) fn check_load(&self, request: &Request) -> Result<(), RequestError> {
        let priorities = &self.settings.priorities;
        let of_class = priorities.of_class(request.standing.class);
        match &self.settings.overload {
            Some(_) if of_class == Some(Priority::Critical) => Ok(()),
            Some(limiter) if limiter.is_shedding() && !self.documents.is_known(&self.asked(request)) => {
                limiter.turn_away(of_class.unwrap_or(priorities.unlisted));
                Err(shed(Shed::Full))
            }
            _ => Ok(()),
        }
    }
}

// === impl Limiter ===

impl Limiter {
    /// A limiter; `None`: there is nothing to limit.
    #[must_use]
    pub fn new(settings: &Settings) -> Option<Arc<Self>> {
        let fixed = match settings.max_in_flight {
            MaxInFlight::Unlimited => return None,
            MaxInFlight::AtMost(limit) => Some(limit.max(1)),
            MaxInFlight::Adapts => None,
        };
        Some(Arc::new(Self {
            adapt: Adapt::new(fixed),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::new(Line {
                queue: Queue::default(),
                crowd: Crowd::new(settings.queue_timeout),
            }),
            came: AtomicU64::new(0),
            queue_timeout: settings.queue_timeout,
            is_shedding: AtomicBool::new(false),
            shed: Default::default(),
        }))
    }

    /// A place, at once or after a short wait that ends before `deadline`.
    ///
    /// # Errors
    /// There is none, and none to be expected in time.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and one that was just given.
    pub async fn enter(self: &Arc<Self>, priority: Priority, deadline: Instant) -> Result<Place, Shed> {
        self.came.fetch_add(1, Relaxed);
        let goes_first = priority == Priority::Critical;
        if (goes_first || self.waiting.load(SeqCst) == 0)
            && let Some(place) = self.take(priority)
        {
            return Ok(place);
        }
        let entered = match self.line_up(priority) {
            Some(ticket) => {
                let until = deadline.min(Instant::now() + ticket.wait);
                match timeout_at(until, ticket.turn).await {
                    Ok(Ok(place)) => Ok(place),
                    Ok(Err(_)) | Err(_) => Err(Shed::Late),
                }
            }
            None => {
                if priority != Priority::Sheddable {
                    self.is_shedding.store(true, Relaxed);
                }
                Err(Shed::Full)
            }
        };
        entered.inspect_err(|why| self.count(priority, *why))
    }

    /// Whether whoever may wait no longer is sent away at once: then nothing should be done for anybody that costs more than saying so.
    #[must_use]
    pub fn is_shedding(&self) -> bool {
        self.is_shedding.load(Relaxed)
    }

    /// Counts a request that was sent away before it wanted a place.
    pub fn turn_away(&self, priority: Priority) {
        self.came.fetch_add(1, Relaxed);
        self.count(priority, Shed::Full);
    }

    fn count(&self, priority: Priority, why: Shed) {
        self.shed[priority as usize][why as usize].fetch_add(1, Relaxed);
    }

    /// Executions under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Executions that there may be at once, as of now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.adapt.limit()
    }

    /// Requests that wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Requests that were sent away.
    #[must_use]
    pub fn shed(&self, priority: Priority) -> u64 {
        self.shed[priority as usize]
            .iter()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    /// All of it for metrics.
    #[must_use]
    pub fn scraped(&self) -> Vec<Scraped> {
        let gauge = |name, help, value: usize| Scraped {
            name,
            help,
            series: Series::Gauge(vec![(Labels::new(), value as f64)]),
        };
        let shed = Priority::ALL.into_iter().flat_map(|priority| {
            Shed::ALL.into_iter().map(move |why| {
                let labels = vec![
                    ("priority", priority.as_str().to_owned()),
                    ("reason", why.as_str().to_owned()),
                ];
                (labels, self.shed[priority as usize][why as usize].load(Relaxed))
            })
        });
        vec![
            gauge("overload_limit", "Executions that there may be at once", self.limit()),
            gauge("overload_in_flight", "Executions under way", self.in_flight()),
            gauge(
                "overload_waiting",
                "Requests that wait for their execution",
                self.waiting(),
            ),
            Scraped {
                name: "overload_shed",
                help: "Requests that were answered with 503 because there was too much to do, by priority and reason",
                series: Series::Counter(shed.collect()),
            },
        ]
    }

    /// A place, if one is free.
    fn take(self: &Arc<Self>, priority: Priority) -> Option<Place> {
        let limit = self.adapt.limit();
        let room = match priority {
            Priority::Critical | Priority::Normal => limit,
            Priority::Sheddable => (limit * SHEDDABLE_SHARE.0 / SHEDDABLE_SHARE.1).max(1),
        };
        // Never counted higher than it is, not even for a moment: whoever gets in line relies on it.
        let taken = self
            .in_flight
            .fetch_update(SeqCst, SeqCst, |count| (count < room).then_some(count + 1));
        taken.ok().map(|_| Place {
            limiter: Arc::clone(self),
            since: Instant::now(),
        })
    }

    fn line_up(self: &Arc<Self>, priority: Priority) -> Option<Ticket> {
        let mut line = self.line();
        let Line { queue, crowd } = &mut *line;
        queue.prune();
        let was_crowd = crowd.is_there();
        let patience = self.patience(queue, crowd);
        if patience.is_crowd && !was_crowd {
            queue.shorten(patience);
        }
        let ticket = queue.join(priority, patience);
        // In this order: whoever leaves now sees that somebody waits, or has left before we look.
        self.waiting.store(queue.len(), SeqCst);
        let spare = self.serve(queue);
        drop(line);
        drop(spare);
        ticket
    }

    /// How long anybody may wait. In a crowd as long as an execution takes, at most a tenth of what is usual: all that waiting brings then is that no place stays
    /// free, and a queue that is short does that as well.
    fn patience(&self, queue: &Queue, crowd: &mut Crowd) -> Patience {
        let (rate, usual) = (self.adapt.rate(), self.queue_timeout);
        let short = usual / SHARE_IN_CROWD;
        let counted = Counted {
            came: self.came.load(Relaxed),
            refused: Priority::ALL.iter().map(|priority| self.shed(*priority)).sum(),
            inside: (self.in_flight() + queue.len()) as u64,
        };
        let waits = queue.len() as f64 > f64::from(rate) * short.as_secs_f64();
        let is_crowd = crowd.look(counted, waits, Instant::now()) && rate > 0;
        let wait = match is_crowd {
            true => Duration::from_secs_f64(self.limit() as f64 / f64::from(rate)).clamp(short / 5, short),
            false => usual,
        };
        Patience {
            usual,
            wait,
            rate,
            is_crowd,
        }
    }

    /// Gives free places to those who wait; one that nobody wants comes back, to be dropped without the lock.
    fn serve(self: &Arc<Self>, queue: &mut Queue) -> Option<Place> {
        let mut spare = None;
        while spare.is_none()
            && queue.len() > 0
            && let Some(place) = self.take(Priority::Normal)
        {
            spare = queue.call(place);
        }
        queue.prune();
        if queue.len() == 0 {
            self.is_shedding.store(false, Relaxed);
        }
        self.waiting.store(queue.len(), SeqCst);
        spare
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that can panic runs under the lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Place ===

impl Place {
    /// Tells how long the execution took, to learn from. `usual` is where what its plan usually takes is kept; 0 = not known.
    pub fn finish(self, usual: &AtomicU32, is_whole: bool) {
        let now = Instant::now();
        let sample = Sample {
            took: now.saturating_duration_since(self.since),
            in_flight: self.limiter.in_flight(),
            usual,
            is_whole,
        };
        self.limiter.adapt.record(&sample, now);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let limiter = &self.limiter;
        limiter.in_flight.fetch_sub(1, SeqCst);
        if limiter.waiting.load(SeqCst) > 0 {
            let mut line = limiter.line();
            let spare = limiter.serve(&mut line.queue);
            drop(line);
            drop(spare);
        }
    }
}

// === impl Priority ===

impl Priority {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Sheddable];

    /// As configuration and metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Sheddable => "sheddable",
        }
    }
}

// === impl Shed ===

impl Shed {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 2] = [Self::Full, Self::Late];

    /// As metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Late => "late",
        }
    }
}
