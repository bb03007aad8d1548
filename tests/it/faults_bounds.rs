//! How a source fails → what the client is told, how often the source is tried, what its breaker makes of it, and how long all of it takes at most:
//! with the settings that every source has, on a clock that does not wait.

use std::{fmt::Write as _, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use switchboard::{
    engine::{Engine, Settings},
    execute::Backends,
    schema::{self, LoadOptions, SourceFile},
    telemetry::Metrics,
};
use switchboard_clients::{
    Call, CallError, Client, Counted, Reply, Transport,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::time::{Instant, sleep};

use crate::support::{
    LINK, anonymous,
    faulty::{degraded, errors},
};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://api" })
    type Query {
      value: Int @connect(source: "api", http: { GET: "/value" }, selection: "$.value")
      beside: Int @connect(selection: "$(1)") }
"#;

/// What a try comes to.
#[derive(Debug, Clone)]
enum End {
    Status(u16, Option<&'static str>),
    Body(&'static str),
    Refused,
    NoConnection,
    Protocol,
    Broken,
    TooLarge,
}

/// A source that does the same each time.
#[derive(Debug, Clone)]
struct Fails {
    after: Duration,
    end: End,
}

impl Transport for Fails {
    async fn send<'a>(&'a self, _: &'a Call, _: Instant) -> Result<Reply, CallError> {
        sleep(self.after).await;
        let error = || Arc::new(io::Error::other("as planned"));
        match self.end {
            End::Status(status, wait) => Ok(reply(status, wait, "{}")),
            End::Body(body) => Ok(reply(200, None, body)),
            End::Refused => Err(CallError::Connect(error())),
            End::NoConnection => Err(CallError::ConnectTimeout(self.after)),
            End::Protocol => Err(CallError::Protocol(error())),
            End::Broken => Err(CallError::Broken(error())),
            End::TooLarge => Err(CallError::TooLarge { limit: 1 }),
        }
    }
}

fn reply(status: u16, wait: Option<&'static str>, body: &'static str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(wait));
    }
    Reply {
        status,
        headers,
        trailers: HeaderMap::new(),
        message: String::new(),
        details: Bytes::new(),
        body: body.into(),
        errors: Vec::new(),
        counted: Counted::default(),
    }
}

struct Server {
    engine: Engine,
    client: Arc<dyn Client>,
}

impl Server {
    fn new(source: Fails) -> Self {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: format!("{LINK}{SDL}"),
        };
        let surface = schema::load("test", &[file], &LoadOptions::default()).unwrap().surface;
        let settings = SourceSettings {
            resilience: Resilience::standard(),
            ..SourceSettings::new("api", TransportSettings::Rest)
        };
        let client = settings.client_over(vec![source]);
        let metrics = Metrics::new(["test"], []);
        let backends = Backends::bind(&surface, &[].into(), &|_| Some(client.clone()), &metrics).unwrap();
        let engine = Engine::new(Arc::new(surface), Arc::new(backends), Settings::default());
        Self { engine, client }
    }

    async fn ask(&self) -> Value {
        let request = anonymous("{ value beside }", Instant::now() + Duration::from_secs(5));
        serde_json::from_slice(&self.engine.handle(&request).await.body).unwrap()
    }

    fn breaker(&self) -> &'static str {
        self.client.state().unwrap().endpoints[0].breaker.as_str()
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What comes of a source that fails so: of the first request, within `most`, and of its breaker after some more.
async fn observe(source: Fails, most: Duration) -> String {
    let server = Server::new(source.clone());
    let asked = Instant::now();
    let answer = server.ask().await;
    let took = asked.elapsed();

    assert_eq!(answer["data"], json!({ "value": null, "beside": 1 }), "{source:?}");
    assert!(took <= most, "{source:?}: {took:?}");
    let state = server.client.state().unwrap();
    let endpoint = &state.endpoints[0];
    let error = errors(&answer).join(", ").replace(" value", "");
    let kind = degraded(&answer)
        .join(", ")
        .replace("api ", "")
        .replace(" NULL value", "");
    let tried = format!("{} tries, {} failures", endpoint.tries, endpoint.failures);
    for _ in 0..12 {
        server.ask().await;
    }
    let (then, breaker) = (Instant::now(), server.breaker());
    let last = errors(&server.ask().await).join(", ");
    if breaker == "open" {
        assert_eq!(
            (&*last, then.elapsed()),
            ("UPSTREAM_CIRCUIT_OPEN value", millis(0)),
            "{source:?}"
        );
    }
    format!("{error} | {kind} | {tried} | {breaker}")
}

// F1, F2, F4 to F11, F13 to F19, F22 to F24, F28
#[tokio::test(start_paused = true)]
async fn every_fault_is_over_in_its_time_and_a_source_that_has_it_for_good_is_left_alone() {
    let never = Duration::from_secs(3600);
    // The fault, when it shows, and the longest that a request may take.
    let table = [
        ("refused", millis(0), End::Refused, 600),
        ("no address", millis(200), End::Refused, 1_000),
        ("packets swallowed", millis(250), End::NoConnection, 600),
        ("hangs", never, End::Broken, 2_100),
        ("cut off", millis(0), End::Protocol, 1_000),
        ("reset", millis(0), End::Broken, 1_000),
        ("500", millis(50), End::Status(500, None), 2_000),
        ("503", millis(50), End::Status(503, None), 2_500),
        ("503, wait 1 s", millis(0), End::Status(503, Some("1")), 2_000),
        ("503, wait 1 h", millis(0), End::Status(503, Some("3600")), 2_000),
        ("429", millis(0), End::Status(429, None), 1_000),
        ("404", millis(0), End::Status(404, None), 1_000),
        ("401", millis(0), End::Status(401, None), 1_000),
        ("422", millis(0), End::Status(422, None), 1_000),
        ("302", millis(0), End::Status(302, None), 1_000),
        ("no JSON", millis(0), End::Body("<html>"), 1_000),
        ("wrong leaf", millis(0), End::Body("{\"value\":\"x\"}"), 1_000),
        ("too large", millis(0), End::TooLarge, 1_000),
    ];
    let mut told = String::new();
    for (name, after, end, most) in table {
        let _ = writeln!(told, "{name}: {}", observe(Fails { after, end }, millis(most)).await);
    }

    insta::assert_snapshot!(told, @r"
    refused: UPSTREAM_UNAVAILABLE | UNAVAILABLE | 3 tries, 3 failures | open
    no address: UPSTREAM_UNAVAILABLE | UNAVAILABLE | 3 tries, 3 failures | open
    packets swallowed: UPSTREAM_TIMEOUT | TIMEOUT | 2 tries, 2 failures | open
    hangs: UPSTREAM_TIMEOUT | TIMEOUT | 2 tries, 2 failures | open
    cut off: UPSTREAM_BAD_RESPONSE | INVALID_RESPONSE | 2 tries, 2 failures | open
    reset: UPSTREAM_UNAVAILABLE | UNAVAILABLE | 2 tries, 2 failures | open
    500: CONNECTOR_FETCH 500 | HTTP_5XX | 2 tries, 2 failures | open
    503: CONNECTOR_FETCH 503 | HTTP_5XX | 3 tries, 3 failures | open
    503, wait 1 s: CONNECTOR_FETCH 503 | HTTP_5XX | 2 tries, 2 failures | open
    503, wait 1 h: CONNECTOR_FETCH 503 | HTTP_5XX | 1 tries, 1 failures | open
    429: CONNECTOR_FETCH 429 | HTTP_4XX | 1 tries, 0 failures | closed
    404: CONNECTOR_FETCH 404 | HTTP_4XX | 1 tries, 0 failures | closed
    401: CONNECTOR_FETCH 401 | HTTP_4XX | 1 tries, 0 failures | closed
    422: CONNECTOR_FETCH 422 | HTTP_4XX | 1 tries, 0 failures | closed
    302: CONNECTOR_FETCH 302 | INVALID_RESPONSE | 1 tries, 0 failures | closed
    no JSON: CONNECTOR_RESPONSE_INVALID | INVALID_RESPONSE | 1 tries, 1 failures | open
    wrong leaf: UPSTREAM_BAD_RESPONSE |  | 1 tries, 0 failures | closed
    too large: UPSTREAM_BAD_RESPONSE | INVALID_RESPONSE | 1 tries, 1 failures | open
    ");
}
