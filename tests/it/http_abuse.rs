//! What hostile, broken and slow clients get, and what they do not take from others.

use std::time::Duration;

use switchboard::http::Settings;
use tokio::time::Instant;

use crate::wire::{Client, Wire, error, post};

const HEAD: &str = "content-type: application/json\r\n";
const BODY: &str = r#"{"query":"{ data }"}"#;

fn too_large() -> (u16, String, String) {
    (413, "BAD_REQUEST".to_owned(), "the body is too large".to_owned())
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_announced_length() {
    let wire = Wire::start().await;
    let body = format!(r#"{{"query":"{}"}}"#, "a".repeat(256 * 1024));

    assert_eq!(wire.post(&body).await.refusal(), too_large());
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_counting() {
    let wire = Wire::start().await;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    let head = format!("POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}transfer-encoding: chunked\r\n\r\n");

    let reply = wire.raw([head, chunk.repeat(5), "0\r\n\r\n".to_owned()].concat()).await;

    assert_eq!(reply.refusal(), too_large());
}

#[tokio::test]
async fn a_body_at_the_limit_is_taken_in_pieces_too() {
    let wire = Wire::start().await;
    let filler = " ".repeat(256 * 1024 - BODY.len());
    let mut client = Client::connect(wire.address).await;

    let bytes = post(HEAD, format!("{BODY}{filler}"));
    for piece in bytes.chunks(30_000) {
        client.send(piece).await;
    }

    assert_eq!(client.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_sends_twelve_megabytes_still_reads_its_refusal_and_then_has_to_come_again() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    client.send(post(HEAD, vec![b' '; 12 * 1024 * 1024])).await;
    assert_eq!(client.reply().await.unwrap().refusal(), too_large());

    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_any_of_it_has_come() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    client
        .send(format!(
            "POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}content-length: 12000000\r\n\r\n"
        ))
        .await;
    assert_eq!(client.reply().await.unwrap().refusal(), too_large());

    // Whatever is sent now is for nothing, and does no harm.
    client.send(vec![b' '; 1024 * 1024]).await;
    assert_eq!(client.closed().await, "");
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn a_refused_body_that_is_there_does_not_cost_the_connection() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    client.send(post("content-type: text/plain\r\n", BODY)).await;
    assert_eq!(client.reply().await.unwrap().status, 415);

    client.send(post(HEAD, BODY)).await;
    assert_eq!(client.reply().await.unwrap().status, 200, "and may go on");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    let head = format!(
        "POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}expect: 100-continue\r\ncontent-length: 1000000\r\n\r\n"
    );
    client.send(head).await;

    let answer = client.closed().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_long_uri_is_refused() {
    let wire = Wire::start().await;

    for length in [9_000, 50_000, 70_000, 1 << 20] {
        let reply = wire.get(&format!("/web/graphql?query={}", "a".repeat(length))).await;
        assert_eq!(
            reply.refusal(),
            (
                414,
                "BAD_REQUEST".to_owned(),
                "the URI is too long; use POST".to_owned()
            )
        );
    }
}

#[tokio::test]
async fn many_or_large_headers_are_refused() {
    let wire = Wire::start().await;
    let many = (0..101).map(|n| format!("x-{n}: a\r\n")).collect::<String>();
    let two_thousand = (0..2_000).map(|n| format!("x-{n}: a\r\n")).collect::<String>();

    let large = |bytes: usize| format!("x-large: {}\r\n", "a".repeat(bytes));
    for headers in [large(17_000), large(1 << 20), many, two_thousand] {
        let told = wire.raw(post(&format!("{HEAD}{headers}"), BODY)).await;
        assert_eq!(
            told.refusal(),
            (
                431,
                "BAD_REQUEST".to_owned(),
                "the request headers are too large".to_owned()
            )
        );
        assert!(told.header("x-request-id").is_some(), "{told:?}");
    }
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_told_so_in_json() {
    let wire = Wire::start().await;

    for head in [
        "GET / HTTP/9.9\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
    ] {
        let told = wire.raw(head).await;
        assert_eq!(
            told.refusal(),
            (400, "BAD_REQUEST".to_owned(), "this is no HTTP request".to_owned()),
            "{head}"
        );
    }
    assert_eq!(wire.seen(), 0);
    let counted = wire.probe("/metrics").await.body;
    let line = r#"switchboard_requests_total{surface="-",outcome="refused"} 3"#;
    assert!(counted.contains(line), "{counted}");
}

#[tokio::test]
async fn heads_that_two_servers_could_read_differently_are_refused_and_end_the_connection() {
    let wire = Wire::start().await;
    let length = BODY.len();
    let smuggled = "GET /web/graphql?query=%7Bsmuggled%7D HTTP/1.1\r\nhost: a\r\n\r\n";
    let start = format!("POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}");
    let cases = [
        format!("{start}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{start}transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{start}Content-Length: {length}\r\ncontent-length: 0\r\n\r\n{BODY}{smuggled}"),
        format!("{start}content-length: {length}\r\ncontent-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}content-length: +{length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}content-length: {length}, {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{start}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{start}transfer-encoding: chunked\r\n\r\nzz\r\n{smuggled}"),
        format!("{start}transfer-encoding: chunked\r\n\r\n-1\r\n{smuggled}"),
        format!("{start}x-folded: a\r\n b\r\ncontent-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}x-nul: a\0b\r\ncontent-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}x-space : a\r\ncontent-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}content-length: {length}\n\n{BODY}{smuggled}"),
        format!("POST /web/graphql HTTP/1.1\nhost: a\r\n{HEAD}content-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("{start}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{start}host: b\r\ncontent-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("POST /web/graphql HTTP/1.1\r\n{HEAD}content-length: {length}\r\n\r\n{BODY}{smuggled}"),
        format!("POST /web/graphql HTTP/1.1\r\nhost: a/b\r\n{HEAD}content-length: {length}\r\n\r\n{BODY}{smuggled}"),
    ];

    for case in cases {
        let mut client = Client::connect(wire.address).await;
        client.send(&case).await;
        let answer = client.closed().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{case:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer: {case:?}: {answer}");
    }
    assert_eq!(wire.seen(), 0, "nothing reached the engine");
}

#[tokio::test]
async fn what_is_in_a_body_changes_nothing_for_the_requests_behind_it() {
    let wire = Wire::start().await;
    let ambiguous =
        "POST /web/graphql HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let get = "GET /web/graphql?query=%7Bdata%7D HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n";

    // A body that nobody reads: its connection ends, whatever it looks like.
    let mut client = Client::connect(wire.address).await;
    client.send(get).await;
    let answer = client.reply().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    client.send(format!("PRI \r\n{ambiguous}")).await;
    assert_eq!(client.closed().await, "");

    // One whose lines end in LF, and which comes behind its head.
    let body = "{\n  \"query\":\n  \"{ data }\"\n}";
    let head = format!(
        "POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut client = Client::connect(wire.address).await;
    for _ in 0..2 {
        client.send(&head).await;
        let (first, second) = body.split_at(12);
        client.send(first).await;
        client.send(second).await;
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    client.send(format!("{head}{body}{ambiguous}")).await;
    let answers = client.closed().await;
    assert_eq!(
        answers.matches("HTTP/1.1 200").count() + answers.matches("HTTP/1.1 400").count(),
        answers.matches("HTTP/1.1").count()
    );
    assert!(answers.contains("HTTP/1.1 400"), "{answers}");
}

#[tokio::test]
async fn the_head_may_come_in_pieces() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    for _ in 0..2 {
        for byte in post(HEAD, BODY) {
            client.send([byte]).await;
        }
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn silent_and_slow_clients_are_let_go() {
    let settings = Settings {
        header_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let wire = Wire::with(settings).await;
    let started = Instant::now();

    let silent = Client::connect(wire.address).await;
    assert_eq!(silent.closed().await, "");
    let mut halfway = Client::connect(wire.address).await;
    halfway.send("POST /web/graphql HTTP/1.1\r\nhost: ").await;
    assert_eq!(halfway.closed().await, "");
    let mut second = Client::connect(wire.address).await;
    second.send(post(HEAD, BODY)).await;
    assert_eq!(second.reply().await.unwrap().status, 200);
    second.send("POST /web/graphql HTTP/1.1\r\nhost: ").await;
    assert_eq!(
        second.closed().await,
        "",
        "a kept connection has no more time for its next head"
    );

    assert!(started.elapsed() < Duration::from_secs(5), "each within its own time");
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_request_in_time() {
    let wire = Wire::with(Settings {
        body_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let mut client = Client::connect(wire.address).await;

    client
        .send(format!(
            "POST /web/graphql HTTP/1.1\r\nhost: a\r\n{HEAD}content-length: 100\r\n\r\n{{"
        ))
        .await;

    let answer = client.closed().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.ends_with(&error("the body took too long", "BAD_REQUEST")),
        "{answer}"
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_at_the_head_s_time_limit() {
    let settings = Settings {
        header_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(600),
        ..Settings::default()
    };
    let wire = Wire::with(settings).await;
    let mut client = Client::connect(wire.address).await;
    client.send(post(HEAD, BODY)).await;
    client.reply().await.unwrap();
    let started = Instant::now();

    assert_eq!(client.closed().await, "");

    assert!(
        started.elapsed() >= Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_let_go() {
    let wire = Wire::with(Settings {
        write_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let mut client = Client::connect(wire.address).await;
    client.send(post(HEAD, r#"{"query":"{ large }"}"#)).await;

    // The server gives the connection up: its gauge goes back to zero although the client still holds its end.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !wire.metrics.render().contains("switchboard_connections 0\n") || wire.seen() == 0 {
        assert!(Instant::now() < deadline, "{}", wire.metrics.render());
        tokio::task::yield_now().await;
    }

    assert!(client.closed().await.len() < 32 * 1024 * 1024, "cut off");
}

#[tokio::test]
async fn answers_that_nobody_takes_have_only_so_much_memory() {
    let wire = Wire::with(Settings {
        answer_bytes: 48 * 1024 * 1024,
        ..Settings::default()
    })
    .await;
    let until = async |line: &str| {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !wire.metrics.render().contains(line) {
            assert!(Instant::now() < deadline, "{line}: {}", wire.metrics.render());
            tokio::task::yield_now().await;
        }
    };
    let large = 32 * 1024 * 1024 + 11;
    let mut lazy = Client::connect(wire.address).await;
    lazy.send(post(HEAD, r#"{"query":"{ large }"}"#)).await;
    until(&format!("switchboard_unwritten_bytes {large}\n")).await;

    let refused = wire.ask("{ large }", "").await;
    assert_eq!(
        refused.refusal(),
        (
            503,
            "REQUEST_CONCURRENCY_LIMITED".to_owned(),
            "there is too much to do right now; try again in a moment".to_owned()
        )
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(wire.ask("{ data }", "").await.status, 200);

    drop(lazy);
    until("switchboard_unwritten_bytes 0\n").await;
    assert_eq!(wire.ask("{ large }", "").await.body.len(), large);
}

#[tokio::test]
async fn a_client_that_reads_its_answer_slowly_gets_all_of_it() {
    let settings = Settings {
        write_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let wire = Wire::with(settings).await;
    let mut client = Client::connect(wire.address).await;
    client.send(post(HEAD, r#"{"query":"{ large }"}"#)).await;

    let started = Instant::now();
    let mut last = 0;
    let reply = loop {
        // A pause after every few megabytes: far longer in all than a connection may be idle.
        if let Some(reply) = client.read_some(&mut last, 4 * 1024 * 1024).await {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    };

    assert!(reply.body.len() > 32 * 1024 * 1024, "{}", reply.body.len());
    assert!(
        started.elapsed() > Duration::from_millis(200),
        "it was slow: {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_query() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;
    client.send(post(HEAD, r#"{"query":"{ hang }"}"#)).await;
    wire.script.begun.notified().await;

    drop(client);

    tokio::time::timeout(Duration::from_secs(5), wire.script.dropped.notified())
        .await
        .expect("the query is dropped");
}

#[tokio::test]
async fn a_panic_is_an_error_of_ours_and_of_one_request() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    client.send(post(HEAD, r#"{"query":"{ panic }"}"#)).await;
    let reply = client.reply().await.unwrap();
    assert_eq!(
        reply.refusal(),
        (
            500,
            "INTERNAL_SERVER_ERROR".to_owned(),
            "internal server error".to_owned()
        )
    );

    client.send(post(HEAD, BODY)).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let wire = Wire::with(Settings {
        max_connections: 2,
        ..Settings::default()
    })
    .await;
    let mut first = Client::connect(wire.address).await;
    let mut second = Client::connect(wire.address).await;
    for client in [&mut first, &mut second] {
        client.send(post(HEAD, BODY)).await;
        client.reply().await.unwrap();
    }

    let mut third = Client::connect(wire.address).await;
    third.send(post(HEAD, BODY)).await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), third.reply()).await;
    assert!(waiting.is_err(), "not accepted yet");
    drop(first);

    assert_eq!(third.reply().await.unwrap().status, 200);
}
