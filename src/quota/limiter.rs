//! One kind of bucket: how large it is, and how fast it fills.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::{StateInformationMiddleware, StateSnapshot},
    nanos::Nanos,
};
use tokio::time::Instant;

use super::{
    ClientKey, OverQuota, Standing,
    buckets::{BucketKey, Buckets},
};

/// Numbers of kinds of buckets, so that none takes from another's.
static NEXT_KIND: AtomicU64 = AtomicU64::new(1);

/// So much in a while, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What comes into the bucket in `per`.
    pub count: NonZeroU32,
    /// The while. `per`, default a minute.
    pub per: Duration,
    /// What the bucket holds. `burst`, default as much as comes in.
    pub burst: NonZeroU32,
}

/// The server's clock, from the start of the quotas. `governor` counts from the moment that it first looks at its clock; all of ours count from the same,
/// so that their buckets can be compared.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    is_looked_at: AtomicBool,
}

/// A kind of bucket.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    kind: u64,
    governor: Governor,
    buckets: Arc<Buckets>,
}

type Governor = RateLimiter<BucketKey, Shared, Clock, StateInformationMiddleware>;

/// The table that all limiters share.
#[derive(Debug)]
struct Shared(Arc<Buckets>);

// === impl Rate ===

impl Rate {
    /// What it takes for one to come in.
    #[must_use]
    pub fn interval(self) -> Duration {
        (self.per / self.count.get()).max(Duration::from_nanos(1))
    }

    /// What it takes to fill the bucket; `None`: longer than a clock goes.
    #[must_use]
    pub fn filling(self) -> Option<Duration> {
        self.interval().checked_mul(self.burst.get())
    }
}

// === impl Clock ===

impl Clock {
    pub(super) fn from(start: Instant) -> Self {
        Self {
            start,
            is_looked_at: AtomicBool::new(false),
        }
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match self.is_looked_at.load(Relaxed) {
            true => Nanos::from(self.start.elapsed()),
            false => {
                self.is_looked_at.store(true, Relaxed);
                Nanos::default()
            }
        }
    }
}

// === impl Shared ===

impl governor::state::StateStore for Shared {
    type Key = BucketKey;

    fn measure_and_replace<T, F, E>(&self, key: &BucketKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

// === impl Limiter ===

impl Limiter {
    pub(super) fn new(rate: Rate, buckets: Arc<Buckets>, start: Instant) -> Self {
        let quota = Quota::with_period(rate.interval())
            .expect("an interval is above zero")
            .allow_burst(rate.burst);
        Self {
            rate,
            kind: NEXT_KIND.fetch_add(1, Relaxed),
            governor: RateLimiter::new(quota, Shared(buckets.clone()), Clock::from(start)),
            buckets,
        }
    }

    /// How large, how fast.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes so much from a client's bucket; at most what the bucket holds.
    ///
    /// # Errors
    /// There is not so much in it now. Nothing is taken then.
    pub fn take(&self, client: ClientKey, amount: NonZeroU32) -> Result<Standing, OverQuota> {
        let amount = amount.min(self.rate.burst);
        let key = self.key(client);
        let taken: Result<StateSnapshot, _> = match self.governor.check_key_n(&key, amount) {
            Ok(taken) => taken,
            Err(_) => return Ok(self.standing(0)),
        };
        match taken {
            Ok(state) => Ok(self.standing(state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(self.governor.clock().now());
                let lacking = wait.as_nanos().div_ceil(self.rate.interval().as_nanos());
                let lacking = u32::try_from(lacking).unwrap_or(u32::MAX);
                Err(OverQuota {
                    standing: self.standing(amount.get().saturating_sub(lacking.max(1))),
                    wait,
                })
            }
        }
    }

    /// The same, where more than the bucket holds is too much at any time.
    ///
    /// # Errors
    /// There is not so much in it now, or there never is.
    pub fn take_exactly(&self, client: ClientKey, amount: u32) -> Result<(), OverQuota> {
        match NonZeroU32::new(amount) {
            None => Ok(()),
            Some(amount) if amount > self.rate.burst => Err(OverQuota {
                standing: self.standing(0),
                wait: self.rate.filling().unwrap_or(self.rate.per),
            }),
            Some(amount) => self.take(client, amount).map(|_| ()),
        }
    }

    /// Corrects what was taken: gives back, or takes more. At most one bucket's worth is owed.
    pub(super) fn correct(&self, client: ClientKey, taken: u32, actual: u32, standing: &mut Standing) {
        let interval = u64::try_from(self.rate.interval().as_nanos()).unwrap_or(u64::MAX);
        if actual <= taken {
            let back = taken - actual;
            self.buckets.change(self.key(client), |full_at| {
                full_at.saturating_sub(interval.saturating_mul(u64::from(back)))
            });
            *standing = self.standing(standing.remaining.saturating_add(back).min(self.rate.burst.get()));
        } else {
            let more = actual - taken;
            let filling = interval.saturating_mul(u64::from(self.rate.burst.get()));
            let latest = self
                .governor
                .clock()
                .now()
                .as_u64()
                .saturating_add(filling.saturating_mul(2));
            self.buckets.change(self.key(client), |full_at| {
                full_at
                    .saturating_add(interval.saturating_mul(u64::from(more)))
                    .min(latest.max(full_at))
            });
            *standing = self.standing(standing.remaining.saturating_sub(more));
        }
    }

    fn standing(&self, remaining: u32) -> Standing {
        let lacking = self.rate.burst.get().saturating_sub(remaining);
        Standing {
            rate: self.rate,
            remaining,
            full_in: self.rate.interval().saturating_mul(lacking),
        }
    }

    fn key(&self, client: ClientKey) -> BucketKey {
        BucketKey {
            client,
            kind: self.kind,
        }
    }
}
