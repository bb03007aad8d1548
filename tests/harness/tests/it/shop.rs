//! The demo shop, asked over its sockets.

use std::{path::Path, time::Duration};

use prost_reflect::DescriptorPool;
use serde_json::{Value, json};
use switchboard_harness::Shop;

use crate::support::{get, grpc, request};

#[tokio::test]
async fn the_catalogue_answers_a_batch_and_leaves_unknown_ids_out() {
    let shop = Shop::start().await;

    let body = get(&shop.catalog, "/products?id=3&id=999999&id=1&id=3").await;

    let ids: Vec<_> = body["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| &product["id"])
        .collect();
    assert_eq!(ids, [3, 1]);
    assert_eq!(shop.catalog.calls_to("GET /products"), 1);
    assert_eq!(shop.catalog.log()[0].keys, ["3", "999999", "1", "3"]);
    assert_eq!(shop.catalog.distinct_keys("GET /products"), 3);
}

#[tokio::test]
async fn a_search_pages_to_its_end() {
    let shop = Shop::start().await;
    let mut ids = Vec::new();
    let mut after = String::new();

    let total = loop {
        let after_encoded = after.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let page = get(
            &shop.catalog,
            &format!("/products/search?q=lamp+caf%C3%A9&first=7&after={after_encoded}"),
        )
        .await;
        ids.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["product"]["id"].as_u64().unwrap()),
        );
        assert_eq!(page["hasPrevious"], !after.is_empty());
        match page["nextCursor"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break page["total"].clone(),
        }
    };

    assert_eq!(total, ids.len());
    assert!(
        ids.len() > 14,
        "the word is in more than two pages of products: {}",
        ids.len()
    );
    assert!(ids.is_sorted(), "no product comes twice");
}

#[tokio::test]
async fn recommendations_are_those_of_the_user_or_of_the_bearer() {
    let shop = Shop::start().await;

    let by_user = get(&shop.catalog, "/products/recommended?user=7&limit=4").await;
    let anonymous = get(&shop.catalog, "/products/recommended?limit=4").await;
    let by_token = request(&shop.catalog, "GET", "/products/recommended?limit=4", Some(7), None)
        .await
        .1;

    assert_eq!(by_user["products"].as_array().unwrap().len(), 4);
    assert_eq!(by_user, by_token);
    assert_ne!(by_user, anonymous);
}

#[tokio::test]
async fn contact_data_is_for_its_owner() {
    let shop = Shop::start().await;

    assert_eq!(request(&shop.accounts, "GET", "/me", None, None).await.0, 401);
    assert_eq!(request(&shop.accounts, "GET", "/me", Some(301), None).await.0, 401);
    assert_eq!(request(&shop.accounts, "GET", "/me", Some(7), None).await.1["id"], 7);
    assert_eq!(
        request(&shop.accounts, "GET", "/users/8/contact", Some(7), None)
            .await
            .0,
        403
    );
    let (status, contact) = request(&shop.accounts, "GET", "/users/7/contact", Some(7), None).await;
    assert_eq!(
        (status, &contact["primary"]["email"]),
        (200, &json!("user7+shop@mail.example"))
    );
}

#[tokio::test]
async fn a_changed_name_is_seen_by_every_route_of_this_shop_only() {
    let (shop, other) = (Shop::start().await, Shop::start().await);
    let change = json!({ "display_name": " Zoë “Z” " });

    let (status, user) = request(&shop.accounts, "PATCH", "/users/7", Some(7), Some(change)).await;

    assert_eq!((status, &user["display_name"]), (200, &json!("Zoë “Z”")));
    assert_eq!(get(&shop.accounts, "/users?id=7").await["users"][0], user);
    assert_eq!(get(&shop.accounts, "/users?limit=1&offset=6").await["users"][0], user);
    assert_ne!(get(&other.accounts, "/users/7").await, user);
}

#[tokio::test]
async fn orders_of_several_users_come_newest_first_with_a_limit_for_each() {
    let shop = Shop::start().await;

    let body = get(&shop.orders, "/orders?userId=3&userId=1&limit=2&view=compact").await;

    let orders = body["orders"].as_array().unwrap();
    let users: Vec<_> = orders.iter().map(|order| &order["user_id"]).collect();
    assert_eq!(users, [3, 3, 1, 1]);
    assert!(orders[0]["placed_at"].as_str() > orders[1]["placed_at"].as_str());
    assert!(orders[0].get("shipping").is_none(), "the compact view has no shipping");
    let full = get(&shop.orders, &format!("/orders/{}", orders[0]["id"].as_str().unwrap())).await;
    assert!(full["total"]["units"].is_i64() && full["shipping"]["address"]["city"].is_string());
}

#[tokio::test]
async fn an_order_is_placed_once_and_cancelled_once() {
    let shop = Shop::start().await;
    let order = json!({ "userId": 7, "lines": [{ "productId": 12, "qty": 2 }] });

    let (status, placed) = request(&shop.orders, "POST", "/orders", None, Some(order)).await;
    assert_eq!((status, &placed["state"]), (201, &json!("open")));
    assert_eq!(get(&shop.orders, "/orders?user=7&limit=1").await["orders"][0], placed);

    let path = format!("/orders/{}/cancel", placed["id"].as_str().unwrap());
    let (status, cancelled) = request(&shop.orders, "POST", &path, None, None).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    let (status, error) = request(&shop.orders, "POST", &path, None, None).await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("NOT_OPEN")));
}

#[tokio::test]
async fn a_bad_order_is_refused_with_a_code() {
    let shop = Shop::start().await;
    let refused = async |order: Value| {
        let (status, error) = request(&shop.orders, "POST", "/orders", None, Some(order)).await;
        assert_eq!(status, 422);
        error["error"]["code"].as_str().unwrap().to_owned()
    };

    assert_eq!(refused(json!({ "userId": "7", "lines": [] })).await, "INVALID_BODY");
    assert_eq!(refused(json!({ "userId": 0, "lines": [] })).await, "UNKNOWN_USER");
    assert_eq!(refused(json!({ "userId": 7, "lines": [] })).await, "INVALID_LINES");
    assert_eq!(
        refused(json!({ "userId": 7, "lines": [{ "productId": 1, "qty": 0 }] })).await,
        "INVALID_QTY"
    );
    assert_eq!(
        refused(json!({ "userId": 7, "lines": [{ "productId": 0, "qty": 1 }] })).await,
        "UNKNOWN_PRODUCT"
    );
}

#[tokio::test]
async fn inventory_answers_the_same_over_grpc_as_the_catalogue_over_rest() {
    let shop = Shop::start().await;

    let (code, reply) = call(
        &shop.inventory,
        "shop.inventory.v1.Inventory/BatchGetStock",
        json!({ "ids": [5, 999_999, 2] }),
    )
    .await;
    let rest = get(&shop.catalog, "/stock?id=5&id=999999&id=2").await;

    assert_eq!((code, reply["stock"].as_array().unwrap().len()), (0, 2));
    for (grpc, rest) in reply["stock"]
        .as_array()
        .unwrap()
        .iter()
        .zip(rest["stock"].as_array().unwrap())
    {
        assert_eq!(grpc["productId"], rest["product_id"]);
        assert_eq!(grpc["available"], rest["available"]);
        assert_eq!(grpc["warehouse"], rest["warehouse"]);
        assert_eq!(grpc["updatedAt"], rest["updated_at"]);
        assert_eq!(grpc["note"], rest["note"]);
        assert_eq!(
            grpc["price"]["units"],
            json!(rest["price"]["units"].to_string()),
            "64 bits are text in ProtoJSON"
        );
        assert_eq!(grpc["price"]["nanos"], rest["price"]["nanos"]);
    }
    assert_eq!(shop.inventory.calls_to("BatchGetStock"), 1);
    assert_eq!(shop.inventory.log()[0].keys, ["5", "999999", "2"]);
    assert_eq!(
        call(
            &shop.inventory,
            "shop.inventory.v1.Inventory/GetStock",
            json!({ "id": 0 })
        )
        .await
        .0,
        5
    );
}

#[tokio::test]
async fn an_added_review_is_listed_first_and_counted() {
    let shop = Shop::start().await;
    let summary = async || {
        let request = json!({ "productIds": [9] });
        call(&shop.reviews, "shop.reviews.v1.Reviews/BatchGetSummary", request)
            .await
            .1["summaries"][0]["count"]
            .as_i64()
    };
    let before = summary().await.unwrap_or(0);

    let new = json!({ "productId": 9, "authorId": 7, "stars": 4, "text": "Schön" });
    let (code, added) = call(&shop.reviews, "shop.reviews.v1.Reviews/AddReview", new).await;

    assert_eq!(code, 0);
    let request = json!({ "productIds": [9, 10], "pageSize": 1 });
    let (_, listed) = call(&shop.reviews, "shop.reviews.v1.Reviews/BatchListReviews", request).await;
    assert_eq!(listed["reviews"][0], added);
    assert_eq!(summary().await, Some(before + 1));
    let bad = json!({ "productId": 9, "authorId": 7, "stars": 6 });
    assert_eq!(call(&shop.reviews, "shop.reviews.v1.Reviews/AddReview", bad).await.0, 3);
}

#[tokio::test]
async fn a_grpc_backend_can_be_told_to_fail_hold_stop_and_come_back() {
    let shop = Shop::start().await;
    let stock = async || {
        call(
            &shop.inventory,
            "shop.inventory.v1.Inventory/GetStock",
            json!({ "id": 1 }),
        )
        .await
        .0
    };

    shop.inventory.fail_next(1, 14);
    assert_eq!((stock().await, stock().await), (14, 0));

    shop.inventory.hold();
    let (held, ()) = tokio::join!(stock(), async {
        shop.inventory.wait_for_calls(3).await;
        assert_eq!(shop.inventory.in_flight(), 1);
        shop.inventory.release();
    });
    assert_eq!(held, 0);

    shop.inventory.stop().await;
    assert!(
        tokio::net::TcpStream::connect(shop.inventory.address()).await.is_err(),
        "the port is closed"
    );
    shop.inventory.start_again().await;
    assert_eq!(stock().await, 0);
}

#[tokio::test]
async fn a_thousand_connections_are_answered_at_once() {
    let shop = Shop::start().await;
    shop.catalog.delay(Duration::from_millis(300));

    let calls = (1..=1_000).map(|id| {
        let catalog = shop.catalog.clone();
        tokio::spawn(async move { get(&catalog, &format!("/products/{id}")).await["id"].clone() })
    });
    let calls: Vec<_> = calls.collect();

    for (id, call) in (1..=1_000).zip(calls) {
        assert_eq!(call.await.unwrap(), id);
    }
    assert_eq!(
        shop.catalog.calls_by_route(),
        [("GET /products/{id}".to_owned(), 1_000)]
    );
}

/// Calls a method of the shop by its .proto files, which proves that they describe what the services speak.
async fn call(backend: &switchboard_harness::Backend, method: &str, message: Value) -> (u16, Value) {
    let includes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/proto");
    let files = ["shop/inventory/v1/inventory.proto", "shop/reviews/v1/reviews.proto"];
    let set = protox::compile(files, [includes]).expect("the .proto files compile");
    let pool = DescriptorPool::from_file_descriptor_set(set).expect("protox checked them");
    grpc(backend, &pool, method, message).await
}
