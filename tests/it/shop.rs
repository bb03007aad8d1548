//! The demo shop's surfaces over its real backends: counts and whole answers.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use switchboard::engine::Settings;
use switchboard_harness::Shop;

use crate::support::{self, Ask, TestEngine};

fn read(path: &str) -> String {
    std::fs::read_to_string(support::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn surface(name: &str, shop: &Shop) -> TestEngine {
    let own = format!("schema/{name}/schema.graphql");
    let (shared_text, own_text) = (read("schema/shared.graphql"), read(&own));
    let urls = shop.backends().map(|(name, backend)| (name, backend.url()));
    TestEngine::of_files(&[("schema/shared.graphql", &shared_text), (&own, &own_text)], &urls, Settings::default())
}

fn as_user(id: u32) -> HeaderMap {
    let token = format!("Bearer token-{id}");
    HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_str(&token).expect("plain text"))])
}

async fn ask(engine: &TestEngine, file: &str, variables: Value) -> Value {
    engine.ask(Ask { query: read(file), variables: Some(variables), headers: as_user(7), ..Ask::default() }).await
}

#[tokio::test]
async fn the_home_screen_takes_six_calls() {
    let shop = Shop::start().await;
    let mobile = surface("mobile", &shop);

    let answer = ask(&mobile, "schema/mobile/operations/Home.graphql", serde_json::json!({})).await;

    println!("{answer}");
    println!("{:?}", shop.calls_by_route());
    assert_eq!(shop.calls(), 6);
}

#[tokio::test]
async fn explain_x() {
    let shop = Shop::start().await;
    for (name, file) in [("mobile", "schema/mobile/operations/Home.graphql"), ("web", "schema/web/operations/UsersWithOrders.graphql")] {
        let engine = surface(name, &shop);
        println!("{}", engine.explain(&read(file)));
    }
}
