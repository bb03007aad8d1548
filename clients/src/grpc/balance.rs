//! Which connection a call takes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::{
    connection::{Connection, Dialer},
    maintain::Maintainer,
};
use crate::{CallError, names::Resolve};

/// The connections of one source. Calls only look at them; one task makes them and keeps them up.
pub(super) struct Balancer {
    shared: Arc<Shared>,
    target: Target,
    maintainer: Mutex<Option<JoinHandle<()>>>,
}

/// Where connections go, and how they are made.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) dialer: Dialer,
    pub(super) resolve: Arc<dyn Resolve>,
}

/// What calls and the maintainer share.
pub(super) struct Shared {
    pub(super) ready: ArcSwap<Vec<Arc<Connection>>>,
    /// Where the search for the next call begins, so that equals take turns.
    turn: AtomicUsize,
    /// To the maintainer: a connection was lost, or is wanted.
    pub(super) wake: Arc<Notify>,
    /// To the maintainer: a call has no connection. Written under the lock of `is_kept`.
    pub(super) is_wanted: AtomicBool,
    /// To the maintainer: there was a call.
    pub(super) is_used: AtomicBool,
    /// Whether a maintainer runs.
    pub(super) is_kept: Mutex<bool>,
    /// From the maintainer: `ready` has changed, or no connection could be made.
    pub(super) news: watch::Sender<Option<CallError>>,
}

// === impl Balancer ===

impl Balancer {
    pub(super) fn new(host: &str, port: u16, dialer: Dialer, resolve: Arc<dyn Resolve>) -> Self {
        Self {
            shared: Arc::new(Shared {
                ready: ArcSwap::default(),
                turn: AtomicUsize::new(0),
                wake: Arc::default(),
                is_wanted: AtomicBool::new(false),
                is_used: AtomicBool::new(false),
                is_kept: Mutex::new(false),
                news: watch::Sender::new(None),
            }),
            target: Target {
                host: Arc::from(host),
                port,
                dialer,
                resolve,
            },
            maintainer: Mutex::new(None),
        }
    }

    /// The connection with the fewest calls under way, another than `refused` if there is one. Without any, waits until one
    /// is made, together with all others that wait.
    ///
    /// # Errors
    /// None can be made: why the last attempt failed.
    pub(super) async fn connection(&self, refused: Option<&Arc<Connection>>) -> Result<Arc<Connection>, CallError> {
        loop {
            if let Some(connection) = self.shared.pick(refused) {
                return Ok(connection);
            }
            let mut news = self.shared.news.subscribe();
            self.want();
            // Made in between: no news of it will come.
            if let Some(connection) = self.shared.pick(refused) {
                return Ok(connection);
            }
            let _ = news.changed().await;
            if let Some(error) = &*news.borrow_and_update() {
                return Err(error.clone());
            }
        }
    }

    /// A connection takes no more calls, because of `error`.
    pub(super) fn lost(&self, connection: &Connection, error: &h2::Error) {
        connection.close(error);
        self.shared.wake.notify_one();
    }

    /// Tells the maintainer that a call waits; starts one if none runs.
    fn want(&self) {
        let mut is_kept = self.shared.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.is_wanted.store(true, Ordering::Relaxed);
        let mut maintainer = self.maintainer.lock().unwrap_or_else(PoisonError::into_inner);
        // It may also have ended with its runtime.
        if !*is_kept || maintainer.as_ref().is_none_or(JoinHandle::is_finished) {
            *is_kept = true;
            let task = Maintainer::new(self.target.clone(), self.shared.clone());
            *maintainer = Some(tokio::spawn(task.run()));
        }
        drop(maintainer);
        drop(is_kept);
        self.shared.wake.notify_one();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let maintainer = self.maintainer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = maintainer.take() {
            task.abort();
        }
    }
}

// === impl Shared ===

impl Shared {
    fn pick(&self, refused: Option<&Arc<Connection>>) -> Option<Arc<Connection>> {
        let ready = self.ready.load();
        let picked = match &ready[..] {
            [] => None,
            [only] => Some(only).filter(|only| !only.is_closed()),
            several => self.least_loaded(several, refused),
        };
        if picked.is_some() && !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
        picked.cloned()
    }

    fn least_loaded<'a>(
        &self,
        several: &'a [Arc<Connection>],
        refused: Option<&Arc<Connection>>,
    ) -> Option<&'a Arc<Connection>> {
        let resting = several.iter().filter(|connection| connection.is_resting()).count();
        // When most of them fail it is not the addresses.
        let may_rest = resting * 2 <= several.len();
        let start = self.turn.fetch_add(1, Ordering::Relaxed) % several.len();
        let (before, after) = several.split_at(start);
        after
            .iter()
            .chain(before)
            .filter(|connection| !connection.is_closed())
            .min_by_key(|connection| {
                let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, connection));
                (is_refused, may_rest && connection.is_resting(), connection.in_flight())
            })
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target.host, self.target.port)
    }
}
