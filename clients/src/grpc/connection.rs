//! One HTTP/2 connection to one address: made, called on, watched.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{
    PingPong, Reason,
    client::{Builder, SendRequest},
};
use http::{Request, Uri};
use hyper_util::client::legacy::connect::{HttpConnector, dns::GaiResolver};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use super::{health::Health, reply};
use crate::{
    CallError, Reply,
    budget::Room,
    connect::{self, FRAME_BYTES_MAX, PING_AFTER, PING_TIMEOUT},
    failure::{BoxError, ConnectTimeout, classify, protocol},
};

// Room for replies to come without waiting for us to say that there is more: as much as one reply may usually be, and for
// all calls together. Replies are bounded by count and size elsewhere.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

// Metadata of an answer. Common servers send 8 KiB at most.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

// Between two signs of life that are asked for while none comes by itself. Servers object to more.
const PING_AFTER_MAX: Duration = Duration::from_secs(300);

const UNAVAILABLE: u16 = 14;

/// Makes connections to the addresses of one source.
#[derive(Clone)]
pub(super) struct Dialer {
    tcp: HttpConnector,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    pub(super) connect_timeout: Duration,
}

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    in_flight: AtomicUsize,
    health: Arc<Health>,
    signals: Arc<Signals>,
}

/// What calls and the task that drives the connection tell each other. Apart from [`Connection`], so that the task does
/// not keep the connection open.
#[derive(Debug, Default)]
struct Signals {
    /// No further call can be made.
    is_closed: AtomicBool,
    /// It was closed without a goodbye.
    hung_up: AtomicBool,
    /// Heads of replies so far.
    replies: AtomicU64,
    /// A call was not answered.
    unanswered: Notify,
}

/// Why a call has no reply.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection takes no more calls. Nothing was sent.
    Gone(h2::Error),
    /// The source says that it has not looked at the call.
    Refused(h2::Error),
    Failed(CallError),
}

/// A call under way.
struct Flight<'a> {
    connection: &'a Connection,
    replies: u64,
    is_over: bool,
}

/// Says that the connection is closed when the task that drives it ends, however it ends.
struct Closing {
    signals: Arc<Signals>,
    lost: Arc<Notify>,
}

// === impl Dialer ===

impl Dialer {
    /// For the source called `host`; `None` if TLS can have no such name.
    pub(super) fn new(host: &str, tls: Option<Arc<ClientConfig>>, connect_timeout: Duration) -> Option<Self> {
        let tls = match tls {
            None => None,
            Some(config) => Some((TlsConnector::from(config), ServerName::try_from(host.to_owned()).ok()?)),
        };
        Some(Self {
            tcp: connect::tcp(GaiResolver::new(), connect_timeout),
            tls,
            connect_timeout,
        })
    }

    /// Connects to `address`, TLS included. `lost` is notified when the connection is gone.
    pub(super) async fn dial(
        self,
        address: SocketAddr,
        health: Arc<Health>,
        lost: Arc<Notify>,
    ) -> Result<Arc<Connection>, CallError> {
        let limit = self.connect_timeout;
        match timeout(limit, self.connect(address, health, lost)).await {
            Ok(connection) => connection.map_err(|error| match error.downcast_ref::<io::Error>() {
                Some(io) if io.kind() == io::ErrorKind::TimedOut => CallError::ConnectTimeout(limit),
                _ => CallError::Connect(Arc::from(error)),
            }),
            Err(_) => Err(classify(ConnectTimeout(limit).into())),
        }
    }

    async fn connect(
        mut self,
        address: SocketAddr,
        health: Arc<Health>,
        lost: Arc<Notify>,
    ) -> Result<Arc<Connection>, BoxError> {
        let uri = Uri::try_from(format!("http://{address}/"))?;
        poll_fn(|cx| self.tcp.poll_ready(cx)).await?;
        let stream = self.tcp.call(uri).await?.into_inner();
        match self.tls {
            None => open(stream, health, lost, self.connect_timeout).await,
            Some((connector, name)) => {
                let stream = connector.connect(name, stream).await?;
                open(stream, health, lost, self.connect_timeout).await
            }
        }
    }
}

/// Begins HTTP/2, and drives the connection in a task until it is gone or nobody has it any more.
async fn open<S>(
    stream: S,
    health: Arc<Health>,
    lost: Arc<Notify>,
    connect_timeout: Duration,
) -> Result<Arc<Connection>, BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .enable_push(false)
        .handshake::<_, Bytes>(stream)
        .await?;
    let signals = Arc::new(Signals::default());
    // A sign of life is one round trip; a connection took some of them.
    let patience = PING_TIMEOUT.min(connect_timeout * 4);
    let ping_pong = connection.ping_pong().expect("nobody has taken it");
    let closing = Closing {
        signals: signals.clone(),
        lost,
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = connection => {}
            () = watch(&closing.signals, ping_pong, patience) => {}
        }
        drop(closing);
    });
    Ok(Arc::new(Connection {
        sender,
        in_flight: AtomicUsize::new(0),
        health,
        signals,
    }))
}

/// Ends when the peer shows no sign of life though it is asked for one.
///
/// It is asked when a call was given up without any answer having arrived since it was sent: on a connection that works
/// that costs nothing, and one that is cut is found by the first call that times out.
async fn watch(signals: &Signals, mut ping_pong: PingPong, patience: Duration) {
    let mut pause = PING_AFTER;
    let mut replies = 0;
    loop {
        signals.unanswered.notified().await;
        match timeout(patience, ping_pong.ping(h2::Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
        // Servers that answer nothing but pings would have them be fewer and fewer.
        let now = signals.replies.load(Ordering::Relaxed);
        pause = if now == replies {
            (pause * 2).min(PING_AFTER_MAX)
        } else {
            PING_AFTER
        };
        replies = now;
        tokio::time::sleep(pause).await;
    }
}

// === impl Connection ===

impl Connection {
    /// Makes one call and reads its reply, with as much of a message as there is room for.
    ///
    /// # Cancel safety
    /// Dropping the future resets the stream; the connection stays.
    pub(super) async fn call(&self, request: Request<()>, message: Bytes, room: &Room) -> Result<Reply, Trouble> {
        let mut flight = Flight::new(self);
        let outcome = self.exchange(request, message, room).await;
        flight.end(&outcome);
        outcome
    }

    async fn exchange(&self, request: Request<()>, message: Bytes, room: &Room) -> Result<Reply, Trouble> {
        let mut sender = self.sender.clone();
        let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
        let sent = ready.and_then(|()| sender.send_request(request, false));
        let (response, mut stream) = sent.map_err(|error| {
            // No stream was opened. Either there is no connection any more, or the request is none.
            if error.is_io() || error.is_go_away() || error.is_reset() {
                Trouble::Gone(error)
            } else {
                Trouble::Failed(protocol(error))
            }
        })?;
        // A stream that is reset already says so in its response. h2 keeps what the peer's window has no room for.
        let _ = stream.send_data(message, true);
        drop(stream);
        let response = response.await?;
        self.signals.replies.fetch_add(1, Ordering::Relaxed);
        reply(response, room).await
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.signals.is_closed.load(Ordering::Relaxed)
    }

    /// Whether it was closed without a goodbye before it ever answered.
    pub(super) fn hung_up(&self) -> bool {
        self.signals.hung_up.load(Ordering::Relaxed) && self.signals.replies.load(Ordering::Relaxed) == 0
    }

    pub(super) fn is_resting(&self) -> bool {
        self.health.is_resting()
    }

    /// No further call goes here, because of `error`. Those under way go on.
    pub(super) fn close(&self, error: &h2::Error) {
        if !error.is_go_away() {
            self.signals.hung_up.store(true, Ordering::Relaxed);
        }
        self.signals.is_closed.store(true, Ordering::Relaxed);
    }
}

// === impl Flight ===

impl<'a> Flight<'a> {
    fn new(connection: &'a Connection) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            replies: connection.signals.replies.load(Ordering::Relaxed),
            is_over: false,
        }
    }

    fn end(&mut self, outcome: &Result<Reply, Trouble>) {
        self.is_over = true;
        match outcome {
            Ok(reply) if reply.status != UNAVAILABLE => self.connection.health.succeeded(),
            Ok(_) | Err(Trouble::Failed(CallError::Broken(_) | CallError::Protocol(_))) => {
                self.connection.health.failed();
            }
            Err(_) => {}
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.connection.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.is_over && self.connection.signals.replies.load(Ordering::Relaxed) == self.replies {
            self.connection.health.failed();
            self.connection.signals.unanswered.notify_one();
        }
    }
}

// === impl Closing ===

impl Drop for Closing {
    fn drop(&mut self) {
        if !self.signals.is_closed.swap(true, Ordering::Relaxed) {
            self.signals.hung_up.store(true, Ordering::Relaxed);
        }
        self.lost.notify_one();
    }
}

// === impl Trouble ===

impl From<h2::Error> for Trouble {
    fn from(error: h2::Error) -> Self {
        // A GOAWAY reaches a stream only when it does not count it.
        if error.is_remote() && (error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away()) {
            return Self::Refused(error);
        }
        Self::Failed(classify(error.into()))
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}
