//! What of an answer is told to be degraded, and which failures a fallback is for.

use std::fmt::Write as _;

use serde_json::{Value, json};
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::support::{TestEngine, faulty::Faulty};

const LINKS: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback"])
"#;
const KINDS: [&str; 7] = [
    "TIMEOUT",
    "UNAVAILABLE",
    "HTTP_4XX",
    "HTTP_5XX",
    "GRPC_STATUS",
    "INVALID_RESPONSE",
    "NOT_FOUND",
];

/// One field for each kind, named after it, with a fallback for that kind alone.
fn fields(connect: &str) -> String {
    KINDS.iter().fold(String::new(), |mut fields, kind| {
        let _ = write!(
            fields,
            "{kind}: Int @fallback(selection: \"$(1)\", on: [{kind}]) {connect} "
        );
        fields
    })
}

/// Kinds whose fallback stood in.
fn stood_in(answer: &Value) -> String {
    let kinds = KINDS.iter().filter(|kind| answer["data"][**kind] == 1);
    kinds.copied().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_fallback_is_for_every_kind_that_a_failure_has() {
    let api = MockRest::start().await;
    let connect = "@connect(source: \"api\", http: { GET: \"/x\" }, selection: \"$.x\")";
    let sdl = format!(
        "{LINKS} @source(name: \"api\", http: {{ baseURL: \"http://unused\" }}) type Query {{ {} }}",
        fields(connect)
    );
    let query = format!("{{ {} }}", KINDS.join(" "));
    let mut told = String::new();
    for status in [400, 404, 429, 500, 502, 503, 504] {
        api.on("GET /x", move |_| Answer::status(status));
        let engine = TestEngine::new(&sdl, &[("api", api.url())]);
        let _ = writeln!(told, "{status}: {}", stood_in(&engine.run(&query).await));
    }
    api.on("GET /x", |_| Answer::raw("application/json", "{"));
    let engine = TestEngine::new(&sdl, &[("api", api.url())]);
    let _ = writeln!(told, "no JSON: {}", stood_in(&engine.run(&query).await));
    let engine = TestEngine::new(&sdl, &[("api", "http://127.0.0.1:1".to_owned())]);
    let _ = writeln!(told, "nobody: {}", stood_in(&engine.run(&query).await));

    insta::assert_snapshot!(told, @r"
    400: HTTP_4XX
    404: HTTP_4XX NOT_FOUND
    429: HTTP_4XX
    500: HTTP_5XX
    502: UNAVAILABLE HTTP_5XX
    503: UNAVAILABLE HTTP_5XX
    504: UNAVAILABLE HTTP_5XX
    no JSON: INVALID_RESPONSE
    nobody: UNAVAILABLE
    ");
}

#[tokio::test]
async fn of_grpc_too() {
    const PROTO: &str =
        "syntax = \"proto3\"; package t; service T { rpc Get(E) returns (E); } message E { int32 x = 1; }";
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("t.proto"), PROTO).unwrap();
    let api = MockGrpc::start(&[("t.proto", PROTO)]).await;
    let includes = files.path().display();
    let sdl = format!(
        "extend schema @source(name: \"api\", grpc: {{ address: \"http://unused\", schema: {{ proto: [\"t.proto\"], includes: [\"{includes}\"] }} }}) \
         type Query {{ {} }}",
        fields("@connect(source: \"api\", grpc: { method: \"t.T/Get\" }, selection: \"$.x\")")
    );
    let query = format!("{{ {} }}", KINDS.join(" "));
    let mut told = String::new();
    for code in [4, 5, 7, 13, 14] {
        let server = Faulty::new(&sdl, &[("api", vec![api.url()])]);
        api.on("t.T/Get", move |_| GrpcAnswer::status(code, ""));
        let _ = writeln!(told, "{code}: {}", stood_in(&server.ask(&query).await));
    }

    insta::assert_snapshot!(told, @r"
    4: TIMEOUT GRPC_STATUS
    5: GRPC_STATUS NOT_FOUND
    7: GRPC_STATUS
    13: GRPC_STATUS
    14: UNAVAILABLE GRPC_STATUS
    ");
}

#[tokio::test]
async fn fifty_places_are_listed_and_the_others_counted() {
    let api = MockRest::start().await;
    let field =
        |number| format!("f{number}: Int @connect(source: \"api\", http: {{ GET: \"/{number}\" }}, selection: \"$\") ");
    let fields: String = (0..60).map(field).collect();
    let sdl = format!(
        "{LINKS} @source(name: \"api\", http: {{ baseURL: \"http://unused\" }}) \
         type Query {{ box: Box @connect(selection: \"id: $(1)\") }} type Box {{ id: Int {fields} }}"
    );
    let engine = TestEngine::new(&sdl, &[("api", api.url())]);
    let names: Vec<String> = (0..60).map(|number| format!("f{number}")).collect();

    let answer = engine.run(&format!("{{ box {{ {} }} }}", names.join(" "))).await;

    let extensions = &answer["extensions"];
    assert_eq!(extensions["degraded"].as_array().map(Vec::len), Some(50), "{answer}");
    assert_eq!(extensions["omittedDegraded"], json!(10));
    assert_eq!(
        extensions["degraded"][49],
        json!({ "path": ["box", "f49"], "source": "api", "kind": "HTTP_4XX", "used": "NULL" })
    );
}
