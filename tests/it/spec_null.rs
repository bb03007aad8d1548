//! Null where a type refuses it: one error at the place, null at the nearest nullable parent.
//!
//! <https://spec.graphql.org/September2025/#sec-Handling-Execution-Errors>

use serde_json::{Value, json};
use switchboard::engine::OnError;
use switchboard_harness::MockRest;

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      a: A @connect(source: "api", http: { GET: "/a" }, selection: "name title b { name title } list { title } grid { title } tags rows")
      strict: A! @connect(source: "api", http: { GET: "/a" }, selection: "name title b { name title } list { title } grid { title } tags rows")
      other: String @connect(source: "api", http: { GET: "/other" }, selection: "$")
    }
    type A { name: String title: String! b: B! list: [B!] grid: [[B!]!] tags: [String!] rows: [[Int!]]! }
    type B { name: String title: String! }
"#;

async fn answer(a: Value, query: &str) -> Value {
    answer_with(a, query, OnError::Propagate).await
}

async fn answer_with(a: Value, query: &str, on_error: OnError) -> Value {
    let api = MockRest::start().await;
    api.on_json("GET /a", a).on_json("GET /other", json!("here"));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let answer = engine.ask(Ask { query: query.to_owned(), on_error, ..Ask::default() }).await;
    assert_eq!(api.calls(), query.matches("a {").count() as u64 + query.matches("strict").count() as u64 + query.matches("other").count() as u64);
    answer
}

#[tokio::test]
async fn null_in_a_nullable_leaf_is_no_error() {
    let answer = answer(json!({ "name": null, "title": "t" }), "{ a { name title } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"name":null,"title":"t"}}}"#);
}

#[tokio::test]
async fn null_in_a_non_null_leaf_makes_its_object_null() {
    let answer = answer(json!({ "name": "n", "title": null }), "{ other a { name title } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.title.","locations":[{"line":1,"column":18}],"path":["a","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"other":"here","a":null}}"#);
}

#[tokio::test]
async fn a_missing_key_is_null() {
    let answer = answer(json!({}), "{ a { name } other }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"name":null},"other":"here"}}"#);
}

#[tokio::test]
async fn null_climbs_through_non_null_objects() {
    let answer = answer(json!({ "b": { "title": null } }), "{ a { b { name title } } other }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field B.title.","locations":[{"line":1,"column":16}],"path":["a","b","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":null,"other":"here"}}"#);
}

#[tokio::test]
async fn null_at_a_non_null_root_field_leaves_no_data() {
    let answer = answer(json!({ "title": null }), "{ other strict { title } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.title.","locations":[{"line":1,"column":18}],"path":["strict","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":null}"#);
}

#[tokio::test]
async fn null_in_a_list_of_non_null_objects_makes_the_list_null() {
    let answer = answer(json!({ "list": [{ "title": "1" }, null, { "title": null }] }), "{ a { name list { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.list.","locations":[{"line":1,"column":12}],"path":["a","list",1],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"name":null,"list":null}}}"#);
}

#[tokio::test]
async fn the_path_of_an_error_has_the_index_in_a_list() {
    let answer = answer(json!({ "list": [{ "title": "1" }, { "title": null }] }), "{ a { list { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field B.title.","locations":[{"line":1,"column":14}],"path":["a","list",1,"title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"list":null}}}"#);
}

#[tokio::test]
async fn null_climbs_through_lists_of_lists() {
    let answer = answer(json!({ "grid": [[{ "title": "1" }], [{ "title": "2" }, {}]] }), "{ a { grid { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field B.title.","locations":[{"line":1,"column":14}],"path":["a","grid",1,1,"title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"grid":null}}}"#);
}

#[tokio::test]
async fn null_in_an_inner_list_stops_at_that_list_if_it_is_nullable() {
    let answer = answer(json!({ "rows": [[1, 2], null, [3, null], []] }), "{ a { rows } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.rows.","locations":[{"line":1,"column":7}],"path":["a","rows",2,1],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"rows":[[1,2],null,null,[]]}}}"#);
}

#[tokio::test]
async fn each_failed_path_has_one_error() {
    let answer = answer(json!({ "tags": ["x", null, null], "rows": [[null], [null]] }), "{ a { tags rows again: tags } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.tags.","locations":[{"line":1,"column":7}],"path":["a","tags",1],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"Cannot return null for non-nullable field A.rows.","locations":[{"line":1,"column":12}],"path":["a","rows",0,0],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"Cannot return null for non-nullable field A.rows.","locations":[{"line":1,"column":12}],"path":["a","rows",1,0],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"Cannot return null for non-nullable field A.tags.","locations":[{"line":1,"column":17}],"path":["a","again",1],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"tags":null,"rows":[null,null],"again":null}}}"#);
}

#[tokio::test]
async fn a_list_for_an_object_and_the_reverse_are_null_without_an_error() {
    let answer = answer(json!({ "list": { "title": "no list" }, "name": "n", "grid": [{ "title": "no list" }] }), "{ a { name list { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"name":"n","list":null}}}"#);
}

#[tokio::test]
async fn a_list_for_a_non_null_object_is_the_error_of_null() {
    let answer = answer(json!({ "b": [{ "title": "list" }] }), "{ a { b { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.b.","locations":[{"line":1,"column":7}],"path":["a","b"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":null}}"#);
}

#[tokio::test]
async fn text_for_an_object_or_a_list_is_an_error() {
    let answer = answer(json!({ "b": "text", "tags": "text" }), "{ a { tags } x: a { b { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"A list was expected.","locations":[{"line":1,"column":7}],"path":["a","tags"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"An object was expected.","locations":[{"line":1,"column":21}],"path":["x","b"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"tags":null},"x":null}}"#);
}

#[tokio::test]
async fn on_error_null_keeps_null_where_the_error_is() {
    let answer = answer_with(json!({ "b": { "title": null }, "list": [{ "title": 1 }, null] }), "{ a { title b { name title } list { title } } }", OnError::Null).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.title.","locations":[{"line":1,"column":7}],"path":["a","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"Cannot return null for non-nullable field B.title.","locations":[{"line":1,"column":22}],"path":["a","b","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}},{"message":"Cannot return null for non-nullable field A.list.","locations":[{"line":1,"column":30}],"path":["a","list",1],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"a":{"title":null,"b":{"name":null,"title":null},"list":[{"title":"1"},null]}}}"#);
}

#[tokio::test]
async fn on_error_halt_answers_the_first_error_and_no_data() {
    let answer = answer_with(json!({ "title": null, "tags": [null] }), "{ other a { tags title } }", OnError::Halt).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field A.tags.","locations":[{"line":1,"column":13}],"path":["a","tags",0],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":null}"#);
}
