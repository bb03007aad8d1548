//! Errors of Rust resolvers: where they show, what is told of them, and what they cost.

use async_graphql::{
    EmptyMutation, EmptySubscription, Error, ErrorExtensions as _, Object, Result, Schema, SchemaBuilder, SimpleObject,
};
use http::HeaderMap;
use serde_json::{Value, json};
use switchboard::local::LocalSchema;

use crate::support::local::{LocalApp, build, head};

struct Query;

/// A badge that fails in many ways, by its number.
#[derive(SimpleObject)]
#[graphql(complex)]
struct Badge {
    product_id: i32,
}

#[derive(Debug)]
struct DatabaseError;

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection to 10.0.0.7:5432 refused")
    }
}

#[async_graphql::ComplexObject]
impl Badge {
    async fn text(&self) -> Result<String> {
        match self.product_id {
            2 => Err("there is no text for this badge".into()),
            3 => Err(DatabaseError.into()),
            4 => Err(Error::new("ask again tomorrow").extend_with(|_, extensions| {
                extensions.set("code", "BADGE_NOT_READY");
                extensions.set("days", 1);
            })),
            5 => panic!("a bug in a resolver"),
            id => Ok(format!(" badge {id} ")),
        }
    }

    async fn colour(&self) -> Option<String> {
        (self.product_id != 1).then(|| "red".to_owned())
    }

    async fn tags(&self) -> Vec<Option<Tag>> {
        vec![Some(Tag(self.product_id)), Some(Tag(1)), None]
    }
}

struct Tag(i32);

#[Object]
impl Tag {
    async fn name(&self) -> Result<String> {
        if self.0 == 2 {
            Err("no name".into())
        } else {
            Ok(format!("tag {}", self.0))
        }
    }
}

#[Object]
impl Query {
    async fn badges(&self, product_ids: Vec<i32>) -> Vec<Badge> {
        product_ids.into_iter().map(|product_id| Badge { product_id }).collect()
    }

    async fn badge(&self, id: i32) -> Result<Badge> {
        match id {
            0 => Err("no badge has the number 0".into()),
            9 => panic!("a bug in a resolver"),
            product_id => Ok(Badge { product_id }),
        }
    }

    async fn numbers(&self) -> Vec<Option<Result<i32>>> {
        vec![Some(Ok(1)), Some(Err("no second".into())), None]
    }
}

fn schema() -> SchemaBuilder<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription)
}

fn mounted(types: &str, schema: impl Into<LocalSchema>) -> LocalApp {
    build(
        &format!("{}{types}", head(&["badges"])),
        vec![("badges", schema.into())],
    )
}

fn app(types: &str) -> LocalApp {
    mounted(types, schema())
}

async fn badge(app: &LocalApp, id: i32, fields: &str) -> Value {
    let query = format!("query Q($id: Int!) {{ badge(id: $id) {{ {fields} }} other: __typename }}");
    app.ask(&query, json!({ "id": id }), HeaderMap::new()).await
}

const BADGE: &str = r#"
type Query {
  badge(id: Int!): Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: $args.id" }
    selection: "label: text trimmed: text->trim colour safe: text ?? 'none' tags { name }")
}
type Badge { label: String trimmed: String colour: String safe: String! tags: [Tag] }
type Tag { name: String! }
"#;

#[tokio::test]
async fn an_error_shows_where_its_value_is_missing() {
    let app = app(r#"
        type Query { products(ids: [Int!]!): [Product!] @connect(selection: "$args.ids->map({ id: @ })") }
        type Product {
          id: Int!
          badge: Badge @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $batch.id" }
            batch: { groupBy: "id: productId" }, selection: "productId label: text marks: tags { name }")
        }
        type Badge { label: String marks: [Mark] }
        type Mark { name: String! }
    "#);

    let answer = app
        .run("{ products(ids: [1, 2]) { medal: badge { words: label marks { name } } } }")
        .await;

    insta::assert_snapshot!(answer["data"], @r#"{"products":[{"medal":{"words":" badge 1 ","marks":[{"name":"tag 1"},{"name":"tag 1"},null]}},{"medal":{"words":null,"marks":[null,{"name":"tag 1"},null]}}]}"#);
    insta::assert_snapshot!(answer["errors"], @r#"[{"message":"there is no text for this badge","locations":[{"line":1,"column":42}],"path":["products",1,"medal","words"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Product.badge"},"service":"badges"}},{"message":"no name","locations":[{"line":1,"column":63}],"path":["products",1,"medal","marks",0,"name"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Product.badge"},"service":"badges"}}]"#);
}

#[tokio::test]
async fn what_an_author_wrote_is_told_and_what_another_library_said_is_not() {
    let app = app(BADGE);

    insta::assert_snapshot!(badge(&app, 2, "label").await["errors"], @r#"[{"message":"there is no text for this badge","locations":[{"line":1,"column":39}],"path":["badge","label"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.badge"},"service":"badges"}}]"#);
    insta::assert_snapshot!(badge(&app, 3, "label").await["errors"], @r#"[{"message":"Request failed","locations":[{"line":1,"column":39}],"path":["badge","label"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.badge"},"service":"badges"}}]"#);
    insta::assert_snapshot!(badge(&app, 4, "label").await["errors"], @r#"[{"message":"ask again tomorrow","locations":[{"line":1,"column":39}],"path":["badge","label"],"extensions":{"code":"BADGE_NOT_READY","connector":{"coordinate":"Query.badge"},"days":1,"service":"badges"}}]"#);
    insta::assert_snapshot!(badge(&app, 0, "label").await, @r#"{"data":{"badge":null,"other":"Query"},"extensions":{"degraded":[{"path":["badge"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"no badge has the number 0","locations":[{"line":1,"column":22}],"path":["badge"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
}

#[tokio::test]
async fn an_errors_mapping_has_the_last_word() {
    let app = app(r#"
        type Query {
          badge(id: Int!): Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: $args.id" }
            errors: { message: "$response.message->slice(0, 8)", extensions: "code: 'BADGE' where: $response.errors->first.path" }
            selection: "label: text")
        }
        type Badge { label: String }
    "#);

    insta::assert_snapshot!(badge(&app, 3, "label").await["errors"], @r#"[{"message":"connecti","locations":[{"line":1,"column":39}],"path":["badge","label"],"extensions":{"code":"BADGE","connector":{"coordinate":"Query.badge"},"service":"badges","where":"badge.text"}}]"#);
    insta::assert_snapshot!(badge(&app, 0, "label").await["errors"], @r#"[{"message":"no badge","locations":[{"line":1,"column":22}],"path":["badge"],"extensions":{"code":"BADGE","connector":{"coordinate":"Query.badge"},"service":"badges","where":"badge"}}]"#);
}

#[tokio::test]
async fn success_can_be_what_the_schema_says_it_is() {
    let app = app(r#"
        type Query {
          badge(id: Int!): Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: $args.id" }
            isSuccess: "$status->in([200, 500])", selection: "label: text")
          strict(id: Int!): Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: $args.id" }
            isSuccess: "colour->ne(null)", errors: { message: "'a badge without a colour'" }, selection: "label: text")
        }
        type Badge { label: String }
    "#);

    assert_eq!(
        badge(&app, 0, "label").await,
        json!({ "data": { "badge": null, "other": "Query" } })
    );
    insta::assert_snapshot!(app.run("{ strict(id: 1) { label } ok: strict(id: 6) { label } }").await, @r#"{"data":{"strict":null,"ok":{"label":" badge 6 "}},"extensions":{"degraded":[{"path":["strict"],"source":"badges","kind":"INVALID_RESPONSE","used":"NULL"}]},"errors":[{"message":"a badge without a colour","locations":[{"line":1,"column":3}],"path":["strict"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.strict"},"service":"badges"}}]}"#);
}

#[tokio::test]
async fn a_value_made_of_what_failed_has_its_error() {
    let app = app(BADGE);

    insta::assert_snapshot!(badge(&app, 2, "trimmed colour").await, @r#"{"data":{"badge":{"trimmed":null,"colour":"red"},"other":"Query"},"extensions":{"degraded":[{"path":["badge","trimmed"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"there is no text for this badge","locations":[{"line":1,"column":39}],"path":["badge","trimmed"],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
    // A mapping that knows what to do instead: the value is there, and so is the word of what happened.
    insta::assert_snapshot!(badge(&app, 2, "safe").await, @r#"{"data":{"badge":{"safe":"none"},"other":"Query"},"extensions":{"connectorErrors":[{"message":"there is no text for this badge","extensions":{"code":"CONNECTOR_FETCH","service":"badges","connector":{"coordinate":"Query.badge"}}}]}}"#);
}

#[tokio::test]
async fn an_error_in_a_list_of_values_shows_at_its_item() {
    let app = app(r#"
        type Query { numbers: [Int] @connect(source: "badges", local: { field: "Query.numbers" }, selection: "$") }
    "#);

    insta::assert_snapshot!(app.run("{ numbers }").await, @r#"{"data":{"numbers":[1,null,null]},"extensions":{"degraded":[{"path":["numbers"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"no second","locations":[{"line":1,"column":3}],"path":["numbers",1],"extensions":{"code":"CONNECTOR_FETCH","connector":{"coordinate":"Query.numbers"},"service":"badges"}}]}"#);
}

#[tokio::test]
async fn a_panic_costs_its_own_field() {
    let app = app(BADGE);

    insta::assert_snapshot!(badge(&app, 5, "label colour").await, @r#"{"data":{"badge":{"label":null,"colour":"red"},"other":"Query"},"extensions":{"degraded":[{"path":["badge","label"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"Internal server error.","locations":[{"line":1,"column":39}],"path":["badge","label"],"extensions":{"code":"INTERNAL_SERVER_ERROR","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
    insta::assert_snapshot!(badge(&app, 9, "label").await, @r#"{"data":{"badge":null,"other":"Query"},"extensions":{"degraded":[{"path":["badge"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"Internal server error.","locations":[{"line":1,"column":22}],"path":["badge"],"extensions":{"code":"INTERNAL_SERVER_ERROR","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
}

#[tokio::test]
async fn a_panic_in_a_schema_that_was_finished_elsewhere_costs_its_call() {
    let app = mounted(BADGE, schema().finish());

    insta::assert_snapshot!(badge(&app, 5, "label colour").await, @r#"{"data":{"badge":null,"other":"Query"},"extensions":{"degraded":[{"path":["badge"],"source":"badges","kind":"HTTP_5XX","used":"NULL"}]},"errors":[{"message":"Internal server error.","locations":[{"line":1,"column":22}],"path":["badge"],"extensions":{"code":"INTERNAL_SERVER_ERROR","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
}
