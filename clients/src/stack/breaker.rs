//! Refuses calls to an endpoint that fails, and finds out with a few calls when it works again.
//!
//! A call that passes a closed breaker costs one load before it and one addition after it; everything else happens at
//! transitions, under a lock that is never held across a wait.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{random, state::BreakerState, window::Window};
use crate::policy;

/// Calls that must have been seen before a share of them means anything.
const CALLS_MIN: u32 = 10;
const OPEN_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest that a source may ask to be left alone.
pub(crate) const ASKED_MAX: Duration = Duration::from_secs(60);
/// Times differ by a fifth either way, so that several servers do not come back to a source together.
const JITTER: f64 = 0.2;
/// Calls that must succeed, one after the other, before all are let through.
const PROBES: u32 = 3;
/// What was before a pause this long says nothing of now.
const PAUSE: Duration = Duration::from_secs(60);

/// How long a source that is back gets only a share of its calls: its caches are cold, and everybody waits for it.
const RAMP: Duration = Duration::from_secs(5);
/// The share it begins with.
const RAMP_FROM: f64 = 0.1;
/// Of so much time, so many calls are let through whatever the share: a source with few calls has nothing to be spared.
const RAMP_SLOT: Duration = Duration::from_millis(100);
const RAMP_CALLS_MIN: u32 = 10;

const CLOSED: u64 = 0;
const HALF_OPEN: u64 = 1;
/// Closed, and the source is only just back.
const RAMPING: u64 = 2;

/// The breaker of one endpoint, or of one connector.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// For log lines: the source, and which endpoint or connector of it.
    source: String,
    of: String,
    rules: policy::Breaker,
    born: Instant,
    /// [`CLOSED`], [`HALF_OPEN`], [`RAMPING`], or the millisecond since `born` until which it is open.
    state: AtomicU64,
    failures: Window,
    slow: Window,
    /// Millisecond of the latest call.
    latest: AtomicU64,
    opened: AtomicU64,
    trial: Mutex<Trial>,
}

/// How an open breaker comes to be closed again.
#[derive(Debug, Default)]
struct Trial {
    /// Times it was opened since it was last closed.
    times: u32,
    succeeded: u32,
    /// Whether a probe is under way.
    is_out: bool,
    /// Whether it is open because the source said "too many requests".
    is_rate_limit: bool,
    /// Since it was closed.
    ramp: Ramp,
}

/// How calls come back to a source that is back.
#[derive(Debug, Default, Clone, Copy)]
struct Ramp {
    /// Millisecond of its beginning.
    since: u64,
    /// Times it was opened before that.
    times: u32,
    /// The slot under way, and calls in it.
    slot: u64,
    asked: u32,
    passed: u32,
}

/// Leave to make a call. What came of it is to be [recorded](Breaker::record).
#[derive(Debug)]
pub(crate) struct Pass<'b> {
    breaker: &'b Breaker,
    is_probe: bool,
    is_recorded: bool,
    since: Instant,
}

/// Where a success was counted, so that it can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mark {
    /// Nowhere: there is no breaker, or it was open by then.
    #[default]
    Nowhere,
    Probe,
    /// By this number in the window.
    Call(u64),
}

/// No leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    /// How long the breaker stays open; nothing: a probe is under way.
    pub(crate) left: Duration,
    pub(crate) is_rate_limit: bool,
}

/// What came of a call, as far as a breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    Failure,
    /// Neither: counted nowhere.
    Unknown,
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(source: &str, of: &str, rules: &policy::Breaker) -> Self {
        Self {
            source: source.to_owned(),
            of: of.to_owned(),
            rules: rules.clone(),
            born: Instant::now(),
            state: AtomicU64::new(CLOSED),
            failures: Window::new(rules.window),
            slow: Window::new(if rules.slow_after.is_some() { rules.window } else { 0 }),
            latest: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            trial: Mutex::default(),
        }
    }

    /// Whether it is the breaker for this.
    pub(super) fn is_for(&self, source: &str, of: &str, rules: &policy::Breaker) -> bool {
        self.source == source && self.of == of && self.rules == *rules
    }

    pub(crate) fn rules(&self) -> &policy::Breaker {
        &self.rules
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state.load(Relaxed), CLOSED | RAMPING)
    }

    /// Whether a call would be let through as a probe.
    pub(crate) fn wants_probe(&self, now: Instant) -> bool {
        match self.state.load(Relaxed) {
            CLOSED | RAMPING => false,
            HALF_OPEN => !self.trial().is_out,
            until => self.millis(now) >= until,
        }
    }

    /// Leave for a call, unless the breaker is open.
    pub(crate) fn pass(&self, now: Instant) -> Result<Pass<'_>, Refused> {
        let is_probe = self.state.load(Relaxed) != CLOSED && self.probe(now)?;
        Ok(Pass {
            breaker: self,
            is_probe,
            is_recorded: false,
            since: now,
        })
    }

    /// Leave while not closed: for one probe at a time. `false`: it was closed meanwhile, or the call is one of those that come back.
    fn probe(&self, now: Instant) -> Result<bool, Refused> {
        let mut trial = self.trial();
        let refused = |left, trial: &Trial| {
            Err(Refused {
                left,
                is_rate_limit: trial.is_rate_limit,
            })
        };
        match self.state.load(Relaxed) {
            CLOSED => return Ok(false),
            RAMPING => return self.ramp(&mut trial.ramp, self.millis(now)),
            HALF_OPEN if trial.is_out => return refused(Duration::ZERO, &trial),
            HALF_OPEN => {}
            until => {
                let now = self.millis(now);
                if now < until {
                    return refused(Duration::from_millis(until - now), &trial);
                }
                trial.succeeded = 0;
                self.state.store(HALF_OPEN, Relaxed);
                tracing::info!(source = self.source, of = self.of, "circuit breaker is half open");
            }
        }
        trial.is_out = true;
        Ok(true)
    }

    /// Leave for a share of calls that grows. `false`: it is no probe.
    fn ramp(&self, ramp: &mut Ramp, now: u64) -> Result<bool, Refused> {
        let share = RAMP_FROM + (1.0 - RAMP_FROM) * (now.saturating_sub(ramp.since) as f64 / RAMP.as_millis() as f64);
        if share >= 1.0 {
            self.state.store(CLOSED, Relaxed);
            return Ok(false);
        }
        let slot_millis = RAMP_SLOT.as_millis() as u64;
        if ramp.slot != now / slot_millis {
            *ramp = Ramp {
                slot: now / slot_millis,
                asked: 0,
                passed: 0,
                ..*ramp
            };
        }
        ramp.asked += 1;
        if ramp.passed >= RAMP_CALLS_MIN && f64::from(ramp.passed) >= share * f64::from(ramp.asked) {
            return Err(Refused {
                left: Duration::from_millis(slot_millis - now % slot_millis),
                is_rate_limit: false,
            });
        }
        ramp.passed += 1;
        Ok(false)
    }

    /// Counts a call that passed while closed. `may_open`: whether a share of failures may open it, asked only then.
    fn count(&self, verdict: Verdict, took: Duration, now: Instant, may_open: impl FnOnce() -> bool) -> Mark {
        if verdict == Verdict::Unknown || !self.is_closed() {
            return Mark::Nowhere;
        }
        let now = self.millis(now);
        let latest = self.latest.swap(now, Relaxed);
        if now.saturating_sub(latest) > PAUSE.as_millis() as u64 {
            self.forget();
        }
        let failed = verdict == Verdict::Failure;
        let is_slow = self.rules.slow_after.is_some_and(|slow_after| took >= slow_after);
        let number = self.failures.push(failed);
        if self.rules.slow_after.is_some() {
            self.slow.push(is_slow);
        }
        if failed || is_slow {
            self.judge(failed, is_slow, now, may_open);
        }
        Mark::Call(number)
    }

    /// Opens it if what was counted is too much.
    fn judge(&self, failed: bool, is_slow: bool, now: u64, may_open: impl FnOnce() -> bool) {
        // More than the window has cannot be seen, and is all of it.
        let in_a_row = self.rules.in_a_row.min(self.rules.window);
        if failed && in_a_row > 0 && self.failures.in_a_row() >= in_a_row {
            return self.open(now, "failures in a row");
        }
        let is_beyond = |window: &Window, rate: f64| {
            let (counted, calls) = window.share();
            calls >= CALLS_MIN.min(self.rules.window) && f64::from(counted) >= rate * f64::from(calls)
        };
        let why = match () {
            () if failed && is_beyond(&self.failures, self.rules.failure_rate) => "share of failures",
            () if is_slow && is_beyond(&self.slow, self.rules.slow_rate) => "share of slow calls",
            () => return,
        };
        if may_open() {
            self.open(now, why);
        }
    }

    fn open(&self, now: u64, why: &str) {
        let mut trial = self.trial();
        if !self.is_closed() {
            return;
        }
        self.open_again(&mut trial, now, why);
    }

    /// Opens it for twice as long as the last time.
    fn open_again(&self, trial: &mut Trial, now: u64, why: &str) {
        let times = trial.times.min(16);
        let open_for = self.rules.open_for.saturating_mul(1 << times).min(OPEN_MAX);
        let open_for = open_for.mul_f64(1.0 - JITTER + 2.0 * JITTER * random());
        trial.times += 1;
        trial.is_rate_limit = false;
        self.open_until(trial, now, open_for, why);
    }

    fn open_until(&self, trial: &mut Trial, now: u64, open_for: Duration, why: &str) {
        trial.succeeded = 0;
        self.opened.fetch_add(1, Relaxed);
        self.forget();
        self.state
            .store((now + open_for.as_millis() as u64).max(RAMPING + 1), Relaxed);
        let for_ms = open_for.as_millis() as u64;
        tracing::warn!(
            source = self.source,
            of = self.of,
            for_ms,
            why,
            "circuit breaker is open"
        );
    }

    /// Opens it for as long as the source asked for.
    pub(crate) fn leave_alone(&self, asked: Duration, is_rate_limit: bool, now: Instant) {
        let mut trial = self.trial();
        let (now, asked) = (self.millis(now), asked.min(ASKED_MAX));
        let until = self.state.load(Relaxed);
        if until > RAMPING && until >= now + asked.as_millis() as u64 {
            return;
        }
        trial.is_rate_limit = is_rate_limit;
        self.open_until(&mut trial, now, asked, "the source asked for it");
    }

    fn end_probe(&self, verdict: Verdict, took: Duration, now: Instant) {
        let mut trial = self.trial();
        trial.is_out = false;
        if self.state.load(Relaxed) != HALF_OPEN {
            return;
        }
        let is_slow = self.rules.slow_after.is_some_and(|slow_after| took >= slow_after);
        match verdict {
            Verdict::Unknown => {}
            Verdict::Success if !is_slow => {
                trial.succeeded += 1;
                if trial.succeeded >= PROBES {
                    let ramp = Ramp {
                        since: self.millis(now),
                        times: trial.times,
                        ..Ramp::default()
                    };
                    *trial = Trial {
                        ramp,
                        ..Trial::default()
                    };
                    self.forget();
                    self.state.store(RAMPING, Relaxed);
                    tracing::info!(source = self.source, of = self.of, "circuit breaker is closed");
                }
            }
            _ => self.open_again(&mut trial, self.millis(now), "a probe failed"),
        }
    }

    fn forget(&self) {
        self.failures.clear();
        self.slow.clear();
    }

    /// An answer that was counted as a success turned out to be of no use: it was a failure. `false`: that was known.
    pub(crate) fn discredit(&self, mark: Mark, now: Instant, may_open: impl FnOnce() -> bool) -> bool {
        match mark {
            Mark::Nowhere => true,
            Mark::Call(number) => {
                let is_new = self.failures.correct(number);
                if is_new && self.is_closed() {
                    self.judge(true, false, self.millis(now), may_open);
                }
                is_new
            }
            Mark::Probe => {
                let mut trial = self.trial();
                let state = self.state.load(Relaxed);
                if state == RAMPING {
                    trial.times = trial.ramp.times;
                }
                let is_new = matches!(state, HALF_OPEN | RAMPING);
                if is_new {
                    self.open_again(&mut trial, self.millis(now), "a probe failed");
                }
                is_new
            }
        }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.state.load(Relaxed) {
            CLOSED | RAMPING => BreakerState::Closed,
            HALF_OPEN => BreakerState::HalfOpen,
            until => BreakerState::Open {
                left: Duration::from_millis(until.saturating_sub(self.millis(now))),
            },
        }
    }

    /// How often it was opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    fn trial(&self) -> MutexGuard<'_, Trial> {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.born).as_millis() as u64
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// Says what came of the call. `took`: how long it was under way.
    pub(crate) fn record(mut self, verdict: Verdict, took: Duration, may_open: impl FnOnce() -> bool) -> Mark {
        self.is_recorded = true;
        let now = self.since + took;
        if self.is_probe {
            self.breaker.end_probe(verdict, took, now);
            Mark::Probe
        } else {
            self.breaker.count(verdict, took, now, may_open)
        }
    }
}

impl Drop for Pass<'_> {
    /// A call that was given up says nothing, but a probe must be able to follow it.
    fn drop(&mut self) {
        if !self.is_recorded && self.is_probe {
            self.breaker.end_probe(Verdict::Unknown, Duration::ZERO, self.since);
        }
    }
}
