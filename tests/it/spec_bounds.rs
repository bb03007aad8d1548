//! Bounds that hold whatever an operation or a source does.

use serde_json::json;
use switchboard::engine::{OnError, Settings};
use switchboard_harness::MockRest;

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      me: User @connect(source: "api", http: { GET: "/me" }, selection: "id")
      numbers: [Int] @connect(source: "api", http: { GET: "/numbers" }, selection: "$")
      text: String @connect(source: "api", http: { GET: "/text" }, selection: "$.text")
      pair: Pair @connect(source: "api", http: { GET: "/pair" }, selection: "id meta.inner { label: name ?? 'none' }")
    }
    type User { id: ID friend: User @connect(source: "api", http: { GET: "/friends/{$this.id}" }, selection: "id") }
    type Pair { id: ID label: String }
"#;

#[tokio::test]
async fn introspection_beside_data_does_not_lift_the_depth_limit() {
    let api = MockRest::start().await;
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let friends = format!("{}id{}", "friend { ".repeat(30), " }".repeat(30));

    let answer = engine
        .run(&format!("{{ __schema {{ queryType {{ name }} }} me {{ {friends} }} }}"))
        .await;

    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_DEPTH_LIMIT", "{answer}");
    assert_eq!(api.calls(), 0);
}

#[tokio::test]
async fn a_long_list_of_misfits_lists_a_thousand_errors_and_counts_the_rest() {
    let api = MockRest::start().await;
    api.on_json("GET /numbers", (0..5_000).map(|_| json!("x")).collect());
    let engine = TestEngine::new(SDL, &[("api", api.url())]);

    let answer = engine.run("{ numbers }").await;

    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(answer["extensions"]["omittedErrors"], 4_000);
    assert_eq!(answer["data"]["numbers"].as_array().map(Vec::len), Some(5_000));
}

#[tokio::test]
async fn halt_stops_at_the_first_misfit_of_a_list() {
    let api = MockRest::start().await;
    api.on_json("GET /numbers", json!(["x", "y", "z"]));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);

    let answer = engine
        .ask(Ask {
            query: "{ numbers }".to_owned(),
            on_error: OnError::Halt,
            ..Ask::default()
        })
        .await;

    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["data"], json!(null));
}

#[tokio::test]
async fn an_answer_beyond_its_limit_has_no_data_also_without_lists() {
    let api = MockRest::start().await;
    api.on_json("GET /text", json!({ "text": "x".repeat(600) }));
    let settings = Settings {
        response_bytes: 1_000,
        ..Settings::default()
    };
    let engine = TestEngine::of_files(
        &[("schema.graphql", &format!("{}{SDL}", crate::support::LINK))],
        &[("api", api.url())],
        settings,
    );

    let answer = engine.run("{ a: text b: text c: text }").await;

    assert_eq!(answer["data"], json!(null));
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "REQUEST_LIMIT_EXCEEDED",
        "{answer}"
    );
}

#[tokio::test]
async fn a_path_segment_that_comes_out_empty_is_refused_only_where_our_additions_are_linked() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { user(id: ID): String @connect(source: "api", http: { GET: "/users/{$args.id}" }, selection: "$.name") }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /users/", json!({ "name": "all" }));
    let ours = TestEngine::new(sdl, &[("api", api.url())]);
    let link = r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])"#;
    let portable = TestEngine::of_files(
        &[("schema.graphql", &format!("{link}{sdl}"))],
        &[("api", api.url())],
        Settings::default(),
    );

    let refused = ours.run("{ user }").await;
    let answered = portable.run("{ user }").await;

    assert_eq!(
        refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{refused}"
    );
    assert_eq!(answered, json!({ "data": { "user": "all" } }));
    assert_eq!(api.calls(), 1);
}

#[tokio::test]
async fn what_is_merged_in_from_nothing_is_left_out() {
    let api = MockRest::start().await;
    api.on_json("GET /pair", json!({ "id": 1 }));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);

    let answer = engine.run("{ pair { id label } }").await;

    assert_eq!(answer, json!({ "data": { "pair": { "id": "1", "label": null } } }));
}

#[tokio::test]
async fn a_flood_of_documents_never_seen_before_is_answered_and_harms_no_other() {
    let api = MockRest::start().await;
    api.on_json("GET /text", json!({ "text": "here" }));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let ours = "{ text }";
    engine.run(ours).await;

    for number in 0..3_000 {
        let answer = engine
            .run(&format!("query Q{number} {{ a{number}: __typename }}"))
            .await;
        assert_eq!(answer["data"][format!("a{number}")], "Query", "{answer}");
    }

    assert_eq!(engine.run(ours).await, json!({ "data": { "text": "here" } }));
    assert_eq!(api.calls(), 2);
}
