//! Hostile HTTP/2, frame by frame: the connection ends, and nobody else notices.

use std::time::Duration;

use switchboard::http::Settings;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::wire::Wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// `GET http://a/web/graphql?query=%7Bdata%7D`, by HPACK's static table and literals without indexing.
fn get() -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (index, value) in [(4, "/web/graphql?query=%7Bdata%7D"), (1, "a")] {
        block.extend([index, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    block
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Opens a connection and sends these settings.
async fn connect(wire: &Wire, settings: &[u8]) -> TcpStream {
    let mut tcp = TcpStream::connect(wire.address).await.unwrap();
    tcp.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat())
        .await
        .unwrap();
    tcp
}

/// Sends pieces until the server has closed; the kinds of the frames it sent.
async fn until_closed(tcp: TcpStream, pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let (mut read, mut write) = tcp.into_split();
    let writing = async {
        for piece in pieces {
            if write.write_all(&piece).await.is_err() {
                break;
            }
        }
        // Keeps its half open: the server has to be the one that ends it.
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
        }
    };
    either(writing, reading)
        .await
        .expect("the server closes the connection");
    kinds(&answer)
}

/// The first of the two to end, for as long as a test may take.
async fn either(
    one: impl Future<Output = ()>,
    other: impl Future<Output = ()>,
) -> Result<(), tokio::time::error::Elapsed> {
    let both = async {
        tokio::select! {
            () = one => {}
            () = other => {}
        }
    };
    timeout(Duration::from_secs(20), both).await
}

fn kinds(mut frames: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, ..] = *frames {
        kinds.push(kind);
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        frames = frames.get(9 + length..).unwrap_or_default();
    }
    kinds
}

async fn still_serves(wire: &Wire) {
    assert_eq!(wire.ask("{ data }", "").await.status, 200);
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_the_connection() {
    let wire = Wire::start().await;
    let tcp = connect(&wire, &[]).await;

    let pairs = (0..20_000).map(|number| {
        let stream = 2 * number + 1;
        [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &get()),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    });

    let kinds = until_closed(tcp, pairs).await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    still_serves(&wire).await;
}

#[tokio::test]
async fn headers_without_end_end_the_connection() {
    let wire = Wire::start().await;
    let tcp = connect(&wire, &[]).await;

    let start = frame(HEADERS, END_STREAM, 1, &get());
    let filler = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7e][..], &[b'y'; 16_000]].concat();
    let more = std::iter::repeat_with(move || frame(CONTINUATION, 0, 1, &filler)).take(10_000);

    let kinds = until_closed(tcp, std::iter::once(start).chain(more)).await;
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    still_serves(&wire).await;
}

#[tokio::test]
async fn a_client_whose_window_stays_shut_is_let_go() {
    let wire = Wire::with(Settings {
        idle_timeout: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0, and pings to look alive.
    let tcp = connect(&wire, &[0, 4, 0, 0, 0, 0]).await;

    let pings = std::iter::repeat_with(|| frame(PING, 0, 0, &[0; 8])).take(100);
    let kinds = until_closed(
        tcp,
        std::iter::once(frame(HEADERS, END_STREAM | END_HEADERS, 1, &get())).chain(pings),
    )
    .await;

    assert!(kinds.contains(&HEADERS), "it was answered: {kinds:?}");
    still_serves(&wire).await;
}

#[tokio::test]
async fn taking_some_answers_does_not_keep_the_others_waiting_for_ever() {
    let wire = Wire::with(Settings {
        write_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let tcp = connect(&wire, &[0, 4, 0, 0, 0, 0]).await;

    let (mut read, mut write) = tcp.into_split();
    let stalled = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get());
    let asking = async {
        write.write_all(&stalled).await.unwrap();
        for stream in (3..).step_by(2) {
            let taken = [
                frame(HEADERS, END_STREAM | END_HEADERS, stream, &get()),
                frame(WINDOW_UPDATE, 0, stream, &60_000_u32.to_be_bytes()),
            ];
            write.write_all(&taken.concat()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let mut answers = Vec::new();
    let reset = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    let reading = async {
        let mut buffer = [0; 4096];
        while !answers.windows(reset.len()).any(|frame| *frame == reset) {
            let count = read.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection stays open");
            answers.extend_from_slice(&buffer[..count]);
        }
    };
    either(asking, reading).await.expect("the stream is reset");

    assert!(kinds(&answers).contains(&DATA), "others are answered");
    still_serves(&wire).await;
}

#[tokio::test]
async fn large_bodies_that_come_at_once_are_no_flood() {
    let wire = Wire::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy();
    let client = client.build().unwrap();
    let url = format!("http://{}/web/graphql", wire.address);
    let body = format!(
        r#"{{"query":"{{ data }}","operationName":"{}"}}"#,
        "x".repeat(250 * 1024)
    );
    let too_large = "x".repeat(2 * 1024 * 1024);
    let send = async |body: &str| {
        let post = client
            .post(&url)
            .header("content-type", "application/json")
            .body(body.to_owned());
        post.send().await.map(|answer| answer.status().as_u16())
    };

    for _ in 0..3 {
        let all = futures_util::future::join_all((0..8).map(|_| send(&body))).await;
        assert!(all.iter().all(|status| *status.as_ref().unwrap() == 200), "{all:?}");
        assert_eq!(send(&too_large).await.unwrap(), 413);
    }
}

#[tokio::test]
async fn frames_that_ask_for_nothing_end_a_connection_that_is_used_as_well() {
    let wire = Wire::start().await;
    let tcp = connect(&wire, &[]).await;

    let asked = (0..).map(|number| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &get()));
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(10_000);
    let pieces = asked.map(move |asked| [&asked[..], &pings].concat());
    let (kinds, ()) = tokio::join!(until_closed(tcp, pieces), still_serves(&wire));

    assert!(kinds.contains(&GOAWAY), "it was told so");
}

#[tokio::test]
async fn headers_are_counted_over_http2_too() {
    let wire = Wire::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy();
    let client = client.build().unwrap();
    let url = format!("http://{}/web/graphql?query=%7Bdata%7D", wire.address);
    let ask = async |count: usize| {
        let headers = (0..count).map(|number| (format!("x-{number}").parse().unwrap(), "y".parse().unwrap()));
        client
            .get(&url)
            .headers(headers.collect())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };

    assert_eq!(ask(90).await, 200);
    assert_eq!(ask(101).await, 431);
}

#[tokio::test]
async fn a_silent_http2_connection_is_idle_not_slow() {
    let settings = Settings {
        header_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(800),
        ..Settings::default()
    };
    let wire = Wire::with(settings).await;
    let tcp = connect(&wire, &[]).await;
    let started = tokio::time::Instant::now();

    let kinds = until_closed(tcp, std::iter::empty()).await;

    assert!(kinds.contains(&GOAWAY), "told before it is closed: {kinds:?}");
    assert!(
        started.elapsed() >= Duration::from_millis(700),
        "{:?}",
        started.elapsed()
    );
}

const DATA: u8 = 0x0;
const PRIORITY: u8 = 0x2;

/// The head of a POST that has a body.
fn post() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (index, value) in [(4, "/web/graphql"), (1, "a")] {
        block.extend([index, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    block.extend([0x0f, 0x10, 16]);
    block.extend(b"application/json");
    block
}

/// A server that gives idle clients and slow bodies little time.
async fn impatient() -> Wire {
    Wire::with(Settings {
        idle_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn frames_that_ask_for_nothing_keep_no_connection_open() {
    let wire = impatient().await;
    let floods = [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
    ];

    for flood in floods {
        let tcp = connect(&wire, &[]).await;
        let pieces = std::iter::repeat_with(|| flood.repeat(100));
        let (_, ()) = tokio::join!(until_closed(tcp, pieces), still_serves(&wire));
    }
}

#[tokio::test]
async fn a_body_of_empty_frames_ends_the_connection() {
    let wire = impatient().await;
    let tcp = connect(&wire, &[]).await;

    let start = frame(HEADERS, END_HEADERS, 1, &post());
    let nothing = frame(DATA, 0, 1, &[]).repeat(100);
    let pieces = std::iter::once(start).chain(std::iter::repeat_with(move || nothing.clone()));
    let (kinds, ()) = tokio::join!(until_closed(tcp, pieces), still_serves(&wire));

    assert!(kinds.contains(&GOAWAY), "it was told so: {kinds:?}");
}

#[tokio::test]
async fn a_header_that_is_named_thousands_of_times_is_not_unpacked() {
    let wire = impatient().await;
    let tcp = connect(&wire, &[]).await;

    // A `user-agent` of 3,000 bytes for the table, then its number again and again: twelve megabytes in four kilobytes.
    let remembered = [&get()[..], &[0x7a, 0x7f, 0xb9, 0x16], &[b'c'; 3_000]].concat();
    let bomb = [&get()[..], &[0xbe; 4_000]].concat();
    let first = frame(HEADERS, END_STREAM | END_HEADERS, 1, &remembered);
    let more = (1..50).map(move |number| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &bomb));
    until_closed(tcp, std::iter::once(first).chain(more)).await;

    assert!(wire.seen() <= 1, "none but the first was a request: {}", wire.seen());
    still_serves(&wire).await;
}
