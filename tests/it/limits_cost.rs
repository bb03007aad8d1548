//! What an operation is estimated to cost, and that the estimate holds whatever its variables are.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use switchboard::engine::{COST_HEADER, DRY_RUN_HEADER, Settings};
use switchboard::operation::Limits;
use switchboard_harness::MockRest;

use crate::support::{Ask, LINK, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      me: User @connect(source: "api", http: { GET: "/me" }, selection: "id")
      users(first: Int = 20): [User!] @listSize(slicingArguments: ["first"])
        @connect(source: "api", http: { GET: "/users" }, selection: "id")
      plain: [User!] @connect(source: "api", http: { GET: "/users" }, selection: "id")
      usual(limit: Int): [User!] @connect(source: "api", http: { GET: "/users" }, selection: "id")
      many(first: Int): [User!] @listSize(assumedSize: 500, slicingArguments: ["first"], requireOneSlicingArgument: false)
        @connect(source: "api", http: { GET: "/users" }, selection: "id")
      one(first: Int, last: Int): [User!] @listSize(slicingArguments: ["first", "last"])
        @connect(source: "api", http: { GET: "/users" }, selection: "id")
      page(input: PageInput): Connection
        @listSize(slicingArguments: ["input.page.first"], sizedFields: ["inner.edges"], requireOneSlicingArgument: false)
        @connect(source: "api", http: { GET: "/page" }, selection: "inner { edges { node { id } } }")
      relay(first: Int): Edges @connect(source: "api", http: { GET: "/page" }, selection: "edges { node { id } }")
      credit(limit: Int): User @connect(source: "api", http: { GET: "/me" }, selection: "id")
      dear(by: Int @cost(weight: 7)): User @cost(weight: "4.5") @connect(source: "api", http: { GET: "/me" }, selection: "id")
      heavy: Heavy @connect(source: "api", http: { GET: "/me" }, selection: "id")
      pets: [Pet!] @listSize(assumedSize: 3)
        @connect(source: "api", http: { GET: "/pets" }, selection: "...kind->match(['d', { __typename: 'Dog' name }], ['c', { __typename: 'Cat' name home: { id } }])")
      grid: [[User!]] @connect(source: "api", http: { GET: "/grid" }, selection: "id")
    }
    type Mutation { add: User @connect(source: "api", http: { POST: "/users" }, selection: "id") }
    type User {
      id: ID
      friends(first: Int): [User!] @connect(source: "api", http: { GET: "/users/{$this.id}/friends" }, selection: "id")
    }
    type Heavy @cost(weight: 30) { id: ID blob: Blob blobs: [Blob] }
    scalar Blob @cost(weight: 2)
    interface Pet { name: String puppies(count: Int): [User!] @listSize(slicingArguments: ["count"]) }
    type Dog implements Pet { name: String puppies(count: Int): [User!] @connect(source: "api", http: { GET: "/{$this.name}/puppies" }, selection: "id") }
    type Cat implements Pet { name: String home: User puppies(count: Int): [User!] @cost(weight: 2)
      @connect(source: "api", http: { GET: "/{$this.name}/puppies" }, selection: "id") }
    type Connection { inner: Edges }
    type Edges { edges: [Edge!] }
    type Edge { node: User }
    input PageInput { page: Page = { first: 4 } }
    input Page { first: Int }
"#;

fn with(name: http::HeaderName, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
}

fn engine_with(change: impl FnOnce(&mut Settings)) -> TestEngine {
    let mut settings = Settings::default();
    change(&mut settings);
    TestEngine::of_files(&[("schema.graphql", &format!("{LINK}{SDL}"))], &[], settings)
}

fn unlimited() -> TestEngine {
    engine_with(|settings| {
        settings.limits = Limits {
            depth: 0,
            list_size: 0,
            ..Limits::default()
        };
    })
}

/// Estimated cost and calls.
async fn estimate(engine: &TestEngine, query: &str, variables: Value) -> (u64, u64) {
    let answer = engine
        .ask(Ask {
            variables: Some(variables),
            headers: with(DRY_RUN_HEADER, "cost"),
            ..Ask::query(query)
        })
        .await;
    let cost = &answer["extensions"]["cost"];
    let figure = |name: &str| cost[name].as_u64().unwrap_or_else(|| panic!("{query}: {answer}"));
    (figure("requested"), figure("calls"))
}

async fn code(engine: &TestEngine, query: &str, variables: Value) -> String {
    let answer = engine
        .ask(Ask {
            variables: Some(variables),
            ..Ask::query(query)
        })
        .await;
    assert!(
        answer["errors"][0]["extensions"]["code"].is_string(),
        "{query}: {answer}"
    );
    format!(
        "{} {}",
        answer["errors"][0]["extensions"]["code"].as_str().unwrap(),
        answer["errors"][0]["message"].as_str().unwrap()
    )
}

#[tokio::test]
async fn objects_cost_one_leaves_nothing_and_weights_what_they_say() {
    let engine = unlimited();
    #[rustfmt::skip]
    let cases = [
        ("{ __typename }", 0, 0),
        ("{ me { id } }", 1, 1),
        ("mutation { add { id } }", 11, 1),
        // Fractions are rounded up; an argument's weight counts where it is given.
        ("{ dear { id } }", 5, 1),
        ("{ dear(by: 1) { id } }", 12, 1),
        // The type's weight; a leaf's, and that of a list of them.
        ("{ heavy { id } }", 30, 1),
        ("{ heavy { blob blobs } }", 30 + 2 + 20, 1),
        // A dog is 1, a cat is 1 and its home 1.
        ("{ pets { name ... on Cat { home { id } } } }", 3 * 2, 1),
        // What stands on the interface holds for its types; a cat's are dearer.
        ("{ pets { puppies(count: 5) { id } } }", 3 * (1 + 5 * 2), 1 + 3 + 3),
        ("{ pets { ... on Dog { puppies(count: 5) { id } } } }", 3 * (1 + 5), 1 + 3),
        ("{ __schema { types { name } queryType { name } } }", 3, 0),
        // The same twice is once.
        ("{ me { id } me { id } }", 1, 1),
        ("{ me { id } other: me { id } }", 2, 2),
    ];

    for (query, cost, calls) in cases {
        assert_eq!(estimate(&engine, query, json!({})).await, (cost, calls), "{query}");
    }
}

#[tokio::test]
async fn lists_are_as_long_as_arguments_annotations_or_the_guess_say() {
    let engine = unlimited();
    #[rustfmt::skip]
    let cases = [
        ("{ plain { id } }", json!({}), 10, 1),
        ("{ grid { id } }", json!({}), 100, 1),
        ("{ usual { id } }", json!({}), 10, 1),
        ("{ usual(limit: 3) { id } }", json!({}), 3, 1),
        ("{ many { id } }", json!({}), 500, 1),
        ("{ many(first: 2) { id } }", json!({}), 2, 1),
        ("{ users { id } }", json!({}), 20, 1),
        ("query($n: Int) { users(first: $n) { id } }", json!({}), 20, 1),
        ("query($n: Int) { users(first: $n) { id } }", json!({"n": 5}), 5, 1),
        ("query($n: Int = 7) { users(first: $n) { id } }", json!({}), 7, 1),
        ("query($n: Int = 7) { usual(limit: $n) { id } }", json!({"n": null}), 10, 1),
        // One call for each user's friends.
        ("query($n: Int, $m: Int) { users(first: $n) { friends(first: $m) { id } } }", json!({"n": 3, "m": 4}), 3 + 12, 1 + 3),
        ("query($n: Int) { users(first: $n) { friends { id } } }", json!({"n": 3}), 3 + 30, 1 + 3),
        // The size is within an input object, and counts for a list two levels down.
        ("{ page { inner { edges { node { id } } } } }", json!({}), 2 + 20, 1),
        ("{ page(input: {}) { inner { edges { node { id } } } } }", json!({}), 2 + 8, 1),
        ("{ page(input: {page: {first: 30}}) { inner { edges { node { id } } } } }", json!({}), 2 + 60, 1),
        ("query($i: PageInput) { page(input: $i) { inner { edges { node { id } } } } }", json!({"i": {"page": {"first": 30}}}), 2 + 60, 1),
        ("query($n: Int) { page(input: {page: {first: $n}}) { inner { edges { node { id } } } } }", json!({"n": 30}), 2 + 60, 1),
        // What is usual for connections needs no annotation.
        ("{ relay(first: 30) { edges { node { id } } } }", json!({}), 1 + 60, 1),
        // An argument called `limit` of a single object is not the size of anything.
        ("{ credit(limit: 5000) { id } }", json!({}), 1, 1),
    ];

    for (query, variables, cost, calls) in cases {
        assert_eq!(
            estimate(&engine, query, variables.clone()).await,
            (cost, calls),
            "{query} {variables}"
        );
    }
}

#[tokio::test]
async fn no_size_lowers_the_estimate_and_no_product_wraps() {
    let engine = unlimited();
    let deep = "query($n: Int) { users(first: $n) { friends(first: $n) { friends(first: $n) { friends(first: $n) { id } } } } }";

    assert_eq!(estimate(&engine, deep, json!({"n": -1})).await, (4, 1 + 1 + 1 + 1));
    assert_eq!(estimate(&engine, deep, json!({"n": 0})).await.0, 4);
    assert_eq!(estimate(&engine, deep, json!({"n": 65_536})).await.0, u64::MAX);
    assert_eq!(estimate(&engine, deep, json!({"n": i32::MAX})).await.0, u64::MAX);
}

#[tokio::test]
async fn what_variables_leave_out_costs_nothing_and_what_they_do_not_costs_all() {
    let engine = unlimited();
    let query = "query($b: Boolean!) { me { id } users(first: 100) @skip(if: $b) { friends(first: 100) { id } } }";

    assert_eq!(estimate(&engine, query, json!({"b": true})).await, (1, 1));
    assert_eq!(estimate(&engine, query, json!({"b": false})).await.0, 1 + 100 + 10_000);
}

#[tokio::test]
async fn size_arguments_are_between_one_and_their_limit() {
    let engine = engine_with(|_| {});
    let variable = "query($n: Int) { users(first: $n) { id } }";
    for (query, variables, size) in [
        ("{ users(first: 101) { id } }", json!({}), 101),
        ("{ users(first: 0) { id } }", json!({}), 0),
        ("{ users(first: -1) { id } }", json!({}), -1),
        ("{ usual(limit: 101) { id } }", json!({}), 101),
        (variable, json!({"n": 101}), 101),
        (variable, json!({"n": 0}), 0),
        (variable, json!({"n": -2_147_483_648}), -2_147_483_648),
    ] {
        let said = code(&engine, query, variables).await;
        assert!(
            said.starts_with("BAD_USER_INPUT Query.us")
                && said.ends_with(&format!(" is {size}; it must be between 1 and 100.")),
            "{query}: {said}"
        );
    }
    assert_eq!(
        code(&engine, "{ many(first: 501) { id } }", json!({})).await,
        "BAD_USER_INPUT Query.many: argument \"first\" is 501; it must be between 1 and 500."
    );
    assert_eq!(
        code(
            &engine,
            "{ page(input: {page: {first: 200}}) { inner { edges { node { id } } } } }",
            json!({})
        )
        .await,
        "BAD_USER_INPUT Query.page: argument \"input.page.first\" is 200; it must be between 1 and 100."
    );
}

#[tokio::test]
async fn one_slicing_argument_must_be_given_where_the_schema_says_so() {
    let engine = engine_with(|_| {});
    let missing = "BAD_USER_INPUT Query.one: exactly one of its size arguments must be given.";

    assert_eq!(code(&engine, "{ one { id } }", json!({})).await, missing);
    assert_eq!(
        code(&engine, "{ one(first: 1, last: 1) { id } }", json!({})).await,
        missing
    );
    assert_eq!(code(&engine, "{ one(first: null) { id } }", json!({})).await, missing);
    let variable = "query($n: Int) { one(first: $n) { id } }";
    assert_eq!(code(&engine, variable, json!({})).await, missing);
    assert_eq!(estimate(&engine, variable, json!({"n": 2})).await, (2, 1));
    assert_eq!(estimate(&engine, "{ one(last: 3) { id } }", json!({})).await, (3, 1));
}

#[tokio::test]
async fn beyond_cost_or_calls_nothing_runs() {
    let api = MockRest::start().await;
    let make = |cost, calls| {
        let settings = Settings {
            limits: Limits {
                cost,
                calls,
                ..Limits::default()
            },
            ..Settings::default()
        };
        TestEngine::of_files(
            &[("schema.graphql", &format!("{LINK}{SDL}"))],
            &[("api", api.url())],
            settings,
        )
    };
    let query = "query($n: Int) { users(first: $n) { friends(first: 1) { id } } }";

    assert_eq!(
        code(&make(19, 0), query, json!({"n": 10})).await,
        "COST_ESTIMATED_TOO_EXPENSIVE The operation is estimated to cost 20; at most 19 is allowed."
    );
    assert_eq!(
        code(&make(20, 10), query, json!({"n": 10})).await,
        "REQUEST_LIMIT_EXCEEDED The operation may need 11 calls to backends; at most 10 are allowed."
    );
    assert_eq!(api.calls(), 0);
    let answer = make(20, 11)
        .ask(Ask {
            variables: Some(json!({"n": 10})),
            ..Ask::query(query)
        })
        .await;
    assert_eq!((api.calls(), answer.get("data").is_some()), (1, true), "{answer}");
}

#[tokio::test]
async fn a_client_that_asks_is_told_what_its_answer_cost() {
    let api = MockRest::start().await;
    api.on_json("GET /users", json!([{ "id": 1 }, null, { "id": 3 }]));
    api.on_json("GET /users/1/friends", json!([{ "id": 3 }]));
    let files = [("schema.graphql", &*format!("{LINK}{SDL}").replace("[User!]", "[User]"))];
    let sources = [("api", api.url())];
    let engine = TestEngine::of_files(&files, &sources, Settings::default());
    let ask = |headers| Ask {
        headers,
        ..Ask::query("{ users(first: 5) { id friends(first: 2) { id } } }")
    };

    let quiet = engine.ask(ask(HeaderMap::new())).await;
    let told = engine.ask(ask(with(COST_HEADER, "true"))).await;

    assert_eq!(quiet["extensions"].get("cost"), None, "{quiet}");
    assert_eq!(told["data"], quiet["data"]);
    assert_eq!(told["errors"], quiet["errors"]);
    assert_eq!(
        told["extensions"]["cost"],
        json!({ "requested": 15, "limit": 1000, "calls": 6, "callsLimit": 1000, "actual": 3 }),
        "{told}"
    );
    let settings = Settings {
        show_cost: true,
        ..Settings::default()
    };
    let always = TestEngine::of_files(&files, &sources, settings)
        .ask(ask(HeaderMap::new()))
        .await;
    assert_eq!(always["extensions"]["cost"]["actual"], 3, "{always}");
}

#[tokio::test]
async fn a_dry_run_answers_the_estimate_and_calls_nobody() {
    let api = MockRest::start().await;
    let sources = [("api", api.url())];
    let files = [("schema.graphql", &*format!("{LINK}{SDL}"))];
    let engine = TestEngine::of_files(&files, &sources, Settings::default());

    let response = engine
        .respond(Ask {
            headers: with(DRY_RUN_HEADER, "cost"),
            ..Ask::query("{ users(first: 100) { friends(first: 100) { id } } }")
        })
        .await;

    assert_eq!(
        String::from_utf8_lossy(&response.body),
        r#"{"data":null,"extensions":{"cost":{"requested":10100,"limit":1000,"calls":101,"callsLimit":1000}}}"#
    );
    assert_eq!(api.calls(), 0);
}

#[tokio::test]
async fn a_mutation_is_told_the_weight_of_changing_something() {
    let api = MockRest::start().await;
    api.on_json("POST /users", json!({ "id": 1 }));
    let files = [("schema.graphql", &*format!("{LINK}{SDL}"))];
    let engine = TestEngine::of_files(&files, &[("api", api.url())], Settings::default());

    let answer = engine
        .ask(Ask {
            headers: with(COST_HEADER, "true"),
            ..Ask::query("mutation { add { id } }")
        })
        .await;

    let cost = &answer["extensions"]["cost"];
    assert_eq!(
        (&cost["requested"], &cost["actual"]),
        (&json!(11), &json!(11)),
        "{answer}"
    );
}
