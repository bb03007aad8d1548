//! What a stack tells of itself: for metrics and the admin page, taken as a snapshot.

use std::time::Duration;

/// A source as it is now. Counters count since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceState {
    /// Its name.
    pub name: String,
    /// Calls under way.
    pub in_flight: usize,
    /// How many there may be.
    pub in_flight_max: usize,
    /// Calls asked for, refused ones included.
    pub calls: u64,
    /// Calls refused because as many as there may be were under way.
    pub refused_full: u64,
    /// Calls, and further tries of them, refused by an open breaker.
    pub refused_open: u64,
    /// Tries sent, hedges included.
    pub tries: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Tries that were wanted and not made because there was no budget.
    pub retries_refused: u64,
    /// Retries that the budget allows now.
    pub retry_budget: f64,
    /// Second tries beside a slow first.
    pub hedges: u64,
    /// Those of them that answered first.
    pub hedges_won: u64,
    /// One for each address; a single one without an address for a REST source that has no list.
    pub endpoints: Vec<EndpointState>,
    /// Connectors with limits of their own.
    pub connectors: Vec<ConnectorState>,
}

/// One address of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointState {
    /// Scheme, host and port; empty where calls say it themselves.
    pub address: String,
    /// Whether calls go there.
    pub breaker: BreakerState,
    /// How often its breaker was opened.
    pub opened: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// Tries sent there.
    pub tries: u64,
    /// Those that failed by the source's fault.
    pub failures: u64,
}

/// A connector with limits of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorState {
    /// Its coordinate.
    pub name: String,
    /// Whether its calls are made.
    pub breaker: BreakerState,
    /// How often its breaker was opened.
    pub opened: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// How many there may be.
    pub in_flight_max: Option<usize>,
}

/// Of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// There is none.
    Off,
    /// Calls are made.
    Closed,
    /// Calls are refused.
    Open {
        /// Until one is tried.
        left: Duration,
    },
    /// A call at a time is made to find out.
    HalfOpen,
}

// === impl BreakerState ===

impl BreakerState {
    /// A word for it: `off`, `closed`, `open`, `half_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
