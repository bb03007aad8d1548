//! Every shipped mutation of both surfaces: what it answers, what was called for it, and what is different afterwards.

use serde_json::{Value, json};

use crate::support::{Ask, shop::TestShop};

fn new_order() -> Value {
    json!({ "input": { "userId": "7", "items": [{ "productId": "84", "quantity": 2 }, { "productId": "12", "quantity": 1 }] } })
}

fn new_review() -> Value {
    json!({ "input": { "productId": "898", "authorId": "7", "stars": 4, "text": "Sturdy. \"Very\" sturdy." } })
}

/// A value of an answer to user 7, by JSON pointer.
async fn seen(shop: &TestShop, surface: &str, query: &str, pointer: &str) -> Value {
    let answer = shop.ask(surface, Ask::query(query).by_user(7)).await;
    answer["data"]
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} of {answer}"))
        .clone()
}

#[tokio::test]
async fn an_order_placed_in_the_app_is_the_first_of_the_users_orders() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/CreateOrder", new_order()).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "createOrder": {
          "id": "ord-05001",
          "status": "OPEN",
          "total": {"units":200,"nanos":850000000,"currency":"EUR"},
          "items": [
            {"quantity":2,"product":{"id":"84","name":"Everyday Ceramic Curtain"}},
            {"quantity":1,"product":{"id":"12","name":"Small Copper Clock"}}
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 orders: POST /orders
    ");
    let newest = seen(
        &shop,
        "mobile",
        "{ me { recentOrders { id } } }",
        "/me/recentOrders/0/id",
    )
    .await;
    assert_eq!(newest, "ord-05001");
}

#[tokio::test]
async fn an_order_placed_on_the_web_is_the_first_of_the_users_orders() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/CreateOrder", new_order()).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "createOrder": {
          "id": "ord-05001",
          "status": "OPEN",
          "total": {"units":200,"nanos":850000000,"currency":"EUR"},
          "delivery": {"method":"EXPRESS"},
          "items": [
            {"quantity":2,"product":{"id":"84","name":"Everyday Ceramic Curtain"}},
            {"quantity":1,"product":{"id":"12","name":"Small Copper Clock"}}
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 orders: GET /orders/{id}
    1 orders: POST /orders
    ");
    let newest = seen(&shop, "web", "{ me { orders(first: 1) { id } } }", "/me/orders/0/id").await;
    assert_eq!(newest, "ord-05001");
}

#[tokio::test]
async fn an_order_cancelled_in_the_app_stays_cancelled() {
    let shop = TestShop::start().await;
    let status = r#"{ order(id: "ord-04934") { status } }"#;
    assert_eq!(seen(&shop, "mobile", status, "/order/status").await, "OPEN");

    let (answer, calls) = shop.shipped("mobile/CancelOrder", json!({ "id": "ord-04934" })).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"cancelOrder":{"id":"ord-04934","status":"CANCELLED"}}}"#);
    insta::assert_snapshot!(calls, @"1 orders: POST /orders/{id}/cancel");
    assert_eq!(seen(&shop, "mobile", status, "/order/status").await, "CANCELLED");
}

#[tokio::test]
async fn an_order_cancelled_on_the_web_stays_cancelled() {
    let shop = TestShop::start().await;
    let status = r#"{ order(id: "ord-04934") { status } }"#;
    assert_eq!(seen(&shop, "web", status, "/order/status").await, "OPEN");

    let (answer, calls) = shop.shipped("web/CancelOrder", json!({ "id": "ord-04934" })).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"cancelOrder":{"id":"ord-04934","status":"CANCELLED"}}}"#);
    insta::assert_snapshot!(calls, @"1 orders: POST /orders/{id}/cancel");
    assert_eq!(seen(&shop, "web", status, "/order/status").await, "CANCELLED");
}

#[tokio::test]
async fn a_review_from_the_app_counts_at_once() {
    let shop = TestShop::start().await;
    let count = r#"{ product(id: "898") { rating { count } } }"#;
    assert_eq!(seen(&shop, "mobile", count, "/product/rating/count").await, 0);

    let (answer, calls) = shop.shipped("mobile/AddReview", new_review()).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "addReview": {
          "id": "6000000001",
          "stars": 4,
          "text": "Sturdy. \"Very\" sturdy.",
          "author": {"name":"Omar Nguyễn"},
          "product": {"id":"898","rating":{"average":4,"count":1}}
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 accounts: GET /users
    1 reviews: shop.reviews.v1.Reviews/AddReview
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary
    ");
    assert_eq!(seen(&shop, "mobile", count, "/product/rating/count").await, 1);
}

#[tokio::test]
async fn a_review_from_the_web_is_the_newest_of_its_product() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/AddReview", new_review()).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "addReview": {
          "id": "6000000001",
          "stars": 4,
          "text": "Sturdy. \"Very\" sturdy.",
          "createdAt": "2026-06-19T00:01:00Z",
          "author": {"id":"7","name":"Omar Nguyễn"}
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 accounts: GET /users
    1 reviews: shop.reviews.v1.Reviews/AddReview
    ");
    let newest = r#"{ product(id: "898") { reviews(first: 1) { text } } }"#;
    assert_eq!(
        seen(&shop, "web", newest, "/product/reviews/0/text").await,
        "Sturdy. \"Very\" sturdy."
    );
}

#[tokio::test]
async fn a_name_changed_in_the_app_is_the_name_from_then_on() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop
        .shipped("mobile/Rename", json!({ "id": "7", "displayName": "Zoë 🦊" }))
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"updateProfile":{"id":"7","name":"Zoë 🦊"}}}"#);
    insta::assert_snapshot!(calls, @"1 accounts: PATCH /users/{id}");
    assert_eq!(seen(&shop, "mobile", "{ me { name } }", "/me/name").await, "Zoë 🦊");
}

#[tokio::test]
async fn a_name_changed_on_the_web_is_the_name_from_then_on() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop
        .shipped("web/UpdateProfile", json!({ "id": "7", "displayName": "Zoë 🦊" }))
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"updateProfile":{"id":"7","name":"Zoë 🦊"}}}"#);
    insta::assert_snapshot!(calls, @"1 accounts: PATCH /users/{id}");
    assert_eq!(seen(&shop, "web", "{ me { name } }", "/me/name").await, "Zoë 🦊");
}

#[tokio::test]
async fn a_refused_mutation_says_why_in_the_words_of_the_service() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/CancelOrder", json!({ "id": "ord-00001" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "errors": [
        {
          "message": "only an open order can be cancelled",
          "locations": [{"line":2,"column":3}],
          "path": ["cancelOrder"],
          "extensions": {
            "code": "NOT_OPEN",
            "service": "orders",
            "connector": {"coordinate":"Mutation.cancelOrder"},
            "http": {"status":409}
          }
        }
      ],
      "data": {"cancelOrder":null},
      "extensions": {"degraded":[{"path":["cancelOrder"],"source":"orders","kind":"HTTP_4XX","used":"NULL"}]}
    }
    "#);
    insta::assert_snapshot!(calls, @"1 orders: POST /orders/{id}/cancel");
}

#[tokio::test]
async fn mutations_of_one_operation_run_in_their_order() {
    let shop = TestShop::start().await;
    let both = "mutation ($input: CreateOrderInput!) {
      first: createOrder(input: $input) { id }
      then: cancelOrder(id: \"ord-05001\") { id status }
      last: createOrder(input: $input) { id status }
    }";

    let (answer, _) = shop.asked("web", both, 7, new_order()).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "first": {"id":"ord-05001"},
        "then": {"id":"ord-05001","status":"CANCELLED"},
        "last": {"id":"ord-05002","status":"OPEN"}
      }
    }
    "#);
    let routes: Vec<_> = shop
        .backends
        .orders
        .log()
        .iter()
        .map(|call| call.route.to_string())
        .collect();
    assert_eq!(routes, ["POST /orders", "POST /orders/{id}/cancel", "POST /orders"]);
}
