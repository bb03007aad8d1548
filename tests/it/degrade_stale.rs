//! `staleIfError`: what a source said earlier, when it fails. Order: fresh, stale, fallback, null.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use switchboard::engine::Settings;
use switchboard_harness::{Answer, MockRest};

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl", "@fallback"])
      @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      news: News @cacheControl(maxAge: 10, staleIfError: 600) @connect(source: "api", http: { GET: "/news" }, selection: "text")
      latest: News @cacheControl(staleIfError: 600) @fallback(selection: "$({ text: 'none' })")
        @connect(source: "api", http: { GET: "/latest" }, selection: "text")
      mine: News @cacheControl(maxAge: 10, staleIfError: 600, scope: PRIVATE)
        @connect(source: "api", http: { GET: "/mine" }, selection: "text")
      said: News @connect(source: "api", http: { GET: "/said" }, selection: "text")
      posts: [Post] @connect(source: "api", http: { GET: "/posts" }, selection: "id author: { id: authorId }")
    }
    type Mutation { renew: News @cacheControl(maxAge: 10, staleIfError: 600) @connect(source: "api", http: { GET: "/news" }, selection: "text") }
    type News { text: String }
    type Post { id: ID author: Author }
    type Author @cacheControl(maxAge: 10, staleIfError: 600)
      @connect(source: "api", http: { GET: "/authors", queryParams: "id: $batch.id" }, batch: { maxSize: 50 }, selection: "id name") {
      id: ID! name: String }
"#;

struct Paper {
    api: MockRest,
    engine: TestEngine,
}

impl Paper {
    async fn start() -> Self {
        let api = MockRest::start().await;
        for route in ["GET /news", "GET /latest"] {
            let backend = api.backend().clone();
            api.on(route, move |_| {
                Answer::json(json!({ "text": format!("edition {}", backend.calls_to(route)) }))
            });
        }
        api.on("GET /mine", |request| {
            Answer::json(json!({ "text": request.header("authorization").unwrap_or("nobody") }))
        });
        let engine = TestEngine::of_files(&[("schema.graphql", SDL)], &[("api", api.url())], Settings::default());
        Self { api, engine }
    }

    async fn run(&self, query: &str) -> Value {
        settled(self.engine.run(query).await)
    }

    async fn run_as(&self, query: &str, user: &'static str) -> Value {
        let ask = Ask {
            query: query.to_owned(),
            headers: HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_static(user))]),
            ..Ask::default()
        };
        settled(self.engine.ask(ask).await)
    }
}

/// Ages to the second: sockets take their time.
fn settled(mut answer: Value) -> Value {
    if let Some(entries) = answer.pointer_mut("/extensions/degraded").and_then(Value::as_array_mut) {
        for age in entries.iter_mut().filter_map(|entry| entry.get_mut("ageMs")) {
            *age = json!(format!("{} s", age.as_u64().unwrap() / 1000));
        }
    }
    answer
}

/// Lets the server's clock go on; sockets work in real time.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn when_the_source_fails_what_it_said_earlier_is_served_without_an_error() {
    let paper = Paper::start().await;
    paper.run("{ news { text } }").await;
    pass(60).await;
    paper.api.fail(503);

    let answer = paper.run("{ news { text } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"news":{"text":"edition 1"}},"extensions":{"degraded":[{"path":["news"],"source":"api","kind":"HTTP_5XX","used":"STALE","ageMs":"60 s"}]}}"#);
    assert_eq!(paper.api.calls(), 2, "the source is asked first");
}

#[tokio::test]
async fn fresh_comes_before_stale_and_a_source_that_is_back_before_both() {
    let paper = Paper::start().await;
    paper.run("{ news { text } }").await;
    paper.api.fail(503);
    let fresh = paper.run("{ news { text } }").await;
    pass(60).await;
    paper.api.recover();
    let back = paper.run("{ news { text } }").await;

    insta::assert_snapshot!(fresh, @r#"{"data":{"news":{"text":"edition 1"}}}"#);
    insta::assert_snapshot!(back, @r#"{"data":{"news":{"text":"edition 2"}}}"#);
}

#[tokio::test]
async fn too_old_is_no_answer_and_then_comes_the_fallback() {
    let paper = Paper::start().await;
    paper.run("{ latest { text } }").await;
    paper.api.fail(500);
    let stale = paper.run("{ latest { text } }").await;
    pass(600).await;
    let fallback = paper.run("{ latest { text } }").await;

    insta::assert_snapshot!(stale, @r#"{"data":{"latest":{"text":"edition 1"}},"extensions":{"degraded":[{"path":["latest"],"source":"api","kind":"HTTP_5XX","used":"STALE","ageMs":"0 s"}]}}"#);
    insta::assert_snapshot!(fallback, @r#"{"data":{"latest":{"text":"none"}},"extensions":{"degraded":[{"path":["latest"],"source":"api","kind":"HTTP_5XX","used":"FALLBACK"}]}}"#);
}

#[tokio::test]
async fn a_source_that_answers_and_means_it_is_believed() {
    for status in [400, 401, 403, 404, 410] {
        let paper = Paper::start().await;
        paper.run("{ news { text } }").await;
        pass(60).await;
        paper.api.fail(status);

        let answer = paper.run("{ news { text } }").await;

        assert_eq!(answer["data"]["news"], Value::Null, "{status}");
        assert_eq!(answer["extensions"]["degraded"][0]["used"], "NULL", "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        let paper = Paper::start().await;
        paper.run("{ news { text } }").await;
        pass(60).await;
        paper.api.fail(status);

        let answer = paper.run("{ news { text } }").await;

        assert_eq!(answer["data"]["news"]["text"], "edition 1", "{status}");
        assert_eq!(answer["extensions"]["degraded"][0]["used"], "STALE", "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_failure_too() {
    let paper = Paper::start().await;
    paper.run("{ news { text } }").await;
    pass(60).await;
    paper
        .api
        .on("GET /news", |_| Answer::raw("application/json", "{\"text\": "));

    insta::assert_snapshot!(paper.run("{ news { text } }").await, @r#"{"data":{"news":{"text":"edition 1"}},"extensions":{"degraded":[{"path":["news"],"source":"api","kind":"INVALID_RESPONSE","used":"STALE","ageMs":"60 s"}]}}"#);
}

#[tokio::test]
async fn a_source_may_allow_it_itself() {
    let paper = Paper::start().await;
    paper.api.on("GET /said", |_| {
        Answer::json(json!({ "text": "said" })).with_header("cache-control", "max-age=5, stale-if-error=60")
    });
    paper.run("{ said { text } }").await;
    pass(30).await;
    paper.api.fail(503);
    let stale = paper.run("{ said { text } }").await;
    pass(60).await;
    let gone = paper.run("{ said { text } }").await;

    insta::assert_snapshot!(stale, @r#"{"data":{"said":{"text":"said"}},"extensions":{"degraded":[{"path":["said"],"source":"api","kind":"HTTP_5XX","used":"STALE","ageMs":"30 s"}]}}"#);
    insta::assert_snapshot!(gone, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":3}],"path":["said"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Query.said"},"http":{"status":503}}}],"data":{"said":null},"extensions":{"degraded":[{"path":["said"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn of_a_batch_each_key_has_what_is_kept_of_it() {
    let paper = Paper::start().await;
    paper.api.on_json(
        "GET /posts",
        json!([{ "id": 1, "authorId": 1 }, { "id": 2, "authorId": 2 }]),
    );
    paper.api.on("GET /authors", |request| {
        request
            .query_values("id")
            .iter()
            .map(|id| json!({ "id": id, "name": format!("author {id}") }))
            .collect::<Value>()
            .into_answer()
    });
    paper.run("{ posts { author { name } } }").await;
    pass(60).await;
    paper.api.on_json(
        "GET /posts",
        json!([{ "id": 2, "authorId": 2 }, { "id": 3, "authorId": 3 }]),
    );
    paper.api.on("GET /authors", |_| Answer::status(503));

    let answer = paper.run("{ posts { author { name } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Request failed","locations":[{"line":1,"column":20}],"path":["posts",1,"author"],"extensions":{"code":"CONNECTOR_FETCH","service":"api","connector":{"coordinate":"Author"},"http":{"status":503}}}],"data":{"posts":[{"author":{"name":"author 2"}},{"author":{"name":null}}]},"extensions":{"degraded":[{"path":["posts"],"source":"api","kind":"HTTP_5XX","used":"NULL"}]}}"#);
}

#[tokio::test]
async fn what_is_stale_is_nobody_elses() {
    let paper = Paper::start().await;
    paper.run_as("{ mine { text } }", "ann").await;
    pass(60).await;
    paper.api.fail(503);

    let ann = paper.run_as("{ mine { text } }", "ann").await;
    let bob = paper.run_as("{ mine { text } }", "bob").await;

    assert_eq!(ann["data"]["mine"]["text"], "nobody", "{ann}");
    assert_eq!(bob["data"]["mine"], Value::Null, "{bob}");
}

#[tokio::test]
async fn a_mutation_is_never_answered_from_memory() {
    let paper = Paper::start().await;
    paper.run("{ news { text } }").await;
    pass(60).await;
    paper.api.fail(503);

    let answer = paper.run("mutation { renew { text } }").await;

    assert_eq!(answer["data"]["renew"], Value::Null, "{answer}");
}

trait IntoAnswer {
    fn into_answer(self) -> Answer;
}

impl IntoAnswer for Value {
    fn into_answer(self) -> Answer {
        Answer::json(self)
    }
}
