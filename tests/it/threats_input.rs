//! Values, names and questions about the schema that mean no good, each as it comes over HTTP.

use serde_json::{Value, json};

use crate::support::threats::Threats;

const CUBE: &str = "users(first: 100) { friends(first: 100) { friends(first: 100) { id } } }";

#[tokio::test]
async fn lists_of_lists_are_refused_by_their_cost() {
    let threats = Threats::start().await;
    let by_variable = "query($n: Int) { users(first: $n) { friends(first: $n) { friends(first: $n) { id } } } }";
    let ten: String = (0..10)
        .map(|n| format!("a{n}: users(first: 100) {{ friends(first: 10) {{ id }} }} "))
        .collect();

    let refused = [
        threats.query(&format!("{{ {CUBE} }}")).await,
        threats.with(by_variable, json!({ "n": 100 })).await,
        threats.query(&by_variable.replace("$n: Int", "$n: Int = 100")).await,
        threats.query(&format!("{{ {ten} }}")).await,
        threats.get("closed", &[("query", &format!("{{ {CUBE} }}"))]).await,
    ];

    for told in refused {
        assert_eq!(told.code(), "COST_ESTIMATED_TOO_EXPENSIVE", "{told:?}");
    }
    assert_eq!(threats.api.calls(), 0);
    assert_eq!(threats.with(by_variable, json!({ "n": 2 })).await.status, 200);
}

#[tokio::test]
async fn sizes_beyond_all_measure_are_refused_and_do_not_wrap() {
    let threats = Threats::start().await;
    let cube = |size: &str| CUBE.replace("100", size);

    for size in ["65536", "2147483647", "-1", "0", "-2147483648"] {
        let told = threats.query(&format!("{{ {} }}", cube(size))).await;
        assert_eq!(told.code(), "BAD_USER_INPUT", "{size}");
    }
    assert_eq!(threats.api.calls(), 0);
}

#[tokio::test]
async fn what_is_behind_a_condition_costs_what_it_costs_when_it_runs() {
    let threats = Threats::start().await;
    let query = format!("query($b: Boolean!) {{ x ... @skip(if: $b) {{ {CUBE} }} }}");

    assert_eq!(
        threats.with(&query, json!({ "b": true })).await.data(),
        json!({ "x": 1 })
    );
    let told = threats.with(&query, json!({ "b": false })).await;
    assert_eq!(told.code(), "COST_ESTIMATED_TOO_EXPENSIVE");
    assert_eq!(threats.api.calls(), 1);
}

#[tokio::test]
async fn thousands_of_mistakes_are_told_in_a_few_words() {
    let threats = Threats::start().await;
    let unknown: String = (0..2_000).map(|n| format!("u{n} ")).collect();
    let long: String = (0..20).map(|n| format!("u{n}{} ", "x".repeat(3_000))).collect();
    let variables: String = (0..700).map(|n| format!("$v{n}: Nope ")).collect();
    let values: serde_json::Map<String, Value> = (0..250).map(|n| (format!("v{n}"), json!("x".repeat(900)))).collect();
    let wrong: String = (0..250).map(|n| format!("$v{n}: Int ")).collect();

    let refused = [
        threats.query(&format!("{{ me {{ {unknown} }} }}")).await,
        threats.query(&format!("{{ me {{ {long} }} }}")).await,
        threats.query(&format!("query({variables}) {{ x }}")).await,
        threats
            .query(&format!("{{ x({}) }}", unknown.replace(' ', ":1 ")))
            .await,
        threats
            .with(&format!("query({wrong}) {{ x }}"), Value::Object(values))
            .await,
    ];

    for told in refused {
        let code = told.code();
        assert!(
            [
                "GRAPHQL_VALIDATION_FAILED",
                "BAD_USER_INPUT",
                "GRAPHQL_PARSE_FAILED",
                "MAX_ROOT_FIELDS_LIMIT"
            ]
            .contains(&&*code),
            "{code}"
        );
        let errors = told.json()["errors"].as_array().map_or(0, Vec::len);
        assert!(
            errors <= 20 && told.text.len() < 64 * 1024,
            "{errors} errors, {} bytes",
            told.text.len()
        );
    }
}

#[tokio::test]
async fn many_operations_are_one_document() {
    let threats = Threats::start().await;
    let document: String = (0..500).map(|n| format!("query A{n}{{x}} ")).collect();
    let named = |name: Value| json!({ "query": document, "operationName": name }).to_string();

    assert_eq!(
        threats.post("closed", named(json!("A499"))).await.data(),
        json!({ "x": 1 })
    );
    for name in [json!("A500"), json!(null), json!(""), json!("A".repeat(10_000))] {
        assert_eq!(
            threats.post("closed", named(name)).await.code(),
            "OPERATION_RESOLUTION_FAILURE"
        );
    }
    let twice = threats
        .post(
            "closed",
            json!({ "query": "query A{x} query A{x}", "operationName": "A" }).to_string(),
        )
        .await;
    assert_eq!(twice.code(), "GRAPHQL_VALIDATION_FAILED");
    let thousand: String = (0..1_000).map(|n| format!("query A{n}{{__typename}} ")).collect();
    assert_eq!(threats.query(&thousand).await.code(), "GRAPHQL_PARSE_FAILED");
}

#[tokio::test]
async fn an_operation_has_a_name_of_128_characters_at_most() {
    let threats = Threats::start().await;
    let called = |length: usize| format!("query {} {{ x }}", "A".repeat(length));

    assert_eq!(threats.query(&called(128)).await.data(), json!({ "x": 1 }));
    let told = threats.query(&called(129)).await;
    assert_eq!(told.code(), "GRAPHQL_VALIDATION_FAILED");
    assert!(
        told.text.contains("129 characters; at most 128 are allowed"),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_is_missing_is_named_as_it_is_written() {
    let threats = Threats::start().await;
    for (query, message) in [
        ("{ users(first: 1 { id } }", "syntax error: expected `)`, got {"),
        ("{ users", "syntax error: expected `}`, got EOF"),
    ] {
        let told = threats.query(query).await;
        assert_eq!(told.code(), "GRAPHQL_PARSE_FAILED");
        assert_eq!(told.json()["errors"][0]["message"], message);
    }
}

#[tokio::test]
async fn numbers_that_no_machine_holds_are_refused() {
    let threats = Threats::start().await;
    let digits = "9".repeat(1_000);
    for (query, code) in [
        (
            format!("{{ users(first: {digits}) {{ id }} }}"),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            format!("{{ users(first: {}) {{ id }} }}", "9".repeat(100_000)),
            "GRAPHQL_PARSE_FAILED",
        ),
        (
            "{ users(first: 2147483648) { id } }".to_owned(),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ echo(number: 1e3) }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("{ echo(any: 1e400) }".to_owned(), "BAD_USER_INPUT"),
        ("{ echo(any: [{a: -1e999999}]) }".to_owned(), "BAD_USER_INPUT"),
    ] {
        assert_eq!(threats.query(&query).await.code(), code, "{}", &query[..30]);
    }
    let float = threats.query("{ echo(float: 1e400) }").await.code();
    assert!(
        ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&&*float),
        "{float}"
    );

    let by_variable = "query($n: Int) { users(first: $n) { id } }";
    for number in [
        json!(2_147_483_648_u64),
        json!(1e300),
        json!(u64::MAX),
        json!(1.5),
        json!("1"),
        json!([1]),
    ] {
        assert_eq!(
            threats.with(by_variable, json!({ "n": number })).await.code(),
            "BAD_USER_INPUT",
            "{number}"
        );
    }
    for number in ["1e999999", &digits, "-1e400"] {
        let body =
            format!(r#"{{"query":"query($n: Int) {{ users(first: $n) {{ id }} }}","variables":{{"n":{number}}}}}"#);
        assert_eq!(threats.post("closed", body).await.code(), "BAD_USER_INPUT", "{number}");
    }
    for number in ["-0.0e-999999", "1e-999999"] {
        let body =
            format!(r#"{{"query":"query($n: Int) {{ users(first: $n) {{ id }} }}","variables":{{"n":{number}}}}}"#);
        let code = threats.post("closed", body).await.code();
        assert_eq!(code, "BAD_USER_INPUT", "{number}");
    }
}

#[tokio::test]
async fn strings_are_refused_or_arrive_as_they_were_sent() {
    let threats = Threats::start().await;
    let by_variable = "query($t: String) { echo(text: $t) }";
    for text in [
        "\0",
        "\u{202e}evil",
        "\u{feff}",
        "\u{1f600}",
        "\u{10ffff}",
        "a\r\nX: y",
        "\u{e000}\\\"",
    ] {
        let told = threats.with(by_variable, json!({ "t": text })).await;
        assert_eq!(told.data(), json!({ "echo": { "text": text } }), "{text:?}");
    }
    for (literal, text) in [
        (r"\u{1F600}", "\u{1f600}"),
        // A pair of surrogates is one character.
        (r"\uD83D\uDE00", "\u{1f600}"),
        (r"\u0000", "\0"),
        (r"\u202E", "\u{202e}"),
    ] {
        let told = threats.query(&format!("{{ echo(text: \"{literal}\") }}")).await;
        assert_eq!(told.data(), json!({ "echo": { "text": text } }), "{literal}");
    }
    for literal in [
        r"\u{110000}",
        r"\uD83D",
        r"\uDE00\uD83D",
        r"\u{D83D}",
        r"\u{FFFFFFFFFFFFFFFF}",
        r"\u{}",
        r"\x",
    ] {
        let told = threats.query(&format!("{{ echo(text: \"{literal}\") }}")).await;
        assert_eq!(told.code(), "GRAPHQL_PARSE_FAILED", "{literal}: {told:?}");
    }
    let long = json!({ "t": "x".repeat(900_000) });
    assert_eq!(threats.with(by_variable, long).await.status, 413);
    assert_eq!(
        threats
            .with(by_variable, json!({ "t": "x".repeat(20_000) }))
            .await
            .code(),
        "BAD_USER_INPUT"
    );
    for body in [
        &b"{\"query\":\"{ echo(text: \\\"\xff\\\") }\"}"[..],
        b"\xff\xfe{\0\"\0",
        br#"{"query":"\ud83d"}"#,
    ] {
        assert_eq!(threats.post("closed", body).await.code(), "BAD_REQUEST");
    }
}

#[tokio::test]
async fn bombs_among_the_variables_do_no_harm() {
    let threats = Threats::start().await;
    let by = "query($v: By) { search(by: $v) }";
    let any = "query($v: JSON) { echo(any: $v) }";
    let list: Vec<u8> = vec![1; 100_000];

    assert_eq!(threats.with(any, json!({ "v": list })).await.code(), "BAD_USER_INPUT");
    assert_eq!(
        threats.with(by, json!({ "v": { "ids": list } })).await.code(),
        "BAD_USER_INPUT"
    );
    // Nobody asked for them, so nobody looks at them.
    let unknown: serde_json::Map<String, Value> = (0..20_000).map(|n| (format!("u{n}"), json!(1))).collect();
    assert_eq!(
        threats.with("{ x }", Value::Object(unknown.clone())).await.data(),
        json!({ "x": 1 })
    );
    assert_eq!(threats.with(by, json!({ "v": unknown })).await.code(), "BAD_USER_INPUT");
    for wrong in [
        json!(1),
        json!("x"),
        json!([1]),
        json!({ "colour": "BLUE" }),
        json!({ "ids": [null] }),
        json!({ "name": 1 }),
    ] {
        assert_eq!(
            threats.with(by, json!({ "v": wrong })).await.code(),
            "BAD_USER_INPUT",
            "{wrong}"
        );
    }
    let deep = format!(
        r#"{{"query":"{{ x }}","variables":{{"v":{}1{}}}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert_eq!(threats.post("closed", deep).await.code(), "BAD_REQUEST");
    assert_eq!(threats.api.calls(), 1);
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_json_and_plain_words() {
    let threats = Threats::start().await;
    for body in [
        "null",
        "",
        "[1]",
        "{\"query\":[]}",
        "{\"query\":1}",
        "{\"query\":\"{x}\"}{\"query\":\"{x}\"}",
        "{\"query\":\"{x}\",\"query\":\"{x}\"}",
        "{\"query\":null}",
        "{\"query\":\"{x}\",\"variables\":[]}",
    ] {
        let told = threats.post("closed", body).await;
        assert_eq!(told.status, 400, "{body}: {told:?}");
        told.code();
        for leak in ["serde", "Error(", "line 1", "src/", "panicked"] {
            assert!(!told.text.contains(leak), "{body}: {told:?}");
        }
    }
}

#[tokio::test]
async fn introspection_is_off_unless_a_surface_says_otherwise() {
    let threats = Threats::start().await;
    for query in [
        "{ __schema { types { fields { type { fields { name } } } } } }",
        "{ __type(name: \"User\") { fields { name } } }",
        "{ ...F } fragment F on Query { __schema { queryType { name } } }",
        "{ x ... { s: __schema { queryType { name } } } }",
        // Also where it is wrong: what is there to be known of it is not told.
        "{ __schema { types { noSuchField } } }",
    ] {
        assert_eq!(threats.query(query).await.code(), "INTROSPECTION_DISABLED", "{query}");
        assert_eq!(
            threats.get("closed", &[("query", query)]).await.code(),
            "INTROSPECTION_DISABLED",
            "{query}"
        );
    }
    assert_eq!(
        threats.query("{ __typename me { __typename } }").await.data(),
        json!({ "__typename": "Query", "me": { "__typename": "User" } })
    );
}

#[tokio::test]
async fn introspection_is_bounded_where_it_is_on() {
    let threats = Threats::start().await;
    let deep = |levels: usize| {
        let (open, close) = ("ofType { ".repeat(levels), " }".repeat(levels));
        format!("{{ __schema {{ types {{ fields {{ type {{ {open}name{close} }} }} }} }} }}")
    };
    let wide = format!("{{ __schema {{ types {{ {} }} }} }}", "name ".repeat(500));
    let types: String = (0..20)
        .map(|n| format!("t{n}: __type(name: \"User\") {{ {} }} ", "name ".repeat(30)))
        .collect();
    for (query, code) in [
        (deep(30), "MAX_DEPTH_LIMIT"),
        (
            "{ __schema { types { name } } other: __schema { types { name } } }".to_owned(),
            "MAX_ROOT_FIELDS_LIMIT",
        ),
        (wide, "RECURSIVE_SELECTIONS_LIMIT"),
        (format!("{{ {types} }}"), "RECURSIVE_SELECTIONS_LIMIT"),
    ] {
        assert_eq!(threats.on("open", &query).await.code(), code, "{}", &query[..60]);
        // They protect the server, so they hold without limits too.
        assert_eq!(threats.on("loose", &query).await.code(), code, "{}", &query[..60]);
    }
    let circular =
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    let told = threats.on("open", circular).await;
    assert_eq!(
        told.code(),
        "GRAPHQL_VALIDATION_FAILED",
        "lists within lists are bounded: {told:?}"
    );
    assert_eq!(
        threats
            .on(
                "open",
                "{ __schema { queryType { name } } __type(name: \"User\") { name } }"
            )
            .await
            .data(),
        json!({ "__schema": { "queryType": { "name": "Query" } }, "__type": { "name": "User" } })
    );
}

#[tokio::test]
async fn mistakes_are_not_answered_with_names_of_the_schema() {
    let threats = Threats::start().await;
    #[rustfmt::skip]
    let cases = [
        ("{ serach }", json!({}), &["search", "users"][..]),
        ("{ me { idx nam } }", json!({}), &["name", "friends"]),
        ("{ user(ix: 1) { id } }", json!({}), &["friends"]),
        ("{ users(frist: 1) { id } }", json!({}), &["first"]),
        ("{ node { ... on Usr { id } } }", json!({}), &["User", "Robot"]),
        ("query($v: Clour) { search(colour: $v) }", json!({}), &["GREEN"]),
        ("{ search(colour: REDD) }", json!({}), &["GREEN"]),
        ("{ search(by: {nam: 1}) }", json!({}), &["name", "ids"]),
        ("query($v: By) { search(by: $v) }", json!({ "v": { "nam": 1 } }), &["name", "ids"]),
        ("query($v: Colour) { search(colour: $v) }", json!({ "v": "REDD" }), &["GREEN"]),
        ("{ me }", json!({}), &["friends", "name"]),
        ("{ x @skp }", json!({}), &["skip", "include"]),
    ];
    for (query, variables, names) in cases {
        let told = threats.with(query, variables).await;
        told.code();
        let messages = told.json()["errors"].to_string();
        assert!(!messages.contains("id you mean"), "{query}: {messages}");
        for name in names {
            assert!(!messages.contains(name), "{query} names {name}: {messages}");
        }
    }
}

#[tokio::test]
async fn a_mutation_by_get_is_not_run_whatever_stands_beside_it() {
    let threats = Threats::start().await;
    for parameters in [
        &[("query", "mutation { add { id } }")][..],
        &[
            ("query", "query A { x } mutation B { add { id } }"),
            ("operationName", "B"),
        ],
    ] {
        assert_eq!(threats.get("closed", parameters).await.status, 405);
    }
    assert_eq!(threats.api.calls(), 0);
}
