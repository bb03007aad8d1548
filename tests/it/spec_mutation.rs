//! Mutations: root fields one after the other, each seeing what those before it did.
//!
//! <https://spec.graphql.org/September2025/#sec-Mutation>

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use serde_json::json;
use switchboard::engine::OnError;
use switchboard_harness::{Answer, MockRest};

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query { count: Counter @connect(source: "api", http: { GET: "/count" }, selection: "value") }
    type Mutation {
      add(by: Int!): Counter @connect(source: "api", http: { POST: "/add", body: "$args" }, selection: "value")
      fail: Counter @connect(source: "api", http: { POST: "/fail" }, selection: "value")
      mustNotFail: Counter! @connect(source: "api", http: { POST: "/fail" }, selection: "value")
    }
    type Counter { value: Int
      later: Int @connect(source: "api", http: { GET: "/count", queryParams: "seen: $this.value" }, selection: "$.value") }
"#;

async fn api() -> (MockRest, TestEngine) {
    let api = MockRest::start().await;
    let total = Arc::new(AtomicI64::new(0));
    let counted = total.clone();
    api.on("POST /add", move |request| {
        let by = request.json()["by"].as_i64().unwrap_or(0);
        Answer::json(json!({ "value": counted.fetch_add(by, SeqCst) + by }))
    });
    api.on("GET /count", move |_| {
        Answer::json(json!({ "value": total.load(SeqCst) }))
    });
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    (api, engine)
}

fn order(api: &MockRest) -> Vec<String> {
    api.log()
        .iter()
        .map(|call| {
            format!(
                "{} {}{}",
                call.method,
                call.path_and_query,
                String::from_utf8_lossy(&call.body)
            )
        })
        .collect()
}

#[tokio::test]
async fn mutations_run_in_order_and_what_is_below_one_runs_before_the_next() {
    let (api, engine) = api().await;

    let answer = engine
        .run("mutation { a: add(by: 1) { value later } b: add(by: 10) { later value } a2: add(by: 1) { value later } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"value":1,"later":1},"b":{"later":11,"value":11},"a2":{"value":12,"later":12}}}"#);
    insta::assert_snapshot!(order(&api).join("; "), @r#"POST /add{"by":1}; GET /count?seen=1; POST /add{"by":10}; GET /count?seen=11; POST /add{"by":1}; GET /count?seen=12"#);
}

#[tokio::test]
async fn a_failed_mutation_does_not_stop_those_behind_it() {
    let (api, engine) = api().await;

    let answer = engine
        .run("mutation { a: add(by: 1) { value } fail { value } b: add(by: 1) { value } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":36}],"path":["fail"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Mutation.fail"},"http":{"status":404}}}],"data":{"a":{"value":1},"fail":null,"b":{"value":2}},"extensions":{"degraded":[{"path":["fail"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(
        order(&api),
        ["POST /add{\"by\":1}", "POST /fail", "POST /add{\"by\":1}"]
    );
}

#[tokio::test]
async fn a_failed_non_null_mutation_leaves_no_data_and_stops_those_behind_it() {
    let (api, engine) = api().await;

    let answer = engine
        .run("mutation { a: add(by: 1) { value } mustNotFail { value } b: add(by: 1) { value } mustNotFail2: mustNotFail { value } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":36}],"path":["mustNotFail"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Mutation.mustNotFail"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["mustNotFail"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn what_an_error_does_decides_whether_mutations_behind_a_failed_one_are_made() {
    for (on_error, fields, made) in [
        (
            OnError::Halt,
            "a: add(by: 1) { value } fail { value } b: add(by: 1) { value }",
            2,
        ),
        (
            OnError::Propagate,
            "a: add(by: 1) { value } fail { value } b: add(by: 1) { value }",
            3,
        ),
        (
            OnError::Null,
            "a: add(by: 1) { value } mustNotFail { value } b: add(by: 1) { value }",
            3,
        ),
    ] {
        let (api, engine) = api().await;
        let answer = engine
            .ask(Ask {
                on_error,
                ..Ask::query(format!("mutation {{ {fields} }}"))
            })
            .await;
        assert_eq!(answer["data"].is_null(), on_error == OnError::Halt, "{answer}");
        assert_eq!(api.calls(), made, "{on_error:?}: {answer}");
    }
}

#[tokio::test]
async fn one_mutation_twice_under_two_names_is_made_twice() {
    let (api, engine) = api().await;

    let answer = engine.run("mutation { a: add(by: 1) { value } b: add(by: 1) { value } ...F } fragment F on Mutation { a: add(by: 1) { value } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"value":1},"b":{"value":2}}}"#);
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn a_payload_may_have_the_whole_query_in_it() {
    let api = MockRest::start().await;
    api.on_json("POST /rename", json!({ "ok": true }));
    api.on_json("GET /user/1", json!({ "id": 1, "name": "Ada" }));
    api.on_json("GET /user/2", json!({ "id": 2, "name": "Bob" }));
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { me: User @connect(source: "api", http: { GET: "/user/1" }, selection: "id name")
          user(id: Int!): User @connect(source: "api", http: { GET: "/user/{$args.id}" }, selection: "id name", entity: true) }
        type User { id: Int name: String }
        type Mutation { rename: Renamed @connect(source: "api", http: { POST: "/rename" }, selection: "ok query: $({})") }
        type Renamed { ok: Boolean query: Query }
    "#;
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine
        .run("mutation { rename { ok query { me { name } user(id: 2) { name } __typename } } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"rename":{"ok":true,"query":{"me":{"name":"Ada"},"user":{"name":"Bob"},"__typename":"Query"}}}}"#);
    assert_eq!(order(&api)[0], "POST /rename");
    assert_eq!(api.calls(), 3);
}
