//! `switchboard dev`: faults on demand, errors that say everything, a page to try operations with.

use serde_json::{Value, json};
use switchboard::config::Config;

use crate::operate::{Operated, until, write};

async fn dev() -> Operated {
    Operated::start("http: { operation_timeout: 3s }\n", Config::for_development).await
}

async fn ask_with(server: &Operated, faults: &[&str]) -> Value {
    let (status, told) = server.set("/faults", json!({ "faults": faults })).await;
    assert_eq!((status, &told["faults"]), (200, &json!(faults)), "{told}");
    server.run("{ x tips news }").await
}

/// Without what differs from run to run.
fn settled(mut answer: Value, server: &Operated) -> String {
    answer.as_object_mut().unwrap().shift_remove("extensions");
    answer.to_string().replace(&server.api.url(), "http://api")
}

#[tokio::test]
async fn each_kind_of_fault_looks_as_the_real_one() {
    let server = dev().await;

    insta::assert_snapshot!(settled(ask_with(&server, &["news=down"]).await, &server), @r#"{"errors":[{"message":"The source is not available.","locations":[{"line":1,"column":10}],"path":["news"],"extensions":{"code":"UPSTREAM_UNAVAILABLE","service":"news","connector":{"coordinate":"Query.news"},"debug":{"call":"GET http://api/news","cause":"could not connect: a fault that was asked for"}}}],"data":{"x":1,"tips":["a"],"news":null}}"#);
    insta::assert_snapshot!(settled(ask_with(&server, &["news=error:503"]).await, &server), @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":10}],"path":["news"],"extensions":{"code":"CONNECTOR_FETCH","service":"news","connector":{"coordinate":"Query.news"},"http":{"status":503},"debug":{"said":"","message":"a fault that was asked for"}}}],"data":{"x":1,"tips":["a"],"news":null}}"#);
    insta::assert_snapshot!(settled(ask_with(&server, &["api=latency:1h", "news=hang"]).await, &server), @r#"{"errors":[{"message":"The source did not answer in time.","locations":[{"line":1,"column":3}],"path":["x"],"extensions":{"code":"UPSTREAM_TIMEOUT","service":"api","connector":{"coordinate":"Query.x"},"debug":{"call":"GET http://api/x","cause":"no reply within 1s"}}},{"message":"The source did not answer in time.","locations":[{"line":1,"column":10}],"path":["news"],"extensions":{"code":"UPSTREAM_TIMEOUT","service":"news","connector":{"coordinate":"Query.news"},"debug":{"call":"GET http://api/news","cause":"no reply within 1s"}}}],"data":{"x":null,"tips":[],"news":null}}"#);
    insta::assert_snapshot!(settled(ask_with(&server, &["api=latency:1ms"]).await, &server), @r#"{"data":{"x":1,"tips":["a"],"news":"old"}}"#);
    insta::assert_snapshot!(settled(ask_with(&server, &[]).await, &server), @r#"{"data":{"x":1,"tips":["a"],"news":"old"}}"#);
}

#[tokio::test]
async fn a_fault_of_a_share_of_calls_strikes_about_so_many() {
    let server = dev().await;
    server.set("/faults", json!({ "faults": ["news=down@30%"] })).await;

    let mut failed = 0;
    for _ in 0..100 {
        failed += u32::from(server.run("{ news }").await["data"]["news"].is_null());
    }

    assert!((15..=45).contains(&failed), "{failed} of 100");
}

#[tokio::test]
async fn faults_that_make_no_sense_are_told() {
    let server = dev().await;
    let mut told = Vec::new();
    for fault in [
        "news",
        "nwes=down",
        "news=sleepy",
        "news=latency:long",
        "news=error:200",
        "news=down@0%",
    ] {
        let (status, answer) = server.set("/faults", json!({ "faults": [fault] })).await;
        told.push(format!("{status} {}", answer["error"].as_str().unwrap_or_default()));
    }

    insta::assert_snapshot!(told.join("\n"), @r"
    400 write SOURCE=FAULT, such as `reviews=down`
    400 there is no source `nwes`; there are api, news
    400 `sleepy` is no fault: a fault is `down`, `hang`, `latency:3s` or `error:500`, with `@10%` behind it for a share of calls
    400 `long` is no time; write it as `3s` or `300ms`
    400 `error:` has a status from 400 to 599, also for gRPC
    400 `0%` is no share; write 1% to 100%
    ");
}

#[tokio::test]
async fn a_browser_gets_a_page_that_loads_nothing_from_elsewhere() {
    let server = dev().await;

    let (status, page) = server
        .get(&server.url(), "text/html,application/xhtml+xml,*/*;q=0.8")
        .await;

    assert_eq!(status, 200);
    assert!(page.starts_with("<!doctype html>"));
    for elsewhere in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    let schema = server.run("{ __schema { queryType { name } } }").await;
    assert_eq!(
        schema["data"]["__schema"]["queryType"]["name"], "Query",
        "the page shows the schema"
    );
}

#[tokio::test]
async fn a_schema_that_is_saved_is_served_and_faults_stay() {
    let server = dev().await;
    server.set("/faults", json!({ "faults": ["news=down"] })).await;
    let schema = std::fs::read_to_string(server.files.path().join("schema.graphql")).unwrap();

    write(
        server.files.path(),
        "schema.graphql",
        &schema.replace("x: Int", "y: Int"),
    );

    until("the new field is there", || async {
        server.run("{ y }").await["data"]["y"] == 1
    })
    .await;
    assert!(server.run("{ news }").await["data"]["news"].is_null());
}
