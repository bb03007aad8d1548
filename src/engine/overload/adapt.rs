//! How many executions there may be at once, learned from how long they take.
//!
//! Additive increase, multiplicative decrease, by windows. In a window that used up the limit, one more was worth a try unless most
//! executions were *slow*: they took half again as long as is usual for their plan. What is usual is learned while there is room. Two things latency alone cannot
//! tell, the rate of answers does:
//!
//! - A limit that was cut while answers became fewer with it was not why they were slow: the limit goes back up, and what they take now is usual.
//! - A limit that was raised while answers did not become more is beyond what sources can do, though nothing seems slow: what is usual was learned in a
//!   crowd, and is learned again with half of them.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Where the limit begins. That of calls to one source is the same.
const BEGIN: usize = 256;
/// Fewer would leave processors idle while sources are waited for.
pub(super) const LEAST: usize = 8;
/// More have never been of use to anybody, and each holds memory.
pub(super) const MOST: usize = 4096;

/// Least time between two looks, and the most.
const WINDOW: Duration = Duration::from_millis(100);
const WINDOW_MAX: Duration = Duration::from_secs(1);
/// Executions that say something together.
const SAMPLES_MIN: u64 = 100;

/// What is left of the limit after a window in which most were slow, and after one in which nearly all were.
const CUT: f64 = 0.9;
const CUT_DEEP: f64 = 0.7;
/// After a cut to this share it is asked what it did to the rate, which may be this share of what it was.
const CUT_CHECKED: f64 = 0.7;
const RATE_KEPT: f64 = 0.85;
/// The same for raising it.
const RISE_CHECKED: f64 = 1.5;
const RATE_GAINED: f64 = 1.1;

/// Windows in which every execution teaches what is usual, after a limit that was cut for nothing.
const LESSONS: u32 = 3;
/// The same with half of the limit; the first only empties the place.
const PROBES: u32 = 4;

/// The limit and what it is made of.
#[derive(Debug)]
pub(super) struct Adapt {
    born: Instant,
    is_fixed: bool,
    limit: AtomicUsize,
    /// Executions that ended in this window, and in the lower half those that were slow.
    counts: AtomicU64,
    /// Most executions at once in this window.
    peak: AtomicUsize,
    /// When the window ends: microseconds since birth.
    ends: AtomicU64,
    /// Whether every execution teaches what is usual.
    teaches: AtomicBool,
    /// Number of the window, as far as a plan remembers it.
    number: AtomicU32,
    /// Executions that end in a second.
    rate: AtomicU32,
    course: Mutex<Course>,
}

/// What is known of an execution that ended.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) took: Duration,
    /// Executions under way, with this one.
    pub(super) in_flight: usize,
    /// What its plan usually takes, as [`Usual`] keeps it.
    pub(super) usual: &'a AtomicU32,
    /// Whether nothing failed: failures may be fast or slow for reasons of their own.
    pub(super) is_whole: bool,
}

/// What a plan usually takes, and in which window that was learned last: by one execution a window, so that a crowd that gathers is seen before it has become
/// usual.
#[derive(Debug, Clone, Copy)]
struct Usual {
    /// Microseconds, at most 16 s; 0 = not known.
    micros: u32,
    window: u32,
}

/// What one window saw.
#[derive(Debug, Clone, Copy)]
struct Window {
    peak: usize,
    total: u64,
    slow: u64,
    rate: f64,
}

/// Where the limit is going. Decided by one thread at a time, a few times a second.
#[derive(Debug)]
struct Course {
    /// When the window began.
    began: u64,
    limit: f64,
    /// Doubles until something was slow.
    is_new: bool,
    /// Where it began to fall: the limit to go back to, and what the next check compares with.
    fall: Option<(f64, Mark)>,
    rise: Option<Mark>,
    /// Windows left of a lesson, and where it goes afterwards.
    lessons: u32,
    after: f64,
}

/// A limit, and the rate under it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    limit: f64,
    rate: f64,
}

// === impl Adapt ===

impl Adapt {
    /// A limit that adapts, or one that stays as it is.
    pub(super) fn new(fixed: Option<usize>) -> Self {
        let limit = fixed.unwrap_or(BEGIN);
        Self {
            born: Instant::now(),
            is_fixed: fixed.is_some(),
            limit: AtomicUsize::new(limit),
            counts: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
            ends: AtomicU64::new(micros(WINDOW)),
            teaches: AtomicBool::new(false),
            number: AtomicU32::new(0),
            rate: AtomicU32::new(0),
            course: Mutex::new(Course::new(limit as f64)),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Executions that end in a second; 0 = not known yet.
    pub(super) fn rate(&self) -> u32 {
        self.rate.load(Relaxed)
    }

    /// Notes an execution that ended.
    pub(super) fn record(&self, sample: &Sample<'_>, now: Instant) {
        let took = u32::try_from(sample.took.as_micros()).unwrap_or(u32::MAX).max(1);
        let usual = Usual::read(sample.usual.load(Relaxed));
        let is_slow = usual.micros > 0 && took > usual.micros + usual.micros / 2;
        self.counts.fetch_add(1 << 32 | u64::from(is_slow), Relaxed);
        if sample.in_flight > self.peak.load(Relaxed) {
            self.peak.store(sample.in_flight, Relaxed);
        }
        let window = self.number.load(Relaxed) & Usual::WINDOW_MASK;
        let has_room = || window != usual.window && sample.in_flight <= (self.limit() / 2).max(LEAST);
        if sample.is_whole && (usual.micros == 0 || has_room() || self.teaches.load(Relaxed)) {
            let micros = towards(usual.micros, took.min(Usual::MICROS_MAX));
            sample.usual.store(Usual { micros, window }.written(), Relaxed);
        }
        let at = micros(now.saturating_duration_since(self.born));
        if at >= self.ends.load(Relaxed) {
            self.look(at);
        }
    }

    /// Ends the window, if it has seen enough.
    fn look(&self, at: u64) {
        // Whoever is late finds it done.
        let Ok(mut course) = self.course.try_lock() else { return };
        let elapsed = at.saturating_sub(course.began);
        let total = self.counts.load(Relaxed) >> 32;
        // One turn of all places: what the last change of the limit did must have come about.
        let enough = (self.limit() as u64).max(SAMPLES_MIN);
        if at < self.ends.load(Relaxed) || total < enough && elapsed < micros(WINDOW_MAX) {
            return;
        }
        let counts = self.counts.swap(0, Relaxed);
        let total = counts >> 32;
        let rate = total as f64 / Duration::from_micros(elapsed.max(1)).as_secs_f64();
        self.rate.store(rate as u32, Relaxed);
        let window = Window {
            peak: self.peak.swap(0, Relaxed),
            total,
            slow: counts & u64::from(u32::MAX),
            rate,
        };
        if !self.is_fixed {
            course.turn(window);
            self.limit.store(course.limit as usize, Relaxed);
            self.teaches.store(course.teaches(), Relaxed);
        }
        self.number.fetch_add(1, Relaxed);
        course.began = at;
        self.ends.store(at + micros(WINDOW), Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A step of a sixteenth towards what was seen: what half of the executions stay below, whatever the slowest take.
fn towards(usual: u32, seen: u32) -> u32 {
    let step = (usual / 16).max(1);
    match usual {
        0 => seen,
        _ if seen > usual => usual + step.min(seen - usual),
        _ => usual - step.min(usual - seen),
    }
}

// === impl Usual ===

impl Usual {
    const WINDOW_MASK: u32 = 0xff;
    const MICROS_MAX: u32 = u32::MAX >> 8;

    fn read(written: u32) -> Self {
        Self {
            micros: written >> 8,
            window: written & Self::WINDOW_MASK,
        }
    }

    fn written(self) -> u32 {
        self.micros << 8 | self.window
    }
}

// === impl Course ===

impl Course {
    fn new(limit: f64) -> Self {
        Self {
            began: 0,
            limit,
            is_new: true,
            fall: None,
            rise: None,
            lessons: 0,
            after: limit,
        }
    }

    fn teaches(&self) -> bool {
        self.lessons > 0 && self.lessons != PROBES
    }

    /// Where the limit goes after a window.
    fn turn(&mut self, window: Window) {
        if self.lessons > 0 {
            self.lessons -= 1;
            if self.lessons == 0 {
                self.limit = self.after;
            }
            return;
        }
        let (fall, rise) = (self.fall.take(), self.rise.take());
        let peak = window.peak as f64;
        if peak <= self.limit / 2.0 {
            return;
        }
        if window.slow * 2 > window.total {
            self.is_new = false;
            self.fall(fall, window);
        } else if peak >= self.limit.floor() {
            self.rise(rise, window);
        }
    }

    fn fall(&mut self, begun: Option<(f64, Mark)>, window: Window) {
        let here = self.here(window);
        let (top, mark) = begun.unwrap_or((self.limit, here));
        let is_checked = self.limit <= mark.limit * CUT_CHECKED;
        if is_checked && window.rate < mark.rate * RATE_KEPT {
            // What it really needs is found as at the start.
            self.is_new = true;
            return self.learn(LESSONS, top, top);
        }
        self.fall = Some((top, if is_checked { here } else { mark }));
        let cut = if window.slow * 10 > window.total * 9 {
            CUT_DEEP
        } else {
            CUT
        };
        self.limit = (self.limit.min(window.peak as f64) * cut).max(LEAST as f64);
    }

    fn rise(&mut self, begun: Option<Mark>, window: Window) {
        let here = self.here(window);
        let mark = begun.unwrap_or(here);
        let is_checked = self.limit >= mark.limit * RISE_CHECKED;
        if is_checked && window.rate < mark.rate * RATE_GAINED {
            self.is_new = false;
            return self.learn(PROBES, mark.limit / 2.0, mark.limit);
        }
        self.rise = Some(if is_checked { here } else { mark });
        let more = if self.is_new { self.limit } else { self.limit.sqrt() };
        self.limit = (self.limit + more).min(MOST as f64);
    }

    fn learn(&mut self, lessons: u32, limit: f64, after: f64) {
        self.lessons = lessons;
        self.limit = limit.max(LEAST as f64);
        self.after = after.max(LEAST as f64);
    }

    fn here(&self, window: Window) -> Mark {
        Mark {
            limit: self.limit,
            rate: window.rate,
        }
    }
}

#[cfg(test)]
mod tests;
