//! What is kept of clients: for each bucket the moment at which it is full again.
//!
//! A table of sets of 16. Who is not in the set that its key leads to has a full bucket; where a set is full, the bucket that is nearest to being full makes
//! room, and mostly it is full already. So nothing has to be swept, nothing grows, and a look-up takes as long whatever the number of keys.

use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;

use super::ClientKey;

/// Buckets of a set. With a table filled to a half, one key in 200 meets a set that is full.
const WAYS: usize = 16;

/// More would take gigabytes.
const BUCKETS_MAX: usize = 1 << 26;

/// Which bucket: whose, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BucketKey {
    pub(super) client: ClientKey,
    pub(super) kind: u64,
}

/// A bucket. One that is full from the start stands for nobody's.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    client: u128,
    kind: u64,
    /// In nanoseconds of the clock.
    full_at: u64,
}

/// All buckets that are not full.
#[derive(Debug)]
pub(super) struct Buckets {
    sets: Vec<Mutex<[Bucket; WAYS]>>,
}

// === impl Buckets ===

impl Buckets {
    /// Room for so many buckets and some more.
    pub(super) fn new(buckets: usize) -> Self {
        let sets = buckets.clamp(WAYS, BUCKETS_MAX).div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// Changes a bucket, unless it is full.
    pub(super) fn change(&self, key: BucketKey, change: impl FnOnce(u64) -> u64) {
        let mut set = self.set(key).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = set.iter_mut().find(|bucket| bucket.is_of(key)) {
            bucket.full_at = change(bucket.full_at);
        }
    }

    /// What `governor` wants of a store: to be asked for what is known, and told what is new.
    pub(super) fn measure_and_replace<T, F, E>(&self, key: &BucketKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut set = self.set(*key).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|bucket| bucket.is_of(*key));
        let (outcome, full_at) = measure(known.map(|index| Nanos::from(set[index].full_at)))?;
        let index = known.unwrap_or_else(|| nearest_to_full(&set));
        set[index] = Bucket {
            client: key.client.0,
            kind: key.kind,
            full_at: full_at.as_u64(),
        };
        Ok(outcome)
    }

    fn set(&self, key: BucketKey) -> &Mutex<[Bucket; WAYS]> {
        // Keys are hashes with a salt: all bits are as good, and nobody outside can choose them.
        let hash = (key.client.0 as u64).wrapping_add(key.kind.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        &self.sets[(hash >> 16) as usize & (self.sets.len() - 1)]
    }
}

fn nearest_to_full(set: &[Bucket; WAYS]) -> usize {
    let nearest = set.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at);
    nearest.map_or(0, |(index, _)| index)
}

// === impl Bucket ===

impl Bucket {
    fn is_of(&self, key: BucketKey) -> bool {
        self.client == key.client.0 && self.kind == key.kind
    }
}
