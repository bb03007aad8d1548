//! How much a client may ask for in a while: buckets that fill at a constant rate, by client.
//!
//! After [`crate::identity`], which says who asks. `http` takes a request out of its client's bucket before the body is read; the engine what the operation is
//! estimated to cost, and gives back what it did not. The arithmetic is `governor`'s (GCRA); what it keeps is ours, so that it is bounded.
//!
//! | file | does |
//! |---|---|
//! | `buckets` | what is kept of each client: one moment, in a table that never grows |
//! | `client` | whose bucket a request takes from |
//! | `limiter` | one kind of bucket |
//! | `standing` | what a client is told of its bucket |

mod buckets;
mod client;
mod limiter;
mod standing;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::identity::Caller;
use buckets::Buckets;

pub use client::ClientKey;
pub use limiter::{Limiter, Rate};
pub use standing::{Standing, seconds_up};

/// A client that is refused again and again is told of in the log once in so long: a flood of requests must not become a flood of lines.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What clients may ask for. `quotas` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many clients are remembered at a time, 64 bytes each; beyond that those who have asked for least are forgotten, as if they had asked for nothing.
    /// `clients`, default 100,000.
    pub clients: usize,
    /// By name, in the order of the file. `tiers`; surfaces and classes name them.
    pub tiers: Vec<TierSettings>,
}

/// What the clients of one tier may ask for, each. `quotas.tiers.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierSettings {
    /// Its name, which clients see.
    pub name: Arc<str>,
    /// Requests, whatever becomes of them.
    pub requests: Rate,
    /// Estimated cost of operations; what an operation did not cost is given back.
    pub cost: Option<Rate>,
}

/// The buckets of all clients.
#[derive(Debug)]
pub struct Quotas {
    start: Instant,
    buckets: Arc<Buckets>,
    salt: client::Salt,
    tiers: Vec<Arc<Tier>>,
    told: Limiter,
}

/// A tier at work.
#[derive(Debug)]
pub struct Tier {
    name: Arc<str>,
    requests: Limiter,
    cost: Option<Limiter>,
}

/// A client's buckets: what one request may take from.
#[derive(Debug, Clone)]
pub struct Ticket {
    client: ClientKey,
    tier: Arc<Tier>,
    quotas: Arc<Quotas>,
}

/// Why not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverQuota {
    /// How its client stands.
    pub standing: Standing,
    /// How long until the same request would be let through.
    pub wait: Duration,
}

/// What was taken from a bucket for an operation that runs now.
#[derive(Debug)]
pub struct Charge {
    /// Whose.
    pub ticket: Ticket,
    estimate: u32,
    /// How its client stands.
    pub standing: Standing,
}

// === impl Quotas ===

impl Quotas {
    /// Empty tables; all buckets full.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let start = Instant::now();
        // Most clients have two buckets.
        let buckets = Arc::new(Buckets::new(settings.clients.saturating_mul(2)));
        let limiter = |rate| Limiter::new(rate, buckets.clone(), start);
        let tiers = settings.tiers.iter().map(|tier| {
            Arc::new(Tier {
                name: tier.name.clone(),
                requests: limiter(tier.requests),
                cost: tier.cost.map(limiter),
            })
        });
        let once = Rate {
            count: NonZeroU32::MIN,
            per: TOLD_EVERY,
            burst: NonZeroU32::MIN,
        };
        Self {
            tiers: tiers.collect(),
            told: limiter(once),
            salt: client::Salt::new(),
            buckets,
            start,
        }
    }

    /// A limiter beside those of tiers, over the same table.
    #[must_use]
    pub fn limiter(&self, rate: Rate) -> Limiter {
        Limiter::new(rate, self.buckets.clone(), self.start)
    }

    /// A tier by its name.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| *tier.name == *name)
    }

    /// How many buckets are remembered at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buckets.capacity()
    }

    /// Whose buckets a request takes from.
    #[must_use]
    pub fn client(&self, caller: &Caller, address: Option<IpAddr>) -> ClientKey {
        self.salt.key(caller, address)
    }

    /// Takes one request from a client's bucket.
    ///
    /// # Errors
    /// It is empty. Nothing is taken then, so that who goes on asking does not wait longer for it.
    pub fn admit(self: &Arc<Self>, client: ClientKey, tier: &Arc<Tier>) -> Result<(Ticket, Standing), OverQuota> {
        let standing = tier.requests.take(client, NonZeroU32::MIN)?;
        let ticket = Ticket {
            client,
            tier: tier.clone(),
            quotas: self.clone(),
        };
        Ok((ticket, standing))
    }

    /// Whether the log is to be told that this client was refused.
    #[must_use]
    pub fn is_news(&self, client: ClientKey) -> bool {
        self.told.take(client, NonZeroU32::MIN).is_ok()
    }
}

// === impl Tier ===

impl Tier {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many requests there may be.
    #[must_use]
    pub fn requests(&self) -> Rate {
        self.requests.rate()
    }

    /// How much operations may cost.
    #[must_use]
    pub fn cost(&self) -> Option<Rate> {
        self.cost.as_ref().map(Limiter::rate)
    }
}

// === impl Ticket ===

impl Ticket {
    /// Whose it is.
    #[must_use]
    pub fn client(&self) -> ClientKey {
        self.client
    }

    /// What they may ask for.
    #[must_use]
    pub fn tier(&self) -> &Tier {
        &self.tier
    }

    /// Whether the log is to be told that its client was refused.
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.quotas.is_news(self.client)
    }

    /// Takes further requests, which came with the first.
    ///
    /// # Errors
    /// There is not so much in the bucket now.
    pub fn take_more(&self, requests: u32) -> Result<(), OverQuota> {
        self.tier.requests.take_exactly(self.client, requests)
    }

    /// Takes what an operation is estimated to cost. One that costs more than the bucket holds takes all of it. `None`: nobody counts cost.
    ///
    /// # Errors
    /// There is not so much in it now.
    pub fn charge(&self, estimate: u64) -> Result<Option<Charge>, OverQuota> {
        let Some(limiter) = &self.tier.cost else {
            return Ok(None);
        };
        let most = limiter.rate().burst.get();
        let estimate = u32::try_from(estimate).unwrap_or(u32::MAX).clamp(1, most);
        let amount = NonZeroU32::new(estimate).unwrap_or(NonZeroU32::MIN);
        let standing = limiter.take(self.client, amount)?;
        Ok(Some(Charge {
            ticket: self.clone(),
            estimate,
            standing,
        }))
    }
}

// === impl Charge ===

impl Charge {
    /// Gives back what the operation did not cost, or takes what it cost beside the estimate: lists may be longer than is assumed of them.
    pub fn settle(&mut self, actual: u64) {
        let Some(limiter) = &self.ticket.tier.cost else { return };
        let actual = u32::try_from(actual).unwrap_or(u32::MAX).max(1);
        limiter.correct(self.ticket.client, self.estimate, actual, &mut self.standing);
        self.estimate = actual;
    }
}
