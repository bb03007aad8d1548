//! How calls to one address have gone lately.
//!
//! Least-loaded balancing alone sends most calls where they fail fastest. An address that failed several times in a row
//! therefore rests, longer each time, and then gets single calls until one succeeds.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

// As many as a breaker takes to open (RELIABILITY §2).
const FAILURES_MAX: u32 = 5;
const REST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(60);

/// Shared by an address and all connections to it, one after the other.
#[derive(Debug)]
pub(super) struct Health {
    /// In a row, up to now.
    failures: AtomicU32,
    /// Milliseconds after `since` at which the rest is over.
    rests_until: AtomicU64,
    since: Instant,
}

// === impl Health ===

impl Health {
    pub(super) fn new() -> Self {
        Self {
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// A call was answered.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A call failed in a way that says something about the address: it broke, was not answered in time, or was told that the
    /// source is unavailable.
    pub(super) fn failed(&self) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < FAILURES_MAX {
            return;
        }
        let rest = REST.saturating_mul(1 << (failures - FAILURES_MAX).min(8)).min(REST_MAX);
        self.rests_until
            .store(self.millis().saturating_add(rest.as_millis() as u64), Ordering::Relaxed);
    }

    /// Whether calls had better go elsewhere. The clock is looked at only if many calls failed.
    pub(super) fn is_resting(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES_MAX
            && self.millis() < self.rests_until.load(Ordering::Relaxed)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
