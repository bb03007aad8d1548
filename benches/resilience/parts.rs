//! The parts that take a minute or two each.

use std::{fmt, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    load::{self, Got},
    server::Server,
    source::Source,
};

/// Figures with what they must be.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(String, String, String, bool)>,
}

// === impl Report ===

impl Report {
    /// A figure that must not be above `limit`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, figure: f64, limit: f64) {
        let is_met = figure <= limit;
        self.rows
            .push((what.into(), short(figure), format!("≤ {}", short(limit)), is_met));
    }

    /// A figure that says something of the others.
    pub(crate) fn beside(&mut self, what: impl Into<String>, figure: impl fmt::Display) {
        self.rows.push((what.into(), figure.to_string(), String::new(), true));
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.rows.iter().any(|(.., is_met)| !is_met)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | figure | must be |\n|---|--:|--:|")?;
        self.rows.iter().try_for_each(|(what, figure, limit, is_met)| {
            writeln!(
                f,
                "| {what} | {figure} | {limit}{} |",
                if *is_met { "" } else { " **missed**" }
            )
        })
    }
}

fn short(figure: f64) -> String {
    let text = format!("{figure:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn request(of: &str, number: u64) -> Value {
    let query = format!("query($id: Int!) {{ {of}(id: $id) {{ id name size }} }}");
    json!({ "query": query, "variables": { "id": number } })
}

fn of_a(number: u64) -> Value {
    request("a", number)
}

fn of_b(number: u64) -> Value {
    request("b", number)
}

fn of_g(number: u64) -> Value {
    request("g", number)
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or(f64::NAN)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How much more often a source that always fails is asked than there are requests.
pub(crate) async fn retries() -> Report {
    const RATE: u64 = 100;
    let mut report = Report::default();
    for (breaker, name) in [(false, "without the breaker"), (true, "with all defaults")] {
        for (what, query, of) in [
            ("always status:503", of_a as fn(u64) -> Value, "a"),
            ("seeded 1 50 status:503", of_a, "a"),
            ("always reset", of_a, "a"),
            ("down", of_a, "a"),
            ("always hang", of_a, "a"),
            ("always grpc:14", of_g, "g"),
        ] {
            let mut source = Source::start();
            source.tell(what);
            let settings = format!("resilience: {{ breaker: {{ enabled: {breaker} }} }}");
            let server = Server::start(&[("a", &[&source]), ("g", &[&source])], &settings).await;
            let got = load::run(server.public, RATE, seconds(12), query).await;
            assert!(got.values == 0 || what.starts_with("seeded"), "{what}");
            let state = server.source(of).await;
            let amplified = number(&state, "tries") / number(&state, "calls");
            report.at_most(format!("{what}, {name}: tries for each request"), amplified, 1.1);
        }
    }
    report
}

/// How many calls a source that fails gets before its breaker opens, and how many after it has recovered before it closes.
pub(crate) async fn breaker() -> Report {
    const RATE: u64 = 500;
    let mut report = Report::default();
    for (what, query, of) in [
        ("always status:503", of_a as fn(u64) -> Value, "a"),
        ("always garbage", of_a, "a"),
        ("down", of_a, "a"),
        ("always grpc:14", of_g, "g"),
    ] {
        let mut source = Source::start();
        let settings = "resilience: { breaker: { open_for: 2s } }";
        let server = Server::start(&[("a", &[&source]), ("g", &[&source])], settings).await;
        let public = server.public;
        let asking = tokio::spawn(async move { load::run(public, RATE, seconds(9), query).await });
        sleep(seconds(2)).await;
        let before = number(&server.source(of).await["addresses"][0], "failures");
        source.tell(what);
        sleep(seconds(1)).await;
        let open = server.source(of).await["addresses"][0].clone();
        assert_eq!(open["breaker"], "open", "{what}");
        report.at_most(
            format!("{what} at {RATE}/s: failed calls until it is open"),
            number(&open, "failures") - before,
            10.0,
        );
        // Slow enough to be seen one by one: the last look before it is closed finds the last of them under way.
        source.tell("always slow-header:100");
        let (mut tries, started) = (number(&open, "tries"), Instant::now());
        loop {
            let now = server.source(of).await["addresses"][0].clone();
            if now["breaker"] == "closed" {
                break;
            }
            tries = number(&now, "tries");
            assert!(started.elapsed() < seconds(10), "{what}: it does not close: {now}");
            sleep(Duration::from_millis(10)).await;
        }
        report.at_most(
            format!("{what}: calls after it has recovered until it is closed"),
            tries - number(&open, "tries"),
            3.0,
        );
        source.tell("well");
        let got = asking.await.unwrap();
        report.beside(format!("{what}: answers"), summary(&got));
    }
    report
}

fn summary(got: &Got) -> String {
    let codes: String = got
        .codes
        .iter()
        .map(|(code, count)| format!(", {count} {code}"))
        .collect();
    format!("{} values{codes}", got.values)
}

/// What the p99 of a source with three addresses does when one is bad.
pub(crate) async fn addresses() -> Report {
    const RATE: u64 = 100;
    const DELAY: &str = "delay 20";
    let mut report = Report::default();
    let mut healthy = f64::INFINITY;
    // What is well is looked at twice; the better one is what the others are compared with.
    for what in ["well", "well", "always status:503", "down", "always hang", "delay 200"] {
        let mut all = [Source::start(), Source::start(), Source::start()];
        all.iter_mut().for_each(|source| source.tell(DELAY));
        let server = Server::start(&[("a", &[&all[0], &all[1], &all[2]])], "timeout: 1s").await;
        load::run(server.public, RATE, seconds(4), of_a).await;
        let calls = async || number(&server.source("a").await["addresses"][1], "tries");
        let before = calls().await;
        all[1].tell(what);
        let got = load::run(server.public, RATE, seconds(20), of_a).await;
        assert!(
            got.values * 1000 >= got.took.len() as u64 * 999,
            "{what}: {}",
            summary(&got)
        );
        let p99 = got.p99();
        if what == "well" {
            healthy = healthy.min(p99);
            report.beside("three addresses of 20 ms, all well: p99 in ms", format!("{p99:.1}"));
            continue;
        }
        let sent = calls().await - before;
        report.at_most(
            format!("one of them `{what}` from one moment on: p99 {p99:.1} ms, {sent} calls went there; of healthy"),
            p99 / healthy,
            1.3,
        );
    }
    report
}

/// What operations notice of a source that hangs and that they do not use.
pub(crate) async fn hanging() -> Report {
    const ROUNDS: usize = 3;
    let mut report = Report::default();
    let mut p99 = [(); 3].map(|()| Vec::new());
    let kinds = [("well", "true"), ("always hang", "true"), ("always hang", "false")];
    for _ in 0..ROUNDS {
        for (got, (what, breaker)) in p99.iter_mut().zip(kinds) {
            let (mut a, mut b) = (Source::start(), Source::start());
            a.tell("delay 20");
            b.tell("delay 20");
            let settings = format!("resilience: {{ breaker: {{ enabled: {breaker} }} }}");
            let server = Server::start(&[("a", &[&a]), ("b", &[&b])], &settings).await;
            load::run(server.public, 100, seconds(2), of_a).await;
            b.tell(what);
            let others = tokio::spawn(load::run(server.public, 50, seconds(12), of_b));
            got.push(load::run(server.public, 200, seconds(12), of_a).await);
            others.await.unwrap();
        }
    }
    let middle = |all: &mut Vec<Got>, hundredths| {
        all.sort_by(|one, other| one.quantile(hundredths).total_cmp(&other.quantile(hundredths)));
        all[ROUNDS / 2].quantile(hundredths)
    };
    let [well, hangs, no_breaker] = &mut p99;
    let (base, median) = (middle(well, 99), middle(well, 50));
    report.beside(
        "200/s of `a` beside 50/s of `b`, both well: p99 of `a` in ms",
        format!("{base:.1} (median {median:.1})"),
    );
    for (all, name) in [(hangs, "`b` hangs"), (no_breaker, "`b` hangs and has no breaker")] {
        let p99 = middle(all, 99);
        report.at_most(format!("{name}: p99 of `a` {p99:.1} ms; of before"), p99 / base, 1.1);
    }
    report
}

/// Two calls at once to one source.
fn twice(number: u64) -> Value {
    let query = "query($id: Int!, $more: Int!) { a(id: $id) { id name size } more: a(id: $more) { id name size } }";
    json!({ "query": query, "variables": { "id": number, "more": number + 1_000_000 } })
}

/// How many places a source must have for clients that do nothing unusual.
pub(crate) async fn places() -> Report {
    let mut report = Report::default();
    for limit in [100, 256] {
        for clients in [64, 100] {
            let mut source = Source::start();
            source.tell("delay 20");
            let server = Server::start(&[("a", &[&source])], &format!("max_in_flight: {limit}")).await;
            let got = load::crowd(server.public, clients, seconds(5), twice).await;
            let refused = got.codes.get("REQUEST_CONCURRENCY_LIMITED").copied().unwrap_or(0);
            let share = refused as f64 / got.took.len() as f64;
            let what = format!(
                "{limit} places, {clients} clients, two calls of 20 ms a request: share of requests with an error"
            );
            match limit {
                256 => report.at_most(what, share, 0.0),
                _ => report.beside(what, short(share)),
            }
        }
    }
    report
}
