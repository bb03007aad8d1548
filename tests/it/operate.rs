//! Switches and reloads of a server that runs, over its admin port and its files.

use std::{future::Future, path::Path, time::Duration};

use serde_json::{Value, json};
use switchboard::{app::App, config::Config};
use switchboard_harness::{Answer, MockRest};
use tempfile::TempDir;

use crate::support::{persisted, server::TestServer};

pub(crate) const SDL: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback"])
  @source(name: "api", http: { baseURL: "http://unused" })
  @source(name: "news", http: { baseURL: "http://unused" })
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  tips: [String] @fallback(selection: "$([])") @connect(source: "api", http: { GET: "/tips" }, selection: "$.tips")
  news: String @connect(source: "news", http: { GET: "/news" }, selection: "$.text")
  version: String @connect(selection: "$('7')")
}
type Mutation { add: Int @connect(source: "api", http: { POST: "/x" }, selection: "$.x") }
"#;

/// A server over files, and what operators send it.
pub(crate) struct Operated {
    pub(crate) api: MockRest,
    pub(crate) files: TempDir,
    server: TestServer,
    client: reqwest::Client,
}

impl Operated {
    /// With more lines for its configuration.
    pub(crate) async fn start(more: &str, change: impl FnOnce(Config) -> Config) -> Self {
        let api = MockRest::start().await;
        api.on_json("GET /x", json!({ "x": 1 }));
        api.on_json("POST /x", json!({ "x": 2 }));
        api.on_json("GET /tips", json!({ "tips": ["a"] }));
        api.on_json("GET /news", json!({ "text": "old" }));
        let files = tempfile::tempdir().unwrap();
        let url = api.url();
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nsurfaces:\n  web: {{ schema: schema.graphql }}\n\
             sources: {{ api: {{ override_url: \"{url}\" }}, news: {{ override_url: \"{url}\" }} }}\n{more}"
        );
        write(files.path(), "schema.graphql", SDL);
        write(files.path(), "switchboard.yaml", &text);
        let config = Config::load(&files.path().join("switchboard.yaml")).unwrap_or_else(|error| panic!("{error}"));
        let app = App::build(change(config)).unwrap_or_else(|error| panic!("{error}"));
        Self {
            api,
            files,
            server: TestServer::start(app).await,
            client: reqwest::Client::new(),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("web")
    }

    pub(crate) fn admin(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.admin.expect("an admin port"))
    }

    /// Posts a request: status, `Retry-After`, answer.
    pub(crate) async fn ask(&self, headers: &[(&str, &str)], body: Value) -> (u16, Option<String>, Value) {
        let mut request = self.client.post(self.url()).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let wait = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), wait, answer.json().await.expect("JSON"))
    }

    pub(crate) async fn run(&self, query: &str) -> Value {
        self.ask(&[], json!({ "query": query })).await.2
    }

    /// Posts to the admin port.
    pub(crate) async fn set(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self
            .client
            .post(self.admin(path))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, url: &str, accept: &str) -> (u16, String) {
        let answer = self
            .client
            .get(url)
            .header("accept", accept)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }
}

/// Writes a file as tools do that care: beside it, and renamed over it.
pub(crate) fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    let beside = directory.join(format!("{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..400 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn a_source_that_is_switched_off_is_not_called_and_its_fields_degrade() {
    let server = Operated::start("", |config| config).await;

    let (status, told) = server.set("/switches", json!({ "sources": ["news"] })).await;
    let off = server.run("{ x news }").await;
    server.set("/switches", json!({})).await;
    let on = server.run("{ x news }").await;

    assert_eq!((status, &told["admin"]["sources"]), (200, &json!(["news"])));
    insta::assert_snapshot!(off, @r#"{"errors":[{"message":"The source is switched off.","locations":[{"line":1,"column":5}],"path":["news"],"extensions":{"code":"UPSTREAM_UNAVAILABLE","service":"news","connector":{"coordinate":"Query.news"}}}],"data":{"x":1,"news":null},"extensions":{"degraded":[{"path":["news"],"source":"news","kind":"UNAVAILABLE","used":"NULL"}]}}"#);
    insta::assert_snapshot!(on, @r#"{"data":{"x":1,"news":"old"}}"#);
    assert_eq!(server.api.calls_to("GET /news"), 1);
}

#[tokio::test]
async fn a_field_that_is_switched_off_has_its_fallback() {
    let server = Operated::start("", |config| config).await;

    server.set("/switches", json!({ "fields": ["Query.tips"] })).await;

    insta::assert_snapshot!(server.run("{ x tips }").await, @r#"{"data":{"x":1,"tips":[]},"extensions":{"degraded":[{"path":["tips"],"source":"api","kind":"UNAVAILABLE","used":"FALLBACK"}]}}"#);
    assert_eq!(server.api.calls_to("GET /tips"), 0);
}

#[tokio::test]
async fn a_field_that_needs_no_call_is_switched_off_and_on_though_its_answer_never_changes() {
    let server = Operated::start("", |config| config).await;

    let first = server.run("{ version }").await;
    let again = server.run("{ version }").await;
    server.set("/switches", json!({ "fields": ["Query.version"] })).await;
    let off = server.run("{ version }").await;
    server.set("/switches", json!({})).await;
    let on = server.run("{ version }").await;

    insta::assert_snapshot!(first, @r#"{"data":{"version":"7"}}"#);
    assert_eq!((&again, &on), (&first, &first));
    insta::assert_snapshot!(off, @r#"{"errors":[{"message":"The field is switched off.","locations":[{"line":1,"column":3}],"path":["version"],"extensions":{"code":"UPSTREAM_UNAVAILABLE","connector":{"coordinate":"Query.version"}}}],"data":{"version":null},"extensions":{"degraded":[{"path":["version"],"source":null,"kind":"UNAVAILABLE","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_switched_off_and_nothing_changes() {
    let server = Operated::start("", |config| config).await;

    let mut told = Vec::new();
    for body in [
        json!({ "sources": ["nwes"] }),
        json!({ "fields": ["Query.y"] }),
        json!({ "fields": ["tips"] }),
        json!({ "clients": ["@"] }),
        json!({ "source": ["news"] }),
        json!({ "read_only": "soon" }),
    ] {
        let (status, answer) = server.set("/switches", body).await;
        told.push(format!("{status} {}", answer["error"].as_str().unwrap_or_default()));
    }

    insta::assert_snapshot!(told.join("\n"), @r"
    400 there is no source `nwes`; there are api, news
    400 `Query.y` is no field with a `@connect` of its own; one that comes with others goes off with its source
    400 `tips` does not say of which type; write it as `Product.tips`
    400 an operation or client without a name cannot be switched off
    400 1:2: unknown key `source`; did you mean `sources`?
    400 1:14: read_only: `soon` is not a truth value; write `true` or `false`
    ");
    let (_, switches) = server.get(&server.admin("/switches"), "*/*").await;
    insta::assert_snapshot!(switches.trim(), @r#"{"admin":{"sources":[],"fields":[],"operations":[],"clients":[],"read_only":false},"file":{"sources":[],"fields":[],"operations":[],"clients":[],"read_only":false}}"#);
}

#[tokio::test]
async fn operations_clients_and_mutations_that_are_off_are_refused_with_a_time_to_come_back() {
    let server = Operated::start("", |config| config).await;
    let hash = persisted::sha256("{ version }");
    let off = json!({ "operations": ["Home", "abc", hash], "clients": ["ios@4.1.0", "bot"], "read_only": true });
    server.set("/switches", off).await;
    let asked = [
        (vec![], json!({ "query": "query Home { x }" })),
        (vec![], json!({ "query": "query Other { x }" })),
        (vec![], json!({ "query": "{ version }" })),
        (vec![], json!({ "query": "{ version version }" })),
        (
            vec![
                ("apollographql-client-name", "ios"),
                ("apollographql-client-version", "4.1.0"),
            ],
            json!({ "query": "{ x }" }),
        ),
        (
            vec![
                ("apollographql-client-name", "ios"),
                ("apollographql-client-version", "4.2.0"),
            ],
            json!({ "query": "{ x }" }),
        ),
        (vec![("graphql-client-name", "bot")], json!({ "query": "{ x }" })),
        (vec![], json!({ "query": "mutation { add }" })),
    ];

    let mut told = Vec::new();
    for (headers, body) in asked {
        let (status, wait, answer) = server.ask(&headers, body).await;
        told.push(format!("{status} {} {answer}", wait.unwrap_or_default()));
    }

    insta::assert_snapshot!(told.join("\n"), @r#"
    503 30 {"errors":[{"message":"This operation is switched off for now.","extensions":{"code":"OPERATION_SWITCHED_OFF"}}]}
    200  {"data":{"x":1}}
    503 30 {"errors":[{"message":"This operation is switched off for now.","extensions":{"code":"OPERATION_SWITCHED_OFF"}}]}
    200  {"data":{"version":"7"}}
    403  {"errors":[{"message":"This version of the client is not served any more; please update it.","extensions":{"code":"CLIENT_SWITCHED_OFF"}}]}
    200  {"data":{"x":1}}
    403  {"errors":[{"message":"This version of the client is not served any more; please update it.","extensions":{"code":"CLIENT_SWITCHED_OFF"}}]}
    503 30 {"errors":[{"message":"Nothing can be changed for now.","extensions":{"code":"READ_ONLY"}}]}
    "#);
    assert_eq!(server.api.calls_to("POST /x"), 0);
}

#[tokio::test]
async fn a_file_switches_too_and_one_that_is_wrong_leaves_all_as_it_was() {
    let server = Operated::start("switches: switches.yaml\n", |config| config).await;
    let is_read_only =
        || async { server.run("mutation { add }").await["errors"][0]["extensions"]["code"] == "READ_ONLY" };

    assert!(!is_read_only().await);
    write(
        server.files.path(),
        "switches.yaml",
        "read_only: true # while the database moves\n",
    );
    until("mutations are refused", is_read_only).await;
    write(
        server.files.path(),
        "switches.yaml",
        "read_only: maybe\nsources: [news]\n",
    );
    server.set("/switches", json!({ "fields": ["Query.tips"] })).await;
    assert!(is_read_only().await, "what an admin switches is added");
    assert_eq!(server.run("{ tips }").await["data"]["tips"], json!([]));
    std::fs::remove_file(server.files.path().join("switches.yaml")).unwrap();
    until("mutations run again", || async { !is_read_only().await }).await;
}

#[tokio::test]
async fn a_reload_takes_a_new_schema_and_a_wrong_one_leaves_the_old_and_says_why() {
    let server = Operated::start("", |config| config).await;

    write(server.files.path(), "schema.graphql", &SDL.replace("x: Int", "y: Int"));
    assert_eq!(server.run("{ x }").await["data"]["x"], 1, "nobody has asked for it yet");
    let (status, told) = server.set("/reload", json!({})).await;
    assert_eq!((status, told), (200, json!({ "reloads": 1, "refused": null })));
    assert_eq!(server.run("{ y }").await["data"]["y"], 1);

    write(
        server.files.path(),
        "schema.graphql",
        &SDL.replace("selection: \"$.x\"", "selection: \"$.x->\""),
    );
    let (status, told) = server.set("/reload", json!({})).await;
    assert_eq!(status, 400);
    insta::assert_snapshot!(told["error"].as_str().unwrap(), @r#"
    schema.graphql:8:71: error[INVALID_SELECTION]: expected the name of a method here, but the mapping ends
    8 |   x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x->")
      |                                                                       ^

    schema.graphql:13:88: error[INVALID_SELECTION]: expected the name of a method here, but the mapping ends
    13 | type Mutation { add: Int @connect(source: "api", http: { POST: "/x" }, selection: "$.x->") }
       |                                                                                        ^
    "#);
    assert_eq!(server.run("{ y }").await["data"]["y"], 1, "the last good one");
    let (_, page) = server.get(&server.admin("/"), "text/html").await;
    assert!(page.contains("was refused"), "{page}");

    let yaml = server.files.path().join("switchboard.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, text.replace("web:", "shop:")).unwrap();
    let (_, told) = server.set("/reload", json!({})).await;
    insta::assert_snapshot!(told["error"].as_str().unwrap(), @"surfaces were added, removed or moved, or what is wanted of their clients (body_bytes, require_auth, tier, classes) changed: that needs a restart");
}

#[tokio::test]
async fn no_request_is_lost_while_engines_are_swapped_and_switches_stay() {
    let server = Operated::start("", |config| config).await;
    server.set("/switches", json!({ "fields": ["Query.tips"] })).await;
    server.api.hold_on("GET /x");

    let (before, _) = tokio::join!(server.run("{ x tips }"), async {
        server.api.wait_for_calls(1).await;
        write(server.files.path(), "schema.graphql", &SDL.replace("x: Int", "y: Int"));
        assert_eq!(server.set("/reload", json!({})).await.0, 200);
        server.api.release();
    });
    let after = server.run("{ y tips }").await;

    assert_eq!(
        before["data"],
        json!({ "x": 1, "tips": [] }),
        "it ends with what it began with"
    );
    assert_eq!(after["data"], json!({ "y": 1, "tips": [] }));
}

#[tokio::test]
async fn with_watch_a_file_that_is_saved_is_read() {
    let server = Operated::start("reload: watch\n", |config| config).await;

    write(server.files.path(), "schema.graphql", &SDL.replace("x: Int", "y: Int"));

    until("the new field is there", || async {
        server.run("{ y }").await["data"]["y"] == 1
    })
    .await;
}

#[tokio::test]
async fn the_file_of_switches_is_read_by_itself_and_nothing_that_was_kept_is_lost() {
    let server = Operated::start("reload: watch\nswitches: switches.yaml\n", |config| config).await;
    write(server.files.path(), "switches.yaml", "read_only: true\n");
    until("mutations are refused", || async {
        server.run("mutation { add }").await["errors"][0]["extensions"]["code"] == "READ_ONLY"
    })
    .await;

    write(server.files.path(), "schema.graphql", &SDL.replace("x: Int", "y: Int"));
    until("the new field is there", || async {
        server.run("{ y }").await["data"]["y"] == 1
    })
    .await;

    let (_, told) = server.get(&server.admin("/reload"), "*/*").await;
    assert_eq!(told.trim(), r#"{"reloads":1,"refused":null}"#);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_switch_anything() {
    let server = Operated::start("", |config| config).await;

    let simple = server
        .client
        .post(server.admin("/switches"))
        .header("content-type", "text/plain")
        .body("{\"read_only\": true}");
    let answer = simple.send().await.expect("an answer");

    assert_eq!(answer.status(), 415);
    assert_eq!(server.run("mutation { add }").await["data"]["add"], 2);
    assert_eq!(server.set("/nothing", json!({})).await.0, 404);
    assert_eq!(
        server.set("/faults", json!({ "faults": [] })).await.0,
        404,
        "only in development"
    );
    let (status, _) = server.get(&server.url(), "text/html").await;
    assert_ne!(status, 200, "no page for operations");
}

#[tokio::test]
async fn degraded_places_are_counted_and_on_the_page() {
    let server = Operated::start("", |config| config).await;
    server.api.on("GET /tips", |_| Answer::status(500));
    server.api.on("GET /news", |_| Answer::status(500));

    for _ in 0..3 {
        server.run("{ tips news }").await;
    }

    let (_, metrics) = server.get(&server.admin("/metrics"), "*/*").await;
    let counted: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("switchboard_degraded_total{"))
        .collect();
    let mut counted = counted;
    counted.sort_unstable();
    insta::assert_snapshot!(counted.join("\n"), @r#"
    switchboard_degraded_total{surface="web",source="api",used="FALLBACK"} 3
    switchboard_degraded_total{surface="web",source="news",used="NULL"} 3
    "#);
    let (status, page) = server.get(&server.admin("/"), "text/html").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<td>api<td class=\"l\"><span class=\"good\">on</span>"),
        "{page}"
    );
}
