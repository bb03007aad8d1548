//! What `@resilience` says.

use std::time::Duration;

use super::Fault;

/// How long and how hard a source, or one connector, is tried. What is not said here is as for all sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resilience {
    /// Longest try.
    pub timeout: Option<Duration>,
    /// When a call is made again.
    pub retry: Option<Retry>,
    /// When calls are refused.
    pub breaker: Option<Breaker>,
    /// Calls under way at once.
    pub max_concurrent: Option<u32>,
}

/// When a call is made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// The most that is waited before the second try.
    pub backoff: Option<Duration>,
    /// Only after these failures.
    pub on: Option<Vec<Fault>>,
    /// Share of tries that may be added.
    pub budget: Option<f64>,
}

/// When calls are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Breaker {
    /// Share of failures that opens it.
    pub failure_rate: f64,
    /// Latest calls that are looked at.
    pub window: u32,
    /// How long it is open the first time.
    pub open_for: Duration,
    /// From when on a call is slow.
    pub slow_after: Option<Duration>,
    /// Share of slow calls that opens it.
    pub slow_rate: Option<f64>,
}
