//! What is spoken on a connection, and what that takes.
//!
//! hyper keeps two buffers and room for an answer in the making, some 20 KiB, as long as a connection is open. Most connections that are open are not in use,
//! so it is there from the first byte of a request until the connection has been quiet for a moment; in between the socket is all there is.

use std::{
    convert::Infallible,
    error::Error,
    future::Future as _,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body;
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
    service::{HttpService, Service},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    super::{socket::Beginning, stream::Streams},
    Protocol, Socket, Watch,
};

/// A connection, as far as it is spoken on. `A` answers its requests.
pub(super) struct Talk<S, A: HttpService<Incoming>> {
    state: State<S, A>,
    answers: A,
    protocol: Arc<Protocol>,
    watch: Arc<Watch>,
}

enum State<S, A: HttpService<Incoming>> {
    /// Nothing has come in yet, or not for a while.
    Waiting {
        socket: Socket<S>,
        was_http1: bool,
    },
    Http1(Box<http1::Connection<Io<S>, A>>),
    Http2(Pin<Box<http2::Connection<Io<S>, A, Streams>>>),
    /// It is being closed, with nothing left to say.
    Ending(Socket<S>),
    Over,
}

type Io<S> = TokioIo<Socket<S>>;

// === impl Talk ===

impl<S, A, B> Talk<S, A>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static> + Clone + Unpin,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    /// A connection on which nothing has come in yet.
    pub(super) fn new(socket: Socket<S>, answers: A, protocol: Arc<Protocol>, watch: Arc<Watch>) -> Self {
        let was_http1 = false;
        Self {
            state: State::Waiting { socket, was_http1 },
            answers,
            protocol,
            watch,
        }
    }

    /// Speaks until the connection has ended. Errors are the client's: a broken connection, a malformed request that hyper has answered.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Waiting { socket, was_http1 } => {
                    let Ok(beginning) = ready!(socket.poll_beginning(cx)) else {
                        return Poll::Ready(());
                    };
                    let is_http1 = *was_http1 || beginning == Beginning::Other;
                    let State::Waiting { socket, .. } = mem::replace(&mut self.state, State::Over) else {
                        return Poll::Ready(());
                    };
                    self.state = self.begin(socket, beginning, is_http1);
                }
                State::Http1(connection) => return Pin::new(&mut **connection).poll(cx).map(drop),
                State::Http2(connection) => return connection.as_mut().poll(cx).map(drop),
                State::Ending(socket) => return Pin::new(socket).poll_shutdown(cx).map(drop),
                State::Over => return Poll::Ready(()),
            }
        }
    }

    fn begin(&self, socket: Socket<S>, beginning: Beginning, is_http1: bool) -> State<S, A> {
        let answers = self.answers.clone();
        match beginning {
            Beginning::Nothing => State::Ending(socket),
            _ if is_http1 => State::Http1(Box::new(
                self.protocol.http1.serve_connection(TokioIo::new(socket), answers),
            )),
            _ => {
                self.watch.is_http2();
                let connection = self.protocol.http2.serve_connection(TokioIo::new(socket), answers);
                State::Http2(Box::pin(connection))
            }
        }
    }

    /// Asks the connection to end once what is under way has been answered.
    pub(super) fn end(&mut self) {
        match &mut self.state {
            State::Waiting { .. } => {
                if let State::Waiting { socket, .. } = mem::replace(&mut self.state, State::Over) {
                    self.state = State::Ending(socket);
                }
            }
            State::Http1(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            State::Http2(connection) => connection.as_mut().graceful_shutdown(),
            State::Ending(_) | State::Over => {}
        }
    }

    /// Whether there is something to give back.
    pub(super) fn may_rest(&self) -> bool {
        matches!(self.state, State::Http1(_)) && !self.watch.is_shut()
    }

    /// Gives back what speaking takes, until something comes in. `false`: more is under way than was known of, and the connection ends with it.
    pub(super) fn rest(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Http1(connection) = &mut self.state else {
            return false;
        };
        // Between requests hyper ends at once when it is asked to, says nothing to the client, and shuts down a socket that stays open.
        self.watch.keep_open(true);
        Pin::new(&mut **connection).graceful_shutdown();
        let has_ended = matches!(Pin::new(&mut **connection).poll(cx), Poll::Ready(Ok(())));
        self.watch.keep_open(false);
        if !has_ended {
            return false;
        }
        if let State::Http1(connection) = mem::replace(&mut self.state, State::Over) {
            let parts = connection.into_parts();
            let (mut socket, was_http1) = (parts.io.into_inner(), true);
            // Old clients end a body with a line of its own.
            let blanks = parts.read_buf.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            socket.unread(&parts.read_buf[blanks.count()..]);
            self.state = State::Waiting { socket, was_http1 };
        }
        true
    }
}
