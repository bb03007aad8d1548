//! What is told at the start about connectors that ask Rust resolvers.

use async_graphql::{EmptySubscription, Enum, InputObject, Object, Schema, SimpleObject};
use switchboard::local::LocalSchema;

use crate::support::local::{head, try_build};

struct Query;

struct Mutation;

#[derive(SimpleObject)]
#[graphql(complex)]
struct Badge {
    product_id: i32,
    text: String,
    shiny: bool,
    shape: Shape,
    maker: Maker,
}

#[derive(SimpleObject)]
struct Maker {
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Shape {
    Round,
    Square,
}

#[derive(InputObject)]
struct Filter {
    shiny: bool,
}

#[async_graphql::ComplexObject]
impl Badge {
    async fn scaled(&self, by: i32) -> i32 {
        self.product_id * by
    }
}

#[Object]
impl Query {
    async fn badges(&self, product_ids: Vec<i32>, filter: Option<Filter>) -> Vec<Badge> {
        let shiny = filter.is_some_and(|filter| filter.shiny);
        let badge = |product_id| Badge {
            product_id,
            text: String::new(),
            shiny,
            shape: Shape::Round,
            maker: Maker { name: String::new() },
        };
        product_ids.into_iter().map(badge).collect()
    }
}

#[Object]
impl Mutation {
    async fn award(&self, id: i32) -> bool {
        id > 0
    }
}

fn schema() -> LocalSchema {
    Schema::build(Query, Mutation, EmptySubscription).into()
}

/// What is said of a schema with these types, the badges being mounted.
fn said(types: &str) -> String {
    match try_build(&format!("{}{types}", head(&["badges"])), "", vec![("badges", schema())]) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_field_that_the_schema_does_not_have_is_told_with_its_place() {
    insta::assert_snapshot!(said(r#"
type Query {
  a: [Badge] @connect(source: "badges", local: { field: "Query.badgs" }, selection: "label: text")
  b: Boolean @connect(source: "badges", local: { field: "Mutation.award", args: "id: 1" }, selection: "$")
  c: Boolean @connect(source: "badges", local: { field: "badges" }, selection: "$")
}
type Badge { label: String }
"#), @r#"
    app.graphql:7:57: error[INVALID_SELECTION]: the mounted schema has no `Query.badgs`
    7 |   a: [Badge] @connect(source: "badges", local: { field: "Query.badgs" }, selection: "label: text")
      |                                                         ^^^^^^^^^^^^^
    hint: did you mean `Query.badges`?

    app.graphql:8:57: error[INVALID_SELECTION]: `Mutation.award` may change something, and only fields of the mutation type may
    8 |   b: Boolean @connect(source: "badges", local: { field: "Mutation.award", args: "id: 1" }, selection: "$")
      |                                                         ^^^^^^^^^^^^^^^^
    hint: use a field of `Query`, or move the field to the mutation type

    app.graphql:9:57: error[INVALID_SELECTION]: `badges` does not name a root field
    9 |   c: Boolean @connect(source: "badges", local: { field: "badges" }, selection: "$")
      |                                                         ^^^^^^^^
    hint: write `Query.NAME` or `Mutation.NAME`
    "#);
}

#[test]
fn arguments_are_compared_with_those_of_the_field() {
    insta::assert_snapshot!(said(r#"
type Query {
  a: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productId: [1]" }, selection: "label: text")
  b: [Badge] @connect(source: "badges", local: { field: "Query.badges" }, selection: "label: text")
  c: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: true" }, selection: "label: text")
  d(on: Boolean): [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $args.on" }, selection: "label: text")
  e: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "$(1)" }, selection: "label: text")
  f: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $args.ids" }, selection: "label: text")
}
type Badge { label: String }
"#), @r#"
    app.graphql:7:79: error[INVALID_BODY]: `badges` needs the argument `productIds: [Int!]!`
    7 |   a: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productId: [1]" }, selection: "label: tex…
      |                                                                               ^^^^^^^^^^^^^^^^
    hint: add: productIds: …

    app.graphql:7:80: error[INVALID_BODY]: `badges` of the mounted schema has no argument `productId`
    7 |   a: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productId: [1]" }, selection: "label: tex…
      |                                                                                ^^^^^^^^^
    hint: did you mean `productIds`?

    app.graphql:8:57: error[INVALID_BODY]: `Query.badges` needs the argument `productIds`
    8 |   b: [Badge] @connect(source: "badges", local: { field: "Query.badges" }, selection: "label: text")
      |                                                         ^^^^^^^^^^^^^^
    hint: add: args: "productIds: …"

    app.graphql:9:92: error[INVALID_BODY]: `productIds: [Int!]!` cannot be a boolean
    9 | …eld: "Query.badges", args: "productIds: true" }, selection: "label: text")
      |                                          ^^^^

    app.graphql:10:105: error[INVALID_BODY]: `productIds: [Int!]!` cannot be a boolean or null
    10 | …eld: "Query.badges", args: "productIds: $args.on" }, selection: "label: text")
       |                                          ^^^^^^^^

    app.graphql:11:79: error[INVALID_BODY]: `badges` needs the argument `productIds: [Int!]!`
    11 |   e: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "$(1)" }, selection: "label: text")
       |                                                                               ^^^^^^
    hint: add: productIds: …

    app.graphql:11:80: error[INVALID_BODY]: `args` must be an object or null, this is a number
    11 |   e: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "$(1)" }, selection: "label: text")
       |                                                                                ^^^^

    app.graphql:12:98: error[UNDEFINED_ARGUMENT]: field `f` has no argument `ids`
    12 | …Query.badges", args: "productIds: $args.ids" }, selection: "label: text")
       |                                          ^^^
    "#);
}

#[test]
fn selections_are_compared_with_the_types_of_the_schema() {
    insta::assert_snapshot!(said(r#"
type Query {
  a: [Badge] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }
    selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
  b: Badge @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "label: text size: productId")
  c: [String] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "$.text")
}
type Badge { label: String size: Int form: Form by: Int made: Made on: ID is: Boolean }
type Form { name: String }
type Made { nam: String }
"#), @r#"
    app.graphql:8:24: error[INVALID_SELECTION]: `Badge` of the mounted schema has no field `txt`
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                        ^^^
    hint: did you mean `text`?

    app.graphql:8:39: error[INVALID_SELECTION]: `length` is read from String of the mounted schema, which has no fields
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                       ^^^^^^

    app.graphql:8:58: error[INVALID_SELECTION]: Shape of the mounted schema has no fields to select
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                                          ^^^^^^^^

    app.graphql:8:71: error[INVALID_SELECTION]: `Badge.scaled` of the mounted schema needs the argument `by`, and a selection has none to give
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                                                       ^^^^^^
    hint: ask for it by a connector of its own, or give the argument a default

    app.graphql:8:92: error[INVALID_SELECTION]: `Maker` of the mounted schema has no field `nam`
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                                                                            ^^^
    hint: did you mean `name`?

    app.graphql:8:102: error[INVALID_SELECTION]: `Badge.on: ID` can never be Boolean of the mounted schema
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                                                                                      ^^^^^

    app.graphql:8:112: error[INVALID_SELECTION]: `Badge.is: Boolean` can never be String of the mounted schema
    8 |     selection: "label: txt size: text.length form: shape { name } by: scaled made: maker { nam } on: shiny is: text")
      |                                                                                                                ^^^^

    app.graphql:9:109: error[INVALID_SELECTION]: the selection reads a list, but `Query.b: Badge` is single
    9 | …, args: "productIds: [1]" }, selection: "label: text size: productId")
      |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: take one: `->first`, or share the list out: `batch: { groupBy: … }`
    "#);
}

#[test]
fn what_fits_is_not_complained_about() {
    assert_eq!(
        said(
            r#"
type Query {
  badges(ids: [ID!]!, shiny: Boolean = true): [Badge] @connect(source: "badges"
    local: { field: "Query.badges", args: "productIds: $args.ids filter: { shiny: $args.shiny }" }
    selection: "id: productId label: text shape maker: maker.name makers: $.maker { name } __typename")
  one: Badge @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }
    selection: "$->first { id: productId label: text shape maker: maker.name }")
  texts: [String] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "$->map(@.text->trim)")
}
type Mutation { award(id: Int!): Boolean @connect(source: "badges", local: { field: "Mutation.award", args: "$args" }, selection: "$") }
type Badge { id: ID label: String shape: Shape maker: String makers: Maker }
type Maker { name: String }
enum Shape { ROUND SQUARE }
"#
        ),
        ""
    );
}

#[test]
fn sources_and_connectors_of_different_kinds_do_not_meet() {
    insta::assert_snapshot!(said(r#"
extend schema @source(name: "api", http: { baseURL: "https://api.example.com" })
type Query {
  a: [Badge] @connect(source: "api", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "label: text")
  b: [Badge] @connect(source: "badges", http: { GET: "/badges" }, selection: "label: text")
  c: [Badge] @connect(local: { field: "Query.badges", args: "productIds: [1]" }, selection: "label: text")
}
type Badge { label: String }
"#), @r#"
    app.graphql:8:31: error[SOURCE_NAME_MISMATCH]: source `api` is declared with `http:`, this connector has `local:`
    8 |   a: [Badge] @connect(source: "api", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "label: text"…
      |                               ^^^^^
    hint: use `http:` here, or another source

    app.graphql:9:31: error[SOURCE_NAME_MISMATCH]: source `badges` is declared with `local:`, this connector has `http:`
    9 |   b: [Badge] @connect(source: "badges", http: { GET: "/badges" }, selection: "label: text")
      |                               ^^^^^^^^
    hint: use `local:` here, or another source

    app.graphql:10:14: error[RELATIVE_CONNECT_URL_WITHOUT_SOURCE]: `local:` needs a `source`
    10 |   c: [Badge] @connect(local: { field: "Query.badges", args: "productIds: [1]" }, selection: "label: text")
       |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: add: source: "…", the name of a `@source` with `local:`
    "#);
}

#[test]
fn a_schema_that_nobody_mounted_is_told_with_how_to_mount_it() {
    let sdl = format!(
        "{}{}",
        head(&["badges", "medals"]),
        r#"type Query { a: Boolean @connect(source: "badges", local: { field: "Query.a" }, selection: "$") }"#
    );
    let mounted = vec![("badge", schema())];

    insta::assert_snapshot!(try_build(&sdl, "", mounted).map(|_| ()).expect_err("nothing of that name"), @r#"
    app.graphql:4:44: error[GRAPHQL_ERROR]: no schema `badges` is mounted
    4 |   @source(name: "badges", local: { schema: "badges" })
      |                                            ^^^^^^^^
    hint: did you mean `badge`?

    app.graphql:5:44: error[GRAPHQL_ERROR]: no schema `medals` is mounted
    5 |   @source(name: "medals", local: { schema: "medals" })
      |                                            ^^^^^^^^
    hint: a program in Rust mounts it: switchboard::Builder::new(config).local("medals", schema); the server as it is shipped has none
    "#);
}

#[test]
fn what_makes_no_sense_of_a_schema_in_rust_is_refused() {
    let sdl = format!(
        "{}{}",
        head(&["badges"]),
        r#"type Query { a: [Int] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: [1]" }, selection: "$.productId") }"#
    );
    let config = "sources: { badges: { override_url: \"http://127.0.0.1:1\" } }";

    insta::assert_snapshot!(try_build(&sdl, config, vec![("badges", schema())]).map(|_| ()).expect_err("refused"), @r#"source "badges": `override_url` has no meaning for a schema in Rust: take it out"#);
    let twice = vec![
        ("badges", schema()),
        ("badges", schema()),
        (
            "empty",
            LocalSchema::new(Schema::new(Query, Mutation, EmptySubscription), "type A { b: Int }"),
        ),
    ];
    insta::assert_snapshot!(try_build(&sdl, "", twice).map(|_| ()).expect_err("refused"), @r#"
    two schemas are mounted as "badges"
    the schema "empty" cannot be mounted: it has no query type
    "#);
}
