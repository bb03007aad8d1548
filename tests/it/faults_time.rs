//! Backends that fail for a while, on a clock that does not wait: what clients get, and how often the backend is asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use switchboard::{
    engine::{Engine, Settings},
    execute::Backends,
    schema::{self, LoadOptions, SourceFile},
    telemetry::Metrics,
};
use switchboard_clients::{
    Call, CallError, Client, Counted, Reply, Transport,
    policy::Resilience,
    registry::{SourceSettings as ClientSettings, TransportSettings},
    state::SourceState,
};
use tokio::time::{Instant, sleep};

use crate::support::{LINK, anonymous, faulty::errors};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://api" })
    type Query { value: Int @connect(source: "api", http: { GET: "/value" }, selection: "$") }
"#;

/// How an endpoint is at a moment of its life.
type Life = dyn Fn(Duration, u64) -> (Duration, u16) + Send + Sync;

/// An endpoint in process.
#[derive(Clone)]
struct Endpoint {
    born: Instant,
    life: Arc<Life>,
    tries: Arc<AtomicU64>,
    /// Tries by second.
    by_second: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl Endpoint {
    /// `life`: from its age and the number of the try to how long that takes and its status.
    fn new(life: impl Fn(Duration, u64) -> (Duration, u16) + Send + Sync + 'static) -> Self {
        Self {
            born: Instant::now(),
            life: Arc::new(life),
            tries: Arc::default(),
            by_second: Arc::default(),
        }
    }

    fn tries(&self) -> u64 {
        self.tries.load(Relaxed)
    }
}

impl Transport for Endpoint {
    fn send<'a>(
        &'a self,
        _call: &'a Call,
        _deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let number = self.tries.fetch_add(1, Relaxed);
        let age = self.born.elapsed();
        *self.by_second.lock().unwrap().entry(age.as_secs()).or_default() += 1;
        let (takes, status) = (self.life)(age, number);
        async move {
            sleep(takes).await;
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            Ok(Reply {
                status,
                headers,
                trailers: HeaderMap::new(),
                message: String::new(),
                details: Bytes::new(),
                body: Bytes::from_static(b"1"),
                counted: Counted::default(),
                errors: Vec::new(),
            })
        }
    }
}

/// A server over endpoints of one source.
struct Server {
    engine: Arc<Engine>,
    client: Arc<dyn Client>,
}

/// What a load got.
#[derive(Default)]
struct Got {
    values: usize,
    codes: BTreeMap<String, usize>,
    /// In order.
    took: Vec<Duration>,
}

impl Server {
    fn new(endpoints: Vec<Endpoint>, change: impl Fn(&mut Resilience)) -> Self {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: format!("{LINK}{SDL}"),
        };
        let surface = schema::load("test", &[file], &LoadOptions::default()).unwrap().surface;
        let mut resilience = Resilience::standard();
        change(&mut resilience);
        let settings = ClientSettings {
            resilience,
            ..ClientSettings::new("api", TransportSettings::Rest)
        };
        let client = settings.client_over(endpoints);
        let metrics = Metrics::new(["test"], []);
        let backends = Backends::bind(&surface, &[].into(), &|_| Some(client.clone()), &metrics).unwrap();
        let settings = Settings {
            sharing: false,
            ..Settings::default()
        };
        Self {
            engine: Arc::new(Engine::new(Arc::new(surface), Arc::new(backends), settings)),
            client,
        }
    }

    fn state(&self) -> SourceState {
        self.client.state().unwrap()
    }

    /// `rate` requests a second for `time`, whatever the answers.
    async fn load(&self, rate: u64, time: Duration) -> Got {
        let mut under_way = Vec::new();
        for _ in 0..rate * time.as_millis() as u64 / 1000 {
            let engine = self.engine.clone();
            under_way.push(tokio::spawn(async move {
                let asked = Instant::now();
                let request = anonymous("{ value }", asked + Duration::from_secs(5));
                let body = engine.handle(&request).await.body;
                let answer: Value = serde_json::from_slice(&body).unwrap();
                (answer, asked.elapsed())
            }));
            sleep(Duration::from_micros(1_000_000 / rate)).await;
        }
        let mut got = Got::default();
        for request in under_way {
            let (answer, took) = request.await.unwrap();
            got.took.push(took);
            match errors(&answer).first() {
                None => got.values += 1,
                Some(error) => *got.codes.entry(error.replace(" value", "")).or_default() += 1,
            }
        }
        got.took.sort_unstable();
        got
    }
}

impl Got {
    fn p99(&self) -> Duration {
        self.took[self.took.len() * 99 / 100]
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// F40
#[tokio::test(start_paused = true)]
async fn a_backend_that_comes_and_goes_is_asked_no_more_for_it() {
    let api = Endpoint::new(|age, _| (millis(5), if age.as_secs() / 5 % 2 == 1 { 503 } else { 200 }));
    let server = Server::new(vec![api.clone()], |rules| {
        rules.breaker.as_mut().unwrap().open_for = seconds(5);
    });

    let got = server.load(100, seconds(60)).await;

    let requests = 6_000;
    assert!(api.tries() * 10 <= requests * 11, "{} tries", api.tries());
    assert!(server.state().endpoints[0].opened <= 12, "not more than one a fall");
    assert!(got.values >= 500, "{} values", got.values);
    for code in got.codes.keys() {
        assert!(
            code == "UPSTREAM_CIRCUIT_OPEN" || code == "CONNECTOR_FETCH 503",
            "{code}"
        );
    }
    // In the seconds after a fall no more than what opens it.
    let by_second = api.by_second.lock().unwrap();
    assert!(by_second.get(&6).copied().unwrap_or(0) <= 2, "{by_second:?}");
}

// F41
#[tokio::test(start_paused = true)]
async fn calls_that_take_ten_times_as_long_are_overtaken() {
    let gray = |_, number| (millis(if number % 25 == 24 { 200 } else { 20 }), 200);
    let plain = Server::new(vec![Endpoint::new(gray)], |_| {});
    let without = plain.load(200, seconds(30)).await;
    let api = Endpoint::new(gray);
    let server = Server::new(vec![api.clone()], |rules| rules.hedge = true);

    server.load(200, seconds(5)).await;
    let before = api.tries();
    let got = server.load(200, seconds(30)).await;

    assert_eq!(got.values, 6_000);
    assert_eq!(without.p99(), millis(200));
    assert!(got.p99() < millis(60), "{:?}", got.p99());
    assert!(
        api.tries() - before <= 6_000 + 300 + 10,
        "{} tries",
        api.tries() - before
    );
}

// F42
#[tokio::test(start_paused = true)]
async fn one_bad_address_of_three_is_left_alone_and_nobody_notices() {
    for bad in [
        |_: Duration, _: u64| (millis(1), 500),
        |_: Duration, _: u64| (seconds(3600), 200),
    ] {
        let well = || Endpoint::new(|_, number| (millis(10 + number % 7), 200));
        let sick = Endpoint::new(bad);
        let server = Server::new(vec![well(), sick.clone(), well()], |_| {});
        // Until it is known as bad: by its breaker if it fails at once, by the time it takes if it hangs.
        server.load(100, seconds(10)).await;
        let before = sick.tries();
        assert!(before <= 10, "{before}");

        let got = server.load(100, seconds(20)).await;

        assert_eq!(got.values, 2_000, "{:?}", got.codes);
        assert!(got.p99() <= millis(21), "{:?}", got.p99());
        assert!(sick.tries() <= before + 1, "one probe each time it is open");
        let state = server.state();
        let others = [0, 2].map(|number: usize| state.endpoints[number].breaker.as_str());
        assert_eq!(others, ["closed", "closed"]);
    }
}

// F43
#[tokio::test(start_paused = true)]
async fn when_all_addresses_are_down_requests_fail_at_once() {
    let down: Vec<_> = (0..3).map(|_| Endpoint::new(|_, _| (millis(1), 503))).collect();
    let server = Server::new(down.clone(), |_| {});
    server.load(100, seconds(2)).await;
    let before: u64 = down.iter().map(Endpoint::tries).sum();

    let got = server.load(100, seconds(10)).await;

    assert_eq!(got.codes, BTreeMap::from([("UPSTREAM_CIRCUIT_OPEN".to_owned(), 1_000)]));
    assert!(*got.took.last().unwrap() <= millis(5), "{:?}", got.took.last());
    assert_eq!(down.iter().map(Endpoint::tries).sum::<u64>(), before);
}

// F44
#[tokio::test(start_paused = true)]
async fn after_an_outage_three_probes_suffice_and_there_is_no_rush() {
    let api = Endpoint::new(|age, _| (millis(5), if (10..70).contains(&age.as_secs()) { 503 } else { 200 }));
    let server = Server::new(vec![api.clone()], |_| {});
    let got = server.load(100, seconds(240)).await;

    assert_eq!(server.state().endpoints[0].breaker.as_str(), "closed");
    let by_second = api.by_second.lock().unwrap();
    let outage: u64 = by_second.range(11..70).map(|(_, tries)| tries).sum();
    assert!(outage <= 6, "{by_second:?}");
    let most = by_second.values().max().unwrap();
    assert!(*most <= 120, "{most} in a second, of 100");
    let last: u64 = by_second.range(230..239).map(|(_, tries)| tries).sum();
    assert!(last >= 890, "{last}");
    assert!(got.values > 10_000);
}

// F44
#[tokio::test(start_paused = true)]
async fn a_backend_that_is_back_gets_its_calls_back_within_five_seconds_and_never_more_than_before() {
    let api = Endpoint::new(|age, _| (millis(5), if (2..4).contains(&age.as_secs()) { 503 } else { 200 }));
    let server = Server::new(vec![api.clone()], |rules| {
        rules.breaker.as_mut().unwrap().open_for = seconds(2);
    });
    server.load(500, seconds(15)).await;

    let by_second = api.by_second.lock().unwrap();
    let mut after = by_second
        .range(4..)
        .map(|(_, tries)| *tries)
        .skip_while(|tries| *tries < 20);
    let [begins, second, third, fourth] = [(); 4].map(|()| after.next().unwrap());
    assert!(begins < 250 && second < third && third < fourth, "{by_second:?}");
    assert!(by_second[&13] >= 490, "{by_second:?}");
    assert!(by_second.values().all(|tries| *tries <= 600), "{by_second:?}");
}
