//! A proxy that breaks what passes through it, by a plan.
//!
//! It stands before any backend and speaks HTTP/1 and HTTP/2 on one port. What it is told to break is broken on the wire, byte by byte or frame by
//! frame; what it is not told to break arrives whole. Plans are functions of the request's number, so that a seed is all it takes to see a run again.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::port::Port;

mod http1;
mod http2;

const BACKLOG: u32 = 1024;

/// What is done to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is taken and never answered.
    Hang,
    /// The answer begins after this time.
    SlowHeader(Duration),
    /// The body comes a byte at a time, with this pause between two.
    SlowBody(Duration),
    /// Half of the body comes, then the connection is closed (HTTP/2: the stream ends, without trailers).
    Truncate,
    /// HTTP/1: a chunked body of which all but the last, empty chunk comes. HTTP/2: as [`Fault::Truncate`].
    TruncateChunked,
    /// Half of the body comes, then the connection (HTTP/2: the stream) is reset.
    Reset,
    /// The connection is closed without an answer, as one that was kept too long is.
    Close,
    /// `content-length` differs from the body by this.
    Length(i64),
    /// The body is sent as this content type, unchanged.
    ContentType(&'static str),
    /// This body instead, as JSON and with status 200; over HTTP/2 as the bytes of a message.
    Body(Bytes),
    /// This status and these headers, no body. Over HTTP/2 a plain HTTP answer, as of a proxy.
    Status(u16, Vec<(&'static str, String)>),
    /// gRPC: this status in an answer of trailers only, with these trailers.
    Grpc(u16, Vec<(&'static str, String)>),
    /// HTTP/2: the stream is reset with this code.
    Rst(u32),
    /// HTTP/2: the connection is wound down; this request is still answered.
    GoAway,
    /// HTTP/2: the connection is ended with an error, this request with it.
    GoAwayNow,
}

/// Which requests are broken, and how.
#[derive(Clone, Default)]
pub struct Plan(Option<Arc<dyn Fn(u64) -> Option<Fault> + Send + Sync>>);

/// Clones share the proxy; it stops with the last of them.
#[derive(Debug, Clone)]
pub struct FaultProxy {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    port: Port,
    shared: Arc<Shared>,
    running: RwLock<Option<JoinHandle<()>>>,
}

/// What connections share.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    plan: RwLock<Plan>,
    requests: AtomicU64,
    connections: AtomicU64,
    open: AtomicUsize,
}

/// A connection that is counted while it is open.
struct Open(Arc<Shared>);

// === impl Plan ===

impl Plan {
    /// Nothing is broken.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every request is broken the same way.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self::by(move |_| Some(fault.clone()))
    }

    /// The first requests are broken so, the others not at all.
    #[must_use]
    pub fn first(faults: Vec<Fault>) -> Self {
        Self::by(move |number| faults.get(usize::try_from(number).ok()?).cloned())
    }

    /// As the function says of the request's number, from 0.
    #[must_use]
    pub fn by(plan: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(plan)))
    }

    /// A share of the requests, in hundredths, is broken by one of `faults`; which and how follows from `seed`.
    #[must_use]
    pub fn seeded(seed: u64, hundredths: u64, faults: Vec<Fault>) -> Self {
        Self::by(move |number| {
            let random = mix(seed ^ mix(number));
            let is_broken = random % 100 < hundredths && !faults.is_empty();
            is_broken.then(|| faults[usize::try_from((random >> 32) % faults.len() as u64).unwrap_or(0)].clone())
        })
    }

    fn fault(&self, number: u64) -> Option<Fault> {
        self.0.as_ref().and_then(|plan| plan(number))
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plan")
    }
}

/// Spreads a number over all 64 bits (the finalizer of `splitmix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

// === impl FaultProxy ===

impl FaultProxy {
    /// Listens on a free loopback port and passes everything to `upstream`.
    ///
    /// # Panics
    /// When no port can be had.
    #[allow(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime; `await` says so"
    )]
    pub async fn start(upstream: SocketAddr, plan: Plan) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            plan: RwLock::new(plan),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            open: AtomicUsize::new(0),
        });
        let port = Port::take(0).expect("loopback has a free port");
        let socket = port.listen(BACKLOG).expect("nobody listens there");
        let running = RwLock::new(Some(tokio::spawn(accept(socket, shared.clone()))));
        Self {
            inner: Arc::new(Inner { port, shared, running }),
        }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.inner.port.address())
    }

    /// Replaces the plan. Numbers go on.
    pub fn set(&self, plan: Plan) {
        *self.inner.shared.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// Requests so far, broken or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.inner.shared.requests.load(Relaxed)
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.inner.shared.connections.load(Relaxed)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.inner.shared.open.load(Relaxed)
    }

    /// Refuses connections and drops those there are, until [`Self::resume`].
    pub async fn refuse(&self) {
        let running = self
            .inner
            .running
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(running) = running {
            running.abort();
            let _ = running.await;
        }
    }

    /// Takes connections again.
    ///
    /// # Panics
    /// When the kernel has no socket left.
    pub fn resume(&self) {
        let mut running = self.inner.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let socket = self.inner.port.listen(BACKLOG).expect("the port is ours");
            *running = Some(tokio::spawn(accept(socket, self.inner.shared.clone())));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(running) = self.running.get_mut().unwrap_or_else(PoisonError::into_inner) {
            running.abort();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Counts a request and says what is done to it.
    fn next(&self) -> Option<Fault> {
        let number = self.requests.fetch_add(1, Relaxed);
        self.plan.read().unwrap_or_else(PoisonError::into_inner).fault(number)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// Runs until aborted; its connections end with it.
async fn accept(socket: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                shared.connections.fetch_add(1, Relaxed);
                shared.open.fetch_add(1, Relaxed);
                let open = Open(shared.clone());
                connections.spawn(serve(stream, open));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Finds out which protocol a connection speaks, and serves it. That it breaks is the point of it.
async fn serve(stream: TcpStream, open: Open) {
    let _ = stream.set_nodelay(true);
    let mut start = [0; 3];
    let _ = match stream.peek(&mut start).await {
        Ok(3) if &start == b"PRI" => http2::serve(stream, open.0.clone()).await,
        Ok(1..) => http1::serve(stream, &open.0).await,
        _ => Ok(()),
    };
}
