//! What was kept of earlier answers, for sources that fail (`staleIfError`).
//!
//! Beside [`super::job`]: a call that failed asks here before its places are told. Order: fresh, stale, fallback, null.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Failure,
    batch::Chunk,
    items::Items,
    job::Job,
    lifetime::{Keep, Outside},
};

/// Why an older answer is used, and how old it is.
#[derive(Debug, Clone)]
pub(super) struct Stale {
    pub(super) failure: Arc<Failure>,
    pub(super) age: Duration,
}

// === impl Job ===

impl Job {
    /// An older answer to the same call.
    pub(super) fn stale(&self, failure: &Arc<Failure>) -> Option<Chunk> {
        if !self.may_be_stale(failure) {
            return None;
        }
        let key = self.cache_key(&self.render().ok()??)?;
        let now = Instant::now();
        let kept = self.scope.backends.cache.get_anyway(&key, now)?;
        let chunk = self.read(Some(&kept.reply), (Keep::Not, Outside::Not)).ok()?;
        Some(self.marked(chunk, failure, now - kept.lifetime.since))
    }

    /// What is kept of single keys: theirs, what there is, and the keys of which nothing is.
    pub(super) fn stale_items(&self, failure: &Arc<Failure>) -> Option<(Vec<u32>, Chunk, Vec<u32>)> {
        if self.numbers.is_empty() || !self.may_be_stale(failure) {
            return None;
        }
        let (fetch, connector, compiled) = self.parts();
        let items = Items::of(&self.scope, fetch, connector, compiled).ok()??;
        let (looked, since) = items.look_up_anyway(&self.numbers, &self.keys);
        let (kept, chunk) = items.read(&looked, &self.keys).ok()??;
        let chunk = self.marked(chunk, failure, Instant::now() - since);
        Some((kept, chunk, looked.missing))
    }

    fn may_be_stale(&self, failure: &Failure) -> bool {
        // A renewal that fails leaves what is there.
        let compiled = self.parts().2;
        self.takes_kept && compiled.is_kept.load(Relaxed) && !compiled.is_off.load(Relaxed) && failure.allows_stale()
    }

    fn marked(&self, chunk: Chunk, failure: &Arc<Failure>, age: Duration) -> Chunk {
        let (id, connector) = (self.scope.request_id(), &self.parts().1.coordinate);
        tracing::debug!(request_id = id, %connector, age_ms = age.as_millis(), "an older answer is served");
        Chunk {
            stale: Some(Stale {
                failure: failure.clone(),
                age,
            }),
            ..chunk
        }
    }
}
