//! Calls over plain HTTP/1.1: kept connections, and nothing between a call and its socket.
//!
//! Our own, where hyper's client would do, for what it costs: there a connection is a task, woken to send, and the caller is woken by it for the head
//! and for each piece of the body, by way of three channels. Here a call writes to its socket and reads from it, a body straight into its place, which
//! takes less than half the instructions (`benches/calls.rs`). What makes HTTP/1 dangerous is kept simple: a connection is used again only after a reply
//! whose end was clear and after which nothing was left over. `tests/it/rest_broken.rs` has what sources do wrong.

mod exchange;
mod head;

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Uri,
    uri::{Authority, PathAndQuery},
};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Instant, sleep};
use tower::Service as _;

use crate::{
    CallError, Counted, Reply,
    budget::{NoRoom, Room},
    connect::{IDLE_TIMEOUT, Within},
    failure::{self, BoxError, ConnectTimeout, cause},
    names::Names,
};
use exchange::{Exchange, Received};

/// How often idle connections are looked through for those that are too old or that their source has closed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// Makes calls to any number of origins, in practice to one.
#[derive(Debug)]
pub(crate) struct Pool {
    connector: Within<HttpConnector<Names>>,
    origins: Arc<Mutex<Origins>>,
    room: Room,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    path: &'a PathAndQuery,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Option<&'a Bytes>,
}

#[derive(Debug, Default)]
struct Origins {
    /// Few, since hosts come from schemas and never from data: searched in order.
    known: Vec<Origin>,
    is_swept: bool,
}

#[derive(Debug)]
struct Origin {
    authority: Authority,
    host: HeaderValue,
    /// The one that was used last is used first: what is not needed grows old.
    idle: Vec<Idle>,
}

#[derive(Debug)]
struct Idle {
    exchange: Box<Exchange>,
    since: Instant,
}

/// Why an exchange gave no reply.
#[derive(Debug)]
enum Broken {
    /// Nothing of the request went out.
    Unsent(io::Error),
    /// The connection ended before anything came back.
    Unanswered(io::Error),
    /// The connection ended within the reply.
    Off(io::Error),
    /// What came is not HTTP/1.
    Protocol(BoxError),
    /// The body is larger than it may be.
    TooLarge,
    /// There is no memory for it.
    NoRoom,
}

/// A connection that ended where it should not have.
#[derive(Debug, thiserror::Error)]
#[error("the connection ended before the reply")]
struct Ended(#[source] io::Error);

// === impl Pool ===

impl Pool {
    /// A pool whose connections are made by `connector`. Connects to nothing yet.
    pub(crate) fn new(connector: Within<HttpConnector<Names>>, room: Room) -> Self {
        Self {
            connector,
            origins: Arc::default(),
            room,
        }
    }

    /// Sends a request to an `http` URL and reads the reply.
    ///
    /// A source may close a kept connection at the moment we send on it, and nothing tells that from a source that broke down over the request. So a
    /// request that is safe, or of which nothing was sent, is sent once more, on a new connection.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub(crate) async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<&Bytes>,
    ) -> Result<Reply, CallError> {
        let (Some(authority), Some(path)) = (uri.authority(), uri.path_and_query()) else {
            return Err(failure::protocol("the URL has no host"));
        };
        let request = Request {
            method,
            path,
            headers,
            body,
        };
        let (host, kept) = self.kept(authority)?;
        let is_kept = kept.is_some();
        let mut exchange = match kept {
            Some(exchange) => exchange,
            None => self.connect(authority).await?,
        };
        let received = match exchange.run(&request, &host, &self.room).await {
            Err(broken) if is_kept && broken.may_be_repeated(request.method) => {
                exchange = self.connect(authority).await?;
                // Boxed: seldom, and as large as the first.
                Box::pin(exchange.run(&request, &host, &self.room)).await
            }
            received => received,
        };
        let received = received.map_err(|broken| broken.told(self.room.limit))?;
        if received.keeps_alive {
            self.keep(authority, exchange);
        }
        let Received {
            status, headers, body, ..
        } = received;
        Ok(Reply {
            status,
            headers,
            trailers: HeaderMap::new(),
            message: String::new(),
            details: Bytes::new(),
            errors: Vec::new(),
            body,
            counted: Counted::default(),
        })
    }

    /// What the origin is called in requests, and an idle connection that is still good, if there is one.
    fn kept(&self, authority: &Authority) -> Result<(HeaderValue, Option<Box<Exchange>>), CallError> {
        let mut origins = self.lock();
        let origin = origins.at(authority)?;
        while let Some(idle) = origin.idle.pop() {
            if idle.exchange.is_quiet() {
                return Ok((origin.host.clone(), Some(idle.exchange)));
            }
        }
        Ok((origin.host.clone(), None))
    }

    /// Takes a connection back.
    fn keep(&self, authority: &Authority, exchange: Box<Exchange>) {
        let since = Instant::now();
        let mut origins = self.lock();
        if let Ok(origin) = origins.at(authority) {
            origin.idle.push(Idle { exchange, since });
        }
        if !std::mem::replace(&mut origins.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.origins)));
        }
    }

    async fn connect(&self, authority: &Authority) -> Result<Box<Exchange>, CallError> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(authority.clone())
            .path_and_query("/")
            .build()
            .map_err(|error| failure::protocol(BoxError::from(error)))?;
        // Boxed: seldom, and large.
        let stream = Box::pin(self.connector.clone().call(uri)).await.map_err(unconnected)?;
        Ok(Box::new(Exchange::new(stream.into_inner())))
    }

    fn lock(&self) -> MutexGuard<'_, Origins> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing was sent, whatever the reason.
fn unconnected(error: BoxError) -> CallError {
    match cause::<ConnectTimeout>(&*error) {
        Some(ConnectTimeout(limit)) => CallError::ConnectTimeout(*limit),
        None => CallError::Connect(Arc::from(error)),
    }
}

/// Closes idle connections in time, as long as there is a pool.
async fn sweep(origins: Weak<Mutex<Origins>>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        let Some(origins) = origins.upgrade() else { return };
        let now = Instant::now();
        let mut origins = origins.lock().unwrap_or_else(PoisonError::into_inner);
        for origin in &mut origins.known {
            origin
                .idle
                .retain(|idle| now < idle.since + IDLE_TIMEOUT && idle.exchange.is_quiet());
        }
    }
}

// === impl Origins ===

impl Origins {
    fn at(&mut self, authority: &Authority) -> Result<&mut Origin, CallError> {
        let at = match self
            .known
            .iter()
            .position(|origin| origin.authority.as_str() == authority.as_str())
        {
            Some(at) => at,
            None => {
                self.known.push(Origin::new(authority)?);
                self.known.len() - 1
            }
        };
        Ok(&mut self.known[at])
    }
}

// === impl Origin ===

impl Origin {
    fn new(authority: &Authority) -> Result<Self, CallError> {
        let host = match authority.port_u16() {
            Some(80) | None => HeaderValue::from_str(authority.host()),
            Some(port) => HeaderValue::from_str(&format!("{}:{port}", authority.host())),
        };
        Ok(Self {
            authority: authority.clone(),
            host: host.map_err(|error| failure::protocol(BoxError::from(error)))?,
            idle: Vec::new(),
        })
    }
}

// === impl Broken ===

impl From<NoRoom> for Broken {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

impl Broken {
    fn protocol(found: impl Into<BoxError>) -> Self {
        Self::Protocol(found.into())
    }

    /// Whether a request that met this on a kept connection may be sent again on a new one.
    fn may_be_repeated(&self, method: &Method) -> bool {
        match self {
            Self::Unsent(_) => true,
            Self::Unanswered(_) => method.is_safe(),
            Self::Off(_) | Self::Protocol(_) | Self::TooLarge | Self::NoRoom => false,
        }
    }

    fn told(self, limit: usize) -> CallError {
        match self {
            Self::Unsent(error) | Self::Unanswered(error) | Self::Off(error) => {
                let ended: Arc<dyn Error + Send + Sync> = Arc::new(Ended(error));
                CallError::Broken(ended)
            }
            Self::Protocol(error) => failure::protocol(error),
            Self::TooLarge => CallError::TooLarge { limit },
            Self::NoRoom => CallError::NoRoom,
        }
    }
}
