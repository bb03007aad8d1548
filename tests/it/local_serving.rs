//! A surface in somebody's own server, and the program that is shipped without any schemas in Rust.

use std::{
    path::Path,
    process::{Command, Output},
};

use async_graphql::{BatchRequest, BatchResponse, Executor as _, Object, Request, Schema};
use async_graphql::{EmptyMutation, EmptySubscription};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use switchboard::local::LocalSchema;

use crate::support::local::{LocalApp, build, head, try_build};

struct Query;

#[Object]
impl Query {
    async fn big(&self) -> i64 {
        9_007_199_254_740_993
    }

    async fn hello(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

const SDL: &str = r#"
scalar Long
type Query {
  hello(name: String!): String @connect(source: "greeter", local: { field: "Query.hello", args: "name: $args.name" }, selection: "$")
  big: Long @connect(source: "greeter", local: { field: "Query.big" }, selection: "$")
}
type Mutation {
  hello(name: String!): String @connect(source: "greeter", local: { field: "Query.hello", args: "name: $args.name" }, selection: "$")
}
"#;

fn sdl() -> String {
    format!("{}{SDL}", head(&["greeter"]))
}

fn app() -> LocalApp {
    let schema: LocalSchema = Schema::build(Query, EmptyMutation, EmptySubscription).into();
    build(&sdl(), vec![("greeter", schema)])
}

/// Serves a surface as any `async-graphql` schema is served.
async fn serve(app: &LocalApp) -> String {
    let executor = app.executor();
    let get = async_graphql_axum::GraphQL::new(executor.clone().queries_only());
    let post = async_graphql_axum::GraphQL::new(executor);
    let route = axum::routing::get_service(get).post_service(post);
    let router = axum::Router::new().route("/graphql", route);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/graphql")
}

async fn post(url: &str, body: &Value) -> String {
    let client = reqwest::Client::new();
    let response = client.post(url).json(body).send().await.expect("an answer");
    response.text().await.expect("text")
}

#[tokio::test]
async fn an_integration_of_async_graphql_serves_a_surface() {
    let url = serve(&app()).await;

    let ask = json!({ "query": "query Q($n: String!) { hello(name: $n) big }", "variables": { "n": "Ada" }, "operationName": "Q" });
    insta::assert_snapshot!(post(&url, &ask).await, @r#"{"data":{"hello":"Hello, Ada!","big":9007199254740993}}"#);
    insta::assert_snapshot!(post(&url, &json!({ "query": "{ helo }" })).await, @r#"{"data":null,"errors":[{"message":"type `Query` does not have a field `helo`","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#);
    insta::assert_snapshot!(post(&url, &json!({ "query": "{ hello }" })).await, @r#"{"data":null,"errors":[{"message":"the required argument `Query.hello(name:)` is not provided","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#);
    insta::assert_snapshot!(post(&url, &json!({ "query": "mutation { hello(name: \"Bob\") }" })).await, @r#"{"data":{"hello":"Hello, Bob!"}}"#);
    let get = |query: &str| reqwest::get(format!("{url}?query={query}"));
    let answered = get("%7Bbig%7D").await.expect("an answer").text().await.expect("text");
    insta::assert_snapshot!(answered, @r#"{"data":{"big":9007199254740993}}"#);
    let refused = get("mutation%7Bhello(name:%22Bob%22)%7D")
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    insta::assert_snapshot!(refused, @r#"{"data":null,"errors":[{"message":"Mutations must be sent by POST.","extensions":{"code":"BAD_REQUEST"}}]}"#);
}

#[tokio::test]
async fn several_requests_at_once_are_bounded_as_on_our_own_server() {
    let of = |count: usize| BatchRequest::Batch((0..count).map(|_| Request::new("{ big }")).collect());
    let told = |answer: BatchResponse| serde_json::to_string(&answer).expect("an answer");
    let closed = app().executor();
    let open = |http: &str| {
        let schema: LocalSchema = Schema::build(Query, EmptyMutation, EmptySubscription).into();
        let app = try_build(&sdl(), http, vec![("greeter", schema)]).unwrap_or_else(|error| panic!("{error}"));
        app.executor()
    };

    insta::assert_snapshot!(told(closed.execute_batch(of(2)).await), @r#"{"data":null,"errors":[{"message":"Batches are not supported; send one request at a time.","extensions":{"code":"BATCHING_NOT_SUPPORTED"}}]}"#);
    insta::assert_snapshot!(told(closed.execute_batch(BatchRequest::Single(Request::new("{ big }"))).await), @r#"{"data":{"big":9007199254740993}}"#);
    let three = open("http: { batching: true, batch_max: 3 }");
    insta::assert_snapshot!(told(three.execute_batch(of(3)).await), @r#"[{"data":{"big":9007199254740993}},{"data":{"big":9007199254740993}},{"data":{"big":9007199254740993}}]"#);
    insta::assert_snapshot!(told(three.execute_batch(of(4)).await), @r#"{"data":null,"errors":[{"message":"An array must hold from 1 to 3 requests.","extensions":{"code":"BATCH_LIMIT"}}]}"#);
    insta::assert_snapshot!(told(three.execute_batch(of(0)).await), @r#"{"data":null,"errors":[{"message":"An array must hold from 1 to 3 requests.","extensions":{"code":"BATCH_LIMIT"}}]}"#);
    let mixed = BatchRequest::Batch(vec![
        Request::new("mutation { hello(name: \"Bob\") }"),
        Request::new("{ no }"),
        Request::new("{ hello(name: \"Ada\") }"),
    ]);
    insta::assert_snapshot!(told(three.execute_batch(mixed).await), @r#"[{"data":{"hello":"Hello, Bob!"}},{"data":null,"errors":[{"message":"type `Query` does not have a field `no`","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]},{"data":{"hello":"Hello, Ada!"}}]"#);
}

#[tokio::test]
async fn a_stream_has_one_answer() {
    let answers: Vec<_> = app()
        .executor()
        .execute_stream(Request::new("{ big }"), None)
        .collect()
        .await;

    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].data.to_string(), "{big: 9007199254740993}");
}

#[tokio::test]
async fn the_mounted_schema_is_served_by_our_own_server_too() {
    let (app, _directory) = app().app();
    let server = crate::support::server::TestServer::start(app).await;

    let answer = post(&server.url("app"), &json!({ "query": "{ hello(name: \"Ada\") }" })).await;

    assert_eq!(answer, r#"{"data":{"hello":"Hello, Ada!"}}"#);
    // A cache on the way cannot know which headers a resolver has looked at.
    let get = reqwest::get(format!("{}?query=%7Bbig%7D", server.url("app"))).await;
    let vary = get.expect("an answer").headers()["vary"].clone();
    assert_eq!(vary, "*");
}

fn switchboard(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program runs")
}

fn shown(output: &Output) -> String {
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{}\n{out}{error}", output.status.code().unwrap_or(-1))
}

#[test]
fn the_program_that_is_shipped_checks_what_it_can_and_serves_no_schema_in_rust() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("a file");
    write("app.graphql", &sdl());
    write(
        "switchboard.yaml",
        "listen: 127.0.0.1:0\nadmin: off\nsurfaces: { app: { schema: app.graphql } }",
    );
    write("q.graphql", "{ hello(name: \"Ada\") }");
    write(
        "greeter.graphql",
        &Schema::new(Query, EmptyMutation, EmptySubscription).sdl(),
    );
    write(
        "other.graphql",
        "type Query { hello(name: String!, loud: Boolean!): String }",
    );
    let run = |arguments: &[&str]| shown(&switchboard(directory.path(), arguments));

    insta::assert_snapshot!(run(&["serve"]), @r#"
    1
    app.graphql:4:45: error[GRAPHQL_ERROR]: no schema `greeter` is mounted
    4 |   @source(name: "greeter", local: { schema: "greeter" })
      |                                             ^^^^^^^^^
    hint: a program in Rust mounts it: switchboard::Builder::new(config).local("greeter", schema); the server as it is shipped has none
    "#);
    insta::assert_snapshot!(run(&["check"]), @r#"
    0
    app.graphql:4:45: warning[LOCAL_NOT_CHECKED]: what is asked of the schema `greeter` is not checked: fields, arguments and types are known to the program that mounts it
    4 |   @source(name: "greeter", local: { schema: "greeter" })
      |                                             ^^^^^^^^^
    hint: that program checks them when it starts; to check them here, give the schema's SDL: `--local greeter=FILE`

    1 surface, 0 operations: no errors, 1 warning
    "#);
    insta::assert_snapshot!(run(&["check", "--local", "greeter=greeter.graphql"]), @r#"
    0
    1 surface, 0 operations: no errors
    "#);
    insta::assert_snapshot!(run(&["check", "--local", "greeter=other.graphql"]), @r#"
    1
    app.graphql:8:97: error[INVALID_BODY]: `hello` needs the argument `loud: Boolean!`
    8 | …", local: { field: "Query.hello", args: "name: $args.name" }, selection: "$")
      |                                          ^^^^^^^^^^^^^^^^^^
    hint: add: loud: …

    app.graphql:9:57: error[INVALID_SELECTION]: the mounted schema has no `Query.big`
    9 |   big: Long @connect(source: "greeter", local: { field: "Query.big" }, selection: "$")
      |                                                         ^^^^^^^^^^^
    hint: it has: `hello`

    app.graphql:12:97: error[INVALID_BODY]: `hello` needs the argument `loud: Boolean!`
    12 | …", local: { field: "Query.hello", args: "name: $args.name" }, selection: "$")
       |                                          ^^^^^^^^^^^^^^^^^^
    hint: add: loud: …

    1 surface, 0 operations: 3 errors
    "#);
    insta::assert_snapshot!(run(&["explain", "--surface", "app", "q.graphql"]), @r#"
    0
    query (anonymous) on app
    at most 1 call, cost 0
      1  greeter  Query.hello (name: $args.name)  hello  1 call
    Lists without @listSize are taken to have 10 items.
    "#);
}
