//! What a source speaks does not show in the answer.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::support::{
    Ask,
    shop::{TestShop, shipped},
};

const STOCK: &str = "{ available reserved warehouse updatedAt restockedAt note }";

type Fields<'b> = HashMap<&'b str, &'b RawValue>;

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct ProductPage<'b> {
    #[serde(borrow)]
    product: Fields<'b>,
}

#[derive(Deserialize)]
struct SearchPage<'b> {
    #[serde(borrow)]
    search: Search<'b>,
}

#[derive(Deserialize)]
struct Search<'b> {
    #[serde(borrow)]
    edges: Vec<Edge<'b>>,
}

#[derive(Deserialize)]
struct Edge<'b> {
    #[serde(borrow)]
    node: Fields<'b>,
}

#[tokio::test]
async fn stock_from_rest_and_from_grpc_is_the_same_byte_for_byte() {
    let shop = TestShop::start().await;

    for product in 1..=200 {
        let ask = Ask { variables: Some(json!({ "id": product.to_string() })), ..shipped("web/StockTwice") };
        let response = shop.respond("web", ask).await;

        let Answer { data: ProductPage { product } } = serde_json::from_slice(&response.body).expect("an answer");
        assert!(product["stock"].get().starts_with(r#"{"available":"#));
        assert_eq!(product["stock"].get().as_bytes(), product["stockRest"].get().as_bytes());
    }
    assert_eq!(shop.backends.inventory.calls_to("BatchGetStock"), 200);
    assert_eq!(shop.backends.catalog.calls_to("GET /stock"), 200);
}

#[tokio::test]
async fn stock_of_all_products_is_the_same_byte_for_byte() {
    let shop = TestShop::start().await;
    let mut compared = 0;

    for page in 0..20 {
        let after = format!("pos+{}/==", page * 100);
        let query = format!(
            r#"{{ search(text: "", first: 100, after: "{after}") {{ edges {{ node {{ stock {STOCK} stockRest {STOCK} }} }} }} }}"#
        );
        let response = shop.respond("web", Ask::query(query)).await;

        let Answer { data: SearchPage { search } } = serde_json::from_slice(&response.body).expect("an answer");
        for Edge { node } in &search.edges {
            assert_eq!(node["stock"].get().as_bytes(), node["stockRest"].get().as_bytes());
            compared += 1;
        }
    }

    assert_eq!(compared, 2_000);
    assert_eq!(shop.backends.calls(), 60, "a page takes a search and one call to each of both");
}
