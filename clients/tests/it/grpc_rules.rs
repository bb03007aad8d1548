//! gRPC sources that break the rules: no success is made of what they send.

use base64::{Engine, prelude::BASE64_STANDARD};
use switchboard_clients::CallError;
use tokio::net::TcpListener;

use crate::{
    broken_grpc::{self, Frames},
    grpc::{call, client},
    support::{kind, send},
};

#[tokio::test]
async fn an_answer_without_a_status_or_a_message_is_no_success() {
    let cases = [
        ("no trailers", Frames::message(b"hi"), "Protocol"),
        ("nothing at all", Frames::default(), "Protocol"),
        (
            "trailers without status",
            Frames::message(b"hi").trailer("x", "y"),
            "Protocol",
        ),
        ("no message", Frames::default().ok(), "Protocol"),
        (
            "trailers only, success",
            Frames::default().header("grpc-status", "0"),
            "Protocol",
        ),
        (
            "two messages",
            Frames::message(b"hi").and(b"\0\0\0\0\x01a").ok(),
            "Protocol",
        ),
        ("cut prefix", Frames::data(b"\0\0\0").ok(), "Protocol"),
        ("cut message", Frames::data(b"\0\0\0\0\x09abc").ok(), "Protocol"),
        (
            "compressed, nobody knows how",
            Frames::data(b"\x01\0\0\0\x01a").ok(),
            "Protocol",
        ),
        (
            "compressed, we do not know how",
            Frames::data(b"\x01\0\0\0\x01a").ok().header("grpc-encoding", "snappy"),
            "Protocol",
        ),
        (
            "compressed, and no gzip",
            Frames::data(b"\x01\0\0\0\x01a").ok().header("grpc-encoding", "gzip"),
            "Protocol",
        ),
        ("a flag of 2", Frames::data(b"\x02\0\0\0\x01a").ok(), "Protocol"),
        ("announces 4 GiB", Frames::data(b"\0\xff\xff\xff\xff").ok(), "TooLarge"),
        (
            "not gRPC",
            Frames::message(b"hi").ok().header("content-type", "text/html"),
            "Protocol",
        ),
        (
            "split anyhow",
            Frames::data(b"\0\0").and(b"\0\0\x02").and(b"h").and(b"i").ok(),
            "Reply 0",
        ),
        (
            "error after message",
            Frames::message(b"hi").trailer("grpc-status", "13"),
            "Reply 13",
        ),
        (
            "trailers only, error",
            Frames::default().header("grpc-status", "5"),
            "Reply 5",
        ),
        (
            "status is no number",
            Frames::default().header("grpc-status", "x"),
            "Reply 2",
        ),
        ("reset", Frames::message(b"hi").reset(), "Broken"),
        ("HTTP 503", Frames::default().status(503), "Reply 14"),
        ("HTTP 404", Frames::default().status(404), "Reply 12"),
        ("HTTP 401", Frames::default().status(401), "Reply 16"),
        ("HTTP 500", Frames::default().status(500), "Reply 2"),
    ];
    for (what, frames, expected) in cases {
        let address = broken_grpc::serve(move |_| frames.clone()).await;

        let outcome = send(&client(address), call("")).await;

        assert_eq!(kind(&outcome), expected, "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_status_that_is_garbage_does_no_harm() {
    let frames = Frames::default()
        .header("grpc-status", "5")
        .header("grpc-message", "%ff%zz%")
        .header("grpc-status-details-bin", "not base64!");
    let address = broken_grpc::serve(move |_| frames.clone()).await;

    let reply = send(&client(address), call("")).await.unwrap();

    assert_eq!((reply.status, reply.message.as_str()), (5, "\u{fffd}%zz%"));
    assert!(reply.details.is_empty());
}

#[tokio::test]
async fn details_may_come_without_padding() {
    for text in ["CAU=", "CAU"] {
        let frames = Frames::default()
            .header("grpc-status", "5")
            .header("grpc-status-details-bin", text);
        let address = broken_grpc::serve(move |_| frames.clone()).await;
        let reply = send(&client(address), call("")).await.unwrap();
        assert_eq!(reply.details, BASE64_STANDARD.decode("CAU=").unwrap());
    }
}

#[tokio::test]
async fn a_stream_the_source_refused_is_sent_once_more() {
    for (refusals, expected, seen) in [(1, "Reply 0", 2), (2, "Refused", 2)] {
        let (address, count) = broken_grpc::refusing(refusals).await;

        let outcome = send(&client(address), call("")).await;

        assert_eq!(kind(&outcome), expected, "{outcome:?}");
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), seen);
    }
}

#[tokio::test]
async fn what_is_not_http_2_is_no_success() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            }
        });

        let outcome = send(&client(address), call("")).await;

        assert!(
            matches!(outcome, Err(CallError::Protocol(_) | CallError::Broken(_))),
            "{outcome:?}"
        );
    }
}
