//! Identical requests in flight share one execution; nothing else does.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use switchboard::engine::Settings;
use switchboard_harness::{Answer, MockRest};
use tokio::task::JoinHandle;

use crate::support::{Ask, LINK, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused", headers: [{ name: "authorization", from: "authorization" }] })
      @source(name: "open", http: { baseURL: "http://unused" })
    type Query {
      me: User @connect(source: "api", http: { GET: "/me" }, selection: "id")
      user(id: ID!): User @connect(source: "open", http: { GET: "/users/{$args.id}" }, selection: "id")
      found(text: String): User @connect(source: "open", http: { POST: "/search", body: "text: $args.text" }, selection: "id")
      tenant: User @connect(source: "open", http: { GET: "/tenants", queryParams: "name: $request.headers.'x-tenant'->first" }, selection: "id")
    }
    type Mutation { rename(name: String): User @connect(source: "open", http: { GET: "/rename" }, selection: "id") }
    type User { id: ID }
"#;

/// A backend whose answers wait until let go.
struct Held {
    api: MockRest,
    engine: Arc<TestEngine>,
}

// === impl Held ===

impl Held {
    async fn start(settings: Settings) -> Self {
        let api = MockRest::start().await;
        for route in [
            "GET /me",
            "GET /users/{id}",
            "POST /search",
            "GET /tenants",
            "GET /rename",
        ] {
            api.on(route, |request| {
                Answer::json(json!({ "id": request.header("authorization").unwrap_or("nobody") }))
            });
        }
        api.backend().hold();
        let files = [("schema.graphql", &*format!("{LINK}{SDL}"))];
        let sources = [("api", api.url()), ("open", api.url())];
        let engine = Arc::new(TestEngine::of_files(&files, &sources, settings));
        Self { api, engine }
    }

    /// Starts requests; they are under way when this returns.
    async fn ask(&self, asks: Vec<Ask>) -> Vec<JoinHandle<Value>> {
        let tasks = asks.into_iter().map(|ask| {
            let engine = self.engine.clone();
            tokio::spawn(async move { engine.ask(ask).await })
        });
        let tasks: Vec<_> = tasks.collect();
        // All run on this thread: each gets to where it waits.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        tasks
    }
}

/// Answers to requests made at the same time, and the calls they took. They are let go when `expected` calls have come.
async fn at_once(settings: Settings, asks: Vec<Ask>, expected: u64) -> (Vec<Value>, u64) {
    let held = Held::start(settings).await;
    let tasks = held.ask(asks).await;
    held.api.wait_for_calls(expected).await;
    held.api.release();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("an answer"));
    }
    (answers, held.api.calls())
}

fn ask(query: &str, headers: &[(&'static str, &str)]) -> Ask {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).expect("a header"));
    }
    Ask {
        query: query.to_owned(),
        headers: map,
        ..Ask::default()
    }
}

#[tokio::test]
async fn identical_queries_in_flight_make_one_call() {
    let asks = vec![ask("{ user(id: 1) { id } }", &[]); 50];

    let (answers, calls) = at_once(Settings::default(), asks, 1).await;

    assert_eq!(calls, 1);
    assert!(
        answers
            .iter()
            .all(|answer| *answer == json!({ "data": { "user": { "id": "nobody" } } }))
    );
}

#[tokio::test]
async fn a_header_that_nobody_uses_makes_no_difference() {
    let asks = (0..10).map(|number| ask("{ user(id: 1) { id } }", &[("x-request-id", &number.to_string())]));

    let (_, calls) = at_once(Settings::default(), asks.collect(), 1).await;

    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_header_that_a_call_sends_always_makes_a_difference() {
    let asks = ["ann", "bob", "ann", "bob"].map(|user| ask("{ me { id } }", &[("authorization", user)]));

    let (answers, calls) = at_once(Settings::default(), asks.to_vec(), 2).await;

    assert_eq!(calls, 2, "one for each user");
    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer["data"]["me"]["id"].as_str())
        .collect();
    assert_eq!(ids, [Some("ann"), Some("bob"), Some("ann"), Some("bob")]);
}

#[tokio::test]
async fn a_header_that_a_mapping_reads_always_makes_a_difference() {
    let asks = ["blue", "red"].map(|tenant| ask("{ tenant { id } }", &[("x-tenant", tenant)]));

    let (_, calls) = at_once(Settings::default(), asks.to_vec(), 2).await;

    assert_eq!(calls, 2);
}

#[tokio::test]
async fn two_values_of_a_header_are_not_one_that_looks_like_both() {
    let two = ask("{ me { id } }", &[("authorization", "a"), ("authorization", "b")]);
    let one = ask("{ me { id } }", &[("authorization", "a, b")]);

    let (_, calls) = at_once(Settings::default(), vec![two, one], 2).await;

    assert_eq!(calls, 2);
}

#[tokio::test]
async fn other_variables_make_another_call() {
    let with = |id: u32| Ask {
        variables: Some(json!({ "id": id })),
        ..ask("query($id: ID!) { user(id: $id) { id } }", &[])
    };

    let (_, calls) = at_once(Settings::default(), vec![with(1), with(2), with(1)], 2).await;

    assert_eq!(calls, 2);
}

#[tokio::test]
async fn different_operations_share_the_calls_they_have_in_common() {
    let asks = vec![
        ask("{ user(id: 1) { id } }", &[]),
        ask("{ a: user(id: 1) { id } }", &[]),
    ];

    let (answers, calls) = at_once(Settings::default(), asks, 1).await;

    assert_eq!(calls, 1);
    assert_eq!(answers[1], json!({ "data": { "a": { "id": "nobody" } } }));
}

#[tokio::test]
async fn a_field_that_one_operation_asks_for_twice_is_called_twice() {
    let asks = vec![ask("{ a: user(id: 1) { id } b: user(id: 1) { id } }", &[])];

    let (_, calls) = at_once(Settings::default(), asks, 2).await;

    assert_eq!(calls, 2);
}

#[tokio::test]
async fn calls_that_differ_in_a_header_are_not_shared_between_operations() {
    let ann = ask("{ me { id } }", &[("authorization", "ann")]);
    let bob = ask("{ a: me { id } }", &[("authorization", "bob")]);

    let (answers, calls) = at_once(Settings::default(), vec![ann, bob], 2).await;

    assert_eq!(calls, 2);
    assert_eq!(answers[0], json!({ "data": { "me": { "id": "ann" } } }));
    assert_eq!(answers[1], json!({ "data": { "a": { "id": "bob" } } }));
}

#[tokio::test]
async fn calls_that_may_do_more_than_read_are_never_shared() {
    let asks = vec![ask("{ found(text: \"x\") { id } }", &[]); 3];
    let (_, posts) = at_once(Settings::default(), asks, 3).await;
    let asks = vec![ask("mutation { rename(name: \"x\") { id } }", &[]); 3];
    let (_, mutations) = at_once(Settings::default(), asks, 3).await;

    assert_eq!((posts, mutations), (3, 3));
}

#[tokio::test]
async fn one_key_switches_sharing_off() {
    let settings = Settings {
        sharing: false,
        ..Settings::default()
    };

    let (_, calls) = at_once(settings, vec![ask("{ user(id: 1) { id } }", &[]); 4], 4).await;

    assert_eq!(calls, 4);
}

#[tokio::test]
async fn who_came_first_may_leave_without_harm_to_others() {
    let held = Held::start(Settings::default()).await;
    let first = held.ask(vec![ask("{ user(id: 1) { id } }", &[])]).await;
    let others = held.ask(vec![ask("{ user(id: 1) { id } }", &[]); 5]).await;

    first.iter().for_each(JoinHandle::abort);
    held.api.wait_for_calls(1).await;
    held.api.release();

    for other in others {
        assert_eq!(
            other.await.expect("an answer"),
            json!({ "data": { "user": { "id": "nobody" } } })
        );
    }
    assert_eq!(held.api.calls(), 1, "the call under way is not made again");
}

#[tokio::test]
async fn who_began_a_call_may_leave_without_harm_to_another_operation_that_joined_it() {
    let held = Held::start(Settings::default()).await;
    let first = held.ask(vec![ask("{ user(id: 1) { id } }", &[])]).await;
    let other = held.ask(vec![ask("{ b: user(id: 1) { id } }", &[])]).await;

    first.iter().for_each(JoinHandle::abort);
    held.api.wait_for_calls(1).await;
    held.api.release();

    for other in other {
        assert_eq!(
            other.await.expect("an answer"),
            json!({ "data": { "b": { "id": "nobody" } } })
        );
    }
    assert_eq!(held.api.calls(), 1, "the call under way is not made again");
}

#[tokio::test]
async fn when_all_have_left_the_call_is_dropped_and_the_next_request_makes_its_own() {
    let held = Held::start(Settings::default()).await;
    let tasks = held.ask(vec![ask("{ user(id: 1) { id } }", &[]); 3]).await;
    held.api.wait_for_calls(1).await;
    tasks.iter().for_each(JoinHandle::abort);
    held.api.wait_for_abandoned(1).await;

    let next = held.ask(vec![ask("{ user(id: 1) { id } }", &[])]).await;
    held.api.wait_for_calls(2).await;
    held.api.release();

    for task in next {
        assert_eq!(task.await.expect("an answer")["data"]["user"]["id"], "nobody");
    }
}

#[tokio::test]
async fn what_comes_after_the_answer_asks_anew() {
    let held = Held::start(Settings::default()).await;
    held.api.release();

    for _ in 0..3 {
        held.engine.ask(ask("{ user(id: 1) { id } }", &[])).await;
    }

    assert_eq!(held.api.calls(), 3);
}
