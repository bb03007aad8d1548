//! `@fallback`: what a field is worth when the call that supplies it fails.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::engine::{OnError, Settings};
use switchboard_harness::{Answer, MockRest};

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback", "@critical"])
      @source(name: "api", http: { baseURL: "http://unused" })
      @source(name: "more", http: { baseURL: "http://unused" })
    type Query {
      items: [Item!] @connect(source: "api", http: { GET: "/items" }, selection: "id name")
      soft: [Item!] @fallback(selection: "$([])") @connect(source: "api", http: { GET: "/soft" }, selection: "id name")
      strict: [Item!]! @fallback(selection: "$([])") @connect(source: "api", http: { GET: "/soft" }, selection: "id name")
      told(as: String): Item @fallback(selection: "id: $args.as name: $error.kind size: $error.status")
        @connect(source: "api", http: { GET: "/told" }, selection: "id name")
      spoken: String @fallback(selection: "$error.message") @connect(source: "api", http: { GET: "/told" }, selection: "$")
      timed: Item @fallback(selection: "$({ id: 'late' })", on: [TIMEOUT, HTTP_5XX])
        @connect(source: "api", http: { GET: "/timed" }, selection: "id name")
      nothing: Item @fallback(selection: "null") @connect(source: "api", http: { GET: "/soft" }, selection: "id name")
      wrong: Int @fallback(selection: "$args.as", on: [HTTP_5XX])
        @connect(source: "api", http: { GET: "/soft" }, selection: "$.n")
      stand: Item @fallback(selection: "$({ id: 7, name: 'stand-in' })")
        @connect(source: "api", http: { GET: "/soft" }, selection: "id name")
      pet: Pet @fallback(selection: "$({ __typename: 'Cat', id: 9, lives: 9 })")
        @connect(source: "api", http: { GET: "/soft" }, selection: "...kind->match(['cat', { __typename: 'Cat' id lives }], ['dog', { __typename: 'Dog' id }])")
    }
    type Mutation {
      add: Item @fallback(selection: "$({ id: 'queued' })") @connect(source: "api", http: { POST: "/items" }, selection: "id name")
    }
    interface Pet { id: ID! }
    type Cat implements Pet { id: ID! lives: Int }
    type Dog implements Pet { id: ID! }
    type Item
      @connect(source: "more", http: { GET: "/prices", queryParams: "id: $batch.id" }, batch: { maxSize: 2 },
        selection: "$.prices { id price stock }") {
      id: ID!
      name: String
      size: Int
      price: Int @fallback(selection: "$(0)")
      stock: Int
      parts: [Part!] @fallback(selection: "$([{ id: $this.id, label: $this.name }])")
        @connect(source: "api", http: { GET: "/parts/{$this.id}" }, selection: "id label")
      need: Part! @connect(source: "api", http: { GET: "/need/{$this.id}" }, selection: "id label")
    }
    type Part { id: ID! label: String
      maker: String @connect(source: "more", http: { GET: "/makers/{$this.id}" }, selection: "$.name") }
"#;

struct Shop {
    api: MockRest,
    more: MockRest,
    engine: TestEngine,
}

impl Shop {
    async fn start() -> Self {
        let (api, more) = (MockRest::start().await, MockRest::start().await);
        api.on_json(
            "GET /items",
            json!([{ "id": 1, "name": "one" }, { "id": 2, "name": "two" }, { "id": 3, "name": "three" }]),
        );
        for route in [
            "GET /soft",
            "GET /told",
            "GET /timed",
            "POST /items",
            "GET /parts/{id}",
            "GET /need/{id}",
        ] {
            api.on(route, |_| {
                Answer::json(json!({ "secret": "stack trace" })).with_status(503)
            });
        }
        let sdl = SDL.replace("wrong: Int @fallback", "wrong(as: String): Int @fallback");
        let sources = [("api", api.url()), ("more", more.url())];
        let engine = TestEngine::of_files(&[("schema.graphql", &sdl)], &sources, Settings::default());
        Self { api, more, engine }
    }

    async fn run(&self, query: &str) -> Value {
        self.engine.run(query).await
    }
}

#[tokio::test]
async fn a_fallback_stands_in_for_a_failed_call_and_is_told_beside_the_data() {
    let shop = Shop::start().await;

    let answer = shop.run("{ items { id } soft { id name } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"items":[{"id":"1"},{"id":"2"},{"id":"3"}],"soft":[]},"extensions":{"degraded":[{"path":["soft"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_fallback_that_is_not_needed_costs_and_tells_nothing() {
    let shop = Shop::start().await;
    shop.api.on_json("GET /soft", json!([]));

    let answer = shop.run("{ soft { id } strict { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"soft":[],"strict":[]}}"#);
}

#[tokio::test]
async fn a_fallback_keeps_a_non_null_field_from_climbing() {
    let shop = Shop::start().await;

    let answer = shop.run("{ strict { id } items { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"strict":[],"items":[{"id":"1"},{"id":"2"},{"id":"3"}]},"extensions":{"degraded":[{"path":["strict"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_fallback_knows_the_arguments_and_what_went_wrong() {
    let shop = Shop::start().await;

    let answer = shop
        .run(r#"{ a: told(as: "x") { id name size } b: told(as: "y") { id } spoken }"#)
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"id":"x","name":"HTTP_5XX","size":null},"b":{"id":"y"},"spoken":"Request failed"},"extensions":{"degraded":[{"path":["a"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["b"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["spoken"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_fallback_is_for_the_failures_that_it_names() {
    let shop = Shop::start().await;
    let late = shop.run("{ timed { id } }").await;
    shop.api.on("GET /timed", |_| Answer::status(404));
    let gone = shop.run("{ timed { id } }").await;
    shop.api.on("GET /timed", |_| Answer::raw("application/json", "{"));
    let broken = shop.run("{ timed { id } }").await;

    insta::assert_snapshot!(late, @r#"{"data":{"timed":{"id":"late"}},"extensions":{"degraded":[{"path":["timed"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
    insta::assert_snapshot!(gone, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["timed"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.timed"},"http":{"status":404}}}],"data":{"timed":null},"extensions":{"degraded":[{"path":["timed"],"source":"api","kind":"HTTP_4XX","used":"NULL"}]}}"#);
    insta::assert_snapshot!(broken, @r#"{"errors":[{"message":"The server returned data in an unexpected format.","locations":[{"line":1,"column":3}],"path":["timed"],"extensions":{"code":"CONNECTOR_RESPONSE_INVALID","service":"api","connector":{"coordinate":"Query.timed"}}}],"data":{"timed":null},"extensions":{"degraded":[{"path":["timed"],"source":"api","kind":"INVALID_RESPONSE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn a_fallback_of_null_is_null_without_an_error() {
    let shop = Shop::start().await;

    let answer = shop.run("{ nothing { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"nothing":null},"extensions":{"degraded":[{"path":["nothing"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_fallback_that_does_not_fit_its_type_is_none() {
    let shop = Shop::start().await;

    let answer = shop.run(r#"{ fits: wrong(as: "12") wrong(as: "much") }"#).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":25}],"path":["wrong"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.wrong"},"http":{"status":503}}}],"data":{"fits":12,"wrong":null},"extensions":{"degraded":[{"path":["fits"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["wrong"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn what_is_below_a_fallback_is_fetched_as_below_an_answer() {
    let shop = Shop::start().await;
    shop.api
        .on_json("GET /parts/7", json!([{ "id": "p", "label": "of 7" }]));
    shop.more.on_json("GET /makers/p", json!({ "name": "Ada" }));
    shop.more.on_json(
        "GET /prices",
        json!({ "prices": [{ "id": 7, "price": 70, "stock": 1 }] }),
    );

    let answer = shop
        .run("{ stand { id name price stock parts { label maker } } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"stand":{"id":"7","name":"stand-in","price":70,"stock":1,"parts":[{"label":"of 7","maker":"Ada"}]}},"extensions":{"degraded":[{"path":["stand"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn below_a_fallback_another_may_stand_in() {
    let shop = Shop::start().await;

    let answer = shop.run("{ stand { id price parts { id label maker } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":37}],"path":["stand","parts",0,"maker"],"extensions":{"code":"CONNECTOR_FETCH","service":"more","connector":{"coordinate":"Part.maker"},"http":{"status":404}}}],"data":{"stand":{"id":"7","price":0,"parts":[{"id":"7","label":"stand-in","maker":null}]}},"extensions":{"degraded":[{"path":["stand"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["stand","price"],"source":"more","kind":"HTTP_4XX","used":"FALLBACK"},{"path":["stand","parts"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["stand","parts"],"source":"more","kind":"HTTP_4XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn in_a_list_each_object_has_its_own_fallback_and_they_are_told_once() {
    let shop = Shop::start().await;
    shop.api
        .on_json("GET /parts/2", json!([{ "id": "p2", "label": "real" }]));

    let answer = shop.run("{ items { parts { id label } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"items":[{"parts":[{"id":"1","label":"one"}]},{"parts":[{"id":"p2","label":"real"}]},{"parts":[{"id":"3","label":"three"}]}]},"extensions":{"degraded":[{"path":["items"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn of_a_batch_that_failed_in_part_only_those_keys_have_the_fallback() {
    let shop = Shop::start().await;
    shop.more
        .on("GET /prices", |request| match request.query_values("id").as_slice() {
            [first, ..] if first == "1" => {
                Answer::json(json!({ "prices": [{ "id": 1, "price": 10 }, { "id": 2, "price": 20 }] }))
            }
            _ => Answer::status(500),
        });

    let answer = shop.run("{ items { id price } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"items":[{"id":"1","price":10},{"id":"2","price":20},{"id":"3","price":0}]},"extensions":{"degraded":[{"path":["items"],"source":"more","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
    assert_eq!(shop.more.calls(), 2);
}

#[tokio::test]
async fn of_a_failed_call_for_several_fields_those_without_a_fallback_have_failed() {
    let shop = Shop::start().await;

    let answer = shop.run("{ items { price stock } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":17}],"path":["items",0],"extensions":{"code":"CONNECTOR_FETCH","service":"more","connector":{"coordinate":"Item"},"http":{"status":404}}},{"message":"Request failed","locations":[{"line":1,"column":17}],"path":["items",1],"extensions":{"code":"CONNECTOR_FETCH","service":"more","connector":{"coordinate":"Item"},"http":{"status":404}}},{"message":"Request failed","locations":[{"line":1,"column":17}],"path":["items",2],"extensions":{"code":"CONNECTOR_FETCH","service":"more","connector":{"coordinate":"Item"},"http":{"status":404}}}],"data":{"items":[{"price":0,"stock":null},{"price":0,"stock":null},{"price":0,"stock":null}]},"extensions":{"degraded":[{"path":["items"],"source":"more","kind":"HTTP_4XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn aliases_and_fragments_have_the_fallback_at_each_of_their_places() {
    let shop = Shop::start().await;

    let answer = shop
        .run("{ a: soft { id } ...F ... { b: strict { id } } } fragment F on Query { soft { id } items { ...P } } fragment P on Item { p: price q: price }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":[],"soft":[],"items":[{"p":0,"q":0},{"p":0,"q":0},{"p":0,"q":0}],"b":[]},"extensions":{"degraded":[{"path":["a"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["soft"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["items"],"source":"more","kind":"HTTP_4XX","used":"FALLBACK"},{"path":["b"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_fallback_of_an_abstract_type_says_which_it_is() {
    let shop = Shop::start().await;

    let answer = shop.run("{ pet { __typename id ... on Cat { lives } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"pet":{"__typename":"Cat","id":"9","lives":9}},"extensions":{"degraded":[{"path":["pet"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_null_that_climbs_to_a_field_whose_call_succeeded_does_not_call_its_fallback() {
    let shop = Shop::start().await;
    shop.api.on_json("GET /soft", json!({ "id": 1, "name": "real" }));

    let answer = shop.run("{ stand { id need { id } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":14}],"path":["stand","need"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Item.need"},"http":{"status":503}}}],"data":{"stand":null},"extensions":{"degraded":[{"path":["stand","need"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn a_fallback_of_a_mutation_stands_in_like_any_other() {
    let shop = Shop::start().await;

    let answer = shop.run("mutation { add { id } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"add":{"id":"queued"}},"extensions":{"degraded":[{"path":["add"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
    assert_eq!(shop.api.calls(), 1);
}

#[tokio::test]
async fn what_the_client_did_wrong_has_no_fallback() {
    let shop = Shop::start().await;
    shop.api.on_json("GET /items", json!([{ "id": "..", "name": "one" }]));

    let answer = shop.run("{ items { parts { id } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"A value for the path of a backend's URL consists of dots.","locations":[{"line":1,"column":11}],"path":["items",0,"parts"],"extensions":{"code":"BAD_USER_INPUT","service":"api","connector":{"coordinate":"Item.parts"}}}],"data":{"items":[{"parts":null}]}}"#);
}

#[tokio::test]
async fn a_fallback_is_no_error_to_on_error_halt() {
    let shop = Shop::start().await;
    let ask = Ask {
        query: r#"{ soft { id } fits: wrong(as: "12") }"#.to_owned(),
        on_error: OnError::Halt,
        ..Ask::default()
    };

    let answer = shop.engine.ask(ask).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"soft":[],"fits":12},"extensions":{"degraded":[{"path":["soft"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["fits"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn degraded_answers_are_not_to_be_stored_and_never_kept() {
    let shop = Shop::start().await;
    let ask = Ask {
        query: "{ soft { id } }".to_owned(),
        ..Ask::default()
    };

    let degraded = shop.engine.respond(ask.clone()).await;
    shop.api.on("GET /soft", |_| {
        Answer::json(json!([])).with_header("cache-control", "max-age=60")
    });
    let whole = shop.engine.respond(ask).await;

    assert!(degraded.degraded);
    assert!(!whole.degraded && whole.headers.is_empty(), "{whole:?}");
    assert_eq!(String::from_utf8_lossy(&whole.body), r#"{"data":{"soft":[]}}"#);
}

#[tokio::test]
async fn at_the_deadline_what_is_ready_is_answered_and_the_rest_degraded() {
    let shop = Shop::start().await;
    shop.api.hold_on("GET /soft");
    shop.api.hold_on("GET /need/{id}");
    shop.api.on_json("GET /parts/{id}", json!([]));
    let ask = Ask {
        query: "{ items { id need { id } } soft { id } more: items { id parts { id } price } }".to_owned(),
        within: Some(Duration::from_millis(300)),
        ..Ask::default()
    };

    let answer = shop.engine.ask(ask).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"The source did not answer in time.","locations":[{"line":1,"column":14}],"path":["items",0,"need"],"extensions":{"code":"UPSTREAM_TIMEOUT","service":"api","connector":{"coordinate":"Item.need"}}}],"data":{"items":null,"soft":[],"more":[{"id":"1","parts":[],"price":0},{"id":"2","parts":[],"price":0},{"id":"3","parts":[],"price":0}]},"extensions":{"degraded":[{"path":["items"],"source":"api","kind":"TIMEOUT","used":"NULL"},{"path":["soft"],"source":"api","kind":"TIMEOUT","used":"FALLBACK"},{"path":["more"],"source":"more","kind":"HTTP_4XX","used":"FALLBACK"}]}}"#);
    shop.api.wait_for_abandoned(4).await;
    assert_eq!(shop.api.in_flight(), 0, "no call goes on that nobody waits for");
}

#[tokio::test]
async fn a_wave_that_would_begin_after_the_deadline_calls_nobody() {
    let shop = Shop::start().await;
    shop.api.hold_on("GET /items");
    let ask = Ask {
        query: "{ items { id parts { id } } stand { id price } }".to_owned(),
        within: Some(Duration::from_millis(200)),
        ..Ask::default()
    };
    shop.more.hold();

    let answer = shop.engine.ask(ask).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"The source did not answer in time.","locations":[{"line":1,"column":3}],"path":["items"],"extensions":{"code":"UPSTREAM_TIMEOUT","service":"api","connector":{"coordinate":"Query.items"}}}],"data":{"items":null,"stand":{"id":"7","price":0}},"extensions":{"degraded":[{"path":["items"],"source":"api","kind":"TIMEOUT","used":"NULL"},{"path":["stand"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"},{"path":["stand","price"],"source":"more","kind":"TIMEOUT","used":"FALLBACK"}]}}"#);
    assert_eq!(shop.api.calls_to("GET /parts/{id}"), 0);
}

#[tokio::test]
async fn a_file_without_our_link_has_answers_as_its_own_specification_says() {
    let api = MockRest::start().await;
    let sdl = r#"
        extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
          @source(name: "api", http: { baseURL: "http://unused" })
        type Query { a: Int @connect(source: "api", http: { GET: "/a" }, selection: "$.a") }"#;
    let engine = TestEngine::of_files(&[("schema.graphql", sdl)], &[("api", api.url())], Settings::default());

    let answer = engine.run("{ a }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["a"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.a"},"http":{"status":404}}}],"data":{"a":null}}"#);
}

#[tokio::test]
async fn a_call_that_could_not_be_made_for_want_of_its_key_has_failed_too() {
    let (api, more) = (MockRest::start().await, MockRest::start().await);
    api.on_json("GET /posts", json!([{ "id": 1 }, { "id": 2 }]));
    let sdl = r#"
        extend schema
          @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
          @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback"])
          @source(name: "api", http: { baseURL: "http://unused" })
          @source(name: "more", http: { baseURL: "http://unused" })
        type Query { posts: [Post] @connect(source: "api", http: { GET: "/posts" }, selection: "id") }
        type Post
          @connect(source: "more", http: { GET: "/details", queryParams: "id: $batch.id" }, batch: { maxSize: 9 }, selection: "id code") {
          id: ID! code: String
          label: String @fallback(selection: "$('no label')")
            @connect(source: "api", http: { GET: "/labels/{$this.code}" }, selection: "$") }"#;
    let sources = [("api", api.url()), ("more", more.url())];
    let engine = TestEngine::of_files(&[("schema.graphql", sdl)], &sources, Settings::default());

    let answer = engine.run("{ posts { label } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"label":"no label"},{"label":"no label"}]},"extensions":{"degraded":[{"path":["posts"],"source":"more","kind":"HTTP_4XX","used":"FALLBACK"}]}}"#);
    assert_eq!(api.calls(), 1);
}
