//! Connections over pipes, in time that is played.

use bytes::Bytes;
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinHandle,
    time::sleep,
};

use super::{super::drain::Drain, *};

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nhost: shop.example\r\n\r\n";

/// Answers with the path that was asked for.
struct Paths;

impl Handle for Paths {
    type Body = Full<Bytes>;

    async fn handle(&self, request: &mut Request<Incoming>, _: &mut InFlight) -> Response<Full<Bytes>> {
        Response::new(Full::new(Bytes::copy_from_slice(request.uri().path().as_bytes())))
    }
}

struct Served {
    client: DuplexStream,
    handler: Arc<Paths>,
    drain: Drain,
    task: JoinHandle<()>,
}

impl Served {
    fn new() -> Self {
        let (client, server) = duplex(64 * 1024);
        let (settings, handler) = (Arc::new(Settings::default()), Arc::new(Paths));
        let (drain, protocol) = (Drain::default(), Arc::new(protocol(&settings)));
        let serving = serve(server, None, handler.clone(), protocol, settings, drain.place(), ());
        let task = tokio::spawn(serving);
        Self {
            client,
            handler,
            drain,
            task,
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.expect("the connection is open");
    }

    /// The last line of the next answer.
    async fn answer(&mut self) -> String {
        let mut buffer = [0; 1024];
        let count = self.client.read(&mut buffer).await.expect("the connection is open");
        let text = String::from_utf8_lossy(&buffer[..count]);
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// Whether hyper is there to read what comes in: it holds the handler too, beside the test and twice the connection.
    fn is_spoken_on(&self) -> bool {
        Arc::strong_count(&self.handler) > 3
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_been_quiet_gives_its_buffers_back_and_goes_on_when_it_is_used() {
    let mut served = Served::new();
    sleep(Duration::from_secs(1)).await;
    assert!(!served.is_spoken_on(), "nothing has come in");

    for _ in 0..3 {
        served.send(REQUEST).await;
        assert_eq!(served.answer().await, "/a");
        sleep(Duration::from_millis(1_900)).await;
        assert!(served.is_spoken_on());
        sleep(Duration::from_millis(200)).await;
        assert!(!served.is_spoken_on());
        sleep(Duration::from_secs(50)).await;
    }

    sleep(Duration::from_secs(11)).await;
    assert_eq!(served.answer().await, "", "closed for being idle");
    served.task.await.expect("it ends without a panic");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_in_pieces_wakes_a_connection_that_rests_and_has_the_usual_time() {
    let mut served = Served::new();
    served.send(REQUEST).await;
    assert_eq!(served.answer().await, "/a");
    sleep(Duration::from_secs(10)).await;

    // Could be the start of HTTP/2.
    served.send(b"P").await;
    sleep(Duration::from_secs(3)).await;
    served
        .send(b"OST /b HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(served.answer().await, "/b");
    sleep(Duration::from_secs(10)).await;

    served.send(b"P").await;
    sleep(Duration::from_millis(5_100)).await;
    assert_eq!(served.answer().await, "", "a head has five seconds");
    served.task.await.expect("it ends without a panic");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_read_ahead_is_lost_when_a_connection_rests() {
    let mut served = Served::new();
    let (begun, rest) = REQUEST.split_at(9);
    served.send(&[REQUEST, begun].concat()).await;
    assert_eq!(served.answer().await, "/a");
    sleep(Duration::from_secs(4)).await;

    served.send(rest).await;

    assert_eq!(served.answer().await, "/a");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_ends_at_once_when_the_server_stops() {
    let mut served = Served::new();
    served.send(REQUEST).await;
    assert_eq!(served.answer().await, "/a");
    sleep(Duration::from_secs(10)).await;

    served.drain.advance(Stage::Draining);

    served.task.await.expect("it ends without a panic");
    assert_eq!(Arc::strong_count(&served.handler), 1);
}

#[tokio::test(start_paused = true)]
async fn http2_is_told_by_its_preface_and_only_at_the_start() {
    let mut served = Served::new();
    served
        .send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut settings = [0; 9];
    served.client.read_exact(&mut settings).await.expect("HTTP/2 is spoken");
    assert_eq!(settings[3], 4, "a frame with settings");

    let mut served = Served::new();
    served.send(REQUEST).await;
    assert_eq!(served.answer().await, "/a");
    sleep(Duration::from_secs(10)).await;
    served.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(served.answer().await, "", "no HTTP/1.1");
}
