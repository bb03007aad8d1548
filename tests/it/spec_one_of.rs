//! `@oneOf` input objects: exactly one field, and not null, whichever way it comes.
//!
//! <https://spec.graphql.org/September2025/#sec-OneOf-Input-Objects>

use serde_json::{Value, json};
use switchboard_harness::MockRest;

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    input By @oneOf { id: ID email: String }
    input Page { by: By size: Int }
    type Query {
      user(by: By!): String @connect(source: "api", http: { GET: "/user", queryParams: "id: $args.by.id email: $args.by.email" }, selection: "$.name")
      page(page: Page): String @connect(source: "api", http: { GET: "/user", queryParams: "id: $args.page.by.id" }, selection: "$.name")
    }
"#;

async fn ask(query: &str, variables: Value) -> (Value, Vec<String>) {
    let api = MockRest::start().await;
    api.on_json("GET /user", json!({ "name": "Ada" }));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let answer = engine
        .ask(Ask {
            variables: Some(variables),
            ..Ask::query(query)
        })
        .await;
    let log = api.log();
    (answer, log.iter().map(|call| call.path_and_query.to_string()).collect())
}

#[tokio::test]
async fn one_field_is_taken_from_literals_and_variables() {
    let by = "query($by: By!) { user(by: $by) }";
    for (query, variables, target) in [
        ("{ user(by: { id: 7 }) }", json!({}), "/user?id=7"),
        ("{ user(by: { email: \"a@x\" }) }", json!({}), "/user?email=a%40x"),
        (by, json!({ "by": { "id": "7" } }), "/user?id=7"),
        (
            "query($id: ID!) { user(by: { id: $id }) }",
            json!({ "id": 7 }),
            "/user?id=7",
        ),
        (
            "query($page: Page) { page(page: $page) }",
            json!({ "page": { "by": { "id": 1 }, "size": 2 } }),
            "/user?id=1",
        ),
        ("query($id: ID = 7) { user(by: { id: $id }) }", json!({}), "/user?id=7"),
        ("{ page(page: { size: 2 }) }", json!({}), "/user"),
    ] {
        let (answer, called) = ask(query, variables).await;
        assert_eq!(
            (&answer["errors"], called),
            (&Value::Null, vec![target.to_owned()]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn none_several_and_null_are_refused_before_anything_is_called() {
    let by = "query($by: By!) { user(by: $by) }";
    let id = "query($id: ID) { user(by: { id: $id }) }";
    let several = "xactly one field of By must be given, and not null";
    let nullable = "variable $id must be of a non-null type where it is the one field of By";
    for (query, variables, why) in [
        ("{ user(by: {}) }", json!({}), several),
        ("{ user(by: { id: 1, email: \"a@x\" }) }", json!({}), several),
        ("{ user(by: { id: null }) }", json!({}), several),
        ("{ user(by: { id: 1, email: null }) }", json!({}), several),
        ("{ page(page: { by: {} }) }", json!({}), several),
        (by, json!({ "by": {} }), several),
        (by, json!({ "by": { "id": null } }), several),
        (by, json!({ "by": { "id": 1, "email": "a@x" } }), several),
        (by, json!({ "by": { "id": 1, "email": null } }), several),
        (id, json!({ "id": 1 }), nullable),
        ("query($by: By = {}) { page(page: { by: $by }) }", json!({}), several),
    ] {
        let (answer, called) = ask(query, variables).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(why) && answer.get("data").is_none(),
            "{query}: {answer}"
        );
        // What stands in the document is no valid document; what a request sends is its input.
        let code = if query == by {
            "BAD_USER_INPUT"
        } else {
            "GRAPHQL_VALIDATION_FAILED"
        };
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(called, Vec::<String>::new(), "{query}");
    }
}

#[tokio::test]
async fn null_for_a_variable_that_is_the_one_field_is_refused() {
    let (answer, called) = ask("query($id: ID = 7) { user(by: { id: $id }) }", json!({ "id": null })).await;
    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Argument \"by\" must not be null.","locations":[{"line":1,"column":22}],"path":["user"],"extensions":{"code":"BAD_USER_INPUT","service":"api","connector":{"coordinate":"Query.user"}}}],"data":{"user":null}}"#);
    assert_eq!(called, [""; 0]);
}

#[tokio::test]
async fn what_is_skipped_or_not_chosen_must_be_valid_all_the_same() {
    for query in [
        "{ page user(by: {}) @skip(if: true) }",
        "{ page user(by: { id: 1, email: \"a\" }) @include(if: false) }",
        "query A { page } query B { user(by: {}) }",
        "{ page ...F @skip(if: true) } fragment F on Query { user(by: { id: null }) }",
        "query($id: ID) { page user(by: { id: $id }) @skip(if: true) }",
    ] {
        let (answer, called) = ask(query, json!({})).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
            "{query}: {answer}"
        );
        assert_eq!(called, [""; 0], "{query}");
    }
}

#[tokio::test]
async fn introspection_tells_which_input_objects_are_one_of() {
    let (answer, called) = ask(
        "query($by: String!) {
           a: __type(name: $by) { name isOneOf ...Of inputFields { type { is: isOneOf ofType { isOneOf } } } }
           b: __type(name: \"Page\") { isOneOf @skip(if: false) name fields { type { isOneOf } } inputFields { name type { isOneOf } } }
           c: __type(name: \"Query\") { isOneOf fields(includeDeprecated: true) { args { type { isOneOf ofType { __typename isOneOf } } } } }
           d: __type(name: \"Nobody\") { isOneOf }
           me: __type(name: \"__Type\") { fields { name } }
         }
         fragment Of on __Type { one: isOneOf ... on __Type { isOneOf } }",
        json!({ "by": "By" }),
    )
    .await;
    assert_eq!(called, [""; 0]);
    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"name":"By","isOneOf":true,"one":true,"inputFields":[{"type":{"is":null,"ofType":null}},{"type":{"is":null,"ofType":null}}]},"b":{"isOneOf":false,"name":"Page","fields":null,"inputFields":[{"name":"by","type":{"isOneOf":true}},{"name":"size","type":{"isOneOf":null}}]},"c":{"isOneOf":null,"fields":[{"args":[{"type":{"isOneOf":null,"ofType":{"__typename":"__Type","isOneOf":true}}}]},{"args":[{"type":{"isOneOf":false,"ofType":null}}]}]},"d":null,"me":{"fields":[{"name":"kind"},{"name":"name"},{"name":"description"},{"name":"fields"},{"name":"interfaces"},{"name":"possibleTypes"},{"name":"enumValues"},{"name":"inputFields"},{"name":"ofType"},{"name":"specifiedByURL"},{"name":"isOneOf"}]}}}"#);
}
