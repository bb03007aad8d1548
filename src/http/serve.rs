//! Accepts connections, and stops in good order.
//!
//! `axum::serve` never times out a silent client, so the loop is our own. First file a request meets; what happens on a connection
//! is in `connection`.

use std::{convert::Infallible, fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Answer, Operate, Route, Settings,
    admin::Admin,
    connection::{self, Handle, Protocol},
    drain::{Drain, Stage},
    stack::Stack,
    tls::{Certificates, TlsError},
};
use crate::{
    identity::Identity,
    quota::Quotas,
    telemetry::{LogRequests, Metrics},
};

/// First and longest pause after a failed accept. Without descriptors every accept fails at once; trying in a loop would only take the processor from
/// those who could give some back.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted: a burst of new clients, or all those of a replica that just ended. The kernel may allow fewer.
const BACKLOG: u32 = 4096;

/// Connections on the admin port: probes and scrapers are few, and must be served when the public port is full.
const ADMIN_CONNECTIONS_MAX: usize = 32;

/// Both listeners, bound and not yet serving.
pub struct Server {
    public: TcpListener,
    admin: Option<TcpListener>,
    settings: Arc<Settings>,
    log: LogRequests,
    metrics: Arc<Metrics>,
    identity: Option<Arc<Identity>>,
    quotas: Option<Arc<Quotas>>,
    drain: Drain,
    operator: Option<Arc<dyn Operate>>,
    certificates: Option<Certificates>,
}

/// Asks a [`Server`] to stop: the first time to drain, the second time to stop at once.
#[derive(Debug)]
pub struct Stop(mpsc::Receiver<()>);

/// One listener's connections.
struct Port<H> {
    handler: Arc<H>,
    protocol: Arc<Protocol>,
    settings: Arc<Settings>,
    drain: Drain,
    room: Arc<Semaphore>,
    open: Gauge,
    accept_errors: Counter,
    tls: Option<TlsAcceptor>,
}

/// Counts a connection as open until dropped.
struct Open {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}{}", why_not(source))]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The public port's certificate cannot be used.
    #[error("the certificate cannot be used")]
    Tls(#[source] TlsError),
    /// Signals cannot be received.
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
}

/// What to do about it, where that is known.
fn why_not(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another program does: stop it, or give `listen` and `admin` other ports)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 are the system's)",
        _ => "",
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

// === impl Server ===

impl Server {
    /// Binds both ports. Connections wait in the listeners' queues until [`Server::run`].
    ///
    /// # Errors
    /// An address is taken or not ours, or the certificate cannot be used.
    pub async fn bind(
        public: SocketAddr,
        admin: Option<SocketAddr>,
        settings: Settings,
        log: LogRequests,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServerError> {
        let admin = match admin {
            Some(address) => Some(listen(address)?),
            None => None,
        };
        let certificates = match &settings.tls {
            Some(tls) => Some(Certificates::load(tls).map_err(ServerError::Tls)?),
            None => None,
        };
        Ok(Self {
            certificates,
            public: listen(public)?,
            admin,
            settings: Arc::new(settings),
            log,
            metrics,
            identity: None,
            quotas: None,
            drain: Drain::default(),
            operator: None,
        })
    }

    /// Lets callers prove who they are.
    #[must_use]
    pub fn with_identity(self, identity: Arc<Identity>) -> Self {
        Self {
            identity: identity.is_used().then_some(identity),
            ..self
        }
    }

    /// Counts what clients ask for, on surfaces that have a tier.
    #[must_use]
    pub fn with_quotas(self, quotas: Option<Arc<Quotas>>) -> Self {
        Self { quotas, ..self }
    }

    /// Address of the public port; its number is known even where 0 was asked for.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public.local_addr().expect("a bound listener has an address")
    }

    /// Address of the admin port.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
            .as_ref()
            .map(|admin| admin.local_addr().expect("a bound listener has an address"))
    }

    /// The same with something that operators can see and do.
    #[must_use]
    pub fn operated_by(self, operator: Arc<dyn Operate>) -> Self {
        Self {
            operator: Some(operator),
            ..self
        }
    }

    /// Where to see whether the server is on its way out.
    #[must_use]
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Serves until asked to stop, then drains: `/ready` fails, nothing new is accepted, idle connections are closed, requests in flight end
    /// within [`Settings::drain_timeout`]. Whatever is open then, or when asked a second time, is
    /// cut off.
    ///
    /// Surfaces are numbered in the order of `routes`.
    pub async fn run<A: Answer>(self, answer: A, routes: &[Route], mut stop: Stop) {
        let Self {
            public,
            admin,
            settings,
            log,
            metrics,
            identity,
            quotas,
            drain,
            operator,
            certificates,
        } = self;
        let admin_drain = Drain::default();
        let admin_task = admin.map(|listener| {
            let handler = Arc::new(Admin::new(drain.clone(), Arc::clone(&metrics), operator));
            let port = Port::new(
                handler,
                Arc::clone(&settings),
                admin_drain.clone(),
                Gauge::default(),
                &metrics,
                ADMIN_CONNECTIONS_MAX,
            );
            tokio::spawn(async move { port.accept_all(&listener, std::future::pending::<()>()).await })
        });

        let connections_max = settings.max_connections.clamp(1, files_left_for_clients());
        let who = (identity, quotas.as_ref());
        let stack = Arc::new(Stack::new(answer, routes, settings.clone(), log, &metrics, who));
        let port = Port::new(
            stack,
            settings.clone(),
            drain.clone(),
            metrics.connections.clone(),
            &metrics,
            connections_max,
        )
        .speaking(certificates.as_ref().map(Certificates::acceptor));
        let following = certificates.map(|certificates| tokio::spawn(certificates.follow()));
        let leave = async {
            stop.asked().await;
            drain.advance(Stage::Leaving);
            tokio::select! {
                () = sleep(settings.shutdown_delay) => false,
                () = stop.asked() => true,
            }
        };
        let is_forced = port.accept_all(&public, leave).await;
        port.accept_waiting(&public).await;
        drop(public);

        let time = if is_forced {
            Duration::ZERO
        } else {
            settings.drain_timeout
        };
        end_connections(&drain, time, &mut stop).await;
        if let Some(task) = following {
            task.abort();
        }
        if let Some(task) = admin_task {
            task.abort();
            admin_drain.advance(Stage::Closed);
            admin_drain.empty().await;
        }
    }
}

// === impl Stop ===

impl Stop {
    /// Stops when told by the sender. When the sender is dropped, the server runs on.
    #[must_use]
    pub fn channel() -> (mpsc::Sender<()>, Self) {
        let (sender, receiver) = mpsc::channel(2);
        (sender, Self(receiver))
    }

    /// Stops on SIGTERM and SIGINT.
    ///
    /// # Errors
    /// Signals cannot be received.
    pub fn on_signals() -> Result<Self, ServerError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signals)?;
        // A hangup asks for a reload. While there is nothing to reload yet, it must not be the end.
        drop(signal(SignalKind::hangup()).map_err(ServerError::Signals)?);
        let (sender, stop) = Self::channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("asked to stop");
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        });
        Ok(stop)
    }

    async fn asked(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Lets requests in flight end in this time, unless asked once more; then cuts off what is left.
async fn end_connections(drain: &Drain, time: Duration, stop: &mut Stop) {
    drain.advance(Stage::Draining);
    tokio::select! {
        _ = timeout(time, drain.empty()) => {}
        () = stop.asked() => {}
    }
    drain.advance(Stage::Closed);
    drain.empty().await;
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A server that starts again must not wait for the connections of the last one to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServerError::Bind { address, source })
}

/// Three quarters of the files this process may open, after raising that number as far as it may. The rest is for calls to sources, probes and the
/// process itself: `/live` must answer when clients have taken all they can.
fn files_left_for_clients() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let files = if raised.is_ok() { maximum } else { current };
    files
        .map_or(usize::MAX, |files| usize::try_from(files / 4 * 3).unwrap_or(usize::MAX))
        .max(1)
}

// === impl Port ===

impl<H: Handle> Port<H> {
    fn new(
        handler: Arc<H>,
        settings: Arc<Settings>,
        drain: Drain,
        open: Gauge,
        metrics: &Metrics,
        connections_max: usize,
    ) -> Self {
        Self {
            handler,
            protocol: Arc::new(connection::protocol(&settings)),
            settings,
            drain,
            open,
            accept_errors: metrics.accept_errors.clone(),
            room: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            tls: None,
        }
    }

    /// The same with TLS, if there is something to prove itself with.
    fn speaking(self, tls: Option<TlsAcceptor>) -> Self {
        Self { tls, ..self }
    }

    /// Accepts until `stop`; never ends for an error.
    async fn accept_all<T>(&self, listener: &TcpListener, stop: impl Future<Output = T>) -> T {
        tokio::select! {
            never = self.accept_on(listener) => match never {},
            stopped = stop => stopped,
        }
    }

    async fn accept_on(&self, listener: &TcpListener) -> Infallible {
        let mut pause = ACCEPT_PAUSE_MIN;
        loop {
            let permit = Arc::clone(&self.room)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((tcp, _)) => {
                    pause = ACCEPT_PAUSE_MIN;
                    self.spawn(tcp, permit);
                }
                // The client gave up between its knock and our opening.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.accept_errors.inc();
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                    sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    /// Takes the connections that clients have opened but nobody has accepted: closing the listener would reset them.
    async fn accept_waiting(&self, listener: &TcpListener) {
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            match timeout(Duration::ZERO, listener.accept()).await {
                Ok(Ok((tcp, _))) => self.spawn(tcp, permit),
                Ok(Err(error)) if is_of_one_connection(&error) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    fn spawn(&self, tcp: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = tcp.set_nodelay(true);
        let (handler, protocol) = (Arc::clone(&self.handler), Arc::clone(&self.protocol));
        let (settings, place) = (Arc::clone(&self.settings), self.drain.place());
        self.open.inc();
        let open = Open {
            gauge: self.open.clone(),
            _permit: permit,
        };
        match self.tls.clone() {
            None => {
                let peer = tcp.peer_addr().ok().map(|address| address.ip());
                tokio::spawn(connection::serve(tcp, peer, handler, protocol, settings, place, open));
            }
            Some(acceptor) => {
                tokio::spawn(connection::serve_tls(
                    tcp, acceptor, handler, protocol, settings, place, open,
                ));
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
