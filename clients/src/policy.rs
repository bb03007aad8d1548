//! How long and how hard one source is tried: the numbers behind the layers of `stack`.

use std::time::Duration;

use http::HeaderName;

/// What is done about a source that is slow, failing or gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resilience {
    /// When a call is made again.
    pub retry: Retry,
    /// When calls are refused; `None`: never.
    pub breaker: Option<Breaker>,
    /// Whether a safe call that takes longer than nearly all others is made a second time beside the first.
    pub hedge: bool,
    /// Whether the limit of calls in flight follows the source's rate and latency.
    pub adapts_in_flight: bool,
    /// How calls are spread over several endpoints.
    pub balance: Balance,
    /// The header of REST calls that tells the milliseconds left, if one does. gRPC calls always have `grpc-timeout`.
    pub deadline_header: Option<HeaderName>,
}

/// When a call is made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first included. 1: nothing is tried again.
    pub attempts: u32,
    /// The most that is waited before the second try; doubled for each further one. What is waited is random between nothing and that.
    pub backoff: Duration,
    /// Which failures are worth another try; `None`: those that may be over in a moment.
    pub on: Option<Kinds>,
    /// How many tries may be added to a hundred that succeed, as a share. One a second is always allowed.
    pub budget: f64,
}

/// When calls to an endpoint are refused without being made.
#[derive(Debug, Clone, PartialEq)]
pub struct Breaker {
    /// Share of failures among the latest calls that opens it.
    pub failure_rate: f64,
    /// How many of the latest calls are looked at, at least ten unless it is less itself.
    pub window: u32,
    /// Failures one after the other that open it, whatever the share; 0: none do.
    pub in_a_row: u32,
    /// How long it stays open the first time. Doubled each time the source has not recovered, up to five minutes.
    pub open_for: Duration,
    /// From when on a call counts as slow; `None`: none does.
    pub slow_after: Option<Duration>,
    /// Share of slow calls among the latest ones that opens it.
    pub slow_rate: f64,
    /// Whether "too many requests" counts as a failure. Off: it may be one caller's limit, and no reason to refuse the others.
    pub counts_rate_limits: bool,
}

/// How calls are spread over endpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest calls under way.
    #[default]
    LeastInFlight,
    /// One after the other.
    RoundRobin,
}

/// What a connector has of its own. It is held to this beside what holds for its source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tightening {
    /// Who it is, for log lines and states.
    pub name: String,
    /// Longest try, if shorter than the source's.
    pub call_timeout: Option<Duration>,
    /// When its calls are made again; never more often than the source's.
    pub retry: Option<Retry>,
    /// A breaker of its own.
    pub breaker: Option<Breaker>,
    /// Calls of it in flight.
    pub calls_in_flight_max: Option<usize>,
}

/// Kinds of failures, as `@resilience(retry: { on: … })` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No answer in time.
    Timeout,
    /// Not reachable, the connection broke, or the source says so: HTTP 502 to 504, gRPC UNAVAILABLE.
    Unavailable,
    /// HTTP 400 to 499 but 404.
    Http4xx,
    /// HTTP 500 to 599, [`Kind::Unavailable`] ones as well.
    Http5xx,
    /// gRPC status other than 0, [`Kind::Unavailable`] ones as well.
    GrpcStatus,
    /// An answer that breaks the protocol or is too large.
    InvalidResponse,
    /// HTTP 404, gRPC NOT_FOUND.
    NotFound,
}

/// A set of [`Kind`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u8);

// === impl Kinds ===

impl Kinds {
    /// Whether `kind` is among them.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether any of `others` is.
    #[must_use]
    pub fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) const fn of(kinds: &[Kind]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u8;
            at += 1;
        }
        Self(set)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}

// === impl Resilience ===

impl Resilience {
    /// What sources have unless something else is said: three tries, and a breaker.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            breaker: Some(Breaker::default()),
            ..Self::default()
        }
    }

    /// Every call is made once, whatever came of those before.
    #[must_use]
    pub fn off() -> Self {
        Self {
            retry: Retry::off(),
            ..Self::default()
        }
    }
}

// === impl Retry ===

impl Retry {
    /// Nothing is tried again.
    #[must_use]
    pub fn off() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }

    /// The stricter of both in every respect.
    #[must_use]
    pub fn tightened(&self, by: &Self) -> Self {
        Self {
            attempts: self.attempts.min(by.attempts),
            backoff: by.backoff,
            on: by.on.or(self.on),
            budget: self.budget.min(by.budget),
        }
    }
}

impl Default for Retry {
    /// Three tries, 100 and 200 ms, 10 %.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Duration::from_millis(100),
            on: None,
            budget: 0.1,
        }
    }
}

// === impl Breaker ===

impl Default for Breaker {
    /// Half of at least ten of the latest twenty, or five in a row; 30 s; no call is slow.
    fn default() -> Self {
        Self {
            failure_rate: 0.5,
            window: 20,
            in_a_row: 5,
            open_for: Duration::from_secs(30),
            slow_after: None,
            slow_rate: 0.6,
            counts_rate_limits: false,
        }
    }
}
