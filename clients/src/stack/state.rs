//! What a stack tells of itself: for metrics and the admin page, taken as a snapshot.

use std::{
    sync::{PoisonError, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::{Own, Source, breaker::Breaker, bulkhead::Bulkhead};

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
    /// Scheme, host and port; empty where calls to several say it themselves.
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

// === impl Source ===

impl<T> Source<T> {
    pub(super) fn state(&self) -> SourceState {
        let now = Instant::now();
        let endpoints = self.endpoints.states(now);
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors.retain(|own| own.strong_count() > 0);
        let counters = &self.counters;
        SourceState {
            name: self.name.clone(),
            in_flight: self.bulkhead.in_flight(),
            in_flight_max: self.bulkhead.limit(),
            calls: counters.calls.load(Relaxed),
            refused_full: self.bulkhead.refused(),
            refused_open: counters.refused_open.load(Relaxed),
            tries: endpoints.iter().map(|endpoint| endpoint.tries).sum(),
            retries: counters.retries.load(Relaxed),
            retries_refused: counters.retries_refused.load(Relaxed),
            retry_budget: self.budget.tokens(now),
            hedges: counters.hedges.load(Relaxed),
            hedges_won: counters.hedges_won.load(Relaxed),
            endpoints,
            connectors: connectors
                .iter()
                .filter_map(Weak::upgrade)
                .map(|own| own.state(now))
                .collect(),
        }
    }
}

// === impl Own ===

impl Own {
    fn state(&self, now: Instant) -> ConnectorState {
        let breaker = self.breaker.as_ref();
        let bulkhead = self.bulkhead.as_ref();
        ConnectorState {
            name: self.name.clone(),
            breaker: breaker.map_or(BreakerState::Off, |breaker| breaker.state(now)),
            opened: breaker.map_or(0, Breaker::opened),
            in_flight: bulkhead.map_or(0, Bulkhead::in_flight),
            in_flight_max: bulkhead.map(Bulkhead::limit),
        }
    }
}
