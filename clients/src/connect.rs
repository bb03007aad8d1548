//! Connections to sources: socket options, the time a connection may take, and which connections were kept.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use http::{Extensions, Uri};
use hyper_util::client::legacy::{
    self,
    connect::{HttpConnector, HttpInfo},
};
use tower::Service;

use crate::failure::{BoxError, ConnectTimeout, cause};

// As long as common servers and load balancers keep an idle connection at most; a source that gives up earlier is
// covered by the free retry of `RestClient`.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

// A peer that vanished without a word is noticed by these, also on an HTTP/2 connection that would else be used on.
const KEEPALIVE: Duration = Duration::from_secs(15);
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

// Larger frames than the 16 KiB that HTTP/2 starts with: most bodies then come in one piece and are not copied, which
// makes a reply of 26 kB 2 µs cheaper (benches/calls.rs).
pub(crate) const FRAME_BYTES_MAX: u32 = 1024 * 1024;

// An HTTP/2 connection on which calls wait and nothing has arrived for this long is asked for a sign of life. In use,
// replies arrive all the time, so no source sees enough pings to object.
pub(crate) const PING_AFTER: Duration = Duration::from_secs(10);
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A connector whose connections are made within a limit: name, TCP and TLS together.
#[derive(Debug, Clone)]
pub(crate) struct Within<C> {
    inner: C,
    limit: Duration,
}

/// Which local ports have carried a reply: the connection behind an error was a kept one if its port is among them.
///
/// A bit a port. A port that the system gives to a later connection still counts as kept, which at worst allows one
/// retry too many of a safe call.
#[derive(Debug)]
pub(crate) struct Served {
    ports: Box<[AtomicU64]>,
}

/// Plain TCP, without Nagle's delay. `https` URIs pass if a TLS connector stands around it.
pub(crate) fn tcp<R>(resolver: R, connect_timeout: Duration) -> HttpConnector<R> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect_timeout));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(3));
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
    connector
}

/// A host with several addresses gives each a part of the time; what then runs out is the same limit.
fn timed_out(error: BoxError, limit: Duration) -> BoxError {
    match cause::<io::Error>(&*error) {
        Some(cause) if cause.kind() == io::ErrorKind::TimedOut => ConnectTimeout(limit).into(),
        _ => error,
    }
}

// === impl Within ===

impl<C> Within<C> {
    pub(crate) fn new(inner: C, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<C> Service<Uri> for Within<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connection) => connection.map_err(Into::into).map_err(|error| timed_out(error, limit)),
                Err(_) => Err(ConnectTimeout(limit).into()),
            }
        })
    }
}

// === impl Served ===

impl Served {
    pub(crate) fn new() -> Self {
        Self {
            ports: (0..=u16::MAX / 64).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Notes that the connection described in the extensions of a reply has carried it.
    pub(crate) fn note(&self, reply: &Extensions) {
        if let Some(info) = reply.get::<HttpInfo>() {
            let (word, bit) = self.at(info);
            if word.load(Ordering::Relaxed) & bit == 0 {
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }

    /// Whether `error` happened on a connection that has carried a reply before.
    pub(crate) fn was_kept(&self, error: &(dyn Error + 'static)) -> bool {
        let Some(connected) = cause::<legacy::Error>(error).and_then(legacy::Error::connect_info) else {
            return false;
        };
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        extras.get::<HttpInfo>().is_some_and(|info| {
            let (word, bit) = self.at(info);
            word.load(Ordering::Relaxed) & bit != 0
        })
    }

    fn at(&self, info: &HttpInfo) -> (&AtomicU64, u64) {
        let port = info.local_addr().port();
        (&self.ports[usize::from(port / 64)], 1 << (port % 64))
    }
}
