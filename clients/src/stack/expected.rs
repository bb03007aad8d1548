//! How long an address takes of late, for choosing between several: the fastest that is not busy is asked.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// What one call counts beside those before it.
const SHARE: f64 = 0.3;
/// After this time without a call, what was is worth 1/e: an address that was slow is tried again now and then.
const FADES_IN: Duration = Duration::from_secs(30);

/// So many times slower than the fastest is as good as that: what differs by chance must not decide.
const ALIKE: f64 = 2.0;

/// What a further call to an address costs, when so many are under way, to be compared with others'. `mean`: of the address; `fastest`: of the fastest.
pub(super) fn cost(in_flight: usize, mean: f64, fastest: f64) -> u64 {
    let times = if mean > ALIKE * fastest {
        mean / fastest.max(1.0)
    } else {
        1.0
    };
    // In sixteenths of a call to the fastest.
    ((in_flight + 1) as f64 * times * 16.0) as u64
}

/// A mean of latencies in which the latest count most. Updates may be lost when they meet; it is an estimate.
#[derive(Debug)]
pub(super) struct Expected {
    born: Instant,
    /// Microseconds; 0: nothing is known.
    mean: AtomicU64,
    /// Millisecond of the latest call.
    at: AtomicU64,
}

// === impl Expected ===

impl Expected {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            mean: AtomicU64::new(0),
            at: AtomicU64::new(0),
        }
    }

    /// Notes what a call took. One that failed counts for twice what was expected, so that failing fast is no virtue.
    pub(super) fn record(&self, took: Duration, has_failed: bool, now: Instant) {
        let mean = self.mean.load(Relaxed) as f64;
        let mut took = took.as_secs_f64() * 1e6;
        if has_failed {
            took = took.max(2.0 * mean);
        }
        let mean = if mean == 0.0 {
            took
        } else {
            mean + SHARE * (took - mean)
        };
        self.mean.store(mean.max(1.0) as u64, Relaxed);
        self.at.store(self.millis(now), Relaxed);
    }

    /// Notes that a call took longer than that, and was given up.
    pub(super) fn record_at_least(&self, took: Duration, now: Instant) {
        if took.as_micros() > u128::from(self.mean.load(Relaxed)) {
            self.record(took, false, now);
        }
    }

    /// Microseconds; 0: nothing is known, or it was long ago.
    pub(super) fn mean(&self, now: Instant) -> f64 {
        let idle = self.millis(now).saturating_sub(self.at.load(Relaxed)) as f64;
        self.mean.load(Relaxed) as f64 * (-idle / FADES_IN.as_millis() as f64).exp()
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.born).as_millis() as u64
    }
}
