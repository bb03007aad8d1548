//! Where a reply ends, in how many pieces it comes, and when its connection is used again. Over plain HTTP, which is our own code.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Scheme, Source, get, kind, post, read_head, send};

/// Answers every request with `pieces`, each in a packet of its own if the system likes; counts connections.
async fn in_pieces(pieces: Vec<Vec<u8>>, closes: bool) -> (Source, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let pieces = Arc::new(pieces);
    let source = Source::raw(Scheme::Http, move |_, mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        let pieces = pieces.clone();
        async move {
            while read_head(&mut stream).await {
                for piece in pieces.iter() {
                    stream.write_all(piece).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
                if closes {
                    return;
                }
            }
        }
    })
    .await;
    (source, connections)
}

#[tokio::test]
async fn a_reply_ends_where_it_says_and_its_connection_is_used_again_only_if_that_was_clear() {
    // Reply, body, connections that three calls take.
    let replies: [(&str, &str, usize); 11] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody", "body", 1),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", 1),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", 1),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "", 1),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n",
            "body",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nexpires: now\r\nx: y\r\n\r\n",
            "body",
            1,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
            "body",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody",
            "body",
            3,
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbody", "body", 3),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 4\r\nconnection: Keep-Alive\r\n\r\nbody",
            "body",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            "body",
            3,
        ),
    ];
    for (reply, body, expected) in replies {
        let whole = vec![reply.as_bytes().to_vec()];
        let bytewise = reply.bytes().map(|byte| vec![byte]).collect();
        for pieces in [whole, bytewise] {
            let (source, connections) = in_pieces(pieces, false).await;
            let client = source.client();
            for _ in 0..3 {
                let outcome = send(&client, get(source.uri("/"))).await.unwrap();
                assert_eq!(outcome.body, body, "{reply}");
            }
            assert_eq!(connections.load(Ordering::Relaxed), expected, "{reply}");
        }
    }
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nbody".to_vec();
    let (source, connections) = in_pieces(vec![reply], true).await;
    let client = source.client();
    for _ in 0..3 {
        assert_eq!(send(&client, get(source.uri("/"))).await.unwrap().body, "body");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn heads_that_never_end_and_protocols_nobody_asked_for_are_refused() {
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20);
    for reply in [
        endless.as_str(),
        &many,
        &interim,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbodyandmore\r\n",
    ] {
        let (source, _) = in_pieces(vec![reply.as_bytes().to_vec()], false).await;
        let outcome = send(&source.client(), get(source.uri("/"))).await;
        assert_eq!(kind(&outcome), "Protocol", "{}", &reply[..reply.len().min(80)]);
    }
}

#[tokio::test]
async fn a_source_may_answer_before_it_has_read_the_request() {
    const BODY_BYTES: usize = 8 * 1024 * 1024;
    let source = Source::raw(Scheme::Http, |_, mut stream| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";
        stream.write_all(answer).await.unwrap();
        // Not closed: a reset would take the answer away from whoever is still sending.
        std::future::pending::<()>().await;
    })
    .await;
    let body: &'static str = String::leak("x".repeat(BODY_BYTES));

    let reply = send(&source.client(), post(source.uri("/"), body)).await.unwrap();

    assert_eq!((reply.status, reply.body), (413, Bytes::from_static(b"big")));
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    const BODY_BYTES: usize = 3 * 1024 * 1024;
    let source = Source::raw(Scheme::Http, |_, mut stream| async move {
        while read_head(&mut stream).await {
            let mut body = vec![0; BODY_BYTES];
            stream.read_exact(&mut body).await.unwrap();
            let is_whole = body.iter().all(|byte| *byte == b'x');
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{is_whole:5}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let client = source.client();
    let body: &'static str = String::leak("x".repeat(BODY_BYTES));
    for _ in 0..2 {
        let reply = send(&client, post(source.uri("/"), body)).await.unwrap();
        assert_eq!(reply.body, "true ");
    }
}
