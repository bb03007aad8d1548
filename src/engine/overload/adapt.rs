//! How many executions there may be at once, learned from how long they take.
//!
//! Additive increase, multiplicative decrease, by windows. In a window that used up the limit, one more was worth a try unless most
//! executions were *slow*: they took half again as long as is usual for their plan. What is usual is learned while there is room. Two things latency alone cannot
//! tell, the rate of answers does:
//!
//! - A limit that was cut while answers became fewer with it was not why they were slow: the limit goes back up, and what they take now is usual.
//! - A limit that was raised while answers did not become more is beyond what sources can do, though nothing seems slow: what is usual was learned in a
//!   crowd, and is learned again with half of them.
//! - A limit that cannot be lower is raised for a moment now and then: if more are answered with it, they are slow for another reason.

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
/// Fewer would leave sources idle between an answer and the next call.
pub(super) const LEAST: usize = 6;
/// More have never been of use to anybody, and each holds memory.
pub(super) const MOST: usize = 4096;

/// Least time between two looks, and the most.
const WINDOW: Duration = Duration::from_millis(100);
const WINDOW_MAX: Duration = Duration::from_secs(1);
/// The least where nearly all are slow.
const WINDOW_MIN: Duration = Duration::from_millis(25);
/// Executions that say something together.
const SAMPLES_MIN: u64 = 100;

/// So many say that something is wrong when three of four are slow, without waiting for more.
const SAMPLES_SLOW: u64 = 32;

/// What is left of the limit after a window in which most were slow; less where they were slower than that says.
const CUT: f64 = 0.9;
const CUT_MOST: f64 = 0.1;
/// What is slow: so many times what is usual.
const SLOW: f64 = 1.5;
/// After a cut to this share it is asked what it did to the rate, which may be this share of what it was.
const CUT_CHECKED: f64 = 0.7;
const RATE_KEPT: f64 = 0.85;
/// The same for raising it.
const RISE_CHECKED: f64 = 1.5;
const RATE_GAINED: f64 = 1.1;

/// Windows in which executions become more while they are slow, and by which share of those that ended, until the limit is cut that has not been reached.
const GROWTH_WINDOWS: u32 = 4;
const GROWTH: f64 = 0.05;

/// Windows with the least limit after which it is raised for one; twice as many each time that was for nothing, up to the most.
const TRY_AFTER: u32 = 8;
const TRY_AFTER_MAX: u32 = 64;
/// The limit then, as a share of the least, and by how much the rate must gain if their number is not why they are slow.
const TRY: f64 = 1.5;
const TRY_GAINED: f64 = 1.25;

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
    /// So many at once are no crowd yet: twice as many as there have been of late.
    calm: AtomicUsize,
    /// When the limit was cut last: what began before that says nothing of it. Microseconds since birth, as the next.
    cut: AtomicU64,
    /// Whether there was nothing to do for a moment of this window: its rate then is what was asked for.
    was_idle: AtomicBool,
    /// When the window began.
    began: AtomicU64,
    /// Microseconds that the slow ones of this window took, and that they usually take.
    slow_took: AtomicU64,
    slow_usual: AtomicU64,
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
    was_idle: bool,
    /// What the slow ones usually take, as a share of what they took.
    gradient: f64,
    /// Executions under way at its end.
    in_flight: usize,
}

/// Where the limit is going. Decided by one thread at a time, a few times a second.
#[derive(Debug)]
struct Course {
    limit: f64,
    /// Doubles until something was slow.
    is_new: bool,
    /// Where it began to fall: the limit to go back to, and what the next check compares with.
    fall: Option<(f64, Mark)>,
    rise: Option<Mark>,
    /// Windows in which the limit was the least there is and executions were slow.
    at_least: u32,
    /// So many of them until it is raised for a window.
    try_after: u32,
    /// The rate before the limit was raised for a window.
    tried: Option<f64>,
    /// What most executions at once have been of late.
    calm: f64,
    growth: Growth,
    /// Windows left of a lesson, and where it goes afterwards.
    lessons: u32,
    after: f64,
}

/// How the number of executions grows while most are slow: where it is their source that has become slower, there are more of them too, but not more and more.
#[derive(Debug, Default)]
struct Growth {
    windows: u32,
    began_with: usize,
    ended: u64,
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
            calm: AtomicUsize::new(limit),
            cut: AtomicU64::new(0),
            was_idle: AtomicBool::new(false),
            began: AtomicU64::new(0),
            slow_took: AtomicU64::new(0),
            slow_usual: AtomicU64::new(0),
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
        let at = micros(now.saturating_duration_since(self.born));
        let cut = self.cut.load(Relaxed);
        if at.saturating_sub(took.into()) < cut && at < cut + micros(WINDOW_MAX) {
            // One of the crowd that was let in before. What the cut has done is seen when they are gone.
            self.counts.store(0, Relaxed);
            return self.begin(at);
        }
        let is_slow = usual.micros > 0 && took > usual.micros + usual.micros / 2;
        if is_slow {
            self.slow_took.fetch_add(took.into(), Relaxed);
            self.slow_usual.fetch_add(usual.micros.into(), Relaxed);
        }
        self.counts.fetch_add(1 << 32 | u64::from(is_slow), Relaxed);
        if sample.in_flight <= 1 {
            self.was_idle.store(true, Relaxed);
        }
        if sample.in_flight > self.peak.load(Relaxed) {
            self.peak.store(sample.in_flight, Relaxed);
        }
        let window = self.number.load(Relaxed) & Usual::WINDOW_MASK;
        let is_calm =
            || took < usual.micros || sample.in_flight <= self.calm.load(Relaxed).min(self.limit() / 2).max(LEAST / 2);
        let has_room = || window != usual.window && is_calm();
        if sample.is_whole && (usual.micros == 0 || has_room() || self.teaches.load(Relaxed)) {
            let micros = towards(usual.micros, took.min(Usual::MICROS_MAX));
            sample.usual.store(Usual { micros, window }.written(), Relaxed);
        }
        if at >= self.ends.load(Relaxed) || is_slow && are_slow(self.counts.load(Relaxed)) {
            self.look(at, sample.in_flight);
        }
    }

    fn begin(&self, at: u64) {
        self.slow_took.store(0, Relaxed);
        self.slow_usual.store(0, Relaxed);
        self.peak.store(0, Relaxed);
        self.began.store(at, Relaxed);
        self.ends.store(at + micros(WINDOW), Relaxed);
    }

    /// Ends the window, if it has seen enough.
    fn look(&self, at: u64, in_flight: usize) {
        // Whoever is late finds it done.
        let Ok(mut course) = self.course.try_lock() else { return };
        let elapsed = at.saturating_sub(self.began.load(Relaxed));
        let counts = self.counts.load(Relaxed);
        // One turn of all places: what the last change of the limit did must have come about.
        let enough = (self.limit() as u64).max(SAMPLES_MIN);
        let is_over = at >= self.ends.load(Relaxed) && (counts >> 32 >= enough || elapsed >= micros(WINDOW_MAX));
        if !is_over && (elapsed < micros(WINDOW_MIN) || !are_slow(counts)) {
            return;
        }
        let counts = self.counts.swap(0, Relaxed);
        let total = counts >> 32;
        let rate = total as f64 / Duration::from_micros(elapsed.max(1)).as_secs_f64();
        self.rate.store(rate as u32, Relaxed);
        let (took, usual) = (self.slow_took.load(Relaxed), self.slow_usual.load(Relaxed));
        let window = Window {
            peak: self.peak.load(Relaxed),
            total,
            slow: counts & u64::from(u32::MAX),
            rate,
            was_idle: self.was_idle.swap(false, Relaxed),
            gradient: usual as f64 / took.max(1) as f64,
            in_flight,
        };
        if !self.is_fixed {
            course.turn(window);
            self.calm.store((course.calm * 2.0) as usize, Relaxed);
            let limit = course.limit as usize;
            // Those that began before say nothing of a limit that was cut, or that is tried.
            if self.limit.swap(limit, Relaxed) > limit || course.tried.is_some() {
                self.cut.store(at, Relaxed);
            }
            self.teaches.store(course.teaches(), Relaxed);
        }
        self.number.fetch_add(1, Relaxed);
        self.begin(at);
    }
}

/// Whether so many are slow that there is nothing to wait for: all, and in the lower half the slow ones.
fn are_slow(counts: u64) -> bool {
    let (total, slow) = (counts >> 32, counts & u64::from(u32::MAX));
    total >= SAMPLES_SLOW && slow * 4 >= total * 3
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

// === impl Growth ===

impl Growth {
    /// Whether they have become more and more, and that for some windows.
    fn goes_on(&mut self, window: Window, is_slow: bool) -> bool {
        if !is_slow || self.windows == 0 {
            *self = Self {
                windows: u32::from(is_slow),
                began_with: window.in_flight,
                ended: 0,
            };
            return false;
        }
        self.windows += 1;
        self.ended += window.total;
        let more = window.in_flight.saturating_sub(self.began_with);
        self.windows > GROWTH_WINDOWS && more as f64 > self.ended as f64 * GROWTH
    }
}

// === impl Course ===

impl Course {
    fn new(limit: f64) -> Self {
        Self {
            limit,
            is_new: true,
            fall: None,
            rise: None,
            at_least: 0,
            try_after: TRY_AFTER,
            tried: None,
            calm: 0.0,
            growth: Growth::default(),
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
        if let Some(before) = self.tried.take() {
            return self.end_try(before, window);
        }
        // Rates are compared only while there is always something to do.
        let (fall, rise) = (self.fall.take(), self.rise.take());
        let (fall, rise) = if window.was_idle { (None, None) } else { (fall, rise) };
        let peak = window.peak as f64;
        let is_slow = window.slow * 2 > window.total;
        // Down at once, up by and by: a crowd that gathers is not what is usual.
        self.calm = match self.calm {
            calm if calm == 0.0 || peak < calm => peak,
            calm if is_slow => calm,
            calm => (calm * 1.0625).min(peak),
        };
        let gathers = self.growth.goes_on(window, is_slow);
        if peak <= self.limit / 2.0 && !gathers {
            return;
        }
        if is_slow {
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
        if self.tries_more(window) {
            return;
        }
        self.fall = Some((top, if is_checked { here } else { mark }));
        // As many as would take half again as long as is usual, if it is their number that makes them slow.
        let cut = CUT.min(window.gradient * SLOW).max(CUT_MOST);
        self.limit = (self.limit.min(window.peak as f64) * cut).max(LEAST as f64);
    }

    /// One that has been the least for long is raised for a window: they may be slow whatever their number is, and then more of them end.
    fn tries_more(&mut self, window: Window) -> bool {
        if self.limit > LEAST as f64 || window.peak < LEAST || window.was_idle {
            (self.at_least, self.try_after) = (0, TRY_AFTER);
            return false;
        }
        self.at_least += 1;
        if self.at_least < self.try_after {
            return false;
        }
        self.tried = Some(window.rate);
        self.limit = LEAST as f64 * TRY;
        true
    }

    fn end_try(&mut self, before: f64, window: Window) {
        self.at_least = 0;
        if window.was_idle || window.rate < before * TRY_GAINED {
            self.limit = LEAST as f64;
            self.try_after = (self.try_after * 2).min(TRY_AFTER_MAX);
        } else {
            self.learn(LESSONS, self.limit, self.limit);
        }
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
