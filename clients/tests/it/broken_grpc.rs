//! HTTP/2 servers that answer exactly the frames a test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::support::Identity;

/// An answer, frame by frame.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    status: u16,
    headers: HeaderMap,
    data: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    reset: bool,
}

impl Default for Frames {
    fn default() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        Self {
            status: 200,
            headers,
            data: Vec::new(),
            trailers: None,
            reset: false,
        }
    }
}

impl Frames {
    pub(crate) fn data(bytes: &'static [u8]) -> Self {
        Self::default().and(bytes)
    }

    pub(crate) fn message(message: &[u8]) -> Self {
        let mut framed = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
        framed.extend_from_slice(message);
        Self {
            data: vec![framed.into()],
            ..Self::default()
        }
    }

    pub(crate) fn and(mut self, bytes: &'static [u8]) -> Self {
        self.data.push(Bytes::from_static(bytes));
        self
    }

    pub(crate) fn ok(self) -> Self {
        self.trailer("grpc-status", "0")
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let trailers = self.trailers.get_or_insert_default();
        trailers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn reset(mut self) -> Self {
        self.reset = true;
        self
    }

    /// Answers one call.
    pub(crate) async fn send(self, mut respond: h2::server::SendResponse<Bytes>) {
        let mut response = Response::new(());
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = self.headers;
        let ends_here = self.data.is_empty() && self.trailers.is_none() && !self.reset;
        let mut stream = respond.send_response(response, ends_here).unwrap();
        if ends_here {
            return;
        }
        let last = self.data.len().saturating_sub(1);
        for (index, data) in self.data.into_iter().enumerate() {
            stream
                .send_data(data, index == last && self.trailers.is_none() && !self.reset)
                .unwrap();
        }
        if self.reset {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.send_reset(h2::Reason::INTERNAL_ERROR);
        } else if let Some(trailers) = self.trailers {
            stream.send_trailers(trailers).unwrap();
        }
    }
}

/// Answers every request by its path.
pub(crate) async fn serve(answer: impl Fn(&str) -> Frames + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_on(listener, answer);
    address
}

/// As [`serve`], where the test wants it.
pub(crate) fn serve_on(listener: TcpListener, answer: impl Fn(&str) -> Frames + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream, answer.clone()));
        }
    });
}

/// As [`serve`], with TLS.
pub(crate) fn spawn_tls(
    listener: TcpListener,
    identity: Identity,
    answer: impl Fn(&str) -> Frames + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = identity.accept(stream).await {
                tokio::spawn(connection(stream, answer.clone()));
            }
        }
    });
}

async fn connection<S, F>(stream: S, answer: Arc<F>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(&str) -> Frames + Send + Sync + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request.uri().path()).send(respond));
    }
}

/// Refuses as many streams, then answers. Counts both.
pub(crate) async fn refusing(refusals: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if counted.fetch_add(1, Ordering::Relaxed) < refusals {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        tokio::spawn(Frames::message(b"hi").ok().send(respond));
                    }
                }
            });
        }
    });
    (address, count)
}
