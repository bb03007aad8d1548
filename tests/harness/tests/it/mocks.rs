//! Scripted backends and the switches that every backend has.

use std::time::Duration;

use serde_json::json;
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::support::{get, grpc, grpc_status, request};

const ECHO: (&str, &str) = (
    "demo/echo.proto",
    r#"
        syntax = "proto3";
        package demo;
        import "google/protobuf/timestamp.proto";
        message Request { repeated int64 ids = 1; string text = 2; }
        message Reply { string text = 1; int64 large = 2; google.protobuf.Timestamp at = 3; }
        service Echo { rpc Say(Request) returns (Reply); rpc Other(Request) returns (Reply); }
    "#,
);

#[tokio::test]
async fn a_route_sees_all_of_the_call() {
    let things = MockRest::start().await;
    things.on("POST /things/{kind}/{id}", |request| {
        Answer::json(json!({
            "kind": request.captured("kind"),
            "id": request.captured("id"),
            "tags": request.query_values("tag"),
            "accept": request.header("accept"),
            "body": request.json(),
        }))
    });

    let (status, body) = request(
        &things,
        "POST",
        "/things/a/7?tag=x&tag=%20y",
        None,
        Some(json!([1, null])),
    )
    .await;

    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({ "kind": "a", "id": "7", "tags": ["x", " y"], "accept": "*/*", "body": [1, null] })
    );
    assert_eq!(things.calls_to("POST /things/{kind}/{id}"), 1);
    assert_eq!(things.log()[0].path_and_query, "/things/a/7?tag=x&tag=%20y");
    assert_eq!(things.log()[0].keys, ["a", "7"]);
}

#[tokio::test]
async fn the_newest_route_wins_and_no_route_is_404() {
    let things = MockRest::start().await;
    things.on_json("GET /a", json!(1)).on_json("GET /a", json!(2));

    assert_eq!(get(&things, "/a").await, 2);
    assert_eq!(request(&things, "PUT", "/a", None, None).await.0, 404);
    assert_eq!(
        things.calls_by_route(),
        [("GET /a".to_owned(), 1), ("PUT /a".to_owned(), 1)]
    );
}

#[tokio::test]
async fn an_answer_may_be_of_any_status_type_and_length() {
    let things = MockRest::start().await;
    things.on("GET /text", |_| {
        Answer::text("plain")
            .with_status(418)
            .with_header("x-a", "1")
            .with_header("x-a", "2")
    });
    things.on("GET /empty", |_| Answer::status(204));
    things.on("GET /broken", |_| {
        Answer::raw("application/json", "{\"half\":").breaking_off()
    });

    let text = reqwest::get(format!("{}/text", things.url())).await.unwrap();
    assert_eq!(
        (text.status().as_u16(), text.headers().get_all("x-a").iter().count()),
        (418, 2)
    );
    assert_eq!(text.text().await.unwrap(), "plain");
    let empty = reqwest::get(format!("{}/empty", things.url())).await.unwrap();
    assert!(empty.headers().get("content-type").is_none());
    let broken = reqwest::get(format!("{}/broken", things.url())).await.unwrap();
    assert!(broken.bytes().await.is_err(), "the end never came");
}

#[tokio::test]
async fn held_calls_are_answered_when_the_test_says_so() {
    let things = MockRest::start().await;
    things.on_json("GET /a", json!("a")).on_json("GET /b", json!("b"));
    things.hold_on("GET /a");

    let calls: Vec<_> = (0..3)
        .map(|_| {
            let things = things.clone();
            tokio::spawn(async move { get(&things, "/a").await })
        })
        .collect();
    things.wait_for_calls(3).await;
    assert_eq!(get(&things, "/b").await, "b", "another route is not held");
    assert_eq!((things.in_flight(), things.in_flight_max()), (3, 4));

    things.let_through(1);
    things.release();
    for call in calls {
        assert_eq!(call.await.unwrap(), "a");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let things = MockRest::start().await;
    things.on_json("GET /a", json!("a")).hold();

    let call = tokio::spawn({
        let things = things.clone();
        async move { get(&things, "/a").await }
    });
    things.wait_for_calls(1).await;
    call.abort();

    things.wait_for_abandoned(1).await;
    assert_eq!(things.in_flight(), 0);
}

#[tokio::test]
async fn failures_are_counted_down_shared_out_and_taken_back() {
    let things = MockRest::start().await;
    things.on_json("GET /a", json!("a"));
    let status = async || request(&things, "GET", "/a", None, None).await.0;

    things.fail_next(2, 503);
    assert_eq!([status().await, status().await, status().await], [503, 503, 200]);

    things.fail_share(0.5, 500);
    let mut failed = 0;
    for _ in 0..100 {
        failed += u32::from(status().await == 500);
    }
    assert!((30..70).contains(&failed), "about half of a hundred: {failed}");

    things.fail_on("GET /other", 500);
    things.recover();
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_stopped_backend_refuses_and_comes_back_on_its_port() {
    let things = MockRest::start().await;
    things.on_json("GET /a", json!("a")).delay(Duration::from_secs(600));
    let address = things.address();
    let waiting = tokio::spawn(reqwest::get(format!("{}/a", things.url())));
    things.wait_for_calls(1).await;

    things.stop().await;
    assert!(waiting.await.unwrap().is_err(), "a call under way is cut off");
    assert!(reqwest::get(format!("{}/a", things.url())).await.is_err());

    things.recover();
    things.start_again().await;
    assert_eq!((things.address(), get(&things, "/a").await), (address, json!("a")));
    things.reset();
    assert_eq!((things.calls(), things.log().len()), (0, 0));
}

#[tokio::test]
async fn a_method_answers_in_protojson() {
    let echo = MockGrpc::start(&[ECHO]).await;
    echo.on("demo.Echo/Say", |request| {
        GrpcAnswer::json(json!({
            "text": request.message["text"], "large": "9007199254740993", "at": "2024-05-01T12:00:00Z",
        }))
    });

    let (code, reply) = grpc(
        &echo,
        echo.pool(),
        "demo.Echo/Say",
        json!({ "ids": [1, "2"], "text": "hé" }),
    )
    .await;

    assert_eq!(code, 0);
    assert_eq!(
        reply,
        json!({ "text": "hé", "large": "9007199254740993", "at": "2024-05-01T12:00:00Z" })
    );
    assert_eq!(echo.log()[0].keys, ["1", "2"]);
    assert_eq!(echo.calls_to("Say"), 1);
    assert_eq!(
        grpc(&echo, echo.pool(), "demo.Echo/Other", json!({})).await.0,
        12,
        "nothing was scripted"
    );
}

#[tokio::test]
async fn a_method_fails_with_code_message_and_details() {
    let echo = MockGrpc::start(&[ECHO]).await;
    echo.on("demo.Echo/Say", |_| {
        GrpcAnswer::status_with_details(9, "not now", &b"details"[..])
    });

    let status = grpc_status(&echo, echo.pool(), "demo.Echo/Say", json!({}))
        .await
        .unwrap_err();

    assert_eq!(
        (i32::from(status.code()), status.message(), status.details()),
        (9, "not now", &b"details"[..])
    );
}
