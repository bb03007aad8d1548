//! What nearly everybody asks for, in front of a cache.
//!
//! A look-up in a concurrent cache with a policy hashes, pins an epoch, reads the clock and notes the use for its policy: ten times what finding
//! the same few values again takes. So each slot here points to the value that was last found with its hash. It owns none: what the cache
//! behind drops is gone here as well, and its bound holds for both.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use arc_swap::ArcSwapOption;

/// Slots; a power of two. Those who share one send each other to the cache.
const SLOTS: usize = 256;

/// Every so many uses of a slot go to the cache, which judges by them what is worth keeping.
const TOLD_EVERY: u32 = 32;

/// Values by hash.
#[derive(Debug)]
pub(crate) struct Recent<K, V>(Box<[ArcSwapOption<Entry<K, V>>]>);

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: Weak<V>,
    uses: AtomicU32,
}

// === impl Recent ===

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| ArcSwapOption::empty()).collect())
    }
}

impl<K, V> Recent<K, V> {
    /// The value, if it was found with this hash last and `is` its key. `None`: the cache knows.
    pub(crate) fn get(&self, hash: u64, is: impl FnOnce(&K) -> bool) -> Option<Arc<V>> {
        let entry = self.slot(hash).load();
        let entry = entry.as_ref().filter(|entry| is(&entry.key))?;
        match entry.uses.fetch_add(1, Relaxed) % TOLD_EVERY {
            0 => None,
            _ => entry.value.upgrade(),
        }
    }

    /// Notes what the cache had.
    pub(crate) fn put(&self, hash: u64, value: &Arc<V>, is: impl FnOnce(&K) -> bool, key: impl FnOnce() -> K) {
        let slot = self.slot(hash);
        let is_known = slot
            .load()
            .as_ref()
            .is_some_and(|entry| std::ptr::eq(entry.value.as_ptr(), Arc::as_ptr(value)) && is(&entry.key));
        if !is_known {
            slot.store(Some(Arc::new(Entry {
                key: key(),
                value: Arc::downgrade(value),
                uses: AtomicU32::new(1),
            })));
        }
    }

    fn slot(&self, hash: u64) -> &ArcSwapOption<Entry<K, V>> {
        &self.0[hash as usize & (SLOTS - 1)]
    }
}
