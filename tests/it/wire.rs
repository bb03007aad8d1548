//! A server with a scripted engine, and a client that sends exactly the bytes it is told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard::{
    engine::{Caching, OperationInfo, Outcome, Request, Response},
    http::{Answer, Route, Server, Settings, StatusProfile, Stop, Terms},
    operation::Exceeded,
    telemetry::{LogRequests, Metrics},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything a test waits for; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on real sockets. Its surfaces are `/mobile/graphql` and `/web/graphql`.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) script: Arc<Script>,
    pub(crate) stop: mpsc::Sender<()>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) task: JoinHandle<()>,
}

/// Answers by the first word of the document: `data` (with an echo of the request), `partial`, `syntax`, `invalid`, `shed`, `panic`, `hang`, `wait`;
/// anything that starts with `mutation` is refused where only queries may run.
#[derive(Default)]
pub(crate) struct Script {
    /// What came, in order.
    pub(crate) seen: Mutex<Vec<Request>>,
    /// Told when a `hang` or `wait` has begun.
    pub(crate) begun: Notify,
    /// Lets a `wait` end.
    pub(crate) go: Notify,
    /// Told when a `hang` was dropped.
    pub(crate) dropped: Arc<Notify>,
}

#[derive(Clone)]
struct Shared(Arc<Script>);

/// A complete answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Without `date`.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

// === impl Wire ===

impl Wire {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn draft() -> Self {
        Self::with(Settings {
            status_profile: StatusProfile::Draft2026,
            ..Settings::default()
        })
        .await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let metrics = Arc::new(Metrics::new(["mobile", "web"], ["catalog"]));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(any, Some(any), settings, LogRequests::All, Arc::clone(&metrics))
            .await
            .unwrap();
        let (address, admin) = (server.public_address(), server.admin_address().unwrap());
        let (stop, stopping) = Stop::channel();
        let script = Arc::new(Script::default());
        let answer = Shared(Arc::clone(&script));
        let routes = ["mobile", "web"].map(|surface| Route {
            surface: surface.to_owned(),
            path: format!("/{surface}/graphql"),
            terms: Terms {
                body_bytes_max: 256 * 1024,
                ..Terms::default()
            },
            classes: Vec::new(),
        });
        let task = tokio::spawn(async move { server.run(answer, &routes, stopping).await });
        Self {
            address,
            admin,
            script,
            stop,
            metrics,
            task,
        }
    }

    /// Sends bytes on a new connection; the first answer.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut client = Client::connect(self.address).await;
        client.send(bytes).await;
        client.reply().await.expect("an answer")
    }

    /// POSTs a body as `application/json`.
    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        self.raw(post("content-type: application/json\r\n", body)).await
    }

    /// POSTs a document, with one more header line or none.
    pub(crate) async fn ask(&self, query: &str, header: &str) -> Reply {
        let body = json!({ "query": query }).to_string();
        self.raw(post(&format!("content-type: application/json\r\n{header}"), body))
            .await
    }

    /// GETs a path with its query.
    pub(crate) async fn get(&self, uri: &str) -> Reply {
        self.raw(format!("GET {uri} HTTP/1.1\r\nhost: shop\r\n\r\n")).await
    }

    /// GETs from the admin port.
    pub(crate) async fn probe(&self, path: &str) -> Reply {
        let mut client = Client::connect(self.admin).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n")).await;
        client.reply().await.expect("an answer")
    }

    /// The last request the engine saw.
    pub(crate) fn last_seen(&self) -> Request {
        self.script
            .seen
            .lock()
            .unwrap()
            .pop()
            .expect("a request reached the engine")
    }

    pub(crate) fn seen(&self) -> usize {
        self.script.seen.lock().unwrap().len()
    }
}

/// The bytes of a POST to `/web/graphql`; `headers` are whole lines.
pub(crate) fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("POST /web/graphql HTTP/1.1\r\nhost: shop\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The body of an error that HTTP makes.
pub(crate) fn error(message: &str, code: &str) -> String {
    format!(r#"{{"errors":[{{"message":"{message}","extensions":{{"code":"{code}"}}}}]}}"#)
}

/// One connection.
pub(crate) struct Client {
    tcp: TcpStream,
    unread: Vec<u8>,
}

// === impl Client ===

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            tcp: TcpStream::connect(address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have answered and closed before it has read everything: the answer tells.
        let _ = self.tcp.write_all(bytes.as_ref()).await;
    }

    /// The next answer; `None` when the server closed the connection.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        loop {
            if let Some(reply) = self.take_reply() {
                return Some(reply);
            }
            let read = timeout(PATIENCE, self.tcp.read_buf(&mut self.unread))
                .await
                .expect("an answer in time");
            if matches!(read, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    /// Reads until this many more bytes have come since the `last` time; the answer, once it is complete.
    pub(crate) async fn read_some(&mut self, last: &mut usize, bytes: usize) -> Option<Reply> {
        while self.unread.len() < *last + bytes {
            let read = timeout(PATIENCE, self.tcp.read_buf(&mut self.unread))
                .await
                .expect("bytes in time")
                .unwrap();
            if read == 0 || self.unread.ends_with(b"\"}") {
                return self.take_reply();
            }
        }
        *last = self.unread.len();
        None
    }

    /// Waits until the server closes the connection; what it sent before.
    pub(crate) async fn closed(mut self) -> String {
        while let Ok(1..) = timeout(PATIENCE, self.tcp.read_buf(&mut self.unread))
            .await
            .expect("closed in time")
        {}
        String::from_utf8(self.unread).unwrap()
    }

    fn take_reply(&mut self) -> Option<Reply> {
        let head_end = self.unread.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&self.unread[..head_end]).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let mut headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length: usize = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if self.unread.len() < head_end + length {
            return None;
        }
        headers.remove("date");
        headers.remove("content-length");
        let body = String::from_utf8(self.unread[head_end..head_end + length].to_vec()).unwrap();
        self.unread.drain(..head_end + length);
        Some(Reply { status, headers, body })
    }
}

// === impl Reply ===

impl Reply {
    /// Status, `content-type` and the error's message and code: what most tests are about.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert_eq!(body.as_object().unwrap().len(), 1, "errors and nothing else: {self:?}");
        assert_eq!(body["errors"].as_array().unwrap().len(), 1, "{self:?}");
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            self.status,
            text(&body["errors"][0]["extensions"]["code"]),
            text(&body["errors"][0]["message"]),
        )
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

// === impl Shared ===

impl Answer for Shared {
    async fn handle(&self, request: &Request) -> Box<Response> {
        let query = request.query.clone().unwrap_or_default();
        let word = query
            .split(|char: char| !char.is_alphanumeric())
            .find(|word| !word.is_empty())
            .unwrap_or("data");
        let queries_only = request.queries_only;
        let echo = json!({ "data": {
            "surface": request.surface,
            "query": request.query,
            "operationName": request.operation_name,
            "variables": request.variables,
            "extensions": request.extensions,
            "documentId": request.document_id,
            "onError": format!("{:?}", request.on_error),
        }});
        self.0.seen.lock().unwrap().push(request.clone());
        let error = json!({ "errors": [{ "message": "no", "extensions": { "code": "NO" } }] });
        let (outcome, body) = match word {
            "mutation" if queries_only => (Outcome::MethodNotAllowed, error),
            "partial" => (Outcome::Partial, json!({ "errors": error["errors"], "data": null })),
            "syntax" => (Outcome::Syntax, error),
            "invalid" => (Outcome::Invalid, error),
            "shed" => (Outcome::Unavailable(503), error),
            "panic" => panic!("asked to"),
            "hang" => {
                let _told = TellWhenDropped(Arc::clone(&self.0.dropped));
                self.0.begun.notify_one();
                std::future::pending().await
            }
            "wait" => {
                self.0.begun.notify_one();
                self.0.go.notified().await;
                (Outcome::Data, json!({ "data": "waited" }))
            }
            "large" => (Outcome::Data, json!({ "data": "x".repeat(32 * 1024 * 1024) })),
            _ => (Outcome::Data, echo),
        };
        let operation = OperationInfo {
            name: Some(word.into()),
            kind: "query",
            errors: u32::from(outcome != Outcome::Data),
        };
        Box::new(Response {
            outcome,
            body: Bytes::from(body.to_string()),
            headers: Vec::new(),
            caching: Caching::default(),
            operation: Some(operation),
            exceeded: Exceeded::default(),
            degraded: false,
        })
    }
}

struct TellWhenDropped(Arc<Notify>);

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
