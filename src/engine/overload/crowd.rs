//! Whether more come than can be answered.
//!
//! A queue alone is no reason to send anybody away: a fixed number of clients that ask again when they are answered makes one that never grows, and a
//! burst makes one that is gone in a moment. So it is counted by how much those who came outnumber those who left, and it has to last.

use std::time::Duration;

use tokio::time::Instant;

/// For so long a crowd that is gone is expected back.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// What has been counted since the server started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    /// Requests that wanted a place.
    pub(super) came: u64,
    /// Those of them that were sent away.
    pub(super) refused: u64,
    /// Those that have a place or wait for one.
    pub(super) inside: u64,
}

/// One scale: windows of this length, and by how much more must have come than left.
#[derive(Debug)]
struct Scale {
    length: Duration,
    excess: f64,
    /// Windows in a row that it takes.
    needed: u32,
    is_long: bool,
    begun: Option<(Instant, Counted)>,
    in_a_row: u32,
}

/// Two scales: many more are seen within moments, a few more by and by.
#[derive(Debug)]
pub(super) struct Crowd {
    scales: [Scale; 2],
    is_there: bool,
    /// When there was one last.
    seen: Option<Instant>,
}

// === impl Crowd ===

impl Crowd {
    /// Nobody yet. `wait`: how long a request may usually wait.
    pub(super) fn new(wait: Duration) -> Self {
        let scale = |length, excess, needed, is_long| Scale {
            length,
            excess,
            needed,
            is_long,
            begun: None,
            in_a_row: 0,
        };
        Self {
            scales: [scale(wait / 5, 0.1, 6, false), scale(wait, 0.03, 3, true)],
            is_there: false,
            seen: None,
        }
    }

    /// Whether there were too many when it was looked at last.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Whether there are too many, as of now. `waits`: whether who comes now would have to wait for longer than in a crowd.
    pub(super) fn look(&mut self, counted: Counted, waits: bool, now: Instant) -> bool {
        let is_back = self
            .seen
            .is_some_and(|seen| now.saturating_duration_since(seen) < FORGOTTEN);
        for scale in &mut self.scales {
            let Some(excess) = scale.ended(counted, now) else {
                continue;
            };
            match excess > scale.excess && (waits || self.is_there) {
                true => scale.in_a_row = scale.in_a_row.saturating_add(1),
                false => scale.in_a_row = 0,
            }
            // Gone is what the longer scale finds gone: those who were sent away in it count.
            self.is_there = match self.is_there {
                false => scale.in_a_row >= if is_back { 1 } else { scale.needed },
                true => scale.in_a_row > 0 || !scale.is_long,
            };
        }
        if self.is_there {
            self.seen = Some(now);
        }
        self.is_there
    }
}

// === impl Scale ===

impl Scale {
    /// By how much more came than left in the window that has just ended; `None`: it has not.
    fn ended(&mut self, counted: Counted, now: Instant) -> Option<f64> {
        let (from, before) = *self.begun.get_or_insert((now, counted));
        let elapsed = now.saturating_duration_since(from);
        if elapsed < self.length {
            return None;
        }
        self.begun = Some((now, counted));
        if elapsed > self.length * 4 {
            // Nobody had to wait meanwhile.
            self.in_a_row = 0;
            return Some(0.0);
        }
        let came = counted.came - before.came;
        let more = (counted.refused - before.refused + counted.inside).saturating_sub(before.inside);
        let left = came.saturating_sub(more).max(1);
        Some(more as f64 / left as f64)
    }
}

#[cfg(test)]
mod tests;
