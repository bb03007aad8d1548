//! The way out: tells every connection, and `/ready`, that the server is about to stop.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::Waker,
};

use tokio::sync::Notify;

/// How far the server is on its way out. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stage: AtomicU8,
    next_id: AtomicU64,
    /// The connections that are open, with the wakers of those that have run.
    connections: Mutex<HashMap<u64, Option<Waker>>>,
    changed: Notify,
}

/// Stages on the way out, in order; none is ever undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// Serving.
    Open,
    /// `/ready` fails; everything else goes on.
    Leaving,
    /// Connections end with the request they are in.
    Draining,
    /// Connections end at once.
    Closed,
}

/// The place of one open connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    drain: Drain,
    id: u64,
    has_waker: bool,
}

// === impl Drain ===

impl Drain {
    /// Whether requests should still be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage() == Stage::Open
    }

    pub(super) fn stage(&self) -> Stage {
        match self.0.stage.load(Ordering::Acquire) {
            0 => Stage::Open,
            1 => Stage::Leaving,
            2 => Stage::Draining,
            _ => Stage::Closed,
        }
    }

    /// Goes on to a stage and wakes everyone who should know.
    pub(super) fn advance(&self, stage: Stage) {
        self.0.stage.fetch_max(stage as u8, Ordering::AcqRel);
        let wakers: Vec<_> = self.connections().values().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
        self.0.changed.notify_waiters();
    }

    pub(super) fn place(&self) -> Place {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.connections().insert(id, None);
        Place {
            drain: self.clone(),
            id,
            has_waker: false,
        }
    }

    /// Waits until no connection is open.
    pub(super) async fn empty(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.connections().is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Option<Waker>>> {
        // Nothing that can panic runs under the lock.
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Place ===

impl Place {
    pub(super) fn stage(&self) -> Stage {
        self.drain.stage()
    }

    /// Asks to be woken when the stage changes. A task keeps its waker, so once is enough.
    pub(super) fn register(&mut self, waker: &Waker) {
        if !self.has_waker {
            self.has_waker = true;
            self.drain.connections().insert(self.id, Some(waker.clone()));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_last = {
            let mut connections = self.drain.connections();
            connections.remove(&self.id);
            connections.is_empty()
        };
        if is_last {
            self.drain.0.changed.notify_waiters();
        }
    }
}
