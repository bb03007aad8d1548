//! Values in documents: what is valid is decided before anything is called, and sources are only sent what their arguments' types allow.

use serde_json::{Value, json};
use switchboard_harness::MockRest;

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    scalar JSON
    enum E { A B }
    directive @foo(y: [E!]!, z: In) on FIELD
    input In { a: Int b: Int! = 5 c: [Int!] s: String d: In j: JSON }
    input Req { r: Int! s: [String!]! }
    type Query {
      one: Int @connect(selection: "$(1)")
      args(i: Int, s: String, e: E, j: JSON, li: [Int], lnn: [Int!], ll: [[Int]], lle: [[E!]!], in: In, req: Req, id: Int! = 3): JSON
        @connect(source: "api", http: { POST: "/echo", body: "$args" }, selection: "$")
      must(id: Int!, b: Boolean! = true): JSON @connect(source: "api", http: { POST: "/echo", body: "$args" }, selection: "$")
      all: [Animal] @connect(selection: "$([{ __typename: 'Cat' }, { __typename: 'Dog' }, { __typename: 'Emu' }])")
      cat: Cat @connect(selection: "$({ __typename: 'Cat' })")
    }
    interface Animal { f(x: Int = 1, y: Int): JSON g(x: Int): JSON }
    type Cat implements Animal { f(x: Int = 2, y: Int): JSON @connect(selection: "$args") g(x: Int = 2): JSON @connect(selection: "$args") }
    type Dog implements Animal { f(x: Int = 3, y: Int, z: Int = 9): JSON @connect(selection: "$args") g(x: Int, z: Int = 9): JSON @connect(selection: "$args") }
    type Emu implements Animal { f(x: Int, y: Int): JSON @connect(selection: "$args") g(x: Int): JSON @connect(selection: "$args") }
"#;

/// The answer, and what the source was sent.
async fn ask(query: &str, variables: Value) -> (Value, Vec<String>) {
    let api = MockRest::start().await;
    api.on_json("POST /echo", json!({ "ok": true }));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let answer = engine
        .ask(Ask {
            variables: Some(variables),
            ..Ask::query(query)
        })
        .await;
    let log = api.log();
    (
        answer,
        log.iter()
            .map(|call| String::from_utf8_lossy(&call.body).into_owned())
            .collect(),
    )
}

async fn assert_refused(query: &str, variables: Value, code: &str) {
    let (answer, sent) = ask(query, variables).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}: {answer}");
    assert!(answer.get("data").is_none(), "{query}: {answer}");
    assert_eq!(sent, [""; 0], "{query}");
}

#[tokio::test]
async fn variables_within_lists_and_objects_must_be_of_the_type_that_is_expected_there() {
    for (query, variables) in [
        ("query($v: [Int]) { args(in: { a: $v }) }", json!({ "v": [1, 2] })),
        ("query($v: [String]) { args(in: { s: $v }) }", json!({ "v": ["a"] })),
        ("query($v: Int!) { args(in: { c: $v }) }", json!({ "v": 1 })),
        ("query($v: [Int]) { args(in: { c: $v }) }", json!({ "v": [null] })),
        ("query($v: [E]) { args(lle: [$v]) }", json!({ "v": [null] })),
        ("query($v: [Int!]!) { args(lnn: [$v]) }", json!({ "v": [1] })),
        ("query($v: Int) { args(lnn: [$v, 1]) }", json!({ "v": 2 })),
        ("query($v: Int) { args(ll: [$v]) }", json!({ "v": 1 })),
        ("query($v: [In]) { args(in: { d: $v }) }", json!({ "v": [{}] })),
        ("query($v: String) { args(req: { r: 1, s: $v }) }", json!({ "v": "x" })),
        ("query($v: Int) { args(req: { r: $v, s: \"x\" }) }", json!({ "v": 1 })),
        ("query($v: E) { one @foo(y: [$v]) }", json!({ "v": "A" })),
        (
            "query($v: [Int]) { ...F } fragment F on Query { args(in: { a: $v }) }",
            json!({}),
        ),
        // A default of null is none.
        ("query($v: Int = null) { must(id: $v) }", json!({ "v": 1 })),
        ("query($v: Boolean = null) { one @skip(if: $v) }", json!({ "v": true })),
    ] {
        assert_refused(query, variables, "GRAPHQL_VALIDATION_FAILED").await;
    }
}

#[tokio::test]
async fn variables_that_fit_are_sent_where_they_stand() {
    for (query, variables, sent) in [
        (
            "query($v: Int) { args(in: { a: $v }) }",
            json!({ "v": 1 }),
            r#"{"in":{"a":1,"b":5},"id":3}"#,
        ),
        (
            "query($v: [Int!]) { args(in: { c: $v }) }",
            json!({ "v": [1] }),
            r#"{"in":{"b":5,"c":[1]},"id":3}"#,
        ),
        (
            "query($v: Int) { args(li: [$v, 2]) }",
            json!({ "v": null }),
            r#"{"li":[null,2],"id":3}"#,
        ),
        (
            "query($v: [E!]!) { args(lle: [$v, A]) }",
            json!({ "v": ["B"] }),
            r#"{"lle":[["B"],["A"]],"id":3}"#,
        ),
        // Where something stands in for what is not given, the variable may be left out.
        (
            "query($v: Int) { args(in: { b: $v }) }",
            json!({}),
            r#"{"in":{"b":5},"id":3}"#,
        ),
        (
            "query($v: Int = 4) { args(req: { r: $v, s: [] }) }",
            json!({}),
            r#"{"req":{"r":4,"s":[]},"id":3}"#,
        ),
        ("query($v: Int) { args(id: $v) }", json!({}), r#"{"id":3}"#),
        (
            "query($v: Int = 4) { args(lnn: [$v]) }",
            json!({}),
            r#"{"lnn":[4],"id":3}"#,
        ),
        (
            "query($v: JSON) { args(j: { a: [$v] }) }",
            json!({ "v": [1] }),
            r#"{"j":{"a":[[1]]},"id":3}"#,
        ),
    ] {
        let (answer, got) = ask(query, variables).await;
        assert_eq!(
            (&answer["errors"], got),
            (&Value::Null, vec![sent.to_owned()]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn no_input_field_stands_twice_and_no_variable_is_undefined() {
    for query in [
        "{ args(in: { a: 1, a: 2 }) }",
        "{ args(j: { a: 1, a: 2 }) }",
        "{ args(j: [{ b: { a: 1, a: 1 } }]) }",
        "{ args(in: { d: {}, d: {} }) }",
        "query($v: In = { a: 1, a: 2 }) { args(in: $v) }",
        "query($v: Int) { args(in: { a: $v, a: $v }) }",
        "{ one @foo(y: A, z: { a: 1, a: 2 }) }",
        "{ args(j: { j: $x }) }",
        "{ one args(j: { j: $x }) @skip(if: true) }",
    ] {
        assert_refused(query, json!({}), "GRAPHQL_VALIDATION_FAILED").await;
    }
    let (answer, _) = ask("{ one\n args(in: { a: 1,\n  a: 2 }) }", json!({})).await;
    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"There can be only one input field named \"a\".","locations":[{"line":3,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#);
}

#[tokio::test]
async fn a_name_without_a_value_is_no_argument() {
    for query in [
        "{ args(i) }",
        "{ args(i, s) }",
        "{ args(i s: \"x\") }",
        "{ args(s: \"x\" i) }",
        "{ args(e: A B) }",
        "{ args(in: { a }) }",
        "{ args(in: { a b: 1 }) }",
        "{ args(in: { b: 1 a }) }",
        "{ args(j: [{ a b c }]) }",
        "{ one @skip(if if: true) }",
        "{ one @skip(if: false id) }",
        "query($v: In = { a }) { args(in: $v) }",
        "query($v: Int @foo(y)) { args(i: $v) }",
    ] {
        assert_refused(query, json!({}), "GRAPHQL_PARSE_FAILED").await;
    }
    let (answer, _) = ask("{ one\n args(i, s: 1) }", json!({})).await;
    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"syntax error: expected a colon and a value behind a name","locations":[{"line":2,"column":10}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}"#);
}

#[tokio::test]
async fn commas_may_be_anywhere_and_definitions_may_be_described() {
    for query in [
        "{x, :one}",
        "{...,F} fragment F on Query {x: one}",
        "{...,{x: one}}",
        "{..., on Query{x: one}}",
        "{...,@skip(if:false){x: one}}",
        "\"what it is for\" query Q { x: one }",
        "\"\"\"what\n \"it\" is for, and é\"\"\" query Q(\"v, w\" $v: Int = 1, $w: String = \"x\" \"u\" $u: Int) { x: one args(i: $v, s: $w, li: [$u]) @skip(if: true) }",
        "query Q { x: one ...F } \"f\" fragment F on Query { x: one }",
    ] {
        let (answer, _) = ask(query, json!({})).await;
        assert_eq!(answer, json!({ "data": { "x": 1 } }), "{query}");
    }
    for query in ["\"what\" { one }", "{ \"one\" one }", "{ one } \"end\""] {
        assert_refused(query, json!({}), "GRAPHQL_PARSE_FAILED").await;
    }
    let (answer, _) = ask("\"\"\"one\ntwo\"\"\" query Q {\n, one, :wrong }", json!({})).await;
    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"type `Query` does not have a field `wrong`","locations":[{"line":3,"column":9}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#);
}

#[tokio::test]
async fn a_description_in_any_letters_moves_no_place() {
    let (answer, _) = ask("query Q(\"für é\" $v: Int) { wrong args(i: $v) }", json!({})).await;
    assert_eq!(answer["errors"][0]["locations"][0]["column"], 28, "{answer}");
}

#[tokio::test]
async fn what_is_wrong_in_a_fragment_is_told_no_more_often_than_errors_are() {
    let operations: String = (0..60)
        .map(|number| format!("query Q{number}($v: [Int]) {{ ...F }} "))
        .collect();
    let uses = "args(in: { a: $v }) ".repeat(2);
    let (answer, _) = ask(&format!("{operations} fragment F on Query {{ {uses} }}"), json!({})).await;
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(20), "{answer}");
    assert_eq!(answer["errors"][19]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn arguments_of_a_field_of_an_interface_have_the_defaults_of_each_object() {
    for (query, variables, data) in [
        (
            "{ all { f } }",
            json!({}),
            json!([{ "f": { "x": 2 } }, { "f": { "x": 3, "z": 9 } }, { "f": {} }]),
        ),
        (
            "{ all { f(y: 5) } }",
            json!({}),
            json!([{ "f": { "x": 2, "y": 5 } }, { "f": { "x": 3, "y": 5, "z": 9 } }, { "f": { "y": 5 } }]),
        ),
        (
            "{ all { f(x: 7) } }",
            json!({}),
            json!([{ "f": { "x": 7 } }, { "f": { "x": 7, "z": 9 } }, { "f": { "x": 7 } }]),
        ),
        (
            "query($x: Int) { all { f(x: $x) } }",
            json!({}),
            json!([{ "f": { "x": 2 } }, { "f": { "x": 3, "z": 9 } }, { "f": {} }]),
        ),
        (
            "query($x: Int) { all { f(x: $x) } }",
            json!({ "x": null }),
            json!([{ "f": { "x": null } }, { "f": { "x": null, "z": 9 } }, { "f": { "x": null } }]),
        ),
        (
            "{ all { g } }",
            json!({}),
            json!([{ "g": { "x": 2 } }, { "g": { "z": 9 } }, { "g": {} }]),
        ),
        (
            "{ all { f ... on Cat { f } ... on Dog { f } } }",
            json!({}),
            json!([{ "f": { "x": 2 } }, { "f": { "x": 3, "z": 9 } }, { "f": {} }]),
        ),
    ] {
        let (answer, _) = ask(query, variables).await;
        assert_eq!(answer, json!({ "data": { "all": data } }), "{query}");
    }
    let (answer, _) = ask(
        "{ cat { ... on Animal { f ...G } } } fragment G on Animal { g }",
        json!({}),
    )
    .await;
    assert_eq!(
        answer,
        json!({ "data": { "cat": { "f": { "x": 2 }, "g": { "x": 2 } } } })
    );
}
