//! Whether and when a failed try is followed by another.
//!
//! A retry is a call that the source did not ask for, at a time when it is in trouble. So there are few, spread out in time, and paid for
//! from a budget that calls which succeed fill: a source that fails for good gets hardly more calls than without retries.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Safety,
    outcome::{Asked, Trouble},
    random,
};
use crate::policy::Retry;

const TOKEN: i64 = 1000;
/// What an idle source has saved up, and the most that can be saved: a burst of ten.
const TOKENS_MAX: i64 = 10 * TOKEN;

/// Tokens for tries after the first, in thousandths. One comes each second, more with calls that succeed.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: AtomicI64,
    per_success: i64,
    born: Instant,
    /// Millisecond up to which tokens of time were given.
    given: AtomicU64,
    per_milli: i64,
}

/// When a call is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Not at all.
    No,
    /// Not at all, and no other call soon either: the source asked for more time than there is.
    LeaveAlone(Duration),
    /// After this time.
    After(Duration),
}

/// What follows try number `tries`, which ended with `trouble`, when `left` is left of the deadline.
pub(crate) fn next(rules: &Retry, trouble: &Trouble, safety: Safety, tries: u32, left: Duration) -> Next {
    let attempts = match rules.on {
        Some(on) if on.has_any(trouble.kinds) => rules.attempts,
        // Whoever names kinds means no others.
        Some(_) => 1,
        None => rules.attempts.min(trouble.worth),
    };
    let may_repeat = safety == Safety::Repeatable || trouble.is_unsent;
    let wait = match trouble.asked {
        Asked::Never => return Next::No,
        Asked::Wait(wait) if wait >= left => return Next::LeaveAlone(wait),
        Asked::Wait(wait) => wait,
        // Full jitter: what failed together does not come back together.
        Asked::Nothing => rules.backoff.saturating_mul(1 << (tries - 1).min(8)).mul_f64(random()),
    };
    if tries >= attempts || !may_repeat || wait >= left {
        return Next::No;
    }
    Next::After(wait)
}

// === impl Budget ===

impl Budget {
    /// `share`: tokens that a call which succeeds adds; `per_second`: those that come by themselves.
    pub(crate) fn new(share: f64, per_second: i64) -> Self {
        Self {
            tokens: AtomicI64::new(TOKENS_MAX),
            per_success: (share * TOKEN as f64).round() as i64,
            born: Instant::now(),
            given: AtomicU64::new(0),
            per_milli: per_second * TOKEN / 1000,
        }
    }

    /// A call succeeded.
    pub(crate) fn earn(&self) {
        if self.tokens.load(Relaxed) < TOKENS_MAX {
            self.tokens.fetch_add(self.per_success, Relaxed);
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn spend(&self, now: Instant) -> bool {
        self.refill(now);
        self.tokens
            .fetch_update(Relaxed, Relaxed, |tokens| (tokens >= TOKEN).then_some(tokens - TOKEN))
            .is_ok()
    }

    /// Gives a token back that was not needed.
    pub(crate) fn put_back(&self) {
        self.tokens.fetch_add(TOKEN, Relaxed);
    }

    /// Tokens there are.
    pub(crate) fn tokens(&self, now: Instant) -> f64 {
        self.refill(now);
        self.tokens.load(Relaxed) as f64 / TOKEN as f64
    }

    fn refill(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.born).as_millis() as u64;
        let given = self.given.fetch_max(millis, Relaxed);
        let earned = i64::try_from(millis.saturating_sub(given)).unwrap_or(i64::MAX);
        let earned = earned.saturating_mul(self.per_milli).min(TOKENS_MAX);
        if earned > 0 {
            // Nothing else takes the number above the most there may be, by more than one call's worth.
            let _ = self.tokens.fetch_update(Relaxed, Relaxed, |tokens| {
                Some((tokens + earned).min(TOKENS_MAX).max(tokens.min(TOKENS_MAX)))
            });
        }
    }
}
