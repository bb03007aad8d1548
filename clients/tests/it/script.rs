//! A transport in process that answers as a test says, on a clock that a test may pause.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use switchboard_clients::{
    Call, CallError, Client, Counted, Reply, Safety, Transport,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
    state::{BreakerState, SourceState},
};
use tokio::time::{Instant, sleep};

/// What a source does with a call.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    after: Duration,
    result: Result<Reply, CallError>,
}

type Play = dyn Fn(usize) -> Step + Send + Sync;

/// Answers the n-th try it gets, counted from 0, with what `play` says.
#[derive(Clone)]
pub(crate) struct Script {
    play: Arc<Mutex<Arc<Play>>>,
    tries: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Call>>>,
}

/// One more call under way, until dropped.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

// === impl Step ===

impl Step {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            after: Duration::ZERO,
            result: Ok(Reply {
                status,
                headers: HeaderMap::new(),
                trailers: HeaderMap::new(),
                message: String::new(),
                details: Bytes::new(),
                body: Bytes::new(),
                counted: Counted::default(),
                errors: Vec::new(),
            }),
        }
    }

    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn hang() -> Self {
        Self::ok().after(Duration::from_secs(3600))
    }

    pub(crate) fn refused() -> Self {
        Self::error(CallError::Connect(Arc::new(std::io::Error::from(
            std::io::ErrorKind::ConnectionRefused,
        ))))
    }

    pub(crate) fn broken() -> Self {
        Self::error(CallError::Broken(Arc::new(std::io::Error::from(
            std::io::ErrorKind::ConnectionReset,
        ))))
    }

    pub(crate) fn error(error: CallError) -> Self {
        Self {
            after: Duration::ZERO,
            result: Err(error),
        }
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(reply) = &mut self.result {
            let value = HeaderValue::try_from(value).unwrap();
            reply.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(reply) = &mut self.result {
            let value = HeaderValue::try_from(value).unwrap();
            reply.trailers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(crate) fn details(mut self, details: Vec<u8>) -> Self {
        if let Ok(reply) = &mut self.result {
            reply.details = details.into();
        }
        self
    }
}

// === impl Script ===

impl Script {
    pub(crate) fn new(play: impl Fn(usize) -> Step + Send + Sync + 'static) -> Self {
        Self {
            play: Arc::new(Mutex::new(Arc::new(play))),
            tries: Arc::default(),
            under_way: Arc::default(),
            seen: Arc::default(),
        }
    }

    pub(crate) fn always(step: Step) -> Self {
        Self::new(move |_| step.clone())
    }

    /// Changes what it does from now on.
    pub(crate) fn now(&self, step: Step) {
        *self.play.lock().unwrap() = Arc::new(move |_| step.clone());
    }

    pub(crate) fn tries(&self) -> usize {
        self.tries.load(Relaxed)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    pub(crate) fn seen(&self) -> Vec<Call> {
        self.seen.lock().unwrap().clone()
    }

    /// A client of it alone.
    pub(crate) fn client(&self, resilience: Resilience) -> Arc<dyn Client> {
        client(vec![self.clone()], settings(resilience))
    }
}

impl Transport for Script {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        _deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let number = self.tries.fetch_add(1, Relaxed);
        self.seen.lock().unwrap().push(call.clone());
        self.under_way.fetch_add(1, Relaxed);
        let under_way = UnderWay(self.under_way.clone());
        let play = self.play.lock().unwrap().clone();
        async move {
            let _under_way = under_way;
            let Step { after, result } = play(number);
            sleep(after).await;
            result
        }
    }
}

/// One second a try, ten calls in flight.
pub(crate) fn settings(resilience: Resilience) -> SourceSettings {
    SourceSettings {
        calls_in_flight_max: 1000,
        resilience,
        ..SourceSettings::new("source", TransportSettings::Rest)
    }
}

pub(crate) fn client(endpoints: Vec<Script>, settings: SourceSettings) -> Arc<dyn Client> {
    settings.client_over(endpoints)
}

pub(crate) fn get() -> Call {
    Call::Http {
        method: Method::GET,
        uri: "http://source/".parse().unwrap(),
        headers: HeaderMap::new(),
        body: None,
    }
}

pub(crate) fn grpc() -> Call {
    Call::Grpc {
        path: "/shop.Stock/Get".parse().unwrap(),
        message: Bytes::new(),
        metadata: HeaderMap::new(),
    }
}

/// A call that may be repeated, with five seconds.
pub(crate) async fn ask(client: &Arc<dyn Client>) -> Result<Reply, CallError> {
    ask_within(client, get(), Safety::Repeatable, Duration::from_secs(5)).await
}

pub(crate) async fn ask_within(
    client: &Arc<dyn Client>,
    call: Call,
    safety: Safety,
    time: Duration,
) -> Result<Reply, CallError> {
    client.call(call, safety, Instant::now() + time).await
}

/// What came of a call, in a word.
pub(crate) fn word(result: &Result<Reply, CallError>) -> String {
    match result {
        Ok(reply) => StatusCode::from_u16(reply.status).map_or("?".to_owned(), |status| status.as_str().to_owned()),
        Err(error) => format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned(),
    }
}

/// So many calls, one after the other; how often each outcome was had.
pub(crate) async fn ask_often(client: &Arc<dyn Client>, times: usize) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for _ in 0..times {
        *outcomes.entry(word(&ask(client).await)).or_default() += 1;
    }
    outcomes
}

pub(crate) fn state(client: &Arc<dyn Client>) -> SourceState {
    client.state().expect("a stack has a state")
}

pub(crate) fn breaker(client: &Arc<dyn Client>) -> &'static str {
    state(client).endpoints[0].breaker.as_str()
}

/// How long the breaker stays open.
pub(crate) fn open_for(client: &Arc<dyn Client>) -> Duration {
    match state(client).endpoints[0].breaker {
        BreakerState::Open { left } => left,
        other => panic!("it is {}", other.as_str()),
    }
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
