//! How much memory the replies of all sources may take together.
//!
//! The limit of one reply times that of calls in flight is more than a machine has. So bytes are taken from a budget before there is memory for them, and
//! come back with the last reference to the body, wherever that is kept.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;

use crate::CallError;

/// Bodies up to this size are not counted: limits of calls in flight are enough for them, and most are smaller.
const FREE_BYTES: usize = 16 * 1024;

/// Bytes that bodies of replies may take, all of them together.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    refused: AtomicU64,
}

/// What one body may take.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Bytes of a body.
    pub(crate) limit: usize,
    /// Bytes of all bodies; none: as many as come.
    pub(crate) budget: Option<Arc<Budget>>,
}

/// What a body that is being read has taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge<'r> {
    room: &'r Room,
    bytes: usize,
}

/// There is no memory left for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoRoom;

/// A body with what it has taken.
struct Charged {
    body: Bytes,
    budget: Arc<Budget>,
    bytes: usize,
}

// === impl Budget ===

impl Budget {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// The most there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Bodies there was no room for.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        match self.used.fetch_update(Relaxed, Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.refused.fetch_add(1, Relaxed);
                Err(NoRoom)
            }
        }
    }
}

// === impl Room ===

impl Room {
    /// For a body of which nothing has come yet.
    pub(crate) fn charge(&self) -> Charge<'_> {
        Charge { room: self, bytes: 0 }
    }
}

// === impl Charge ===

impl Charge<'_> {
    /// Takes what the body needs to be this large.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if let Some(budget) = &self.room.budget
            && bytes > FREE_BYTES
            && bytes > self.bytes
        {
            budget.take(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// The body, which from now on holds what was taken for it.
    pub(crate) fn keep(mut self, body: Bytes) -> Bytes {
        match &self.room.budget {
            Some(budget) if self.bytes > 0 => Bytes::from_owner(Charged {
                body,
                budget: Arc::clone(budget),
                bytes: std::mem::take(&mut self.bytes),
            }),
            _ => body,
        }
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.room.budget.as_ref().filter(|_| self.bytes > 0) {
            budget.used.fetch_sub(self.bytes, Relaxed);
        }
    }
}

// === impl Charged ===

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

// === impl NoRoom ===

impl From<NoRoom> for CallError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}
