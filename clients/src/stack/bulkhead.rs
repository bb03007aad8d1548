//! Caps our own pressure on a source, so that a slow one cannot hold every connection and all memory.
//!
//! A full one answers at once: waiting in line would only spend the deadline.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::CallError;

/// Places for calls in flight.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    in_flight: AtomicUsize,
    limit: AtomicUsize,
    refused: AtomicU64,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place<'b>(&'b Bulkhead);

// === impl Bulkhead ===

impl Bulkhead {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            refused: AtomicU64::new(0),
        }
    }

    /// A place, unless all are taken.
    pub(crate) fn enter(&self) -> Result<Place<'_>, CallError> {
        let limit = self.limit();
        if self.in_flight.fetch_add(1, Relaxed) >= limit {
            self.in_flight.fetch_sub(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
            return Err(CallError::Limited { limit });
        }
        Ok(Place(self))
    }

    pub(crate) fn resize(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Calls that found no place.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

// === impl Place ===

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
