//! How long a source takes, by buckets: for hedging and for a bulkhead that adapts. Not kept unless one of them asks.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// Four buckets for each power of two of microseconds, up to a minute.
const BUCKETS: usize = 4 * 26;
/// Calls before anything is said.
const CALLS_MIN: u32 = 32;
/// Calls between two looks at the buckets.
const LOOK_EVERY: u32 = 32;
/// Calls after which what was is worth half.
const FADE_AT: u32 = 1024;

/// Room for what varies beyond rate and latency.
const HEADROOM: f64 = 1.3;
/// A source that is asked now and then must still be able to answer the calls of one operation.
const IN_FLIGHT_MIN: usize = 32;
const IN_FLIGHT_MAX: usize = 4096;

/// Latencies and rate of one source.
#[derive(Debug)]
pub(super) struct Latencies {
    born: Instant,
    buckets: Box<[AtomicU32]>,
    calls: AtomicU32,
    /// Microseconds; 0 until enough was seen.
    p95: AtomicU64,
    p99: AtomicU64,
    /// Arrivals in the second under way, and its number.
    arrivals: AtomicU32,
    second: AtomicU64,
    /// The rate that limits are made of, in calls a second.
    rate: AtomicU32,
}

// === impl Latencies ===

impl Latencies {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            buckets: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
            calls: AtomicU32::new(0),
            p95: AtomicU64::new(0),
            p99: AtomicU64::new(0),
            arrivals: AtomicU32::new(0),
            second: AtomicU64::new(0),
            rate: AtomicU32::new(0),
        }
    }

    /// Notes how long a call that succeeded took.
    pub(super) fn record(&self, took: Duration) {
        self.buckets[bucket(took)].fetch_add(1, Relaxed);
        let calls = self.calls.fetch_add(1, Relaxed) + 1;
        if calls.is_multiple_of(LOOK_EVERY) {
            self.look(calls >= FADE_AT);
        }
    }

    fn look(&self, fades: bool) {
        let counts: Vec<u32> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let calls: u32 = counts.iter().sum();
        if calls < CALLS_MIN {
            return;
        }
        let quantile = |share: f64| {
            let mut below = 0;
            let rank = (f64::from(calls) * share).ceil() as u32;
            let at = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            upper_bound(at.unwrap_or(BUCKETS - 1))
        };
        self.p95.store(quantile(0.95), Relaxed);
        self.p99.store(quantile(0.99), Relaxed);
        if fades {
            for (bucket, count) in self.buckets.iter().zip(&counts) {
                bucket.fetch_sub(count.div_ceil(2), Relaxed);
            }
            self.calls.store(calls / 2, Relaxed);
        }
    }

    /// What 95 of 100 calls stay below, once that is known.
    pub(super) fn p95(&self) -> Option<Duration> {
        let micros = self.p95.load(Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Notes that a call is asked for. Once a second: the calls in flight that rate and latency account for.
    pub(super) fn arrive(&self, now: Instant) -> Option<usize> {
        self.arrivals.fetch_add(1, Relaxed);
        let second = now.saturating_duration_since(self.born).as_secs();
        let before = self.second.load(Relaxed);
        if second == before || self.second.compare_exchange(before, second, Relaxed, Relaxed).is_err() {
            return None;
        }
        let seconds = u32::try_from(second - before).unwrap_or(u32::MAX);
        let latest = self.arrivals.swap(0, Relaxed) / seconds;
        // Up at once, down by a tenth a second: a lull must not refuse what comes after it.
        let rate = latest.max(self.rate.load(Relaxed) / 10 * 9);
        self.rate.store(rate, Relaxed);
        let p99 = self.p99.load(Relaxed);
        if p99 == 0 {
            return None;
        }
        let in_flight = f64::from(rate) * Duration::from_micros(p99).as_secs_f64() * HEADROOM;
        Some((in_flight.ceil() as usize).clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX))
    }
}

fn bucket(took: Duration) -> usize {
    let micros = (took.as_micros() as u64).max(4);
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    (((power - 2) * 4) as usize + quarter as usize).min(BUCKETS - 1)
}

/// Microseconds below which everything in a bucket is.
fn upper_bound(bucket: usize) -> u64 {
    let (power, quarter) = (bucket / 4, bucket as u64 % 4);
    (4 + quarter + 1) << power
}
