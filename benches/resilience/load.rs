//! Requests at a rate, whatever the answers: latency counts from when a request was meant to be sent.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// What a load got.
#[derive(Debug, Default)]
pub(crate) struct Got {
    /// In order.
    pub(crate) took: Vec<Duration>,
    /// Answers without an error.
    pub(crate) values: u64,
    /// The others, by the code of their first error.
    pub(crate) codes: BTreeMap<String, u64>,
}

/// A client that keeps its connections.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// `rate` requests a second for `time`; `request`: from its number.
pub(crate) async fn run(server: SocketAddr, rate: u64, time: Duration, request: fn(u64) -> Value) -> Got {
    let client = client();
    let started = Instant::now();
    let count = rate * u64::try_from(time.as_millis()).unwrap() / 1000;
    let mut under_way = JoinSet::new();
    for number in 0..count {
        let meant = started + Duration::from_micros(number * 1_000_000 / rate);
        sleep_until(meant).await;
        let client = client.clone();
        under_way.spawn(async move {
            let answer = ask(&client, server, request(number)).await;
            (answer, meant.elapsed())
        });
    }
    let mut got = Got::default();
    while let Some(answered) = under_way.join_next().await {
        let (answer, took) = answered.unwrap();
        got.add(&answer, took);
    }
    got.took.sort_unstable();
    got
}

/// So many clients for `time`, each of which asks again as soon as it has its answer.
pub(crate) async fn crowd(server: SocketAddr, clients: usize, time: Duration, request: fn(u64) -> Value) -> Got {
    let (client, until, number) = (client(), Instant::now() + time, Arc::new(AtomicU64::new(0)));
    let mut crowd = JoinSet::new();
    for _ in 0..clients {
        let (client, number) = (client.clone(), number.clone());
        crowd.spawn(async move {
            let mut got = Got::default();
            while Instant::now() < until {
                let asked = Instant::now();
                let answer = ask(&client, server, request(number.fetch_add(1, Relaxed))).await;
                got.add(&answer, asked.elapsed());
            }
            got
        });
    }
    let mut all = Got::default();
    while let Some(got) = crowd.join_next().await {
        let Got { took, values, codes } = got.unwrap();
        all.took.extend(took);
        all.values += values;
        for (code, count) in codes {
            *all.codes.entry(code).or_default() += count;
        }
    }
    all.took.sort_unstable();
    all
}

/// The answer; what is none is an error with the code `NO_ANSWER`.
pub(crate) async fn ask(client: &reqwest::Client, server: SocketAddr, request: Value) -> Value {
    let request = client.post(format!("http://{server}/graphql")).json(&request);
    let none = |error: reqwest::Error| json!({ "errors": [{ "message": error.to_string(), "extensions": { "code": "NO_ANSWER" } }] });
    match request.send().await {
        Ok(answer) => answer.json().await.unwrap_or_else(none),
        Err(error) => none(error),
    }
}

// === impl Got ===

impl Got {
    fn add(&mut self, answer: &Value, took: Duration) {
        self.took.push(took);
        match answer.get("errors") {
            None => self.values += 1,
            Some(errors) => {
                let code = errors[0]["extensions"]["code"].as_str().unwrap_or("?");
                *self.codes.entry(code.to_owned()).or_default() += 1;
            }
        }
    }

    /// In milliseconds.
    pub(crate) fn quantile(&self, hundredths: usize) -> f64 {
        self.took[(self.took.len() * hundredths / 100).min(self.took.len() - 1)].as_secs_f64() * 1e3
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(99)
    }
}
