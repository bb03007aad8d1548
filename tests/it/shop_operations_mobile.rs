//! Every shipped query of the app: the whole answer, and what was called for it.

use serde_json::json;

use crate::support::shop::{TestShop, document};

/// A user of whom the shop has not heard much.
const FEW_ORDERS: u32 = 278;

#[tokio::test]
async fn the_app_shows_its_home_screen() {
    let shop = TestShop::start().await;
    // As shipped it fills many screens.
    let small = document("mobile/Home").replace("limit: 8", "limit: 1");

    let (whole, calls_for_all) = shop.shipped("mobile/Home", json!({})).await;
    let (answer, calls) = shop.asked("mobile", &small, FEW_ORDERS, json!({})).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "home": {
          "greeting": "Welcome",
          "user": {
            "name": "Ines Fischer",
            "avatarUrl": "https://img.shop.example/u/278.webp",
            "tier": "BASIC",
            "recentOrders": [
              {
                "id": "ord-00278",
                "status": "DONE",
                "placedAt": "2024-01-24T12:59:00Z",
                "items": [
                  {
                    "quantity": 1,
                    "product": {
                      "id": "389",
                      "name": "Vintage Wool Candle Holder",
                      "imageUrl": "https://img.shop.example/p/389/small.webp?v=1&q=60",
                      "stock": {"available":301},
                      "price": {"units":91,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              }
            ]
          },
          "recommended": [
            {
              "id": "325",
              "name": "Nordic Felt Mixing Bowl",
              "imageUrl": "https://img.shop.example/p/325/small.webp?v=1&q=60",
              "rating": {"average":null,"count":0}
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 catalog: GET /products/recommended
    1 accounts: GET /me
    1 orders: GET /orders
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary
    ");
    assert_eq!(calls_for_all, calls);
    assert!(!whole.contains("errors"), "{whole}");
}

#[tokio::test]
async fn the_app_shows_an_order() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/OrderPage", json!({ "id": "ord-04934" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "order": {
          "id": "ord-04934",
          "status": "OPEN",
          "placedAt": "2025-03-04T15:17:00Z",
          "total": {"units":1863,"nanos":600000000,"currency":"EUR"},
          "items": [
            {
              "quantity": 2,
              "unitPrice": {"units":28,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "189",
                "name": "Vintage Bamboo Candle Holder",
                "imageUrl": "https://img.shop.example/p/189/small.webp?v=1&q=60"
              }
            },
            {
              "quantity": 3,
              "unitPrice": {"units":245,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "1596",
                "name": "Classic Leather Cushion",
                "imageUrl": "https://img.shop.example/p/1596/small.webp?v=1&q=60"
              }
            },
            {
              "quantity": 3,
              "unitPrice": {"units":355,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "514",
                "name": "Nordic Copper Backpack",
                "imageUrl": "https://img.shop.example/p/514/small.webp?v=1&q=60"
              }
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 orders: GET /orders/{id}
    ");
}

#[tokio::test]
async fn the_app_shows_a_product() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/ProductPage", json!({ "id": "84" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "product": {
          "id": "84",
          "name": "Everyday Ceramic Curtain",
          "brand": "Fjell",
          "imageUrl": "https://img.shop.example/p/84/small.webp?v=1&q=60",
          "stock": {"available":360,"warehouse":"NORTH","restockedAt":null,"note":null},
          "price": {"units":65,"nanos":950000000,"currency":"EUR"},
          "rating": {"average":4.875,"count":8}
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products/{id}
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary
    ");
}

#[tokio::test]
async fn the_app_shows_who_is_signed_in() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/Profile", json!({})).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "me": {
          "id": "7",
          "name": "Omar Nguyễn",
          "avatarUrl": "https://img.shop.example/u/7.webp",
          "tier": "SILVER",
          "memberSince": "2021-01-11"
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @"1 accounts: GET /me");
}

#[tokio::test]
async fn the_app_shows_more_to_like() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/Recommended", json!({ "limit": 4 })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "home": {
          "recommended": [
            {
              "id": "728",
              "name": "Nordic Copper Cushion",
              "brand": "Petit <Bateau>",
              "imageUrl": "https://img.shop.example/p/728/small.webp?v=1&q=60",
              "price": {"units":123,"nanos":950000000,"currency":"EUR"}
            },
            {
              "id": "898",
              "name": "Café Walnut Stool",
              "brand": "Ørsted",
              "imageUrl": "https://img.shop.example/p/898/small.webp?v=1&q=60",
              "price": {"units":89,"nanos":950000000,"currency":"EUR"}
            },
            {
              "id": "84",
              "name": "Everyday Ceramic Curtain",
              "brand": "Fjell",
              "imageUrl": "https://img.shop.example/p/84/small.webp?v=1&q=60",
              "price": {"units":65,"nanos":950000000,"currency":"EUR"}
            },
            {
              "id": "59",
              "name": "Modern Steel Briefcase",
              "brand": "Ørsted",
              "imageUrl": "https://img.shop.example/p/59/small.webp?v=1&q=60",
              "price": {"units":56,"nanos":950000000,"currency":"EUR"}
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products/recommended
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    ");
}
