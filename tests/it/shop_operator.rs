//! What an operator counts on: an operation's deadline, and figures of what is called.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use switchboard_harness::Shop;

use crate::support::{
    server::TestServer,
    shop::{TestShop, as_user},
};

const SCREEN: &str = "{ home { user { name } recommended(limit: 2) { name rating { count } } } }";

async fn post(server: &TestServer, query: &str) -> Value {
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = request
        .post(server.url("mobile"))
        .headers(as_user(7))
        .header(CONTENT_TYPE, "application/json");
    let response = request
        .body(json!({ "query": query }).to_string())
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&response.bytes().await.expect("a whole answer")).expect("JSON")
}

#[tokio::test]
async fn the_operation_s_deadline_ends_calls_whose_own_time_is_not_up_and_keeps_what_is_there() {
    let shop = TestShop::with(|config| {
        config.http.operation_timeout = Duration::from_secs(2);
        // Only the deadline can end the call.
        config.sources.get_mut("reviews").expect("a source of the shop").timeout = Some(Duration::from_secs(3_600));
    });
    let (backends, server): (Shop, TestServer) = shop.await.serve().await;
    backends.reviews.hold();

    let answer = post(&server, SCREEN).await;

    assert_eq!(answer["data"]["home"]["user"]["name"], "Omar Nguyễn");
    assert_eq!(
        answer["data"]["home"]["recommended"][0]["name"],
        "Nordic Copper Cushion"
    );
    assert_eq!(answer["data"]["home"]["recommended"][0]["rating"], json!(null));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_TIMEOUT");
    assert_eq!(answer["errors"][0]["extensions"]["service"], "reviews");
    backends.reviews.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn metrics_tell_calls_batch_sizes_and_durations_by_source() {
    let shop = TestShop::with(|config| config.admin = Some(([127, 0, 0, 1], 0).into()));
    let (_backends, server) = shop.await.serve().await;
    post(&server, SCREEN).await;

    let url = format!("http://{}/metrics", server.admin.expect("an admin port"));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let text = client
        .get(url)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");

    let figure = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        line.rsplit(' ').next().expect("a figure").to_owned()
    };
    assert_eq!(
        figure(r#"switchboard_requests_total{surface="mobile",outcome="data"}"#),
        "1"
    );
    assert_eq!(
        figure(r#"switchboard_request_duration_seconds_count{surface="mobile"}"#),
        "1"
    );
    for source in ["accounts", "catalog", "reviews"] {
        assert_eq!(
            figure(&format!(
                r#"switchboard_source_calls_total{{source="{source}",outcome="success"}}"#
            )),
            "1"
        );
        assert_eq!(
            figure(&format!(
                r#"switchboard_source_call_duration_seconds_count{{source="{source}"}}"#
            )),
            "1"
        );
    }
    assert_eq!(
        figure(r#"switchboard_source_batch_keys_sum{source="reviews"}"#),
        "2.0",
        "two products in one call"
    );
    assert_eq!(figure(r#"switchboard_source_calls_in_flight{source="reviews"}"#), "0");
}
