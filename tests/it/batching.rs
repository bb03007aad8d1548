//! Several requests in one body (`http.batching`): each is answered as if it had come alone, in its place, under one budget.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use switchboard::{app::App, config::Config};
use switchboard_harness::MockRest;
use tempfile::TempDir;

use crate::support::server::TestServer;

const SDL: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl", "@cost"])
  @source(name: "api", http: { baseURL: "http://unused" })
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  y: Int @connect(source: "api", http: { GET: "/y" }, selection: "$.y")
  me: User @cost(weight: 4) @connect(source: "api", http: { GET: "/me" }, selection: "id name")
  broken: Int @connect(source: "api", http: { GET: "/broken" }, selection: "$.x")
  minute: Int @cacheControl(maxAge: 60) @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  hour: Int @cacheControl(maxAge: 3600, scope: PRIVATE)
    @connect(source: "api", http: { GET: "/y", headers: { name: "x-lang", from: "x-lang" } }, selection: "$.y")
  old: Int @deprecated(reason: "Since 2026-01-31.") @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
}
type Mutation { add: User @connect(source: "api", http: { POST: "/me" }, selection: "id name") }
type User { id: ID name: String }
"#;

/// What a test holds. The surface is called `web`.
struct Batching {
    api: MockRest,
    server: TestServer,
    _files: TempDir,
}

/// An answer.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

// === impl Batching ===

impl Batching {
    async fn start() -> Self {
        Self::with("", "batching: true").await
    }

    /// With more of the surface and of `http`.
    async fn with(surface: &str, http: &str) -> Self {
        let api = MockRest::start().await;
        let me = json!({ "id": 1, "name": "Ada" });
        api.on_json("GET /x", json!({ "x": 1 }));
        api.on_json("GET /y", json!({ "y": 2 }));
        api.on_json("GET /me", me.clone());
        api.on_json("POST /me", me);
        api.on_json("GET /broken", json!(null));
        api.fail_on("GET /broken", 500);
        let files = tempfile::tempdir().expect("a directory");
        std::fs::write(files.path().join("schema.graphql"), SDL).expect("a file");
        std::fs::create_dir(files.path().join("operations")).expect("a directory");
        std::fs::write(files.path().join("operations/x.graphql"), "query X { x }").expect("a file");
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: off\nsurfaces:\n  web: {{ schema: schema.graphql, {surface} }}\n\
             http: {{ operation_timeout: 60s, {http} }}\n\
             sources: {{ api: {{ override_url: \"{}\", timeout: 50s, resilience: {{ retry: {{ attempts: 1 }} }} }} }}\n",
            api.url()
        );
        let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &|_| None)
            .unwrap_or_else(|error| panic!("{error}"));
        let app = App::build(config).unwrap_or_else(|error| panic!("{error}"));
        Self {
            api,
            server: TestServer::start(app).await,
            _files: files,
        }
    }

    async fn post(&self, body: impl Into<Vec<u8>>) -> Told {
        self.post_as(&[], body).await
    }

    async fn post_as(&self, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Told {
        let mut request = reqwest::Client::new()
            .post(self.server.url("web"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.into()).send().await.expect("an answer");
        Told {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("text"),
        }
    }

    /// The routes that were called, in order.
    fn called(&self) -> Vec<String> {
        self.api.log().iter().map(|call| call.route.to_string()).collect()
    }
}

// === impl Told ===

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a refusal of the whole.
    fn refusal(&self) -> (u16, String, String) {
        let answer: Value = serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let error = &answer["errors"][0];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned();
        (self.status, text(&error["extensions"]["code"]), text(&error["message"]))
    }

    /// The code of the first error of each, or `data`.
    fn codes(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let answers: Vec<Value> = serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let code = |answer: &Value| {
            answer["errors"][0]["extensions"]["code"]
                .as_str()
                .unwrap_or("data")
                .to_owned()
        };
        answers.iter().map(code).collect()
    }
}

/// An array of requests, each a query alone.
fn queries(texts: &[&str]) -> String {
    let requests: Vec<Value> = texts.iter().map(|text| json!({ "query": text })).collect();
    Value::from(requests).to_string()
}

#[tokio::test]
async fn an_array_is_answered_by_an_array_in_its_order() {
    let server = Batching::start().await;

    let told = server
        .post(r#" [{"query":"{ me { name } }"}, {"query":"query A { x } query B { y }","operationName":"B"},{"query":"query($no: Boolean!) { x @skip(if: $no) y }","variables":{"no":true}}]"#)
        .await;

    insta::assert_snapshot!(told.text, @r#"[{"data":{"me":{"name":"Ada"}}},{"data":{"y":2}},{"data":{"y":2}}]"#);
    assert_eq!(told.status, 200);
    assert_eq!(told.header("content-type"), "application/json; charset=utf-8");
    assert!(!told.header("x-request-id").is_empty());
    let one = server.post(r#"[{"query":"{ x }"}]"#).await;
    assert_eq!(one.text, r#"[{"data":{"x":1}}]"#);
    let alone = server.post(r#"{"query":"{ x }"}"#).await;
    assert_eq!(alone.text, r#"{"data":{"x":1}}"#);
}

#[tokio::test]
async fn what_is_wrong_with_one_stays_in_its_place() {
    for http in ["batching: true", "batching: true, status_profile: draft2026"] {
        let server = Batching::with("", http).await;

        let told = server
            .post(
                r#"[{"query":"{ x }"},null,{},{"query":1},{"query":"{"},{"query":"{ nothing }"},{"query":"{ x }","query":"{ y }"},{"query":"{ broken }"},
                    {"query":"query($a: Int!) { x }"},{"query":"{ y }","unknown":[1]}]"#,
            )
            .await;

        insta::allow_duplicates! {
            insta::assert_snapshot!(told.text.replace("},{\"errors", "},\n{\"errors"), @r#"
            [{"data":{"x":1}},
            {"errors":[{"message":"each of an array must be a JSON object","extensions":{"code":"BAD_REQUEST"}}]},
            {"errors":[{"message":"`query` or `documentId` is missing","extensions":{"code":"BAD_REQUEST"}}]},
            {"errors":[{"message":"`query` must be a string","extensions":{"code":"BAD_REQUEST"}}]},
            {"errors":[{"message":"syntax error: expected at least one Selection in Selection Set","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]},
            {"errors":[{"message":"type `Query` does not have a field `nothing`","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]},
            {"errors":[{"message":"a key must not stand twice in one object","extensions":{"code":"BAD_REQUEST"}}]},
            {"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["broken"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.broken"},"http":{"status":500}}}],"data":{"broken":null},"extensions":{"degraded":[{"path":["broken"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}},
            {"errors":[{"message":"unused variable: `$a`","locations":[{"line":1,"column":7}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]},{"data":{"y":2}}]
            "#);
        }
        assert_eq!(told.status, 200, "{http}");
        assert_eq!(told.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(told.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn arrays_that_cannot_be_are_refused_whole_and_nothing_runs() {
    let server = Batching::start().await;
    let of = |count: usize| queries(&vec!["{ x }"; count]);
    let size = || {
        (
            400,
            "BATCH_LIMIT".to_owned(),
            "an array must hold from 1 to 10 requests".to_owned(),
        )
    };

    assert_eq!(server.post("[]").await.refusal(), size());
    assert_eq!(server.post(of(11)).await.refusal(), size());
    assert_eq!(server.post(of(1_000)).await.refusal(), size());
    for nested in [format!("[{}]", of(2)), r#"[{"query":"{ x }"},[]]"#.to_owned()] {
        let why = "an array of requests must not hold another one".to_owned();
        assert_eq!(
            server.post(nested).await.refusal(),
            (400, "BATCHING_NOT_SUPPORTED".to_owned(), why)
        );
    }
    for broken in [
        "[",
        r#"[{"query":"{ x }"}"#,
        r#"[{"query":"{ x }"},]"#,
        r#"[{"query":"{ x }"}] {}"#,
        "[{]",
    ] {
        assert_eq!(
            server.post(broken).await.refusal(),
            (400, "BAD_REQUEST".to_owned(), "the body is not valid JSON".to_owned()),
            "{broken}"
        );
    }
    assert_eq!(server.api.calls(), 0);
    assert_eq!(server.post(of(10)).await.codes(), ["data"; 10]);

    let three = Batching::with("", "batching: true, batch_max: 3").await;
    let (_, code, message) = three.post(of(4)).await.refusal();
    assert_eq!(
        (&*code, &*message),
        ("BATCH_LIMIT", "an array must hold from 1 to 3 requests")
    );
    assert_eq!(three.post(of(3)).await.codes(), ["data"; 3]);
}

#[tokio::test]
async fn without_batching_no_array_is_taken() {
    let server = Batching::with("", "batching: false, batch_max: 5").await;

    let (status, code, _) = server.post(queries(&["{ x }"])).await.refusal();

    assert_eq!((status, &*code), (400, "BATCHING_NOT_SUPPORTED"));
}

#[tokio::test]
async fn all_of_an_array_share_one_budget_of_cost() {
    let server = Batching::with("sharing: false, limits: { cost: 9 }", "batching: true").await;

    let told = server
        .post(queries(&[
            "{ me { id } }",
            "{ me { name } }",
            "{ me { id name } }",
            "{ x }",
        ]))
        .await;

    // Each costs 4; the third finds 8 taken. What is refused takes nothing.
    insta::assert_snapshot!(told.text, @r#"[{"data":{"me":{"id":"1"}}},{"data":{"me":{"name":"Ada"}}},{"errors":[{"message":"With those before it, the operation is estimated to cost 12; at most 9 is allowed.","extensions":{"code":"COST_ESTIMATED_TOO_EXPENSIVE"}}]},{"data":{"x":1}}]"#);
    assert_eq!(
        server.api.calls_to("GET /me"),
        2,
        "the third is refused before it calls anybody"
    );
    let alone = server.post(queries(&["{ me { id name } }"])).await;
    assert_eq!(alone.codes(), ["data"], "the next array has a budget of its own");

    let dry = server
        .post_as(&[("x-switchboard-dry-run", "cost")], queries(&["{ me { id } }"; 3]))
        .await;
    assert_eq!(dry.codes(), ["data"; 3], "estimates take nothing");
}

#[tokio::test]
async fn all_of_an_array_share_one_budget_of_calls() {
    let server = Batching::with("limits: { calls: 2 }", "batching: true").await;

    let told = server
        .post(queries(&["{ x }", "{ y }", "{ x }", "{ __typename }"]))
        .await;

    insta::assert_snapshot!(told.text, @r#"[{"data":{"x":1}},{"data":{"y":2}},{"errors":[{"message":"With those before it, the operation may need 3 calls to backends; at most 2 are allowed.","extensions":{"code":"REQUEST_LIMIT_EXCEEDED"}}]},{"data":{"__typename":"Query"}}]"#);
}

#[tokio::test]
async fn a_budget_that_is_only_measured_refuses_nobody() {
    let server = Batching::with("limits: { mode: measure, cost: 5 }", "batching: true").await;

    assert_eq!(server.post(queries(&["{ me { id } }"; 3])).await.codes(), ["data"; 3]);
}

#[tokio::test]
async fn queries_run_together() {
    let server = Batching::start().await;
    server.api.hold();

    let body = queries(&["{ x }", "{ y }", "{ me { id } }"]);
    let asking = server.post(body);
    let looking = async {
        while server.api.in_flight() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.api.release();
    };
    let (told, ()) = tokio::join!(asking, looking);

    assert_eq!(told.codes(), ["data"; 3]);
    assert_eq!(server.api.in_flight_max(), 3);
}

#[tokio::test]
async fn a_mutation_waits_for_those_before_it_and_those_behind_it_wait() {
    let server = Batching::start().await;
    server.api.delay_on("GET /x", Duration::from_millis(50));
    server.api.delay_on("POST /me", Duration::from_millis(50));

    let told = server
        .post(queries(&[
            "{ x }",
            "mutation { add { id } }",
            "{ me { id } }",
            "mutation { add { name } }",
            "{ y }",
        ]))
        .await;

    assert_eq!(told.codes(), ["data"; 5]);
    assert_eq!(server.called(), ["GET /x", "POST /me", "GET /me", "POST /me", "GET /y"]);
}

#[tokio::test]
async fn each_is_found_by_its_own_hash_and_one_may_register_what_the_next_names() {
    let server = Batching::start().await;
    let text = "{ x y }";
    let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = json!({ "extensions": extensions });
    let with_text = json!({ "query": text, "extensions": extensions });
    let wrong = json!({ "query": "{ x }", "extensions": extensions });
    let odd = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "../x" } } });

    let told = server
        .post(json!([by_hash, with_text, by_hash, wrong, odd]).to_string())
        .await;

    let codes = [
        "PERSISTED_QUERY_NOT_FOUND",
        "data",
        "data",
        "PERSISTED_QUERY_HASH_MISMATCH",
        "BAD_REQUEST",
    ];
    assert_eq!(told.codes(), codes);
}

#[tokio::test]
async fn a_safelist_holds_for_each() {
    let server = Batching::with(
        "operations: operations, persisted: { mode: safelist }",
        "batching: true",
    )
    .await;

    let told = server
        .post(queries(&[
            "query X { x }",
            "query X { x } #x",
            "query X { x y }",
            "{ x }",
            "query X{x}",
        ]))
        .await;

    let not_listed = "QUERY_NOT_IN_SAFELIST";
    assert_eq!(told.codes(), ["data", "data", not_listed, not_listed, "data"]);
    assert_eq!(server.api.calls(), 1);
}

#[tokio::test]
async fn the_strictest_of_what_caches_may_do_holds_for_all() {
    let server = Batching::start().await;

    let both = server.post(queries(&["{ minute }", "{ hour }"])).await;
    assert_eq!(both.header("cache-control"), "max-age=60, private");
    assert_eq!(both.header("vary"), "accept, x-lang");
    let one = server.post(queries(&["{ minute }", "{ minute }"])).await;
    assert_eq!(one.header("cache-control"), "max-age=60, public");
    for other in ["{ x }", "{ broken }", "mutation { add { id } }", "{ no }", "{"] {
        let told = server.post(queries(&["{ minute }", other])).await;
        assert_eq!(told.header("cache-control"), "no-store", "{other}");
    }
    let old = server.post(queries(&["{ x }", "{ old }"])).await;
    assert_eq!(old.header("deprecation"), "@1769817600");
}
