//! Kept answers: as long as sources and schema allow, never an error, never another's.

mod batches;

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use switchboard::engine::Settings;
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::support::{Ask, TestEngine};

const LINKS: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl"])
      @source(name: "open", http: { baseURL: "http://unused" })
      @source(name: "own", http: { baseURL: "http://unused", headers: [{ name: "authorization", from: "authorization" }] })
"#;

const SDL: &str = r#"
    type Query {
      plain(id: ID): User @connect(source: "open", http: { GET: "/plain/{$args.id}" }, selection: "id")
      kept(id: ID): User @cacheControl(maxAge: 60) @connect(source: "open", http: { GET: "/kept/{$args.id}" }, selection: "id")
      renewed: User @cacheControl(maxAge: 10, staleWhileRevalidate: 30) @connect(source: "open", http: { GET: "/renewed" }, selection: "id")
      private: User @cacheControl(maxAge: 60, scope: PRIVATE) @connect(source: "open", http: { GET: "/private" }, selection: "id")
      me: User @connect(source: "own", http: { GET: "/me" }, selection: "id")
      search(text: String): User @connect(source: "open", http: { POST: "/search", body: "text: $args.text" }, selection: "id")
      found(text: String): User @cacheControl(maxAge: 60)
        @connect(source: "open", http: { POST: "/search", body: "text: $args.text" }, selection: "id")
      posts: [Post] @connect(source: "open", http: { GET: "/posts" }, selection: "id author: { id: authorId }")
      first: [Post] @connect(source: "open", http: { GET: "/first" }, selection: "id author: { id: authorId }")
    }
    type Mutation { touch: User @connect(source: "open", http: { GET: "/touch" }, selection: "id") }
    type User { id: ID }
    type Post { id: ID author: Author
      tags: [Tag] @cacheControl(maxAge: 60)
        @connect(source: "open", http: { GET: "/tags", queryParams: "post: $batch.id" }, batch: { groupBy: "id: post" },
          selection: "$.tags { post name }") }
    type Tag { post: ID name: String }
    type Author @cacheControl(maxAge: 60)
      @connect(source: "open", http: { GET: "/authors", queryParams: "id: $batch.id" }, batch: { maxSize: 50 }, selection: "id name") {
      id: ID! name: String }
"#;

struct Shop {
    api: MockRest,
    engine: TestEngine,
}

// === impl Shop ===

impl Shop {
    async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let api = MockRest::start().await;
        let files = [("schema.graphql", &*format!("{LINKS}{SDL}"))];
        let engine = TestEngine::of_files(&files, &[("open", api.url()), ("own", api.url())], settings);
        Self { api, engine }
    }

    /// Answers a route with an id that counts its calls, and a `Cache-Control`.
    fn counted(&self, route: &'static str, cache_control: &'static str) -> &Self {
        let backend = self.api.backend().clone();
        self.api.on(route, move |_| {
            let answer = Answer::json(json!({ "id": backend.calls_to(route) }));
            match cache_control {
                "" => answer,
                value => answer.with_header("cache-control", value),
            }
        });
        self
    }

    async fn id(&self, query: &str, headers: &[(&'static str, &str)]) -> Value {
        let answer = self.ask(query, headers).await;
        answer["data"]
            .as_object()
            .and_then(|data| data.values().next())
            .map_or(Value::Null, |user| user["id"].clone())
    }

    async fn ask(&self, query: &str, headers: &[(&'static str, &str)]) -> Value {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let ask = Ask {
            query: query.to_owned(),
            headers: map,
            ..Ask::default()
        };
        self.engine.ask(ask).await
    }
}

/// Lets the server's clock go on; sockets work in real time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_nobody_declares_is_not_kept() {
    let shop = Shop::start().await;
    shop.counted("GET /plain/{id}", "");

    assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "1");
    assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "2");
}

#[tokio::test]
async fn what_the_source_declares_is_kept_so_long_and_no_longer() {
    let shop = Shop::start().await;
    shop.counted("GET /plain/{id}", "public, max-age=60");

    assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "1");
    pass(Duration::from_secs(59)).await;
    assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "1");
    assert_eq!(
        shop.id("{ a: plain(id: 1) { id } }", &[]).await,
        "1",
        "by another operation too"
    );
    pass(Duration::from_secs(1)).await;
    assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "2");
}

#[tokio::test]
async fn what_the_schema_declares_is_kept() {
    let shop = Shop::start().await;
    shop.counted("GET /kept/{id}", "");

    assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "1");
    assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "1");
    assert_eq!(shop.id("{ kept(id: 2) { id } }", &[]).await, "2", "another call");
}

#[tokio::test]
async fn the_shorter_time_counts() {
    let shop = Shop::start().await;
    shop.counted("GET /kept/{id}", "max-age=5");

    assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "1");
    pass(Duration::from_secs(6)).await;
    assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "2");
}

#[tokio::test]
async fn one_that_says_no_is_enough() {
    for cache_control in [
        "no-store",
        "max-age=60, no-cache",
        "max-age=0",
        "private, max-age=60",
        "max-age=soon",
    ] {
        let shop = Shop::start().await;
        shop.counted("GET /kept/{id}", cache_control);

        assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "1");
        assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "2", "{cache_control}");
    }
}

#[tokio::test]
async fn an_answer_that_sets_a_cookie_or_varies_by_everything_is_not_kept() {
    for (name, value) in [("set-cookie", "a=b"), ("vary", "*"), ("age", "60")] {
        let shop = Shop::start().await;
        let backend = shop.api.backend().clone();
        shop.api.on("GET /plain/{id}", move |_| {
            Answer::json(json!({ "id": backend.calls() }))
                .with_header("cache-control", "max-age=60")
                .with_header(name, value)
        });

        assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "1");
        assert_eq!(shop.id("{ plain(id: 1) { id } }", &[]).await, "2", "{name}: {value}");
    }
}

#[tokio::test]
async fn errors_are_never_kept() {
    let refused: fn() -> Answer = || Answer::json(json!({ "id": 1 })).with_status(500);
    let absent: fn() -> Answer = || Answer::json(json!({ "id": 1 })).with_status(404);
    let broken: fn() -> Answer = || Answer::raw("application/json", "{");
    for answer in [refused, absent, broken] {
        let shop = Shop::start().await;
        shop.api.on("GET /kept/{id}", move |_| {
            answer().with_header("cache-control", "max-age=60")
        });

        for _ in 0..2 {
            let answer = shop.ask("{ kept(id: 1) { id } }", &[]).await;
            assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
        }
        assert_eq!(shop.api.calls(), 2);
    }
}

#[tokio::test]
async fn a_mutation_neither_takes_nor_leaves_anything() {
    let shop = Shop::start().await;
    shop.counted("GET /touch", "public, max-age=60");

    assert_eq!(shop.id("mutation { touch { id } }", &[]).await, "1");
    assert_eq!(shop.id("mutation { touch { id } }", &[]).await, "2");
}

#[tokio::test]
async fn calls_that_may_do_more_than_read_are_kept_only_where_the_schema_says_so() {
    let shop = Shop::start().await;
    shop.counted("POST /search", "max-age=60");

    assert_eq!(shop.id("{ search(text: \"a\") { id } }", &[]).await, "1");
    assert_eq!(shop.id("{ search(text: \"a\") { id } }", &[]).await, "2");
    assert_eq!(shop.id("{ found(text: \"a\") { id } }", &[]).await, "3");
    assert_eq!(shop.id("{ found(text: \"a\") { id } }", &[]).await, "3");
    assert_eq!(
        shop.id("{ found(text: \"b\") { id } }", &[]).await,
        "4",
        "the body is part of the call"
    );
}

#[tokio::test]
async fn a_users_answer_is_never_anothers() {
    let shop = Shop::start().await;
    shop.api.on("GET /me", |request| {
        Answer::json(json!({ "id": request.header("authorization").unwrap_or("nobody") }))
            .with_header("cache-control", "public, max-age=60")
    });

    for _ in 0..2 {
        for user in ["ann", "bob"] {
            assert_eq!(shop.id("{ me { id } }", &[("authorization", user)]).await, user);
        }
        assert_eq!(shop.id("{ me { id } }", &[]).await, "nobody");
    }
    assert_eq!(shop.api.calls(), 3, "each is kept for its own");
}

#[tokio::test]
async fn private_answers_are_kept_for_who_asked_and_not_for_nobody() {
    let shop = Shop::start().await;
    shop.counted("GET /private", "");

    assert_eq!(shop.id("{ private { id } }", &[("authorization", "ann")]).await, "1");
    assert_eq!(shop.id("{ private { id } }", &[("authorization", "bob")]).await, "2");
    assert_eq!(shop.id("{ private { id } }", &[("cookie", "session=ann")]).await, "3");
    assert_eq!(shop.id("{ private { id } }", &[("authorization", "ann")]).await, "1");
    assert_eq!(shop.id("{ private { id } }", &[("authorization", "bob")]).await, "2");
    assert_eq!(shop.id("{ private { id } }", &[]).await, "4");
    assert_eq!(
        shop.id("{ private { id } }", &[]).await,
        "5",
        "who says nothing may be anybody"
    );
}

#[tokio::test]
async fn what_is_stale_is_served_once_more_while_one_call_renews_it() {
    let shop = Shop::start().await;
    shop.counted("GET /renewed", "");
    assert_eq!(shop.id("{ renewed { id } }", &[]).await, "1");
    pass(Duration::from_secs(11)).await;

    shop.api.backend().hold();
    for _ in 0..5 {
        assert_eq!(shop.id("{ renewed { id } }", &[]).await, "1");
    }
    shop.api.wait_for_calls(2).await;
    shop.api.release();
    let mut id = Value::Null;
    while id != "2" {
        id = shop.id("{ renewed { id } }", &[]).await;
    }

    assert_eq!(shop.api.calls(), 2, "one refresh for all");
}

#[tokio::test]
async fn what_is_too_stale_is_waited_for() {
    let shop = Shop::start().await;
    shop.counted("GET /renewed", "");
    assert_eq!(shop.id("{ renewed { id } }", &[]).await, "1");

    pass(Duration::from_secs(41)).await;

    assert_eq!(shop.id("{ renewed { id } }", &[]).await, "2");
}

#[tokio::test]
async fn a_failed_refresh_leaves_the_stale_answer_and_is_tried_again() {
    let shop = Shop::start().await;
    shop.counted("GET /renewed", "");
    assert_eq!(shop.id("{ renewed { id } }", &[]).await, "1");
    pass(Duration::from_secs(11)).await;
    shop.api.fail_next(1, 500);

    assert_eq!(shop.id("{ renewed { id } }", &[]).await, "1");
    shop.api.wait_for_calls(2).await;
    let mut id = Value::from("1");
    while id == "1" {
        id = shop.id("{ renewed { id } }", &[]).await;
    }

    assert_eq!(id, "3");
}

#[tokio::test]
async fn zero_bytes_keep_nothing() {
    let shop = Shop::with(Settings {
        answers_kept: 0,
        ..Settings::default()
    })
    .await;
    shop.counted("GET /kept/{id}", "");

    assert_eq!(shop.id("{ kept(id: 1) { id } }", &[]).await, "1");
    assert_eq!(
        shop.id("{ kept(id: 1) { id } }", &[]).await,
        "1",
        "the source's answer is kept by itself"
    );
}

#[tokio::test]
async fn explain_says_what_is_kept() {
    let shop = Shop::start().await;

    let plan = shop
        .engine
        .explain("{ renewed { id } private { id } plain(id: 1) { id } }");

    insta::assert_snapshot!(plan, @r"
    query (anonymous) on test
    at most 3 calls, cost 3
      1  open  GET /renewed           renewed  1 call; kept 10 s, 30 s more while renewed
      2  open  GET /private           private  1 call; kept 60 s, for its caller alone
      3  open  GET /plain/{$args.id}  plain    1 call
    Lists without @listSize are taken to have 10 items.
    ");
}

#[tokio::test]
async fn the_same_grpc_call_to_two_sources_is_two_answers() {
    const PROTO: &str = r#"
        syntax = "proto3";
        package t;
        service Echo { rpc Say(Asked) returns (Said) { option idempotency_level = NO_SIDE_EFFECTS; } }
        message Asked { int32 n = 1; }
        message Said { string id = 1; }
    "#;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("t.proto"), PROTO).expect("a file");
    let mut sources = Vec::new();
    for region in ["east", "west"] {
        let source = MockGrpc::start(&[("t.proto", PROTO)]).await;
        source.on("t.Echo/Say", move |_| GrpcAnswer::json(json!({ "id": region })));
        sources.push((region, source));
    }
    let schema = format!(
        "schema: {{ proto: [\"t.proto\"], includes: [\"{}\"] }}",
        directory.path().display()
    );
    let field = |region: &str| {
        format!(
            "{region}: User @cacheControl(maxAge: 60) \
             @connect(source: \"{region}\", grpc: {{ method: \"t.Echo/Say\", message: \"n: 1\" }}, selection: \"id\")"
        )
    };
    let sdl = format!(
        "{LINKS} @source(name: \"east\", grpc: {{ address: \"http://unused\", {schema} }}) \
         @source(name: \"west\", grpc: {{ address: \"http://unused\", {schema} }})\n\
         type Query {{ {} {} }} type User {{ id: ID }}",
        field("east"),
        field("west")
    );
    let urls = sources.iter().map(|(region, source)| (*region, source.url()));
    let engine = TestEngine::of_files(
        &[("schema.graphql", &sdl)],
        &urls.collect::<Vec<_>>(),
        Settings::default(),
    );

    for region in ["east", "west", "east"] {
        let answer = engine.run(&format!("{{ a: {region} {{ id }} }}")).await;
        assert_eq!(answer, json!({ "data": { "a": { "id": region } } }));
    }
    assert!(
        sources.iter().all(|(_, source)| source.calls() == 1),
        "and both are kept"
    );
}

#[tokio::test]
async fn what_the_schema_calls_private_is_shared_with_nobody_else_while_it_is_under_way_either() {
    let shop = Shop::start().await;
    shop.counted("GET /private", "").api.backend().hold();
    let whole = "{ private { id } }";
    // The same operation shares its execution, another one only the call.
    let part = "{ a: private { id } }";
    let asks = [
        (whole, Some("ann")),
        (whole, Some("ann")),
        (part, Some("ann")),
        (whole, Some("bob")),
        (part, Some("bob")),
        (whole, None),
        (whole, None),
        (part, None),
    ];
    let answers = asks.into_iter().map(|(query, user)| {
        let headers: Vec<_> = user.map(|user| ("authorization", user)).into_iter().collect();
        let shop = &shop;
        async move { shop.id(query, &headers).await }
    });
    let answers = futures_util::future::join_all(answers);

    let (ids, ()) = tokio::join!(answers, async {
        shop.api.wait_for_calls(5).await;
        shop.api.release();
    });

    assert_eq!(shop.api.calls(), 5, "one for each user, one for each request of nobody");
    assert!(ids.iter().all(|id| !id.is_null()), "{ids:?}");
}
