//! What settings and directives do about failing sources through a whole server, over real sockets.

use serde_json::{Value, json};
use switchboard::{app::App, config::Config};
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::{
    operate::{Operated, write},
    support::server::TestServer,
};

/// A server whose schema is replaced by one with this type `Query`.
async fn serving(query: &str) -> Operated {
    let server = Operated::start("", |config| config).await;
    let sdl = format!(
        r#"
        extend schema
          @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
          @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback", "@critical", "@cacheControl"])
          @source(name: "api", http: {{ baseURL: "http://unused" }})
          @source(name: "news", http: {{ baseURL: "http://unused" }})
        type Query {{ x: Int @connect(source: "api", http: {{ GET: "/x" }}, selection: "$.x")
          {query} }}
        "#
    );
    write(server.files.path(), "schema.graphql", &sdl);
    let (status, why) = server.set("/reload", json!({})).await;
    assert_eq!(status, 200, "{why}");
    server
}

#[tokio::test]
async fn an_open_breaker_serves_what_is_kept_without_asking() {
    let server = serving(
        r#"news: String @cacheControl(staleIfError: 600) @connect(source: "news", http: { GET: "/news" }, selection: "$.text")"#,
    )
    .await;
    assert_eq!(server.run("{ news }").await["data"]["news"], "old");
    server.api.on("GET /news", |_| Answer::status(503));
    let kind = |answer: &Value| answer["extensions"]["degraded"][0]["kind"].as_str().map(str::to_owned);

    let mut answer = server.run("{ news }").await;
    assert_eq!(
        kind(&answer).as_deref(),
        Some("HTTP_5XX"),
        "the source is asked first: {answer}"
    );
    while kind(&answer).as_deref() == Some("HTTP_5XX") {
        answer = server.run("{ news }").await;
    }
    let asked = server.api.calls_to("GET /news");
    for _ in 0..20 {
        let mut answer = server.run("{ news }").await;
        assert!(answer["extensions"]["degraded"][0]["ageMs"].take().is_u64());
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"{"data":{"news":"old"},"extensions":{"degraded":[{"path":["news"],"source":"news","kind":"CIRCUIT_OPEN","used":"STALE","ageMs":null}]}}"#);
        }
    }

    assert_eq!(server.api.calls_to("GET /news"), asked, "nobody is asked any more");
}

#[tokio::test]
async fn a_critical_field_behind_an_open_breaker_says_for_how_long() {
    let server =
        serving(r#"news: String @critical @connect(source: "news", http: { GET: "/news" }, selection: "$.text")"#)
            .await;
    server.api.on("GET /news", |_| Answer::status(503));
    let ask = || server.ask(&[], json!({ "query": "{ x news }" }));

    let (status, wait, _) = ask().await;
    assert_eq!(
        (status, wait.as_deref()),
        (503, Some("5")),
        "nobody knows when it is back"
    );
    let (status, wait, answer) = loop {
        let told = ask().await;
        if told.2["errors"][0]["extensions"]["code"] == "UPSTREAM_CIRCUIT_OPEN" {
            break told;
        }
    };

    // It is open for 30 s, a fifth more or less.
    let wait: u64 = wait.expect("a time").parse().expect("seconds");
    assert!((20..=36).contains(&wait), "{wait}");
    assert_eq!((status, &answer["data"]), (503, &Value::Null));
}

const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    service Things { rpc Get(Key) returns (Thing); rpc Take(Key) returns (Thing); }
    message Key { int32 id = 1; }
    message Thing { int32 id = 1; }
"#;

#[tokio::test]
async fn methods_that_the_operator_lists_are_called_again() {
    const UNAVAILABLE: u16 = 14;
    let api = MockGrpc::start(&[("t.proto", PROTO)]).await;
    for method in ["t.Things/Get", "t.Things/Take"] {
        api.on(method, |_| GrpcAnswer::json(json!({ "id": 1 })));
    }
    let files = tempfile::tempdir().unwrap();
    write(files.path(), "t.proto", PROTO);
    write(
        files.path(),
        "schema.graphql",
        r#"
        extend schema
          @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
          @link(url: "https://switchboard.example/bff/v0.1")
          @source(name: "api", grpc: { address: "http://unused", schema: { proto: ["t.proto"], includes: ["."] } })
        type Query {
          get: Int @connect(source: "api", grpc: { method: "t.Things/Get" }, selection: "$.id")
          take: Int @connect(source: "api", grpc: { method: "t.Things/Take" }, selection: "$.id") }
        "#,
    );
    let config = format!(
        "listen: 127.0.0.1:0\nadmin: off\nsurfaces: {{ web: {{ schema: schema.graphql }} }}\nsources:\n  api:\n    override_url: {}\n    \
         resilience: {{ retry: {{ methods: [t.Things/Get], backoff: 1ms }} }}\n",
        api.url()
    );
    write(files.path(), "switchboard.yaml", &config);
    let config = Config::load(&files.path().join("switchboard.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let server = TestServer::start(App::build(config).unwrap_or_else(|error| panic!("{error}"))).await;
    let ask = async |query: &str| {
        let request = reqwest::Client::new()
            .post(server.url("web"))
            .json(&json!({ "query": query }));
        let answer = request.send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };

    api.fail_next(2, UNAVAILABLE);
    assert_eq!(ask("{ get }").await, json!({ "data": { "get": 1 } }));
    assert_eq!(api.calls_to("t.Things/Get"), 3);

    api.fail_next(1, UNAVAILABLE);
    let answer = ask("{ take }").await;
    assert_eq!(answer["errors"][0]["extensions"]["grpc"]["status"], 14, "{answer}");
    assert_eq!(api.calls_to("t.Things/Take"), 1, "it may have changed something");
}

#[tokio::test]
async fn surfaces_share_what_they_learn_of_a_source_and_a_reload_does_not_forget_it() {
    let server = Operated::start("", |config| config).await;
    let path = server.files.path();
    let config = std::fs::read_to_string(path.join("switchboard.yaml")).unwrap();
    let two = config.replace(
        "  web: { schema: schema.graphql }\n",
        "  web: { schema: schema.graphql }\n  mobile: { schema: schema.graphql }\n",
    );
    write(path, "switchboard.yaml", &two);
    let config = Config::load(&path.join("switchboard.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let both = TestServer::start(App::build(config).unwrap_or_else(|error| panic!("{error}"))).await;
    let client = reqwest::Client::new();
    let code = async |surface: &str, field: &str| {
        let request = client.post(both.url(surface));
        let answer = request
            .json(&json!({ "query": format!("{{ {field} }}") }))
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
    };
    server.api.on("GET /news", |_| Answer::status(503));

    while code("web", "news").await.as_deref() != Some("UPSTREAM_CIRCUIT_OPEN") {}
    let asked = server.api.calls_to("GET /news");

    assert_eq!(code("mobile", "news").await.as_deref(), Some("UPSTREAM_CIRCUIT_OPEN"));
    assert_eq!(
        code("mobile", "x").await,
        None,
        "another source, though at the same address"
    );
    let reload = client
        .post(format!("http://{}/reload", both.admin.unwrap()))
        .json(&json!({}));
    assert_eq!(reload.send().await.unwrap().status(), 200);
    for surface in ["web", "mobile"] {
        assert_eq!(code(surface, "news").await.as_deref(), Some("UPSTREAM_CIRCUIT_OPEN"));
    }
    assert_eq!(server.api.calls_to("GET /news"), asked);

    // Other rules are another breaker.
    write(
        path,
        "switchboard.yaml",
        &two.replace("news: { ", "news: { resilience: { breaker: { window: 30 } }, "),
    );
    let reload = client
        .post(format!("http://{}/reload", both.admin.unwrap()))
        .json(&json!({}));
    assert_eq!(reload.send().await.unwrap().status(), 200);
    assert_eq!(code("web", "news").await.as_deref(), Some("CONNECTOR_FETCH"));
}

#[tokio::test]
async fn hosts_of_absolute_urls_have_a_breaker_each() {
    let server = Operated::start("", |config| config).await;
    let gone = MockRest::start().await;
    gone.on("GET /gone", |_| Answer::status(503));
    gone.on("GET /also", |_| Answer::status(503));
    let sdl = format!(
        r#"
        extend schema
          @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
          @link(url: "https://switchboard.example/bff/v0.1", import: ["@resilience"])
          @source(name: "api", http: {{ baseURL: "http://unused" }})
          @source(name: "news", http: {{ baseURL: "http://unused" }})
        type Query {{
          x: Int @connect(source: "api", http: {{ GET: "/x" }}, selection: "$.x")
          well: Int @connect(http: {{ GET: "{well}/x" }}, selection: "$.x")
          gone: Int @connect(http: {{ GET: "{gone}/gone" }}, selection: "$.x")
          also: Int @connect(http: {{ GET: "{gone}/also" }}, selection: "$.x")
          own: Int @connect(http: {{ GET: "{gone}/also" }}, selection: "$.x") @resilience(timeout: "500ms") }}
        "#,
        well = server.api.url(),
        gone = gone.url()
    );
    write(server.files.path(), "schema.graphql", &sdl);
    let (status, why) = server.set("/reload", json!({})).await;
    assert_eq!(status, 200, "{why}");
    let code = |answer: &Value| answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);

    while code(&server.run("{ gone }").await).as_deref() != Some("UPSTREAM_CIRCUIT_OPEN") {}

    assert_eq!(
        code(&server.run("{ also }").await).as_deref(),
        Some("UPSTREAM_CIRCUIT_OPEN")
    );
    assert_eq!(server.run("{ well x }").await, json!({ "data": { "well": 1, "x": 1 } }));
    assert_eq!(code(&server.run("{ own }").await).as_deref(), Some("CONNECTOR_FETCH"));
    let (_, text) = server.get(&server.admin("/metrics"), "*/*").await;
    let open = format!(
        "switchboard_connector_breaker{{surface=\"web\",source=\"-\",connector=\"{}\",state=\"open\"}} 1.0",
        gone.url()
    );
    assert!(text.contains(&open), "{text}");
}
