//! Every shipped query of both surfaces: the whole answer, and what was called for it.

use serde_json::json;
use switchboard::app::operation_files;

use crate::support::{
    root,
    shop::{TestShop, document},
};

#[tokio::test]
async fn the_app_shows_its_home_screen() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("mobile/Home", json!({})).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "home": {
          "greeting": "Welcome",
          "user": {
            "name": "Omar Nguyễn",
            "avatarUrl": "https://img.shop.example/u/7.webp",
            "tier": "SILVER",
            "recentOrders": [
              {
                "id": "ord-04934",
                "status": "OPEN",
                "placedAt": "2025-03-04T15:17:00Z",
                "items": [
                  {
                    "quantity": 2,
                    "product": {
                      "id": "189",
                      "name": "Vintage Bamboo Candle Holder",
                      "imageUrl": "https://img.shop.example/p/189/small.webp?v=1&q=60",
                      "stock": {"available":4},
                      "price": {"units":28,"nanos":950000000,"currency":"EUR"}
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "id": "1596",
                      "name": "Classic Leather Cushion",
                      "imageUrl": "https://img.shop.example/p/1596/small.webp?v=1&q=60",
                      "stock": {"available":0},
                      "price": {"units":245,"nanos":950000000,"currency":"EUR"}
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "id": "514",
                      "name": "Nordic Copper Backpack",
                      "imageUrl": "https://img.shop.example/p/514/small.webp?v=1&q=60",
                      "stock": {"available":345},
                      "price": {"units":355,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              },
              {
                "id": "ord-04805",
                "status": "SHIPPED",
                "placedAt": "2025-02-21T15:52:00Z",
                "items": [
                  {
                    "quantity": 1,
                    "product": {
                      "id": "181",
                      "name": "Classic Oak Briefcase",
                      "imageUrl": "https://img.shop.example/p/181/small.webp?v=1&q=60",
                      "stock": {"available":63},
                      "price": {"units":108,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              },
              {
                "id": "ord-04803",
                "status": "SHIPPED",
                "placedAt": "2025-02-21T13:19:00Z",
                "items": [
                  {
                    "quantity": 3,
                    "product": {
                      "id": "421",
                      "name": "Vintage Oak Chair",
                      "imageUrl": "https://img.shop.example/p/421/small.webp?v=1&q=60",
                      "stock": {"available":0},
                      "price": {"units":210,"nanos":950000000,"currency":"EUR"}
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "id": "1865",
                      "name": "Vintage Walnut Backpack",
                      "imageUrl": "https://img.shop.example/p/1865/small.webp?v=1&q=60",
                      "stock": {"available":276},
                      "price": {"units":394,"nanos":950000000,"currency":"EUR"}
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "id": "348",
                      "name": "Modern Walnut Notebook",
                      "imageUrl": "https://img.shop.example/p/348/small.webp?v=1&q=60",
                      "stock": {"available":22},
                      "price": {"units":206,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              },
              {
                "id": "ord-04728",
                "status": "SHIPPED",
                "placedAt": "2025-02-15T01:28:00Z",
                "items": [
                  {
                    "quantity": 3,
                    "product": {
                      "id": "169",
                      "name": "Nordic Felt Pen Tray",
                      "imageUrl": "https://img.shop.example/p/169/small.webp?v=1&q=60",
                      "stock": {"available":257},
                      "price": {"units":226,"nanos":950000000,"currency":"EUR"}
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "id": "604",
                      "name": "Nordic Oak Clock",
                      "imageUrl": "https://img.shop.example/p/604/small.webp?v=1&q=60",
                      "stock": {"available":378},
                      "price": {"units":251,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              },
              {
                "id": "ord-04714",
                "status": "SHIPPED",
                "placedAt": "2025-02-13T17:07:00Z",
                "items": [
                  {
                    "quantity": 3,
                    "product": {
                      "id": "168",
                      "name": "Café Ceramic Monitor Stand",
                      "imageUrl": "https://img.shop.example/p/168/small.webp?v=1&q=60",
                      "stock": {"available":250},
                      "price": {"units":16,"nanos":950000000,"currency":"EUR"}
                    }
                  }
                ]
              }
            ]
          },
          "recommended": [
            {
              "id": "728",
              "name": "Nordic Copper Cushion",
              "imageUrl": "https://img.shop.example/p/728/small.webp?v=1&q=60",
              "rating": {"average":5,"count":1}
            },
            {
              "id": "898",
              "name": "Café Walnut Stool",
              "imageUrl": "https://img.shop.example/p/898/small.webp?v=1&q=60",
              "rating": {"average":null,"count":0}
            },
            {
              "id": "84",
              "name": "Everyday Ceramic Curtain",
              "imageUrl": "https://img.shop.example/p/84/small.webp?v=1&q=60",
              "rating": {"average":4.875,"count":8}
            },
            {
              "id": "59",
              "name": "Modern Steel Briefcase",
              "imageUrl": "https://img.shop.example/p/59/small.webp?v=1&q=60",
              "rating": {"average":4.428571428571429,"count":14}
            },
            {
              "id": "879",
              "name": "Travel Brass Lantern",
              "imageUrl": "https://img.shop.example/p/879/small.webp?v=1&q=60",
              "rating": {"average":4.666666666666667,"count":18}
            },
            {
              "id": "190",
              "name": "Nordic Felt Desk Lamp",
              "imageUrl": "https://img.shop.example/p/190/small.webp?v=1&q=60",
              "rating": {"average":4.75,"count":4}
            },
            {
              "id": "364",
              "name": "Travel Bamboo Desk Lamp",
              "imageUrl": "https://img.shop.example/p/364/small.webp?v=1&q=60",
              "rating": {"average":4.75,"count":20}
            },
            {
              "id": "426",
              "name": "Déjà Vu Leather Desk Lamp",
              "imageUrl": "https://img.shop.example/p/426/small.webp?v=1&q=60",
              "rating": {"average":4.666666666666667,"count":6}
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

#[tokio::test]
async fn the_web_shop_shows_ones_own_page() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/Account", json!({ "orders": 3 })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "me": {
          "id": "7",
          "name": "Omar Nguyễn",
          "avatarUrl": "https://img.shop.example/u/7.webp",
          "tier": "SILVER",
          "memberSince": "2021-01-11",
          "contact": {
            "email": "user7+shop@mail.example",
            "phone": null,
            "address": {"street":"Rue de l'Église 50","city":"Berlin","postcode":"19975","country":"DE"}
          },
          "orders": [
            {
              "id": "ord-04934",
              "status": "OPEN",
              "placedAt": "2025-03-04T15:17:00Z",
              "total": {"units":1863,"nanos":600000000,"currency":"EUR"},
              "delivery": {"method":"EXPRESS","trackingCode":null},
              "items": [
                {
                  "quantity": 2,
                  "product": {
                    "id": "189",
                    "name": "Vintage Bamboo Candle Holder",
                    "imageUrl": "https://img.shop.example/p/189/large.webp?v=1&q=90"
                  }
                },
                {
                  "quantity": 3,
                  "product": {
                    "id": "1596",
                    "name": "Classic Leather Cushion",
                    "imageUrl": "https://img.shop.example/p/1596/large.webp?v=1&q=90"
                  }
                },
                {
                  "quantity": 3,
                  "product": {
                    "id": "514",
                    "name": "Nordic Copper Backpack",
                    "imageUrl": "https://img.shop.example/p/514/large.webp?v=1&q=90"
                  }
                }
              ]
            },
            {
              "id": "ord-04805",
              "status": "SHIPPED",
              "placedAt": "2025-02-21T15:52:00Z",
              "total": {"units":108,"nanos":950000000,"currency":"EUR"},
              "delivery": {"method":"STANDARD","trackingCode":"TRK/ord-04805"},
              "items": [
                {
                  "quantity": 1,
                  "product": {
                    "id": "181",
                    "name": "Classic Oak Briefcase",
                    "imageUrl": "https://img.shop.example/p/181/large.webp?v=1&q=90"
                  }
                }
              ]
            },
            {
              "id": "ord-04803",
              "status": "SHIPPED",
              "placedAt": "2025-02-21T13:19:00Z",
              "total": {"units":2438,"nanos":550000000,"currency":"EUR"},
              "delivery": {"method":"EXPRESS","trackingCode":"TRK/ord-04803"},
              "items": [
                {
                  "quantity": 3,
                  "product": {
                    "id": "421",
                    "name": "Vintage Oak Chair",
                    "imageUrl": "https://img.shop.example/p/421/large.webp?v=1&q=90"
                  }
                },
                {
                  "quantity": 3,
                  "product": {
                    "id": "1865",
                    "name": "Vintage Walnut Backpack",
                    "imageUrl": "https://img.shop.example/p/1865/large.webp?v=1&q=90"
                  }
                },
                {
                  "quantity": 3,
                  "product": {
                    "id": "348",
                    "name": "Modern Walnut Notebook",
                    "imageUrl": "https://img.shop.example/p/348/large.webp?v=1&q=90"
                  }
                }
              ]
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 accounts: GET /me
    1 accounts: GET /users/{id}/contact
    1 orders: GET /orders
    ");
}

#[tokio::test]
async fn the_web_shop_shows_an_order() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/OrderPage", json!({ "id": "ord-04934" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "order": {
          "id": "ord-04934",
          "status": "OPEN",
          "placedAt": "2025-03-04T15:17:00Z",
          "total": {"units":1863,"nanos":600000000,"currency":"EUR"},
          "customer": {"id":"7","name":"Omar Nguyễn"},
          "delivery": {
            "method": "EXPRESS",
            "trackingCode": null,
            "address": {"street":"Rue de l'Église 50","city":"Berlin","postcode":"19975","country":"DE"}
          },
          "items": [
            {
              "quantity": 2,
              "unitPrice": {"units":28,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "189",
                "name": "Vintage Bamboo Candle Holder",
                "category": "Home › Lighting",
                "imageUrl": "https://img.shop.example/p/189/large.webp?v=1&q=90"
              }
            },
            {
              "quantity": 3,
              "unitPrice": {"units":245,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "1596",
                "name": "Classic Leather Cushion",
                "category": "Home › Textiles",
                "imageUrl": "https://img.shop.example/p/1596/large.webp?v=1&q=90"
              }
            },
            {
              "quantity": 3,
              "unitPrice": {"units":355,"nanos":950000000,"currency":"EUR"},
              "product": {
                "id": "514",
                "name": "Nordic Copper Backpack",
                "category": "Fashion › Bags",
                "imageUrl": "https://img.shop.example/p/514/large.webp?v=1&q=90"
              }
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    1 accounts: GET /users
    1 orders: GET /orders/{id}
    ");
}

#[tokio::test]
async fn the_web_shop_shows_everything_about_a_product() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/ProductPage", json!({ "id": "84", "reviews": 2 })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "product": {
          "id": "84",
          "name": "Everyday Ceramic Curtain",
          "brand": "Fjell",
          "category": "Home › Textiles",
          "description": "Made by hand in a workshop of five people, one at a time.",
          "tags": ["gift","outdoor"],
          "attributes": [
            {"name":"Material","value":"Ceramic"},
            {"name":"Colour","value":"rosé"},
            {"name":"Weight","value":"8.858 kg"}
          ],
          "media": [
            {
              "__typename": "Image",
              "url": "https://img.shop.example/p/84/small.webp?v=1&q=60",
              "width": 160,
              "height": 160
            },
            {
              "__typename": "Image",
              "url": "https://img.shop.example/p/84/large.webp?v=1&q=90",
              "width": 1600,
              "height": 1600
            }
          ],
          "stock": {"available":360,"warehouse":"NORTH","restockedAt":null,"note":null},
          "price": {"units":65,"nanos":950000000,"currency":"EUR"},
          "rating": {"average":4.875,"count":8},
          "reviews": [
            {
              "id": "5000008407",
              "stars": 5,
              "text": "Arrived broken, the replacement was there the next day.",
              "createdAt": "2024-09-05T04:19:00Z",
              "author": {"id":"80","name":"Björn Kowalska","avatarUrl":"https://img.shop.example/u/80.webp"}
            },
            {
              "id": "5000008406",
              "stars": 5,
              "text": "Smells of varnish <for a week>, then it is lovely.",
              "createdAt": "2024-08-26T18:21:00Z",
              "author": {"id":"85","name":"Omar 田中","avatarUrl":"https://img.shop.example/u/85.webp"}
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products/{id}
    1 accounts: GET /users
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary
    1 reviews: shop.reviews.v1.Reviews/BatchListReviews
    ");
}

#[tokio::test]
async fn the_web_shop_shows_a_page_of_search_results() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/Search", json!({ "text": "desk lamp", "first": 3, "after": "pos+2/==" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "search": {
          "totalCount": 82,
          "pageInfo": {
            "hasNextPage": true,
            "hasPreviousPage": true,
            "startCursor": "pos+3/==",
            "endCursor": "pos+5/=="
          },
          "edges": [
            {
              "cursor": "pos+3/==",
              "node": {
                "id": "34",
                "name": "Nordic Linen Desk Lamp",
                "brand": "Café Noir",
                "category": "Home › Lighting",
                "imageUrl": "https://img.shop.example/p/34/large.webp?v=1&q=90",
                "price": {"units":165,"nanos":950000000,"currency":"EUR"},
                "rating": {"average":5,"count":1}
              }
            },
            {
              "cursor": "pos+4/==",
              "node": {
                "id": "89",
                "name": "Classic Copper Desk Lamp",
                "brand": "Straße 9",
                "category": "Home › Lighting",
                "imageUrl": "https://img.shop.example/p/89/large.webp?v=1&q=90",
                "price": {"units":154,"nanos":950000000,"currency":"EUR"},
                "rating": {"average":4.352941176470588,"count":17}
              }
            },
            {
              "cursor": "pos+5/==",
              "node": {
                "id": "91",
                "name": "Travel Glass Desk Lamp",
                "brand": "Straße 9",
                "category": "Home › Lighting",
                "imageUrl": "https://img.shop.example/p/91/large.webp?v=1&q=90",
                "price": {"units":134,"nanos":950000000,"currency":"EUR"},
                "rating": {"average":4.684210526315789,"count":19}
              }
            }
          ]
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products/search
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary
    ");
}

#[tokio::test]
async fn the_web_shop_shows_stock_from_both_its_sources() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/StockTwice", json!({ "id": "84" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "product": {
          "id": "84",
          "stock": {
            "available": 360,
            "reserved": 13,
            "warehouse": "NORTH",
            "updatedAt": "2025-03-06T10:02:00Z",
            "restockedAt": null,
            "note": null
          },
          "stockRest": {
            "available": 360,
            "reserved": 13,
            "warehouse": "NORTH",
            "updatedAt": "2025-03-06T10:02:00Z",
            "restockedAt": null,
            "note": null
          }
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products/{id}
    1 catalog: GET /stock
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock
    ");
}

#[tokio::test]
async fn the_web_shop_shows_a_user() {
    let shop = TestShop::start().await;

    let (answer, calls) = shop.shipped("web/UserPage", json!({ "id": "12" })).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "user": {
          "id": "12",
          "name": "Leïla Lovelace",
          "avatarUrl": "https://img.shop.example/u/12.webp",
          "memberSince": "2020-10-02"
        }
      }
    }
    "#);
    insta::assert_snapshot!(calls, @"1 accounts: GET /users/{id}");
}

#[tokio::test]
async fn the_web_shop_shows_users_and_what_others_say_about_their_orders() {
    let shop = TestShop::start().await;
    // As shipped it fills many screens.
    let small = document("web/UsersWithOrders").replace("first: 20", "first: 2").replace("orders {", "orders(first: 2) {");

    let whole = shop.shipped("web/UsersWithOrders", json!({})).await;
    let (answer, calls) = shop.asked("web", &small, json!({})).await;

    insta::assert_snapshot!(answer, @r#"
    {
      "data": {
        "users": [
          {
            "name": "Σοφία Müller",
            "orders": [
              {
                "id": "ord-04963",
                "items": [
                  {
                    "quantity": 3,
                    "product": {
                      "name": "Modern Walnut Briefcase",
                      "reviews": [
                        {"stars":5,"author":{"name":"Omar 田中"}},
                        {"stars":5,"author":{"name":"Ngọc Patel"}},
                        {"stars":5,"author":{"name":"Grace Mbeki"}}
                      ]
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "name": "Vintage Glass Chair",
                      "reviews": [
                        {"stars":5,"author":{"name":"Priya 田中"}},
                        {"stars":5,"author":{"name":"Renée Иванов"}},
                        {"stars":5,"author":{"name":"Søren D'Angelo"}}
                      ]
                    }
                  }
                ]
              },
              {
                "id": "ord-04919",
                "items": [
                  {
                    "quantity": 1,
                    "product": {
                      "name": "Déjà Vu Bamboo Teapot",
                      "reviews": [
                        {"stars":5,"author":{"name":"Chloé Иванов"}},
                        {"stars":5,"author":{"name":"Fatima Иванов"}},
                        {"stars":5,"author":{"name":"Priya Haddad"}}
                      ]
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "name": "Nordic Leather Tote Bag",
                      "reviews": [
                        {"stars":5,"author":{"name":"Σοφία Mbeki"}},
                        {"stars":5,"author":{"name":"Дмитрий Smith-Jones"}},
                        {"stars":2,"author":{"name":"Yūki Mbeki"}}
                      ]
                    }
                  }
                ]
              }
            ]
          },
          {
            "name": "Björn O'Brien",
            "orders": [
              {
                "id": "ord-04947",
                "items": [
                  {
                    "quantity": 3,
                    "product": {
                      "name": "Vintage Steel Notebook",
                      "reviews": [
                        {"stars":4,"author":{"name":"Σοφία D'Angelo"}},
                        {"stars":5,"author":{"name":"Ada Lovelace"}},
                        {"stars":4,"author":{"name":"Mia Иванов"}}
                      ]
                    }
                  }
                ]
              },
              {
                "id": "ord-04850",
                "items": [
                  {
                    "quantity": 2,
                    "product": {
                      "name": "Vintage Glass Chair",
                      "reviews": [
                        {"stars":5,"author":{"name":"Priya 田中"}},
                        {"stars":5,"author":{"name":"Renée Иванов"}},
                        {"stars":5,"author":{"name":"Søren D'Angelo"}}
                      ]
                    }
                  },
                  {
                    "quantity": 3,
                    "product": {
                      "name": "Everyday Glass Teapot",
                      "reviews": [{"stars":4,"author":{"name":"Jürgen Patel"}}]
                    }
                  }
                ]
              }
            ]
          }
        ]
      }
    }
    "#);
    insta::assert_snapshot!(calls, @r"
    1 catalog: GET /products
    2 accounts: GET /users
    1 orders: GET /orders
    1 reviews: shop.reviews.v1.Reviews/BatchListReviews
    ");
    assert_eq!(whole.1, calls);
    assert_eq!(whole.0.matches("errors").count(), 0);
}

#[test]
fn every_shipped_operation_is_shown_here_or_among_the_mutations() {
    let shown = concat!(include_str!("shop_operations.rs"), include_str!("shop_mutations.rs"));

    for surface in ["mobile", "web"] {
        for file in operation_files(&root().join(format!("schema/{surface}/operations"))).expect("a directory") {
            let name = file.file_stem().expect("a name").to_string_lossy();
            assert!(shown.contains(&format!(r#"shipped("{surface}/{name}""#)), "{surface}/{name}");
        }
    }
}
