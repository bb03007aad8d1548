//! What is counted against quotas of cost is what `extensions.cost.actual` shows, which is found in another way: by reading the answer again.

use std::{fs, sync::Arc, time::Duration};

use serde_json::{Value, json};
use switchboard::quota::{Rate, TierSettings};

use crate::support::{root, shop::TestShop};

/// Operations of both surfaces: lists in lists, objects that many lead to, unions, batches and gRPC.
const QUERIES: [&str; 12] = [
    "mobile/Home",
    "mobile/Recommended",
    "mobile/ProductPage",
    "mobile/OrderPage",
    "mobile/Profile",
    "web/UsersWithOrders",
    "web/UserPage",
    "web/ProductPage",
    "web/Search",
    "web/OrderPage",
    "web/Account",
    "web/StockTwice",
];

#[tokio::test]
async fn operations_of_the_demo_are_charged_what_their_cost_shows() {
    // Much at once, and then next to nothing.
    let much = Rate {
        count: 1_000.try_into().unwrap(),
        per: Duration::from_secs(24 * 60 * 60),
        burst: 1_000_000.try_into().unwrap(),
    };
    let shop = TestShop::with(|config| {
        config.quotas.clients = 100;
        config.quotas.tiers = vec![TierSettings {
            name: Arc::from("all"),
            requests: much,
            cost: Some(much),
        }];
        for surface in &mut config.surfaces {
            surface.tier = Some(Arc::from("all"));
        }
    })
    .await;
    let (_shop, server) = shop.serve().await;
    let client = reqwest::Client::new();
    let mut left_before: u64 = 1_000_000;

    for operation in QUERIES {
        let (surface, name) = operation.split_once('/').unwrap();
        let file = root().join(format!("schema/{surface}/operations/{name}.graphql"));
        let Ok(text) = fs::read_to_string(&file) else {
            panic!("{} is not there any more", file.display());
        };
        let id = match name {
            "OrderPage" => "ord-04934",
            _ => "84",
        };
        let request = client
            .post(server.url(surface))
            .header("authorization", "Bearer token-7")
            .header("x-switchboard-cost", "true")
            .json(&json!({ "query": text, "variables": { "id": id, "text": "a" } }));
        let answer = request.send().await.unwrap();
        let left = answer.headers()["x-ratelimit-cost-remaining"].to_str().unwrap();
        let left: u64 = left.parse().unwrap();
        let answer: Value = answer.json().await.unwrap();

        assert_eq!(answer.get("errors"), None, "{operation}: {answer}");
        let actual = answer["extensions"]["cost"]["actual"].as_u64().unwrap();
        assert!(actual > 0, "{operation}");
        // One comes in every 86 s.
        let charged = left_before - left;
        assert!(
            charged == actual || charged + 1 == actual,
            "{operation} cost {actual} and was charged {charged}"
        );
        left_before = left;
    }
}
