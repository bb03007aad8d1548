//! Connections that end while calls are under way: what is lost, what is sent again, how many new ones are made.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use switchboard_clients::{
    Call, Client,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    time::Instant,
};

use crate::{
    broken_grpc::Frames,
    support::{kind, send},
};

fn settings(address: SocketAddr) -> SourceSettings {
    // What the transport does by itself is meant.
    let settings = SourceSettings::new(
        "grpc",
        TransportSettings::Grpc {
            address: format!("http://{address}").parse().unwrap(),
        },
    );
    SourceSettings {
        resilience: Resilience::off(),
        ..settings
    }
}

fn call() -> Call {
    Call::Grpc {
        path: "/shop.Catalog/Get".parse().unwrap(),
        message: Bytes::new(),
        metadata: HeaderMap::new(),
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// `send`, as a task of its own.
fn spawn(client: &Arc<dyn Client>) -> tokio::task::JoinHandle<String> {
    let client = client.clone();
    tokio::spawn(async move { kind(&send(&client, call()).await) })
}

#[tokio::test]
async fn a_connection_that_says_goodbye_finishes_what_it_has_and_gets_nothing_more() {
    let (listener, address) = listen().await;
    let (accepted, mut accepts) = mpsc::channel(10);
    let finish = Arc::new(Notify::new());
    let may_finish = finish.clone();
    tokio::spawn(async move {
        // The first connection winds down as soon as it has a call; the second answers at once.
        let (first, _) = listener.accept().await.unwrap();
        let mut first = h2::server::handshake(first).await.unwrap();
        let (_, respond) = first.accept().await.unwrap().unwrap();
        first.graceful_shutdown();
        accepted.send(1).await.unwrap();
        tokio::spawn(async move {
            may_finish.notified().await;
            Frames::message(b"one").ok().send(respond).await;
        });
        tokio::spawn(async move { while first.accept().await.is_some() {} });
        let (second, _) = listener.accept().await.unwrap();
        let mut second = h2::server::handshake(second).await.unwrap();
        while let Some(Ok((_, respond))) = second.accept().await {
            accepted.send(2).await.unwrap();
            tokio::spawn(Frames::message(b"two").ok().send(respond));
        }
    });
    let client = settings(address).client().unwrap();

    let first = spawn(&client);
    assert_eq!(accepts.recv().await, Some(1));
    let started = Instant::now();
    loop {
        // The goodbye may still be on its way, and then the call is on the first connection, which answers none.
        let second = tokio::time::timeout(Duration::from_millis(50), send(&client, call())).await;
        if let Ok(second) = second {
            assert_eq!(kind(&second), "Reply 0", "{second:?}");
            break;
        }
        assert!(started.elapsed() < Duration::from_millis(900));
    }
    finish.notify_one();

    assert_eq!(first.await.unwrap(), "Reply 0", "it was under way");
}

/// Reads frames until as many requests have begun; the ids of their streams.
async fn requests(stream: &mut TcpStream, count: usize) -> Vec<u32> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; len as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == 1 {
            ids.push(id);
        }
    }
    ids
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal header without indexing.
fn header(name: &str, value: &str) -> Vec<u8> {
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, len(name)], name.as_bytes(), &[len(value)], value.as_bytes()].concat()
}

/// Success with the message `hi`, frame by frame.
fn success(stream: u32) -> Vec<u8> {
    let head = [&[0x88][..], &header("content-type", "application/grpc")].concat();
    [
        frame(1, 4, stream, &head),
        frame(0, 0, stream, b"\0\0\0\0\x02hi"),
        frame(1, 5, stream, &header("grpc-status", "0")),
    ]
    .concat()
}

async fn preface(stream: &mut TcpStream) {
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(&frame(4, 0, 0, b"")).await.unwrap();
}

#[tokio::test]
async fn what_a_goodbye_does_not_count_is_sent_again_and_what_it_counts_is_waited_for() {
    for reason in [0_u32, 11] {
        let (listener, address) = listen().await;
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = seen.clone();
        tokio::spawn(async move {
            let (mut first, _) = listener.accept().await.unwrap();
            preface(&mut first).await;
            let ids = requests(&mut first, 2).await;
            // "I have seen the first of them."
            let goodbye = [ids[0].to_be_bytes(), reason.to_be_bytes()].concat();
            first.write_all(&frame(7, 0, 0, &goodbye)).await.unwrap();
            let (mut second, _) = listener.accept().await.unwrap();
            preface(&mut second).await;
            for id in requests(&mut second, 1).await {
                counted.fetch_add(1, Ordering::Relaxed);
                second.write_all(&success(id)).await.unwrap();
            }
            first.write_all(&success(ids[0])).await.unwrap();
            let _ = second.read_to_end(&mut Vec::new()).await;
        });
        let client = settings(address).client().unwrap();

        let (first, second) = (spawn(&client), spawn(&client));

        assert_eq!(
            (first.await.unwrap(), second.await.unwrap()),
            ("Reply 0".into(), "Reply 0".into())
        );
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_connection_cut_off_breaks_the_calls_on_it_and_they_are_not_sent_again() {
    let (listener, address) = listen().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            preface(&mut stream).await;
            counted.fetch_add(requests(&mut stream, 3).await.len(), Ordering::Relaxed);
        }
    });
    let client = settings(address).client().unwrap();

    let outcomes = join_all((0..3).map(|_| send(&client, call()))).await;

    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    assert_eq!(kinds, ["Broken"; 3], "{:?}", outcomes[0]);
    assert!(
        outcomes
            .iter()
            .all(|outcome| !outcome.as_ref().unwrap_err().is_unsent())
    );
    assert_eq!(seen.load(Ordering::Relaxed), 3, "the source may have acted on them");
}

#[tokio::test]
async fn a_stream_that_the_source_cancels_is_not_sent_again() {
    let (listener, address) = listen().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            respond.send_reset(h2::Reason::CANCEL);
        }
    });
    let client = settings(address).client().unwrap();

    assert_eq!(spawn(&client).await.unwrap(), "Broken");
    assert_eq!(spawn(&client).await.unwrap(), "Broken", "on the same connection");
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_went_silent_is_found_by_the_first_call_that_times_out() {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let number = counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                preface(&mut stream).await;
                let ids = requests(&mut stream, 1).await;
                stream.write_all(&success(ids[0])).await.unwrap();
                if number == 0 {
                    // Open, read from, and never answering again, pings neither.
                    return stream.read_to_end(&mut Vec::new()).await.map(drop).unwrap_or_default();
                }
                loop {
                    let ids = requests(&mut stream, 1).await;
                    stream.write_all(&success(ids[0])).await.unwrap();
                }
            });
        }
    });
    let mut settings = settings(address);
    settings.call_timeout = Duration::from_millis(100);
    settings.connect_timeout = Duration::from_millis(50);
    let client = settings.client().unwrap();
    assert_eq!(spawn(&client).await.unwrap(), "Reply 0");

    assert_eq!(spawn(&client).await.unwrap(), "Timeout");

    let started = Instant::now();
    while spawn(&client).await.unwrap() != "Reply 0" {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_source_that_is_slow_but_alive_keeps_its_connection() {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut held = Vec::new();
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, respond))) = connection.accept().await {
                    held.push(respond);
                }
            });
        }
    });
    let mut settings = settings(address);
    settings.call_timeout = Duration::from_millis(100);
    let client = settings.client().unwrap();

    for _ in 0..15 {
        assert_eq!(spawn(&client).await.unwrap(), "Timeout");
    }

    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn calls_that_wait_for_a_source_to_come_back_share_one_new_connection() {
    let (listener, address) = listen().await;
    let client = settings(address).client().unwrap();
    drop(listener);
    assert_eq!(spawn(&client).await.unwrap(), "Connect");
    let listener = TcpListener::bind(address).await.unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, respond))) = connection.accept().await {
                    tokio::spawn(Frames::message(b"hi").ok().send(respond));
                }
            });
        }
    });

    let outcomes = join_all((0..80).map(|_| send(&client, call()))).await;

    assert!(
        outcomes.iter().all(|outcome| kind(outcome) == "Reply 0"),
        "{:?}",
        outcomes[0]
    );
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_source_that_accepts_and_closes_at_once_is_a_failure_and_not_a_storm_of_connections() {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let client = settings(address).client().unwrap();

    for _ in 0..20 {
        let outcome = spawn(&client).await.unwrap();
        assert!(["Broken", "Connect", "Protocol"].contains(&&*outcome), "{outcome}");
    }

    let made = connections.load(Ordering::Relaxed);
    assert!(made <= 20 * 3, "{made}");
}
