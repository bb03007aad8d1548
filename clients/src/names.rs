//! From names to addresses, and what is done while they cannot be looked up.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::client::legacy::connect::dns;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::failure::BoxError;

/// The future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks names up.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// All addresses of `host`, with `port`, in any order.
    fn resolve(&self, host: &str, port: u16) -> Resolving;
}

/// The system's resolver: `/etc/hosts`, DNS, and what else it is set up for. Runs on a thread for blocking work.
#[derive(Debug)]
struct System;

/// What the system says.
pub(crate) fn system() -> Arc<dyn Resolve> {
    Arc::new(System)
}

/// Names for clients that look one up for each connection they make.
///
/// One look-up of a name runs at a time, and all who connect wait for it: a name server that hangs takes one thread. A name that cannot be looked up,
/// or not soon, has the addresses it had before: name servers fail more often than services move.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    resolve: Arc<dyn Resolve>,
    /// How long a look-up is waited for: by those who have nothing else, and by those who have earlier addresses.
    patience: Duration,
    patience_with_others: Duration,
    /// Few, since hosts come from schemas and never from data.
    known: Mutex<HashMap<String, Name>>,
}

#[derive(Debug, Default)]
struct Name {
    /// The latest addresses that a look-up found.
    good: Option<Arc<[SocketAddr]>>,
    running: Option<Running>,
    /// Whether earlier addresses are in use, so that the log says it once.
    is_outdated: bool,
}

/// A look-up under way.
#[derive(Debug, Clone)]
struct Running {
    since: Instant,
    /// What it found, once it has ended.
    found: watch::Receiver<Option<Found>>,
}

type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("the name cannot be looked up")]
    Failed(#[source] Arc<io::Error>),
    #[error("{0}")]
    Slow(Slow),
}

/// A name server that does not answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the name was not looked up within {0:?}")]
pub(crate) struct Slow(pub(crate) Duration);

/// What a look-up found, or why nothing.
pub(crate) fn at_least_one(found: io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
    found.and_then(|addresses| match addresses[..] {
        [] => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses")),
        _ => Ok(addresses),
    })
}

// === impl System ===

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }
}

// === impl Names ===

impl Names {
    /// For clients that give a connection `connect_timeout`: looking its name up leaves some of it.
    pub(crate) fn new(resolve: Arc<dyn Resolve>, connect_timeout: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                resolve,
                patience: connect_timeout * 4 / 5,
                patience_with_others: connect_timeout / 2,
                known: Mutex::default(),
            }),
        }
    }

    /// The addresses of `host`, with port 0.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a look-up under way to others.
    async fn addresses(&self, host: &str) -> Result<Arc<[SocketAddr]>, BoxError> {
        let (good, mut running) = self.look_up(host);
        let patience = match good {
            Some(_) => self.inner.patience_with_others,
            None => self.inner.patience,
        };
        let found = timeout_at(running.since + patience, running.found.wait_for(Option::is_some)).await;
        let why = match found {
            Ok(Ok(found)) => match found.clone() {
                Some(Ok(addresses)) => return Ok(addresses),
                Some(Err(error)) => Unknown::Failed(error),
                None => unreachable!("it was waited for"),
            },
            // The task ended without a word: it panicked, or the runtime is ending.
            Ok(Err(_)) => Unknown::Failed(Arc::new(io::Error::other("the look-up was given up"))),
            Err(_) => Unknown::Slow(Slow(patience)),
        };
        let Some(good) = good else { return Err(why.into()) };
        let mut known = self.inner.lock();
        if let Some(name) = known.get_mut(host)
            && !std::mem::replace(&mut name.is_outdated, true)
        {
            tracing::warn!(host, why = %why, "the addresses that a name had before are used");
        }
        Ok(good)
    }

    /// What is known of a name, and the look-up under way; begins one if there is none.
    fn look_up(&self, host: &str) -> (Option<Arc<[SocketAddr]>>, Running) {
        let mut known = self.inner.lock();
        let name = known.entry(host.to_owned()).or_default();
        if let Some(running) = &name.running {
            return (name.good.clone(), running.clone());
        }
        let (send, found) = watch::channel(None);
        let running = Running {
            since: Instant::now(),
            found,
        };
        name.running = Some(running.clone());
        let good = name.good.clone();
        drop(known);
        // The connection's own port is put in later.
        let looking = self.inner.resolve.resolve(host, 0);
        let (inner, host) = (self.inner.clone(), host.to_owned());
        tokio::spawn(async move {
            let found = at_least_one(looking.await).map(Arc::from).map_err(Arc::new);
            inner.found(&host, &found);
            send.send_replace(Some(found));
        });
        (good, running)
    }
}

impl tower::Service<dns::Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let names = self.clone();
        Box::pin(async move { Ok(names.addresses(name.as_str()).await?.to_vec().into_iter()) })
    }
}

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let names = self.clone();
        Box::pin(async move {
            let addresses = names.addresses(name.as_str()).await?.to_vec();
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

// === impl Inner ===

impl Inner {
    /// Notes what a look-up found.
    fn found(&self, host: &str, found: &Found) {
        let mut known = self.lock();
        let Some(name) = known.get_mut(host) else { return };
        name.running = None;
        if let Ok(addresses) = found {
            name.good = Some(addresses.clone());
            if std::mem::take(&mut name.is_outdated) {
                tracing::info!(host, "the name can be looked up again");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
