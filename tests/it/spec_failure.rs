//! What clients are told when a source fails, and where.

use serde_json::{Value, json};
use switchboard_harness::{Answer, MockRest};

use crate::support::TestEngine;

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      thing: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name")
      strict: Thing! @connect(source: "api", http: { GET: "/thing" }, selection: "id name")
      text: String @connect(source: "api", http: { GET: "/thing" }, selection: "$")
      told: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name"
        errors: { message: "error.message", extensions: "code: error.code status: $status" })
      lenient: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name", isSuccess: "$status->in([200, 404])")
      fussy: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name", isSuccess: "$.ok")
      things: [Thing!] @connect(source: "api", http: { GET: "/things" }, selection: "id name")
      stubs: [Stub] @connect(source: "api", http: { GET: "/things" }, selection: "id")
      other: Int @connect(source: "api", http: { GET: "/other" }, selection: "$")
    }
    type Thing { id: ID! name: String
      part: String @connect(source: "api", http: { GET: "/parts/{$this.id}" }, selection: "$")
      need: String! @connect(source: "api", http: { GET: "/parts/{$this.id}" }, selection: "$") }
    type Stub @connect(source: "api", http: { POST: "/full", body: "ids: $batch.id" }, batch: { maxSize: 500 }, selection: "id name size")
      { id: ID! name: String size: Int }
"#;

async fn api(thing: Answer) -> (MockRest, TestEngine) {
    let api = MockRest::start().await;
    let thing = std::sync::Mutex::new(Some(thing));
    api.on("GET /thing", move |_| {
        thing
            .lock()
            .ok()
            .and_then(|mut thing| thing.take())
            .unwrap_or_else(|| Answer::status(500))
    });
    api.on_json("GET /other", json!(1));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    (api, engine)
}

async fn run(thing: Answer, query: &str) -> Value {
    let (api, engine) = api(thing).await;
    let answer = engine.run(query).await;
    let fields = query
        .split_whitespace()
        .filter(|word| ["thing", "strict", "text", "told", "lenient", "fussy", "other"].contains(word))
        .count();
    assert_eq!(api.calls(), fields as u64, "nothing is tried twice");
    answer
}

#[tokio::test]
async fn a_failed_field_is_null_with_message_location_path_code_and_service() {
    let answer = run(
        Answer::json(json!({ "secret": "stack trace" })).with_status(500),
        "{\n  a: thing { id }\n  other\n}",
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":2,"column":3}],"path":["a"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.thing"},"http":{"status":500}}}],"data":{"a":null,"other":1},"extensions":{"degraded":[{"path":["a"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn not_found_is_a_failure() {
    let answer = run(Answer::status(404), "{ other thing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":9}],"path":["thing"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.thing"},"http":{"status":404}}}],"data":{"other":1,"thing":null},"extensions":{"degraded":[{"path":["thing"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn a_failed_non_null_root_field_leaves_no_data() {
    let answer = run(Answer::status(503), "{ other strict { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":9}],"path":["strict"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.strict"},"http":{"status":503}}}],"data":null,"extensions":{"degraded":[{"path":["strict"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn the_errors_mapping_says_what_the_client_is_told() {
    let body = json!({ "error": { "message": "No such thing.", "code": "THING_GONE" } });

    let answer = run(Answer::json(body).with_status(410), "{ told { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"No such thing.","locations":[{"line":1,"column":3}],"path":["told"],"extensions":{"code":"THING_GONE","service":"api","connector":{"coordinate":"Query.told"},"http":{"status":410},"status":410}}],"data":{"told":null},"extensions":{"degraded":[{"path":["told"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn an_errors_mapping_that_finds_no_text_tells_nothing() {
    let answer = run(
        Answer::raw("application/json", "not json").with_status(500),
        "{ told { id } }",
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"","locations":[{"line":1,"column":3}],"path":["told"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.told"},"http":{"status":500},"status":500}}],"data":{"told":null},"extensions":{"degraded":[{"path":["told"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn is_success_may_accept_what_is_no_success_by_status() {
    let answer = run(Answer::json(json!(null)).with_status(404), "{ lenient { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"lenient":null}}"#);
}

#[tokio::test]
async fn is_success_may_refuse_what_is_a_success_by_status() {
    let answer = run(Answer::json(json!({ "ok": "yes", "id": 1 })), "{ fussy { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["fussy"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.fussy"},"http":{"status":200}}}],"data":{"fussy":null},"extensions":{"degraded":[{"path":["fussy"],"source":"api","kind":"INVALID_RESPONSE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn bad_json_is_a_failure() {
    let answer = run(Answer::raw("application/json", "{\"id\": 1"), "{ thing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"The server returned data in an unexpected format.","locations":[{"line":1,"column":3}],"path":["thing"],"extensions":{"code":"CONNECTOR_RESPONSE_INVALID","service":"api","connector":{"coordinate":"Query.thing"}}}],"data":{"thing":null},"extensions":{"degraded":[{"path":["thing"],"source":"api","kind":"INVALID_RESPONSE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn json_with_something_behind_it_is_a_failure() {
    let answer = run(Answer::raw("application/json", "{\"id\": 1} x"), "{ thing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"The server returned data in an unexpected format.","locations":[{"line":1,"column":3}],"path":["thing"],"extensions":{"code":"CONNECTOR_RESPONSE_INVALID","service":"api","connector":{"coordinate":"Query.thing"}}}],"data":{"thing":null},"extensions":{"degraded":[{"path":["thing"],"source":"api","kind":"INVALID_RESPONSE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn an_empty_body_is_null() {
    let answer = run(Answer::raw("application/json", ""), "{ thing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"thing":null}}"#);
}

#[tokio::test]
async fn plain_text_is_a_text() {
    let answer = run(Answer::text("a \"text\""), "{ text }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"text":"a \"text\""}}"#);
}

#[tokio::test]
async fn another_content_type_is_null() {
    let answer = run(Answer::raw("text/html", "<p>"), "{ text }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"text":null}}"#);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_failure() {
    let answer = run(Answer::json(json!({ "id": 1 })).breaking_off(), "{ thing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"The source's answer cannot be used.","locations":[{"line":1,"column":3}],"path":["thing"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api","connector":{"coordinate":"Query.thing"}}}],"data":{"thing":null},"extensions":{"degraded":[{"path":["thing"],"source":"api","kind":"INVALID_RESPONSE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn a_failed_call_for_one_object_leaves_the_others() {
    let (api, engine) = api(Answer::status(500)).await;
    api.on_json(
        "GET /things",
        json!([{ "id": 1, "name": "one" }, { "id": 2, "name": "two" }]),
    );
    api.on_json("GET /parts/1", json!("part one"));

    let answer = engine.run("{ things { name part } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":17}],"path":["things",1,"part"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Thing.part"},"http":{"status":404}}}],"data":{"things":[{"name":"one","part":"part one"},{"name":"two","part":null}]},"extensions":{"degraded":[{"path":["things"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(api.calls(), 3);
}

#[tokio::test]
async fn a_failed_call_for_a_non_null_field_climbs() {
    let (api, engine) = api(Answer::status(500)).await;
    api.on_json(
        "GET /things",
        json!([{ "id": 1, "name": "one" }, { "id": 2, "name": "two" }]),
    );
    api.on_json("GET /parts/1", json!("part one"));

    let answer = engine.run("{ things { name need } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":17}],"path":["things",1,"need"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Thing.need"},"http":{"status":404}}}],"data":{"things":null},"extensions":{"degraded":[{"path":["things"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(api.calls(), 3);
}

#[tokio::test]
async fn a_failed_batch_is_one_error_at_each_object() {
    let (api, engine) = api(Answer::status(500)).await;
    api.on_json("GET /things", json!([{ "id": 1 }, { "id": 2 }]));

    let answer = engine.run("{ stubs { id name size } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["stubs",0],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Stub"},"http":{"status":404}}},{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["stubs",1],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Stub"},"http":{"status":404}}}],"data":{"stubs":[{"id":"1","name":null,"size":null},{"id":"2","name":null,"size":null}]},"extensions":{"degraded":[{"path":["stubs"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(api.calls_to("POST /full"), 1);
}

#[tokio::test]
async fn a_hundred_errors_of_one_failure_are_listed_and_the_rest_counted() {
    let (api, engine) = api(Answer::status(500)).await;
    api.on_json("GET /things", (0..130).map(|id| json!({ "id": id })).collect());

    let answer = engine.run("{ stubs { id name } }").await;

    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(100));
    assert_eq!(answer["extensions"]["omittedErrors"], 30);
    let once = json!([{ "path": ["stubs"], "source": "api", "kind": "HTTP_4XX", "used": "NULL" }]);
    assert_eq!(answer["extensions"]["degraded"], once);
    assert_eq!(answer["data"]["stubs"].as_array().map(Vec::len), Some(130));
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn what_fails_for_an_object_and_for_the_key_of_more_of_it_is_one_error_there() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { items: [Item] @connect(source: "api", http: { GET: "/items" }, selection: "id")
          item(id: ID!): Item @connect(source: "api", http: { GET: "/item/{$args.id}" }, selection: "id sku", entity: true) }
        type Item @connect(source: "api", http: { POST: "/weights", body: "skus: $batch.sku" }, selection: "sku weight") {
          id: ID! sku: ID weight: Int }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /items", json!([{ "id": 1 }]));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ items { sku weight } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":11}],"path":["items",0],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.item"},"http":{"status":404}}}],"data":{"items":[{"sku":null,"weight":null}]},"extensions":{"degraded":[{"path":["items"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    assert_eq!(api.calls(), 2);
}
