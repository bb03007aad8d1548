//! Headers of tracing that mean no good: they decide nothing here, and travel nowhere unless a schema sends them on.

use serde_json::json;

use crate::support::busy::{Busy, thing};

#[tokio::test]
async fn a_client_cannot_force_a_trace_or_have_its_baggage_carried() {
    let server = Busy::start("max_in_flight: auto", "").await;
    let baggage = "key=value,".repeat(800);
    assert!(baggage.len() > 7_000);

    let request = reqwest::Client::new()
        .post(server.server.url("app"))
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("tracestate", "vendor=forced")
        .header("baggage", &baggage)
        .json(&json!({ "query": thing(1) }));
    let answer = request.send().await.unwrap();

    assert_eq!(answer.status(), 200);
    let told: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
    assert!(
        !told.iter().any(|name| name.starts_with("trace") || name == "baggage"),
        "{told:?}"
    );
    let calls = server.api.log();
    assert_eq!(calls.len(), 1);
    for name in ["traceparent", "tracestate", "baggage"] {
        assert!(!calls[0].headers.contains_key(name), "{name}: {:?}", calls[0].headers);
    }
}

#[tokio::test]
async fn where_a_schema_hands_baggage_on_it_has_eight_kilobytes_at_most() {
    let server = Busy::start("max_in_flight: auto", "").await;
    let handed_on = |bytes: usize| {
        let server = &server;
        async move {
            let request = reqwest::Client::new()
                .post(server.server.url("app"))
                .header("baggage", format!("k={}", "v".repeat(bytes - 2)))
                .json(&json!({ "query": "{ traced { id } }" }));
            assert_eq!(request.send().await.unwrap().status(), 200);
            let calls = server.api.log();
            calls.last().unwrap().headers.get("baggage").map(|value| value.len())
        }
    };

    assert_eq!(handed_on(8 * 1024).await, Some(8 * 1024));
    assert_eq!(
        handed_on(8 * 1024 + 1).await,
        None,
        "all of it is dropped, and nothing else"
    );
}

#[tokio::test]
async fn baggage_beyond_all_measure_is_refused_with_its_headers() {
    let server = Busy::start("max_in_flight: auto", "").await;

    let request = reqwest::Client::new()
        .post(server.server.url("app"))
        .header("baggage", "key=value,".repeat(1_700))
        .json(&json!({ "query": thing(1) }));

    assert_eq!(request.send().await.unwrap().status(), 431);
    assert_eq!(server.api.calls(), 0);
}
