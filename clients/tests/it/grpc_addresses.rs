//! Names with several addresses: who gets the calls, and what happens when addresses come, go and fail.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use switchboard_clients::{
    Call, Client, Resolve, Resolving,
    grpc::GrpcClient,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tonic::Response;

use crate::{
    broken_grpc::{self, Frames},
    support::{kind, send},
    tonic_server::{self, Raw},
};

/// A name whose addresses a test changes.
#[derive(Debug, Default)]
struct Names {
    addresses: Mutex<Vec<IpAddr>>,
    is_broken: Mutex<bool>,
    hangs: AtomicBool,
    lookups: AtomicUsize,
}

impl Names {
    fn new(last: &[u8]) -> Arc<Self> {
        let names = Arc::new(Self::default());
        names.set(last);
        names
    }

    /// 127.0.0.x for each.
    fn set(&self, last: &[u8]) {
        *self.addresses.lock().unwrap() = last.iter().map(|last| IpAddr::from([127, 0, 0, *last])).collect();
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        assert_eq!(host, "shop.test");
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let found = if *self.is_broken.lock().unwrap() {
            Err(io::Error::other("no name server"))
        } else {
            let addresses = self.addresses.lock().unwrap();
            Ok(addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
        };
        let hangs = self.hangs.load(Ordering::Relaxed);
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            found
        })
    }
}

fn client(port: u16, names: &Arc<Names>) -> Arc<dyn Client> {
    let address = format!("http://shop.test:{port}").parse().unwrap();
    let settings = SourceSettings {
        resolve: Some(names.clone()),
        ..SourceSettings::new("grpc", TransportSettings::Rest)
    };
    let transport = GrpcClient::new(&address, &settings).unwrap();
    // What the transport does by itself is meant.
    let settings = SourceSettings {
        calls_in_flight_max: 1000,
        resilience: Resilience::off(),
        ..settings
    };
    settings.client_over(vec![transport])
}

fn call() -> Call {
    Call::Grpc {
        path: "/shop.Catalog/Get".parse().unwrap(),
        message: Bytes::new(),
        metadata: HeaderMap::new(),
    }
}

/// A port that is free on these addresses, bound on all of them.
async fn listeners(last: &[u8]) -> (u16, Vec<TcpListener>) {
    'ports: loop {
        let first = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        drop(first);
        let mut all = Vec::new();
        for last in last {
            match TcpListener::bind((IpAddr::from([127, 0, 0, *last]), port)).await {
                Ok(listener) => all.push(listener),
                Err(_) => continue 'ports,
            }
        }
        return (port, all);
    }
}

/// Once the server that had the port is gone.
async fn bind_again(last: u8, port: u16) -> TcpListener {
    let started = Instant::now();
    loop {
        match TcpListener::bind((IpAddr::from([127, 0, 0, last]), port)).await {
            Ok(listener) => return listener,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Answers with its own address.
fn start(listener: TcpListener) -> JoinHandle<()> {
    let own = listener.local_addr().unwrap().ip().to_string();
    tonic_server::spawn(listener, move |_| Ok(Response::new(Raw(own.clone().into()))))
}

/// How many of `calls`, made in turn, each address answered.
async fn answers(client: &Arc<dyn Client>, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        let outcome = send(client, call()).await;
        let by = match &outcome {
            Ok(reply) if reply.status == 0 => String::from_utf8(reply.body.to_vec()).unwrap(),
            _ => kind(&outcome),
        };
        *counts.entry(by).or_default() += 1;
    }
    counts
}

/// Calls until each of `wanted`, and nobody else, answers a series.
async fn settle(client: &Arc<dyn Client>, wanted: &[&str]) -> BTreeMap<String, usize> {
    let started = Instant::now();
    loop {
        let counts = answers(client, 30).await;
        if counts.keys().eq(wanted.iter()) {
            return counts;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{counts:?}");
    }
}

#[tokio::test]
async fn every_address_of_a_name_gets_its_share_of_calls() {
    let (port, listeners) = listeners(&[1, 2, 3]).await;
    let servers: Vec<_> = listeners.into_iter().map(start).collect();
    let names = Names::new(&[1, 2, 3]);
    let client = client(port, &names);

    settle(&client, &["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
    let counts = answers(&client, 30).await;

    assert_eq!(
        counts.values().copied().collect::<Vec<_>>(),
        [10, 10, 10],
        "equals take turns"
    );
    assert_eq!(names.lookups.load(Ordering::Relaxed), 1);
    drop(servers);
}

#[tokio::test]
async fn calls_go_on_while_an_address_is_down_and_come_back_to_it() {
    let (port, mut bound) = listeners(&[1, 2]).await;
    let second = start(bound.pop().unwrap());
    let _first = start(bound.pop().unwrap());
    let client = client(port, &Names::new(&[1, 2]));
    settle(&client, &["127.0.0.1", "127.0.0.2"]).await;

    second.abort();
    let _ = second.await;
    settle(&client, &["127.0.0.1"]).await;

    let _again = start(bind_again(2, port).await);
    settle(&client, &["127.0.0.1", "127.0.0.2"]).await;
}

#[tokio::test]
async fn a_name_is_looked_up_again_when_a_connection_breaks() {
    let (port, mut bound) = listeners(&[1, 2]).await;
    let _second = start(bound.pop().unwrap());
    let first = start(bound.pop().unwrap());
    let names = Names::new(&[1]);
    let client = client(port, &names);
    assert_eq!(answers(&client, 3).await, BTreeMap::from([("127.0.0.1".to_owned(), 3)]));

    names.set(&[2]);
    first.abort();
    let _ = first.await;

    settle(&client, &["127.0.0.2"]).await;
}

#[tokio::test]
async fn the_last_good_addresses_are_kept_when_names_cannot_be_looked_up() {
    let (port, mut bound) = listeners(&[1]).await;
    let server = start(bound.pop().unwrap());
    let names = Names::new(&[1]);
    let client = client(port, &names);
    settle(&client, &["127.0.0.1"]).await;

    *names.is_broken.lock().unwrap() = true;
    server.abort();
    let _ = server.await;
    let _again = start(bind_again(1, port).await);

    let started = Instant::now();
    while names.lookups.load(Ordering::Relaxed) < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the loss makes it ask again"
        );
        answers(&client, 1).await;
    }
    settle(&client, &["127.0.0.1"]).await;
}

#[tokio::test]
async fn a_name_without_addresses_is_a_failure_to_connect_and_is_not_asked_for_by_every_call() {
    for (is_broken, hangs) in [(true, false), (false, false), (false, true)] {
        let names = Names::new(&[]);
        *names.is_broken.lock().unwrap() = is_broken;
        names.hangs.store(hangs, Ordering::Relaxed);
        let client = client(1, &names);

        let started = Instant::now();
        let outcomes = join_all((0..50).map(|_| send(&client, call()))).await;

        assert!(
            outcomes.iter().all(|outcome| kind(outcome) == "Connect"),
            "{:?}",
            outcomes[0]
        );
        let lookups = names.lookups.load(Ordering::Relaxed) as u64;
        assert!(lookups <= 1 + started.elapsed().as_secs(), "{lookups}");
    }
}

#[tokio::test]
async fn an_address_that_answers_fast_and_wrong_does_not_get_most_calls() {
    let (port, mut bound) = listeners(&[1, 2]).await;
    let _second = start(bound.pop().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    broken_grpc::serve_on(bound.pop().unwrap(), move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Frames::default().header("grpc-status", "14")
    });
    let client = client(port, &Names::new(&[1, 2]));
    settle(&client, &["127.0.0.2"]).await;

    let before = calls.load(Ordering::Relaxed);
    let started = Instant::now();
    let counts = answers(&client, 100).await;

    assert!(before >= 5, "it rests after five failures in a row");
    let probes = calls.load(Ordering::Relaxed) - before;
    assert!(
        probes as u64 <= 1 + started.elapsed().as_secs() / 5,
        "then it gets one call per rest: {counts:?}"
    );
}

#[tokio::test]
async fn when_every_address_fails_none_of_them_rests() {
    let (port, bound) = listeners(&[1, 2]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    for listener in bound {
        let counted = calls.clone();
        broken_grpc::serve_on(listener, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Frames::default().header("grpc-status", "14")
        });
    }
    let client = client(port, &Names::new(&[1, 2]));

    answers(&client, 40).await;

    assert_eq!(
        calls.load(Ordering::Relaxed),
        40,
        "whether to call at all is decided elsewhere"
    );
}
