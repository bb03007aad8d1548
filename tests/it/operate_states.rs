//! What operators see of sources that fail: breakers, retries, bulkheads, on `/metrics`, `/sources` and the page.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchboard_harness::Answer;

use crate::{operate::Operated, support::root};

/// The values of a source, without what depends on the clock.
async fn told(server: &Operated, source: &str) -> Value {
    let (status, text) = server.get(&server.admin("/sources"), "*/*").await;
    assert_eq!(status, 200);
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut sources = all["sources"].as_array().unwrap().iter();
    let mut told = sources.find(|told| told["source"] == source).unwrap().clone();
    let budget = told.as_object_mut().unwrap().shift_remove("retry_budget").unwrap();
    assert!((0.0..=10.0).contains(&budget.as_f64().unwrap()), "{budget}");
    let left = told["addresses"][0]
        .as_object_mut()
        .unwrap()
        .shift_remove("open_for_ms");
    assert_eq!(told["addresses"][0]["address"].take(), json!(server.api.url()));
    told["addresses"][0]["address"] = json!("URL");
    let is_open = told["addresses"][0]["breaker"] == "open";
    assert_eq!(left.unwrap().as_u64().is_some_and(|left| left <= 36_000), is_open);
    told
}

/// Series of breakers, tries and bulkheads, without what depends on the clock.
async fn series(server: &Operated, source: &str) -> String {
    let (_, text) = server.get(&server.admin("/metrics"), "*/*").await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
    let of_source = format!("{{surface=\"web\",source=\"{source}\"");
    let lines = text
        .lines()
        .filter(|line| line.contains(&of_source) && !line.starts_with("switchboard_degraded"));
    let settled = lines.filter(|line| !line.starts_with("switchboard_source_retry_budget"));
    settled.collect::<Vec<_>>().join("\n").replace(&server.api.url(), "URL")
}

#[tokio::test]
async fn an_open_breaker_is_told_by_metrics_by_json_and_on_the_page() {
    let server = Operated::start("", |config| config).await;
    server.api.on("GET /news", |_| Answer::status(503));

    let mut codes = Vec::new();
    for _ in 0..3 {
        let answer = server.run("{ x news }").await;
        codes.push(answer["errors"][0]["extensions"]["code"].clone());
    }

    assert_eq!(codes.last(), Some(&json!("UPSTREAM_CIRCUIT_OPEN")), "{codes:?}");
    assert_eq!(server.api.calls_to("GET /news"), 5);
    insta::assert_snapshot!(series(&server, "news").await, @r#"
    switchboard_source_retries_total{surface="web",source="news"} 4
    switchboard_source_retries_refused_total{surface="web",source="news"} 0
    switchboard_source_hedges_total{surface="web",source="news"} 0
    switchboard_source_hedges_won_total{surface="web",source="news"} 0
    switchboard_source_bulkhead_in_flight{surface="web",source="news"} 0.0
    switchboard_source_bulkhead_limit{surface="web",source="news"} 256.0
    switchboard_source_refused_total{surface="web",source="news",reason="full"} 0
    switchboard_source_refused_total{surface="web",source="news",reason="open"} 2
    switchboard_source_breaker{surface="web",source="news",address="URL",state="closed"} 0.0
    switchboard_source_breaker{surface="web",source="news",address="URL",state="half_open"} 0.0
    switchboard_source_breaker{surface="web",source="news",address="URL",state="open"} 1.0
    switchboard_source_breaker_opened_total{surface="web",source="news",address="URL"} 1
    switchboard_source_tries_total{surface="web",source="news",address="URL"} 5
    switchboard_source_tries_failed_total{surface="web",source="news",address="URL"} 5
    "#);
    insta::assert_snapshot!(told(&server, "news").await, @r#"{"surface":"web","source":"news","in_flight":0,"in_flight_max":256,"calls":3,"refused":{"full":0,"open":2},"tries":5,"retries":4,"retries_refused":0,"hedges":0,"hedges_won":0,"addresses":[{"address":"URL","breaker":"open","opened":1,"in_flight":0,"tries":5,"failures":5}],"connectors":[]}"#);
    insta::assert_snapshot!(told(&server, "api").await, @r#"{"surface":"web","source":"api","in_flight":0,"in_flight_max":256,"calls":3,"refused":{"full":0,"open":0},"tries":3,"retries":0,"retries_refused":0,"hedges":0,"hedges_won":0,"addresses":[{"address":"URL","breaker":"closed","opened":0,"in_flight":0,"tries":3,"failures":0}],"connectors":[]}"#);
    let (_, page) = server.get(&server.admin("/"), "text/html").await;
    assert!(page.contains("<span class=\"bad\">open for "), "{page}");
    assert!(page.contains("<span class=\"good\">closed</span>"), "{page}");
}

#[tokio::test]
async fn connectors_with_limits_of_their_own_have_series_and_sources_without_a_limit_have_none() {
    let server = Operated::start("", |mut config| {
        config.sources.get_mut("news").unwrap().max_in_flight = Some(switchboard::config::InFlight::AtMost(0));
        config
    })
    .await;
    assert_eq!(told(&server, "news").await["in_flight_max"], Value::Null);
    let before = series(&server, "news").await;
    assert!(
        !before.contains("bulkhead_limit") && before.contains("bulkhead_in_flight"),
        "{before}"
    );
    assert!(!before.contains("connector_"), "{before}");
    let path = server.files.path();
    let sdl = std::fs::read_to_string(path.join("schema.graphql")).unwrap();
    let sdl = sdl
        .replace("[\"@fallback\"]", "[\"@fallback\", \"@resilience\"]")
        .replace(
            "selection: \"$.text\")",
            "selection: \"$.text\") @resilience(maxConcurrent: 3, breaker: { failureRate: 0.5, window: 10, openFor: \"30s\" })",
        );
    crate::operate::write(path, "schema.graphql", &sdl);

    let (status, why) = server.set("/reload", json!({})).await;

    assert_eq!(status, 200, "{why}");
    let after = series(&server, "news").await;
    let of_connectors: Vec<&str> = after.lines().filter(|line| line.contains("_connector_")).collect();
    insta::assert_snapshot!(of_connectors.join("\n"), @r#"
    switchboard_connector_breaker{surface="web",source="news",connector="Query.news",state="closed"} 1.0
    switchboard_connector_breaker{surface="web",source="news",connector="Query.news",state="half_open"} 0.0
    switchboard_connector_breaker{surface="web",source="news",connector="Query.news",state="open"} 0.0
    switchboard_connector_breaker_opened_total{surface="web",source="news",connector="Query.news"} 0
    switchboard_connector_bulkhead_in_flight{surface="web",source="news",connector="Query.news"} 0.0
    switchboard_connector_bulkhead_limit{surface="web",source="news",connector="Query.news"} 3.0
    "#);
}

/// Names of all metrics of a scrape.
fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            match kind {
                "counter" => format!("{name}_total"),
                _ => name.to_owned(),
            }
        })
        .collect()
}

/// Names in the tables of metrics that operators read, with the prefix.
fn documented() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["docs/operating.md", "docs/overload.md"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let mut lines = text.lines();
        while lines.by_ref().any(|line| line.starts_with("| `switchboard_…` |")) {
            let rows = lines.by_ref().skip(1).take_while(|line| line.starts_with('|'));
            for row in rows {
                let first = row.split('|').nth(1).unwrap();
                let all = first.split('`').skip(1).step_by(2);
                names.extend(all.map(|name| format!("switchboard_{name}")));
            }
        }
    }
    names
}

#[tokio::test]
async fn operators_can_read_what_every_metric_is() {
    let server = Operated::start("overload: { max_in_flight: 100 }\n", |config| config).await;
    let path = server.files.path();
    let sdl = std::fs::read_to_string(path.join("schema.graphql")).unwrap();
    let sdl = sdl.replace("[\"@fallback\"]", "[\"@fallback\", \"@resilience\"]").replace(
        "selection: \"$.text\")",
        "selection: \"$.text\") @resilience(maxConcurrent: 3, breaker: { failureRate: 0.5, window: 10, openFor: \"30s\" })",
    );
    crate::operate::write(path, "schema.graphql", &sdl);
    let (status, why) = server.set("/reload", json!({})).await;
    assert_eq!(status, 200, "{why}");
    server.api.on("GET /news", |_| Answer::status(503));
    server.api.on("GET /tips", |_| Answer::status(503));
    for _ in 0..10 {
        server.run("{ x news tips }").await;
    }
    let aliases: String = (0..100).map(|number| format!(" a{number}: x")).collect();
    server.run(&format!("{{{aliases} }}")).await;

    let (_, text) = server.get(&server.admin("/metrics"), "*/*").await;

    assert_eq!(names(&text), documented());
    assert!(
        text.contains("switchboard_source_calls_total{source=\"api\",outcome=\"status\"} "),
        "{text}"
    );
    assert!(
        !text.contains("switchboard_source_calls_total{source=\"api\",outcome=\"status\"} 0"),
        "{text}"
    );
}
