//! `@critical`: a field without which there is no answer.

use serde_json::{Value, json};
use switchboard::engine::{OnError, Outcome, Response, Settings};
use switchboard_harness::{Answer, MockRest};

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback", "@critical"])
      @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      me: User @critical @connect(source: "api", http: { GET: "/me" }, selection: "id name")
      other: Int @connect(source: "api", http: { GET: "/other" }, selection: "$")
      count: Int @critical @connect(source: "api", http: { GET: "/count" }, selection: "$")
      users: [User] @connect(source: "api", http: { GET: "/users" }, selection: "id name")
      screen: Screen @fallback(selection: "$({ title: 'Offline' })")
        @connect(source: "api", http: { GET: "/screen" }, selection: "title body user { id }")
      bare: Screen @fallback(selection: "$({ title: 'Offline', body: 'kept' })")
        @connect(source: "api", http: { GET: "/screen" }, selection: "title body")
      plain: Screen @connect(source: "api", http: { GET: "/screen" }, selection: "title body")
      both: Int @critical @fallback(selection: "$(-1)", on: [HTTP_5XX])
        @connect(source: "api", http: { GET: "/both" }, selection: "$")
    }
    type Mutation {
      add: User @connect(source: "api", http: { POST: "/add" }, selection: "id name")
      pay: User @critical @connect(source: "api", http: { POST: "/pay" }, selection: "id name")
      send: User @connect(source: "api", http: { POST: "/send" }, selection: "id name")
    }
    type Screen { title: String body: String @critical
      user: User
      tip: String @critical @connect(source: "api", http: { GET: "/tip/{$this.title}" }, selection: "$") }
    type User
      @connect(source: "api", http: { GET: "/scores", queryParams: "id: $batch.id" }, batch: { maxSize: 10 }, selection: "id score rank") {
      id: ID!
      name: String
      need: String! @connect(source: "api", http: { GET: "/need/{$this.id}" }, selection: "$")
      soft: String @connect(source: "api", http: { GET: "/need/{$this.id}" }, selection: "$")
      score: Int @critical
      rank: Int
    }
"#;

async fn shop() -> (MockRest, TestEngine) {
    let api = MockRest::start().await;
    api.on_json("GET /me", json!({ "id": 1, "name": "Ann" }));
    api.on_json(
        "GET /users",
        json!([{ "id": 1, "name": "Ann" }, { "id": 2, "name": "Bob" }]),
    );
    api.on_json("GET /other", json!(1));
    api.on_json("POST /add", json!({ "id": 3 }));
    api.on_json("POST /send", json!({ "id": 4 }));
    let engine = TestEngine::of_files(&[("schema.graphql", SDL)], &[("api", api.url())], Settings::default());
    (api, engine)
}

/// Status or `data`, `Retry-After` if there is one, and the answer.
fn told(response: &Response) -> String {
    let outcome = match response.outcome {
        Outcome::Unavailable(status) => status.to_string(),
        other => format!("{other:?}"),
    };
    let headers: Vec<String> = response
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    format!(
        "{outcome} [{}]\n{}",
        headers.join(", "),
        String::from_utf8_lossy(&response.body)
    )
}

async fn ask(engine: &TestEngine, query: &str) -> String {
    let response = engine
        .respond(Ask {
            query: query.to_owned(),
            ..Ask::default()
        })
        .await;
    told(&response)
}

#[tokio::test]
async fn a_failed_critical_field_fails_the_request_and_says_when_to_ask_again() {
    let (api, engine) = shop().await;
    api.on("GET /me", |_| Answer::status(503));

    insta::assert_snapshot!(ask(&engine, "{ other me { name } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":9}],"path":["me"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.me"},"http":{"status":503}}}],"data":null,"extensions":{"degraded":[{"path":["me"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn a_critical_field_that_has_a_value_or_is_null_by_its_source_is_a_field_like_any_other() {
    let (api, engine) = shop().await;
    let there = ask(&engine, "{ me { name } }").await;
    api.on_json("GET /me", json!(null));
    let null = ask(&engine, "{ me { name } }").await;

    insta::assert_snapshot!(there, @r#"
    Data []
    {"data":{"me":{"name":"Ann"}}}
    "#);
    insta::assert_snapshot!(null, @r#"
    Data []
    {"data":{"me":null}}
    "#);
}

#[tokio::test]
async fn a_critical_field_of_the_wrong_type_fails_the_request() {
    let (api, engine) = shop().await;
    api.on_json("GET /count", json!("many"));

    insta::assert_snapshot!(ask(&engine, "{ other count }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Int cannot represent non-integer value.","locations":[{"line":1,"column":9}],"path":["count"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":null}
    "#);
}

#[tokio::test]
async fn a_null_that_climbs_to_a_critical_field_fails_the_request_and_one_below_it_does_not() {
    let (_api, engine) = shop().await;

    insta::assert_snapshot!(ask(&engine, "{ me { need } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":8}],"path":["me","need"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"User.need"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["me","need"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
    insta::assert_snapshot!(ask(&engine, "{ me { soft } }").await, @r#"
    Partial []
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":8}],"path":["me","soft"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"User.soft"},"http":{"status":404}}}],"data":{"me":{"soft":null}},"extensions":{"degraded":[{"path":["me","soft"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn a_critical_field_that_a_connector_of_its_type_supplies_fails_the_request_where_it_is_asked_for() {
    let (_api, engine) = shop().await;

    insta::assert_snapshot!(ask(&engine, "{ users { id score } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["users",0],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"User"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["users"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
    insta::assert_snapshot!(ask(&engine, "{ users { id rank } }").await, @r#"
    Partial []
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["users",0],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"User"},"http":{"status":404}}},{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["users",1],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"User"},"http":{"status":404}}}],"data":{"users":[{"id":"1","rank":null},{"id":"2","rank":null}]},"extensions":{"degraded":[{"path":["users"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn a_critical_field_that_comes_with_its_object_fails_with_it() {
    let (_api, engine) = shop().await;

    insta::assert_snapshot!(ask(&engine, "{ other plain { title } }").await, @r#"
    Partial []
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":9}],"path":["plain"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.plain"},"http":{"status":404}}}],"data":{"other":1,"plain":null},"extensions":{"degraded":[{"path":["plain"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
    insta::assert_snapshot!(ask(&engine, "{ other plain { title body } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":9}],"path":["plain"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.plain"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["plain"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn under_a_fallback_a_critical_field_must_be_in_its_value() {
    let (api, engine) = shop().await;
    api.on_json("GET /tip/Offline", json!("Try again."));

    insta::assert_snapshot!(ask(&engine, "{ screen { title tip } }").await, @r#"
    Data []
    {"data":{"screen":{"title":"Offline","tip":"Try again."}},"extensions":{"degraded":[{"path":["screen"],"source":"api","kind":"HTTP_4XX","used":"FALLBACK"}]}}
    "#);
    insta::assert_snapshot!(ask(&engine, "{ bare { body } }").await, @r#"
    Data []
    {"data":{"bare":{"body":"kept"}},"extensions":{"degraded":[{"path":["bare"],"source":"api","kind":"HTTP_4XX","used":"FALLBACK"}]}}
    "#);
    insta::assert_snapshot!(ask(&engine, "{ screen { title body } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":18}],"path":["screen","body"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.screen"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["screen","body"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn under_a_fallback_a_critical_field_with_a_call_of_its_own_fails_the_request_as_anywhere() {
    let (_api, engine) = shop().await;

    insta::assert_snapshot!(ask(&engine, "{ screen { title tip } }").await, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":18}],"path":["screen","tip"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Screen.tip"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["screen","tip"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn with_a_fallback_a_field_is_critical_for_the_failures_that_it_does_not_name() {
    let (api, engine) = shop().await;
    api.on("GET /both", |_| Answer::status(500));
    let named = ask(&engine, "{ both }").await;
    api.on("GET /both", |_| Answer::status(404));
    let unnamed = ask(&engine, "{ both }").await;

    insta::assert_snapshot!(named, @r#"
    Data []
    {"data":{"both":-1},"extensions":{"degraded":[{"path":["both"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}
    "#);
    insta::assert_snapshot!(unnamed, @r#"
    503 [retry-after: 5]
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["both"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.both"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["both"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
}

#[tokio::test]
async fn in_a_mutation_nothing_is_done_after_a_failed_critical_field_and_nobody_is_told_to_try_again() {
    let (api, engine) = shop().await;

    let answer = ask(&engine, "mutation { add { id } pay { id } send { id } }").await;

    insta::assert_snapshot!(answer, @r#"
    Partial []
    {"errors":[{"message":"Request failed","locations":[{"line":1,"column":23}],"path":["pay"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Mutation.pay"},"http":{"status":404}}}],"data":null,"extensions":{"degraded":[{"path":["pay"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}
    "#);
    assert_eq!(
        api.calls_by_route(),
        [("POST /add".to_owned(), 1), ("POST /pay".to_owned(), 1)]
    );
}

#[tokio::test]
async fn critical_is_critical_whatever_the_client_says_of_errors() {
    let (api, engine) = shop().await;
    api.on("GET /me", |_| Answer::status(503));
    for on_error in [OnError::Propagate, OnError::Null, OnError::Halt] {
        let ask = Ask {
            query: "{ me { name } }".to_owned(),
            on_error,
            ..Ask::default()
        };

        let response = engine.respond(ask).await;

        assert_eq!(response.outcome, Outcome::Unavailable(503), "{on_error:?}");
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["data"], Value::Null, "{on_error:?}");
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{on_error:?}");
    }
}
