//! One client connection, from accept to close.
//!
//! hyper has no idle time-out, and its header time-out also runs while a kept-alive connection is merely quiet, at the price of a timer a request. Here
//! one lazy timer a connection covers both, and a client that does not read: it is moved only when a deadline comes nearer.

mod talk;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::IpAddr,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Request, Response, Version,
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::talk::Talk;
use super::{
    Settings,
    drain::{Place, Stage},
    socket::Socket,
    stream::Streams,
    unwritten::Outgoing,
    watch::{BareRefusal, InFlight, Lapse, Watch},
};

/// hyper's two, set up once and shared by all connections.
#[derive(Debug)]
pub(super) struct Protocol {
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

/// What answers the requests of a connection.
pub(super) trait Handle: Send + Sync + 'static {
    /// Body of the answers.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request. The future is dropped when the client leaves.
    fn handle(
        &self,
        request: &mut Request<Incoming>,
        in_flight: &mut InFlight,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Is told what was refused before it was a request.
    fn refused(&self, _refusal: &BareRefusal) {}
}

/// Room for the request line and headers in hyper's buffer. Four times our own limits, so that most of what exceeds them is answered in JSON with an id;
/// what exceeds this too gets a bare 431 of hyper's.
const HEAD_BUFFER_FACTOR: usize = 4;

/// How long a connection may take to close once it was asked to.
const CLOSING: Duration = Duration::from_secs(2);

/// Resets of streams a client may have waiting before the connection is ended: «rapid reset» opens and resets streams faster than they can be
/// served. 20 is hyper's own choice, written down so that an update cannot change it.
const PENDING_RESETS_MAX: usize = 20;

/// Streams we may have reset for protocol errors before the connection is ended.
const LOCAL_RESETS_MAX: usize = 256;

/// A connection that has been quiet for so long gives its buffers back until it is used again: most of those that are open are.
const RESTS_AFTER: Duration = Duration::from_secs(2);

/// HTTP/2 pings tell whether a silent client is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Sets hyper up.
pub(super) fn protocol(settings: &Settings) -> Protocol {
    let head_buffer = (settings.uri_bytes_max + settings.header_bytes_max).max(8 * 1024) * HEAD_BUFFER_FACTOR;
    let mut http1 = http1::Builder::new();
    http1
        .header_read_timeout(None)
        .max_headers(settings.header_count_max)
        .max_buf_size(head_buffer);
    let mut http2 = http2::Builder::new(Streams);
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(u32::try_from(settings.header_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    Protocol { http1, http2 }
}

/// Serves a connection with TLS: the same once both sides know whom they talk to, which has as much time as the head of a request.
pub(super) async fn serve_tls<H: Handle>(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    handler: Arc<H>,
    protocol: Arc<Protocol>,
    settings: Arc<Settings>,
    mut place: Place,
    open: impl Send,
) {
    let peer = tcp.peer_addr().ok().map(|address| address.ip());
    let mut shaking_hands = pin!(acceptor.accept(tcp));
    let agreed = poll_fn(|cx| {
        place.register(cx.waker());
        match place.stage() {
            Stage::Closed => Poll::Ready(None),
            // Errors are the client's: it speaks no TLS, none of ours, or has left.
            _ => shaking_hands.as_mut().poll(cx).map(Result::ok),
        }
    });
    if let Ok(Some(stream)) = timeout(settings.header_timeout, agreed).await {
        serve(stream, peer, handler, protocol, settings, place, open).await;
    }
}

/// Serves a connection until either side ends it, a time-out does, or the server stops. `_open` is dropped then.
pub(super) async fn serve<S, H>(
    stream: S,
    peer: Option<IpAddr>,
    handler: Arc<H>,
    protocol: Arc<Protocol>,
    settings: Arc<Settings>,
    mut place: Place,
    _open: impl Send,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handle,
{
    let watch = Arc::new(Watch::new(peer));
    let socket = Socket::new(stream, Arc::clone(&watch));
    let answers = answers(&handler, &watch);
    let mut talk = Talk::new(socket, answers, protocol, Arc::clone(&watch));
    let mut timer = pin!(sleep_until(Instant::now() + settings.header_timeout));
    // Whether the timer would wake this task: it does so at the deadline it was last polled with.
    let mut is_armed = false;
    let mut closing = None;

    poll_fn(|cx| {
        place.register(cx.waker());
        loop {
            let spoken = talk.poll(cx);
            if let Some(refusal) = watch.take_refused() {
                handler.refused(&refusal);
            }
            if spoken.is_ready() {
                return Poll::Ready(());
            }
            let stage = place.stage();
            if stage == Stage::Closed {
                return Poll::Ready(());
            }
            if stage == Stage::Draining && closing.is_none() {
                // The request that may be in flight has the server's drain time.
                closing = Some(Closing { by: None });
                talk.end();
                continue;
            }

            if watch.is_flooded() && closing.is_none_or(|closing| closing.by.is_none()) {
                closing = Some(Closing {
                    by: Some(Instant::now() + CLOSING),
                });
                talk.end();
                continue;
            }

            let due = next_deadline(&watch, &settings, closing).map(|due| match due {
                (at, Lapse::Idle) if talk.may_rest() && settings.idle_timeout > RESTS_AFTER => {
                    (at - settings.idle_timeout + RESTS_AFTER, Lapse::Quiet)
                }
                due => due,
            });
            if let Some((at, _)) = due.filter(|(at, _)| *at < timer.deadline()) {
                timer.as_mut().reset(at);
                is_armed = false;
            }
            if is_armed && !timer.is_elapsed() || timer.as_mut().poll(cx).is_pending() {
                is_armed = true;
                return Poll::Pending;
            }
            is_armed = false;
            let now = Instant::now();
            match due {
                // Polled again, so that whatever comes in next wakes this task.
                Some((at, Lapse::Quiet)) if at <= now && talk.rest(cx) => {}
                Some((at, Lapse::Answer)) if at <= now => watch.reset_stalled(now - settings.write_timeout),
                Some((at, Lapse::Idle | Lapse::Quiet)) if at <= now => {
                    closing = Some(Closing {
                        by: Some(now + CLOSING),
                    });
                    talk.end();
                    timer.as_mut().reset(now + CLOSING);
                }
                Some((at, _)) if at <= now => return Poll::Ready(()),
                Some((at, _)) => timer.as_mut().reset(at),
                None => timer.as_mut().reset(now + settings.idle_timeout),
            }
        }
    })
    .await;
}

/// Answers the requests of a connection.
fn answers<H: Handle>(
    handler: &Arc<H>,
    watch: &Arc<Watch>,
) -> impl Service<Request<Incoming>, Response = Response<Outgoing<H::Body>>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Unpin
+ use<H> {
    let (handler, watch) = (Arc::clone(handler), Arc::clone(watch));
    service_fn(move |mut request| {
        let (handler, watch) = (Arc::clone(&handler), Arc::clone(&watch));
        // Before any of its body is read.
        let mut in_flight = watch.enter();
        async move {
            let response = handler.handle(&mut request, &mut in_flight).await;
            let http2 = (request.version() == Version::HTTP_2).then_some(&watch);
            Ok(response.map(|body| Outgoing::new(body, http2)))
        }
    })
}

/// A connection that was asked to close.
#[derive(Debug, Clone, Copy)]
struct Closing {
    /// When it is closed whether it is ready or not.
    by: Option<Instant>,
}

/// What ends the connection next if nothing changes. One that is closing is not asked to close again for being idle.
fn next_deadline(watch: &Watch, settings: &Settings, closing: Option<Closing>) -> Option<(Instant, Lapse)> {
    let due = watch.due(settings);
    let Some(Closing { by }) = closing else { return due };
    let due = due.filter(|(_, lapse)| *lapse != Lapse::Idle);
    let by = by.map(|at| (at, Lapse::Closing));
    match (due, by) {
        (Some(due), Some(by)) => Some(if due.0 < by.0 { due } else { by }),
        (due, by) => due.or(by),
    }
}

#[cfg(test)]
mod tests;
