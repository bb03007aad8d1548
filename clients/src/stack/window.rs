//! Which of the latest calls were of some kind: a bit a call, no lock.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The latest calls.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    bits: Box<[AtomicU64]>,
    /// Bits that are set.
    set: AtomicI64,
    /// Calls ever seen.
    next: AtomicU64,
    /// `next` when it was last cleared.
    start: AtomicU64,
}

// === impl Window ===

impl Window {
    pub(super) fn new(size: u32) -> Self {
        let size = u64::from(size.max(1));
        Self {
            size,
            bits: (0..size.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            set: AtomicI64::new(0),
            next: AtomicU64::new(0),
            start: AtomicU64::new(0),
        }
    }

    /// Notes one more call in place of the oldest.
    pub(super) fn push(&self, is_of_kind: bool) {
        let at = self.next.fetch_add(1, Relaxed) % self.size;
        if !is_of_kind && self.set.load(Relaxed) == 0 {
            return;
        }
        let (word, bit) = (&self.bits[(at / 64) as usize], 1 << (at % 64));
        if is_of_kind {
            if word.fetch_or(bit, Relaxed) & bit == 0 {
                self.set.fetch_add(1, Relaxed);
            }
        } else if word.fetch_and(!bit, Relaxed) & bit != 0 {
            self.set.fetch_sub(1, Relaxed);
        }
    }

    /// How many of how many.
    pub(super) fn share(&self) -> (u32, u32) {
        let seen = self.next.load(Relaxed).saturating_sub(self.start.load(Relaxed));
        let calls = seen.min(self.size) as u32;
        let set = u32::try_from(self.set.load(Relaxed)).unwrap_or(0);
        (set.min(calls), calls)
    }

    pub(super) fn clear(&self) {
        for word in &self.bits {
            let cleared = word.swap(0, Relaxed).count_ones();
            self.set.fetch_sub(i64::from(cleared), Relaxed);
        }
        self.start.store(self.next.load(Relaxed), Relaxed);
    }
}
