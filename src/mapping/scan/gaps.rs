//! What stands between the values of an object, learned from the first of many.
//!
//! The objects of a list mostly have the same keys in the same order, with the same white space around them. So what was
//! read between two values of one object is compared, as a whole, with what stands at the same place of the next: equal
//! bytes mean the same key and the same syntax, and need not be looked at one by one.

use smallvec::SmallVec;

use super::Scanner;

/// Gaps of one kind of object that are remembered: a bound on what one strange object can make us keep.
pub(super) const GAPS_MAX: usize = 64;

/// The bytes from the end of one value (or the opening brace) to the start of the next (or past the closing brace).
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    start: u32,
    len: u32,
    /// Index of the rule for the value that follows, or one of the constants.
    pub(super) leads_to: u32,
}

/// All that was learned from one body.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    known: SmallVec<[Gap; 24]>,
    /// First gap of each level's objects and how many follow; nothing where none was seen.
    by_level: SmallVec<[(u32, u32); 8]>,
}

/// The gaps that should come next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    next: u32,
    end: u32,
}

// === impl Gap ===

impl Gap {
    /// The object ends.
    pub(super) const END: u32 = u32::MAX;
    /// The value of a key that nobody asked for.
    pub(super) const UNUSED: u32 = u32::MAX - 1;
}

// === impl Scanner ===

impl Scanner<'_> {
    /// The gap from `start` to here.
    pub(super) fn gap_to(&self, start: usize, leads_to: u32) -> Gap {
        Gap {
            start: start as u32,
            len: (self.at - start) as u32,
            leads_to,
        }
    }

    /// What is known of a level's objects.
    pub(super) fn guess(&self, level: Option<u16>) -> Guess {
        let known = level.and_then(|level| self.gaps.by_level.get(usize::from(level)));
        let (next, count) = known.copied().unwrap_or_default();
        Guess {
            next,
            end: next + count,
        }
    }

    /// Passes over the gap that should come next, if it does; after the first surprise there is no guess any more.
    #[inline]
    pub(super) fn follow(&mut self, guess: &mut Guess) -> Option<Gap> {
        if guess.next == guess.end {
            return None;
        }
        let gap = self.gaps.known[guess.next as usize];
        let (start, len) = (gap.start as usize, gap.len as usize);
        if !is_alike(self.bytes, start, self.at, len) {
            guess.next = guess.end;
            return None;
        }
        guess.next += 1;
        self.at += len;
        Some(gap)
    }

    /// Remembers the gaps of a level's first object.
    pub(super) fn learn(&mut self, level: u16, gaps: &[Gap]) {
        let level = usize::from(level);
        if self.gaps.by_level.len() <= level {
            self.gaps.by_level.resize(level + 1, (0, 0));
        }
        let known = &mut self.gaps.by_level[level];
        if known.1 == 0 {
            *known = (self.gaps.known.len() as u32, gaps.len() as u32);
            self.gaps.known.extend_from_slice(gaps);
        }
    }
}

/// Whether the `len` bytes at two places are equal; up to 16 of them are compared at once.
#[inline]
fn is_alike(bytes: &[u8], one: usize, other: usize, len: usize) -> bool {
    let block = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk::<16>);
    match (block(one), block(other)) {
        (Some(one), Some(other)) if len <= 16 => {
            let difference = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
            difference.trailing_zeros() as usize >= len * 8
        }
        _ => bytes.get(one..one + len) == bytes.get(other..other + len),
    }
}
