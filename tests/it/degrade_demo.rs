//! What README shows of a backend that is down is what the demo shop answers.

use serde_json::Value;
use switchboard::engine::Outcome;

use crate::support::{Ask, root, shop::TestShop};

/// The request and the answer that README shows after `--kill reviews`.
fn shown() -> (String, String) {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("--kill reviews").expect("README shows it");
    let mut blocks = section.split("```").skip(1).step_by(2);
    let request = blocks.next().expect("a request");
    let (_, body) = request.split_once("-d '").expect("a body");
    let (body, _) = body.split_once('\'').expect("its end");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let answer = blocks.next().expect("an answer").trim_start_matches("json").trim();
    (body["query"].as_str().expect("a query").to_owned(), answer.to_owned())
}

#[tokio::test]
async fn without_reviews_the_product_page_is_answered_as_readme_shows() {
    let (query, answer) = shown();
    let shop = TestShop::start().await;
    shop.backends.reviews.stop().await;

    let response = shop.respond("web", Ask::query(query)).await;

    assert_eq!(String::from_utf8_lossy(&response.body), answer);
    assert!(response.degraded);
}

#[tokio::test]
async fn without_the_catalogue_there_is_no_product_page() {
    let shop = TestShop::start().await;
    shop.backends.catalog.stop().await;

    let response = shop
        .respond("web", Ask::query("{ me { id } product(id: 3) { name } }"))
        .await;

    assert_eq!(response.outcome, Outcome::Unavailable(503));
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(answer["data"], Value::Null);
}
