//! What one call costs, beside what the libraries underneath cost alone.
//!
//! `cargo bench -p switchboard-clients [filter]`. The caller has a thread of its own and calls in turn, or 16 at a time;
//! the source answers from another thread. Printed are the CPU time of the caller's thread and the time that passed, in
//! µs a call, the median of several rounds that take turns.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no server")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use switchboard_clients::{
    Call, Client, Safety,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{net::TcpListener, time::Instant};

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/tonic_server.rs"]
mod tonic_server;

const BODY_BYTES: usize = 26_000;
const CALLS: usize = 4_000;
const ROUNDS: usize = 9;

type Case = (&'static str, Box<dyn Fn() -> BoxFuture<'static, usize>>);

fn main() {
    let filter = std::env::args()
        .nth(1)
        .filter(|arg| !arg.starts_with('-'))
        .unwrap_or_default();
    let rest = in_background(serve_rest);
    let grpc = in_background(|listener| async {
        let body = Bytes::from(vec![7; BODY_BYTES]);
        let answer = move |_| Ok(tonic::Response::new(tonic_server::Raw(body.clone())));
        tonic_server::spawn(listener, answer).await.unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let cases: Vec<Case> = vec![
        ("rest: hyper-util alone", hyper_alone(rest)),
        ("rest: reqwest alone", reqwest_alone(rest)),
        ("rest: our client", ours(TransportSettings::Rest, rest_call(rest))),
        ("grpc: tonic's channel, raw codec", tonic_alone(grpc)),
        ("grpc: our client", {
            let address = format!("http://{grpc}").parse().unwrap();
            ours(TransportSettings::Grpc { address }, grpc_call())
        }),
    ];
    let cases: Vec<Case> = cases.into_iter().filter(|(name, _)| name.contains(&filter)).collect();
    for width in [1, 16] {
        let mut results = vec![Vec::new(); cases.len()];
        for round in 0..=ROUNDS {
            for ((_, call), results) in cases.iter().zip(&mut results) {
                let result = runtime.block_on(measure(call, width));
                if round > 0 {
                    results.push(result);
                }
            }
        }
        for ((name, _), mut results) in cases.iter().zip(results) {
            results.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
            let (cpu, wall) = results[ROUNDS / 2];
            println!("{name:34} {width:2} at a time  cpu {cpu:6.1} µs  wall {wall:6.1} µs");
        }
    }
}

async fn measure(call: &dyn Fn() -> BoxFuture<'static, usize>, width: usize) -> (f64, f64) {
    let (cpu, wall) = (cpu_time(), Instant::now());
    for _ in 0..CALLS / width {
        let got = if width == 1 {
            call().await
        } else {
            join_all((0..width).map(|_| call())).await[0]
        };
        assert_eq!(got, BODY_BYTES);
    }
    let per_call = |time: Duration| time.as_secs_f64() * 1e6 / CALLS as f64;
    (per_call(cpu_time() - cpu), per_call(wall.elapsed()))
}

/// Of this thread, as Linux counts it.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn in_background<F: Future<Output = ()>>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            serve(listener).await;
        });
    });
    receive.recv().unwrap()
}

async fn serve_rest(listener: TcpListener) {
    let body = Bytes::from(vec![b'7'; BODY_BYTES]);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(move |_: Request<Incoming>| {
                let response = Response::builder()
                    .header("content-type", "application/json")
                    .body(Full::new(body.clone()))
                    .unwrap();
                async { Ok::<_, hyper::Error>(response) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}/posts?userId=1&userId=2").parse().unwrap()
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "authorization",
        "Bearer 123456789012345678901234567890".parse().unwrap(),
    );
    headers
}

fn hyper_alone(address: SocketAddr) -> Box<dyn Fn() -> BoxFuture<'static, usize>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: legacy::Client<_, Full<Bytes>> = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let (uri, headers) = (uri(address), headers());
    Box::new(move || {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        let response = client.request(request);
        Box::pin(async {
            response
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .len()
        })
    })
}

fn reqwest_alone(address: SocketAddr) -> Box<dyn Fn() -> BoxFuture<'static, usize>> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let (uri, headers) = (uri(address).to_string(), headers());
    Box::new(move || {
        let request = client.get(&uri).headers(headers.clone());
        Box::pin(async { request.send().await.unwrap().bytes().await.unwrap().len() })
    })
}

fn ours(transport: TransportSettings, call: Call) -> Box<dyn Fn() -> BoxFuture<'static, usize>> {
    let client: Arc<dyn Client> = SourceSettings::new("bench", transport).client().unwrap();
    Box::new(move || {
        let reply = client.call(
            call.clone(),
            Safety::Repeatable,
            Instant::now() + Duration::from_secs(5),
        );
        Box::pin(async { reply.await.unwrap().body.len() })
    })
}

fn rest_call(address: SocketAddr) -> Call {
    Call::Http {
        method: Method::GET,
        uri: uri(address),
        headers: headers(),
        body: None,
    }
}

fn grpc_call() -> Call {
    Call::Grpc {
        path: "/shop.Catalog/Get".parse().unwrap(),
        message: Bytes::from_static(b"\x0a\x02p1\x0a\x02p2"),
        metadata: headers(),
    }
}

fn tonic_alone(address: SocketAddr) -> Box<dyn Fn() -> BoxFuture<'static, usize>> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .tcp_nodelay(true)
        .timeout(Duration::from_secs(1))
        .connect_lazy();
    Box::new(move || {
        let mut client = tonic::client::Grpc::new(channel.clone());
        let mut request = tonic::Request::new(Bytes::from_static(b"\x0a\x02p1\x0a\x02p2"));
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers());
        Box::pin(async move {
            client.ready().await.unwrap();
            let path = "/shop.Catalog/Get".parse().unwrap();
            client
                .unary(request, path, BytesCodec)
                .await
                .unwrap()
                .into_inner()
                .len()
        })
    })
}

/// As cheap as a codec for tonic can be.
#[derive(Clone, Copy)]
struct BytesCodec;

impl tonic::codec::Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl tonic::codec::Encoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, bytes: Bytes, out: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        out.put(bytes);
        Ok(())
    }
}

impl tonic::codec::Decoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
