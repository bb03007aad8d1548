//! tonic's own server with messages as bytes: `/shop.Catalog/…` is answered by a closure.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes};
use futures_util::future::BoxFuture;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};

/// A message, whatever is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Raw(pub(crate) Bytes);

type Answer = dyn Fn(Request<Raw>) -> Result<Response<Raw>, Status> + Send + Sync;

/// Serves until the task is aborted, which also ends the connections.
pub(crate) fn spawn(
    listener: TcpListener,
    answer: impl Fn(Request<Raw>) -> Result<Response<Raw>, Status> + Send + Sync + 'static,
) -> JoinHandle<()> {
    let service = Catalog(Arc::new(answer));
    tokio::spawn(async move {
        // A runtime of its own dies with all its tasks when this one is dropped.
        let (_stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = listener.into_std().unwrap();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                let serving = Server::builder().add_service(service).serve_with_incoming(incoming);
                tokio::select! { _ = serving => {}, _ = stopped => {} }
            });
            runtime.shutdown_background();
        });
        std::future::pending::<()>().await;
    })
}

#[derive(Clone)]
struct Catalog(Arc<Answer>);

impl NamedService for Catalog {
    const NAME: &'static str = "shop.Catalog";
}

impl tower::Service<http::Request<Body>> for Catalog {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(Grpc::new(RawCodec).unary(service, request).await) })
    }
}

impl UnaryService<Raw> for Catalog {
    type Response = Raw;
    type Future = Ready<Result<Response<Raw>, Status>>;

    fn call(&mut self, request: Request<Raw>) -> Self::Future {
        ready((self.0)(request))
    }
}

#[derive(Clone, Copy)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Raw;
    type Decode = Raw;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Raw;
    type Error = Status;

    fn encode(&mut self, Raw(bytes): Raw, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(bytes);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Raw;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Raw>, Status> {
        Ok(Some(Raw(from.copy_to_bytes(from.remaining()))))
    }
}
