//! A server with a resolver of its own: what a schema cannot say is written in Rust, and asked like any other backend.
//!
//! `cargo run --example custom_resolver` shows an answer and ends; with `--serve` it serves http://127.0.0.1:4000/shop/graphql.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;

use async_graphql::{Context, EmptyMutation, EmptySubscription, Executor, Object, Request, Schema, SimpleObject};
use http::{HeaderMap, HeaderValue};
use switchboard::{Builder, config::Config, http::Stop, local::Caller};

/// Who earned what: the rules are code.
struct Query;

#[derive(SimpleObject)]
struct Badge {
    product_id: i32,
    label: String,
}

#[Object]
impl Query {
    /// One call for all products of an answer.
    async fn badges(&self, ctx: &Context<'_>, product_ids: Vec<i32>) -> async_graphql::Result<Vec<Badge>> {
        let is_german = ctx.data::<Caller>()?.header("accept-language") == Some("de");
        let label = if is_german { "Klassiker" } else { "Classic" }.to_owned();
        let badge = |product_id| Badge {
            product_id,
            label: label.clone(),
        };
        Ok(product_ids.into_iter().filter(|id| *id < 3).map(badge).collect())
    }
}

/// Other fields of this surface could come from REST and gRPC; here its products are constants, so that it runs by itself.
const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1")
  @source(name: "badges", local: { schema: "badges" })

type Query {
  products: [Product!] @connect(selection: "$([{ id: 1, name: 'Lamp' }, { id: 2, name: 'Chair' }, { id: 3, name: 'Desk' }])")
}

type Product {
  id: ID!
  name: String
  badge: Badge @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $batch.id" }
    batch: { groupBy: "id: productId" }, selection: "productId label")
}

type Badge { label: String }
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("shop.graphql"), SCHEMA)?;
    let file = directory.path().join("switchboard.yaml");
    let config = Config::parse("surfaces: { shop: { schema: shop.graphql } }", &file, &|_| None)?;

    let badges = Schema::build(Query, EmptyMutation, EmptySubscription);
    let app = Builder::new(config).local("badges", badges).build()?;
    if std::env::args().any(|argument| argument == "--serve") {
        return Ok(app.serve(Stop::on_signals()?).await?);
    }

    let query = "{ products { name badge { label } } }";
    println!("{}", app.engine("shop").ok_or("no such surface")?.explain(query, None)?);
    let headers = HeaderMap::from_iter([(http::header::ACCEPT_LANGUAGE, HeaderValue::from_static("de"))]);
    let shop = app.executor("shop").ok_or("no such surface")?;
    let answer = shop.execute(Request::new(query).data(headers)).await;
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}
