//! Requests at a rate, whatever the answers: latency counts from when a request was meant to be sent.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

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
        got.took.push(took);
        match answer.get("errors") {
            None => got.values += 1,
            Some(errors) => {
                let code = errors[0]["extensions"]["code"].as_str().unwrap_or("?");
                *got.codes.entry(code.to_owned()).or_default() += 1;
            }
        }
    }
    got.took.sort_unstable();
    got
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
    /// In milliseconds.
    pub(crate) fn quantile(&self, hundredths: usize) -> f64 {
        self.took[(self.took.len() * hundredths / 100).min(self.took.len() - 1)].as_secs_f64() * 1e3
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(99)
    }
}
