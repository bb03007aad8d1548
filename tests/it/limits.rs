//! What is beyond a limit is refused before anything is called, or counted where a surface only measures; and all of it is documented.

use serde_json::{Value, json};
use switchboard::{
    engine::Settings,
    operation::{LimitMode, Limits, RequestErrorKind, error::LimitKind},
    response::error::request_code,
};
use switchboard_harness::MockRest;

use crate::support::{
    Ask, LINK, TestEngine,
    server::TestServer,
    shop::{TestShop, read},
};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      find(ids: [ID!], text: String, by: By, any: JSON): String
        @connect(source: "api", http: { GET: "/find" }, selection: "$.text")
    }
    input By { ids: [ID!] text: String }
    scalar JSON
"#;

async fn engine(limits: Limits) -> (MockRest, TestEngine) {
    let api = MockRest::start().await;
    api.on_json("GET /find", json!({ "text": "found" }));
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let files = [("schema.graphql", &*format!("{LINK}{SDL}"))];
    let engine = TestEngine::of_files(&files, &[("api", api.url())], settings);
    (api, engine)
}

fn ask(query: &str, variables: Value) -> Ask {
    Ask {
        variables: Some(variables),
        ..Ask::query(query)
    }
}

/// Documents and variables with a list of that many elements.
fn lists(count: usize) -> Vec<(String, Value)> {
    let list = vec![Value::from("1"); count];
    let literal = format!("[{}]", "1 ".repeat(count));
    let variable = "query($v: [ID!]) { find(ids: $v) }".to_owned();
    vec![
        (variable.clone(), json!({ "v": list })),
        (
            "query($v: By) { find(by: $v) }".to_owned(),
            json!({ "v": { "ids": list } }),
        ),
        (
            "query($v: JSON) { find(any: $v) }".to_owned(),
            json!({ "v": [{ "a": list }] }),
        ),
        (format!("{{ find(ids: {literal}) }}"), json!({})),
        (format!("{{ find(any: {{a: {literal}}}) }}"), json!({})),
        (format!("query($v: [ID!] = {literal}) {{ find(ids: $v) }}"), json!({})),
        (
            format!("query($v: ID = 1) {{ find(ids: [$v {}]) }}", "1 ".repeat(count - 1)),
            json!({}),
        ),
    ]
}

/// Documents and variables with a string of that many bytes.
fn strings(bytes: usize) -> Vec<(String, Value)> {
    let text = "x".repeat(bytes);
    vec![
        ("query($v: String) { find(text: $v) }".to_owned(), json!({ "v": text })),
        (
            "query($v: By) { find(by: $v) }".to_owned(),
            json!({ "v": { "text": text } }),
        ),
        ("query($v: JSON) { find(any: $v) }".to_owned(), json!({ "v": [[text]] })),
        (format!("{{ find(text: \"{text}\") }}"), json!({})),
        (format!("{{ find(by: {{text: \"\"\"{text}\"\"\"}}) }}"), json!({})),
        (
            format!("query($v: String = \"{text}\") {{ find(text: $v) }}"),
            json!({}),
        ),
    ]
}

#[tokio::test]
async fn lists_and_strings_of_the_input_have_a_length() {
    let (api, engine) = engine(Limits::default()).await;
    let beyond = [
        (lists(251), "a list has 251 elements; at most 250"),
        (strings(16_385), "a string has 16385 bytes; at most 16384"),
    ];
    for (cases, message) in beyond {
        for (query, variables) in cases {
            let answer = engine.ask(ask(&query, variables)).await;
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{}", &query[..40]);
            assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        }
    }
    assert_eq!(api.calls(), 0);

    for (query, variables) in lists(250).into_iter().chain(strings(16_384)) {
        let answer = engine.ask(ask(&query, variables)).await;
        assert_eq!(answer, json!({ "data": { "find": "found" } }), "{}", &query[..40]);
    }
}

#[tokio::test]
async fn so_many_errors_are_told_and_no_more() {
    let unknown: String = (0..60).map(|n| format!("unknown{n} ")).collect();
    for (errors, told) in [(20, 20), (3, 3), (0, 60)] {
        let (_, engine) = engine(Limits {
            errors,
            root_fields: 0,
            ..Limits::default()
        })
        .await;

        let answer = engine.run(&format!("{{ {unknown} }}")).await;

        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(told));
    }
}

#[tokio::test]
async fn a_surface_that_measures_answers_and_says_what_it_would_have_refused() {
    let limits = Limits {
        mode: LimitMode::Measure,
        cost: 1,
        calls: 1,
        depth: 1,
        aliases: 1,
        root_fields: 1,
        directives: 1,
        list_size: 1,
        input_list: 1,
        string_bytes: 1,
        ..Limits::default()
    };
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { all(first: Int, ids: [ID], text: String): [Thing]
          @connect(source: "api", http: { GET: "/all" }, selection: "id") }
        type Thing { id: ID }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /all", json!([{ "id": 1 }]));
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let files = [("schema.graphql", &*format!("{LINK}{sdl}"))];
    let engine = TestEngine::of_files(&files, &[("api", api.url())], settings);
    let query = "query($t: String, $i: [ID]) {
        a: all(first: 2, ids: $i, text: $t) @skip(if: false) { id } b: all(first: 1) @skip(if: false) { id } }";

    // Twice: the second time from the store.
    for _ in 0..2 {
        let response = engine.respond(ask(query, json!({ "t": "long", "i": [1, 2] }))).await;

        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            answer,
            json!({ "data": { "a": [{ "id": "1" }], "b": [{ "id": "1" }] } })
        );
        let exceeded: Vec<&str> = response.exceeded.iter().map(LimitKind::key).collect();
        assert_eq!(
            exceeded,
            [
                "depth",
                "aliases",
                "root_fields",
                "directives",
                "cost",
                "calls",
                "list_size",
                "input_list",
                "string_bytes"
            ]
        );
    }
    let within = engine.respond(ask("{ __typename }", json!({}))).await;
    assert!(within.exceeded.is_empty());
}

#[tokio::test]
async fn what_exceeds_a_limit_is_counted_by_surface_and_limit() {
    let shop = TestShop::with(|config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
        config.surfaces[0].limits.mode = LimitMode::Measure;
        config
            .surfaces
            .iter_mut()
            .for_each(|surface| surface.limits.aliases = 1);
    })
    .await;
    let (_backends, server) = shop.serve().await;
    let client = reqwest::Client::new();

    for surface in ["mobile", "web"] {
        let answer: Value = client
            .post(server.url(surface))
            .json(&json!({ "query": "{ a: __typename b: __typename }" }))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer.get("data").is_some(), surface == "mobile", "{answer}");
    }

    let metrics = metrics(&server, &client).await;
    for surface in ["mobile", "web"] {
        let series = format!("switchboard_requests_over_limit_total{{surface=\"{surface}\",limit=\"aliases\"}} 1");
        assert!(metrics.contains(&series), "{metrics}");
    }
}

#[tokio::test]
async fn the_cost_is_told_over_get_and_post_alike() {
    let (backends, server) = TestShop::start().await.serve().await;
    let client = reqwest::Client::new();
    let query = "{ home { recommended(limit: 3) { id } } }";
    for dry in [false, true] {
        let (header, word) = if dry {
            ("X-Switchboard-Dry-Run", "cost")
        } else {
            ("X-Switchboard-Cost", "true")
        };
        let mut url = reqwest::Url::parse(&server.url("mobile")).unwrap();
        url.query_pairs_mut().append_pair("query", query);
        let get = client.get(url);
        let post = client.post(server.url("mobile")).json(&json!({ "query": query }));
        for request in [get, post] {
            backends.reset();
            let response = request.header(header, word).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let answer: Value = response.json().await.unwrap();
            let cost = &answer["extensions"]["cost"];
            assert_eq!(
                (&cost["requested"], &cost["limit"], &cost["calls"]),
                (&json!(4), &json!(1000), &json!(1))
            );
            assert_eq!(
                (cost.get("actual").is_none(), answer["data"].is_null()),
                (dry, dry),
                "{answer}"
            );
            assert_eq!(backends.calls() == 0, dry);
        }
    }
}

async fn metrics(server: &TestServer, client: &reqwest::Client) -> String {
    let url = format!("http://{}/metrics", server.admin.expect("an admin port"));
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[test]
fn every_limit_is_in_the_table_with_its_code() {
    let table = read("docs/limits.md");
    let row = |key: &str| {
        let start = format!("| `{key}` |");
        let row = table.lines().find(|line| line.starts_with(&start));
        row.unwrap_or_else(|| panic!("docs/limits.md has no row for {key}"))
            .to_owned()
    };
    for kind in LimitKind::ALL {
        let code = request_code(RequestErrorKind::Limit(kind));
        assert!(row(kind.key()).contains(&format!("| `{code}` |")), "{kind:?}: {code}");
    }
    // Every key that the configuration knows: it lists them to whoever writes another.
    let said = switchboard::config::Config::parse(
        "surfaces: { web: { schema: a.graphql, limits: { x: 1 } } }",
        std::path::Path::new("a.yaml"),
        &|_| None,
    )
    .expect_err("an unknown key")
    .to_string();
    let keys: Vec<&str> = said
        .split("known keys are ")
        .nth(1)
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(keys.len() > 15, "{said}");
    keys.into_iter().for_each(|key| drop(row(key)));
}

#[test]
fn every_code_of_a_refused_request_is_documented() {
    let table = read("docs/errors.md");
    let kinds = LimitKind::ALL.map(RequestErrorKind::Limit).into_iter().chain([
        RequestErrorKind::NoDocument,
        RequestErrorKind::Syntax,
        RequestErrorKind::Validation,
        RequestErrorKind::OperationChoice,
        RequestErrorKind::BadInput,
        RequestErrorKind::MutationNotAllowed,
        RequestErrorKind::IntrospectionDisabled,
        RequestErrorKind::PersistedNotFound,
        RequestErrorKind::PersistedNotSupported,
        RequestErrorKind::PersistedMalformed,
        RequestErrorKind::PersistedMismatch,
        RequestErrorKind::PersistedNotInList,
        RequestErrorKind::NotInSafelist,
        RequestErrorKind::PersistedIdRequired,
        RequestErrorKind::PersistedIdAndText,
    ]);
    for kind in kinds {
        let code = request_code(kind);
        assert!(table.contains(&format!("`{code}`")), "{kind:?}: {code}");
    }
}
