//! Identical work in flight is done once.
//!
//! Who comes first starts the work, who comes while it is under way waits for the same result. No one is in charge: the
//! work goes on as long as anybody waits for it, so that one who leaves takes nobody down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use foldhash::fast::RandomState;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;

/// Work under way, by everything that took part in it.
#[derive(Debug)]
pub(crate) struct InFlight<T: Clone>(Mutex<Flights<T>>);

#[derive(Debug)]
struct Flights<T: Clone> {
    by_key: HashMap<Arc<[u8]>, Flight<T>, RandomState>,
    /// Number of the next flight: tells a flight from a later one under the same key.
    next: u64,
}

#[derive(Debug)]
struct Flight<T: Clone> {
    number: u64,
    owner: u64,
    deadline: Instant,
    result: WeakShared<BoxFuture<'static, T>>,
}

/// Takes a flight off the list when its work ends or nobody waits any more.
struct Landing<T: Clone> {
    list: Arc<InFlight<T>>,
    key: Arc<[u8]>,
    number: u64,
}

/// How much earlier than one's own deadline the work that is joined may have to end: joining must not cost a request the time it has.
const DEADLINE_SLACK: Duration = Duration::from_millis(500);

impl<T: Clone> Default for InFlight<T> {
    fn default() -> Self {
        Self(Mutex::new(Flights {
            by_key: HashMap::default(),
            next: 0,
        }))
    }
}

// === impl InFlight ===

impl<T: Clone + Send + Sync + 'static> InFlight<T> {
    /// The result of the work with this key: of work under way for somebody else than `owner`, or of `start`, which others can then join. `start` only makes
    /// the future; it is polled by those who wait.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing for others. The work is dropped with the last that waits.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &[u8],
        owner: u64,
        deadline: Instant,
        start: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> Shared<BoxFuture<'static, T>> {
        let mut flights = self.lock();
        // No result may be dropped under the lock: the last reference to one takes it again.
        if let Some(flight) = flights.by_key.get(key)
            && flight.owner != owner
            && flight.deadline + DEADLINE_SLACK >= deadline
            // Nor may it keep anyone beyond it.
            && flight.deadline <= deadline
            && let Some(result) = flight.result.upgrade()
        {
            return result;
        }
        let key: Arc<[u8]> = key.into();
        flights.next += 1;
        let number = flights.next;
        let landing = Landing {
            list: self.clone(),
            key: key.clone(),
            number,
        };
        let work = start();
        let result = async move {
            let _landing = landing;
            work.await
        };
        let result = result.boxed().shared();
        if let Some(weak) = result.downgrade() {
            let flight = Flight {
                number,
                owner,
                deadline,
                result: weak,
            };
            flights.by_key.insert(key, flight);
        }
        drop(flights);
        result
    }
}

impl<T: Clone> InFlight<T> {
    fn lock(&self) -> MutexGuard<'_, Flights<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        let mut flights = self.list.lock();
        let is_own = flights
            .by_key
            .get(&self.key)
            .is_some_and(|flight| flight.number == self.number);
        let gone = if is_own { flights.by_key.remove(&self.key) } else { None };
        drop(flights);
        drop(gone);
    }
}
