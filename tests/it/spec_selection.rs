//! Aliases, merged selections, fragments, conditions, variables.
//!
//! <https://spec.graphql.org/September2025/#sec-Field-Collection>

use serde_json::{Value, json};
use switchboard_harness::{Answer, MockRest};

use crate::support::{Ask, TestEngine};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    scalar Any
    enum Colour { RED GREEN }
    input Inner { n: Int = 5 colour: Colour = GREEN tags: [String!] }
    input Outer { inner: Inner! = { n: 1 } inners: [Inner] flag: Boolean }
    interface Media { id: ID title: String }
    union Hit = Book | Film
    type Query {
      echo(a: Int = 3, b: String, outer: Outer, colour: Colour, id: ID, required: Int! = 7): Any
        @connect(source: "api", http: { POST: "/echo", body: "$args" }, selection: "$")
      media: [Media] @connect(source: "api", http: { GET: "/media" }, selection: """
        ...kind->match(["b", { __typename: "Book" id title pages by { name } }], ["f", { __typename: "Film" id minutes }]) """)
      hits: [Hit] @connect(source: "api", http: { GET: "/media" }, selection: """
        ...kind->match(["b", { __typename: "Book" id title pages by { name } }], ["f", { __typename: "Film" id minutes }]) """)
    }
    type Book implements Media { id: ID title: String pages: Int by: Author }
    type Film implements Media { id: ID minutes: Int
      title: String @connect(source: "api", http: { GET: "/titles/{$this.id}" }, selection: "$") }
    type Author { name: String }
"#;

async fn api() -> MockRest {
    let api = MockRest::start().await;
    api.on("POST /echo", |request| Answer::json(request.json()));
    let book = json!({ "kind": "b", "id": 1, "title": "Dune", "pages": 412, "by": { "name": "Frank" } });
    api.on_json(
        "GET /media",
        json!([book, { "kind": "f", "id": 2, "minutes": 90, "title": "not this" }, { "kind": "?" }]),
    );
    api.on("GET /titles/{id}", |request| {
        Answer::json(json!(format!("Film {}", request.captured("id"))))
    });
    api
}

async fn run(query: &str, variables: Value, calls: u64) -> Value {
    let api = api().await;
    let engine = TestEngine::new(SDL, &[("api", api.url())]);
    let answer = engine
        .ask(Ask {
            query: query.to_owned(),
            variables: Some(variables),
            ..Ask::default()
        })
        .await;
    assert_eq!(api.calls(), calls, "{:?}", api.calls_by_route());
    answer
}

#[tokio::test]
async fn aliases_with_different_arguments_are_asked_one_by_one() {
    let answer = run("{ a: echo(a: 1) b: echo(a: 2) a: echo(a: 1) }", json!({}), 2).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"a":1,"required":7},"b":{"a":2,"required":7}}}"#);
}

#[tokio::test]
async fn a_fragment_on_an_interface_is_answered_by_each_type_in_its_own_way() {
    let answer = run(
        "{ media { __typename ...M ... on Book { pages } ... on Film { minutes } } } fragment M on Media { id title }",
        json!({}),
        2,
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Abstract type Media must resolve to one of its object types for field Query.media.","locations":[{"line":1,"column":3}],"path":["media",2],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"media":[{"__typename":"Book","id":"1","title":"Dune","pages":412},{"__typename":"Film","id":"2","title":"Film 2","minutes":90},null]}}"#);
}

#[tokio::test]
async fn a_union_of_which_only_one_member_is_asked_for_calls_nothing_for_the_other() {
    let answer = run("{ hits { ... on Book { title } } }", json!({}), 1).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Abstract type Hit must resolve to one of its object types for field Query.hits.","locations":[{"line":1,"column":3}],"path":["hits",2],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"hits":[{"title":"Dune"},{},null]}}"#);
}

#[tokio::test]
async fn an_interface_within_a_union_chooses_by_type() {
    let answer = run(
        "{ hits { ... on Media { ... on Film { t: title } id } __typename } }",
        json!({}),
        2,
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Abstract type Hit must resolve to one of its object types for field Query.hits.","locations":[{"line":1,"column":3}],"path":["hits",2],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"hits":[{"id":"1","__typename":"Book"},{"t":"Film 2","id":"2","__typename":"Film"},null]}}"#);
}

#[tokio::test]
async fn selections_of_one_response_key_are_merged_where_the_first_stands() {
    let query = "{ media { ... on Book { by { n: name } } id ... on Book { by { name __typename } pages } } }";

    let answer = run(query, json!({}), 1).await;

    insta::assert_snapshot!(answer["data"]["media"][0], @r#"{"by":{"n":"Frank","name":"Frank","__typename":"Author"},"id":"1","pages":412}"#);
}

#[tokio::test]
async fn typename_is_known_at_the_root_and_below_without_a_call() {
    let answer = run("{ __typename t: __typename }", json!({}), 0).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"__typename":"Query","t":"Query"}}"#);
}

#[tokio::test]
async fn what_is_skipped_is_not_called() {
    let query = "query ($yes: Boolean!, $no: Boolean = false) {
        a: echo(a: 1) @skip(if: $yes) b: echo(a: 2) @include(if: $no) c: echo(a: 3) @include(if: $yes) @skip(if: $no)
        d: echo(a: 4) @include(if: $yes) @skip(if: $yes) e: echo(a: 5) @skip(if: false) ... @include(if: false) { f: echo }
        ...F @skip(if: $no) } fragment F on Query { g: echo(a: 7) @include(if: $no) h: echo(a: 8) }";

    let answer = run(query, json!({ "yes": true }), 3).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"c":{"a":3,"required":7},"e":{"a":5,"required":7},"h":{"a":8,"required":7}}}"#);
}

#[tokio::test]
async fn null_for_a_condition_is_refused() {
    let answer = run(
        "query ($b: Boolean = true) { echo @skip(if: $b) }",
        json!({ "b": null }),
        0,
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"variable $b decides @skip or @include and must not be null","locations":[{"line":1,"column":8}],"extensions":{"code":"BAD_USER_INPUT"}}]}"#);
}

#[tokio::test]
async fn defaults_fill_what_is_absent_and_leave_null_alone() {
    let query = "query ($a: Int, $b: String = \"B\", $c: Colour) { none: echo given: echo(a: $a, b: $b, colour: $c) null: echo(a: null, required: 1) }";

    let answer = run(query, json!({ "c": null }), 3).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"none":{"a":3,"required":7},"given":{"a":3,"b":"B","colour":null,"required":7},"null":{"a":null,"required":1}}}"#);
}

#[tokio::test]
async fn input_objects_are_completed_by_their_defaults_in_the_schema_s_order() {
    let query = "query ($o: Outer, $i: Inner = { tags: \"one\" }) {
        literal: echo(outer: { flag: true, inners: { colour: RED } }) variable: echo(outer: $o) nested: echo(outer: { inners: [$i, null], inner: $i }) }";

    let answer = run(
        query,
        json!({ "o": { "inners": [{}, { "n": null }], "inner": { "tags": [] } } }),
        3,
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"literal":{"a":3,"outer":{"inner":{"n":1,"colour":"GREEN"},"inners":[{"n":5,"colour":"RED"}],"flag":true},"required":7},"variable":{"a":3,"outer":{"inner":{"n":5,"colour":"GREEN","tags":[]},"inners":[{"n":5,"colour":"GREEN"},{"n":null,"colour":"GREEN"}]},"required":7},"nested":{"a":3,"outer":{"inner":{"n":5,"colour":"GREEN","tags":["one"]},"inners":[{"n":5,"colour":"GREEN","tags":["one"]},null]},"required":7}}}"#);
}

#[tokio::test]
async fn ids_are_text_whatever_they_were_written_as() {
    let query = "query ($i: ID) { a: echo(id: 12345678901234567890123) b: echo(id: $i) c: echo(id: \"x\") }";

    let answer = run(query, json!({ "i": 5 }), 3).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"a":3,"id":"12345678901234567890123","required":7},"b":{"a":3,"id":"5","required":7},"c":{"a":3,"id":"x","required":7}}}"#);
}

#[tokio::test]
async fn null_by_variable_for_a_non_null_argument_fails_that_field_alone() {
    let answer = run(
        "query ($r: Int = 1) { echo(required: $r) ok: echo(a: 1) }",
        json!({ "r": null }),
        1,
    )
    .await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Argument \"required\" must not be null.","locations":[{"line":1,"column":23}],"path":["echo"],"extensions":{"code":"BAD_USER_INPUT","service":"api","connector":{"coordinate":"Query.echo"}}}],"data":{"echo":null,"ok":{"a":1,"required":7}}}"#);
}

#[tokio::test]
async fn variables_that_do_not_fit_are_all_named() {
    let query = "query ($a: Int, $c: Colour!, $o: Outer) { echo(a: $a, colour: $c, outer: $o) }";

    let answer = run(query, json!({ "a": "1", "o": { "inner": { "n": 1.5, "x": 1 } } }), 0).await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"variable $a: expected a value of type Int","locations":[{"line":1,"column":8}],"extensions":{"code":"BAD_USER_INPUT"}},{"message":"variable $c of type Colour! is required and was not given","locations":[{"line":1,"column":17}],"extensions":{"code":"BAD_USER_INPUT"}},{"message":"variable $o.inner: type Inner has no field \"x\"","locations":[{"line":1,"column":30}],"extensions":{"code":"BAD_USER_INPUT"}}]}"#);
}

#[tokio::test]
async fn introspection_stands_beside_data() {
    let query = "{ a: echo(a: 1) t: __type(name: \"Colour\") { name enumValues { name } } __schema { queryType { name } } __typename }";

    let answer = run(query, json!({}), 1).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"a":1,"required":7},"t":{"name":"Colour","enumValues":[{"name":"RED"},{"name":"GREEN"}]},"__schema":{"queryType":{"name":"Query"}},"__typename":"Query"}}"#);
}

#[tokio::test]
async fn who_mistypes_the_only_field_of_an_object_is_told_of_that_field_alone() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { user: User @connect(source: "api", http: { GET: "/user" }, selection: "id friend { id }") }
        type User { id: ID friend: User }
    "#;
    let engine = TestEngine::new(sdl, &[]);
    let told = async |query: &str| {
        let answer = engine.run(query).await;
        let errors = answer["errors"].as_array().expect("errors").clone();
        errors
            .iter()
            .map(|error| error["message"].as_str().expect("a text").to_owned())
            .collect::<Vec<_>>()
    };
    let unknown = "type `User` does not have a field `nam`";
    let empty = "interface, union and object types must have a subselection set";

    assert_eq!(told("{ user { nam } }").await, [unknown]);
    assert_eq!(told("{ me: user { friend { ... { nam } } } }").await, [unknown]);
    assert_eq!(
        told("{ user { ...F } } fragment F on User { friend { nam } }").await,
        [unknown]
    );
    assert_eq!(told("{ user }").await, [empty]);
    assert_eq!(told("{ a: user { nam } b: user }").await, [unknown, empty]);
}
