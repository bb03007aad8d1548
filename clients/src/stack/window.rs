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

    /// Notes one more call in place of the oldest. Returns its number.
    pub(super) fn push(&self, is_of_kind: bool) -> u64 {
        let number = self.next.fetch_add(1, Relaxed);
        if !is_of_kind && self.set.load(Relaxed) == 0 {
            return number;
        }
        let (word, bit) = self.at(number);
        if is_of_kind {
            if word.fetch_or(bit, Relaxed) & bit == 0 {
                self.set.fetch_add(1, Relaxed);
            }
        } else if word.fetch_and(!bit, Relaxed) & bit != 0 {
            self.set.fetch_sub(1, Relaxed);
        }
        number
    }

    /// Notes that a call was of the kind after all. `false`: that was known, or it is one of the latest no more.
    pub(super) fn correct(&self, number: u64) -> bool {
        let next = self.next.load(Relaxed);
        if number < self.start.load(Relaxed) || next.saturating_sub(number) > self.size {
            return false;
        }
        let (word, bit) = self.at(number);
        let is_new = word.fetch_or(bit, Relaxed) & bit == 0;
        if is_new {
            self.set.fetch_add(1, Relaxed);
        }
        is_new
    }

    /// How many of the kind there were one after the other up to the latest call.
    pub(super) fn in_a_row(&self) -> u32 {
        let (start, next) = (self.start.load(Relaxed), self.next.load(Relaxed));
        let latest = (start.max(next.saturating_sub(self.size))..next).rev();
        let of_kind = latest.take_while(|number| {
            let (word, bit) = self.at(*number);
            word.load(Relaxed) & bit != 0
        });
        of_kind.count() as u32
    }

    /// Where the call of this number is.
    fn at(&self, number: u64) -> (&AtomicU64, u64) {
        let at = number % self.size;
        (&self.bits[(at / 64) as usize], 1 << (at % 64))
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
