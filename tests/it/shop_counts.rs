//! How often backends are called: once a level of the question, however much the answer holds.

use serde_json::{Value, json};

use crate::support::{
    Ask,
    shop::{TestShop, document},
};

/// What customers of the first users say about what those users bought.
const FIVE_LEVELS: &str = "query ($first: Int!) {
  users(first: $first) { name orders { id items { quantity product { name reviews { stars author { name } } } } } }
}";

const FIVE_CALLS: &str = "\
    1 catalog: GET /products\n\
    2 accounts: GET /users\n\
    1 orders: GET /orders\n\
    1 reviews: shop.reviews.v1.Reviews/BatchListReviews\n";

const HOME_CALLS: &str = "\
    1 catalog: GET /products\n\
    1 catalog: GET /products/recommended\n\
    1 accounts: GET /me\n\
    1 orders: GET /orders\n\
    1 inventory: shop.inventory.v1.Inventory/BatchGetStock\n\
    1 reviews: shop.reviews.v1.Reviews/BatchGetSummary\n";

fn first(users: u32) -> Ask {
    Ask {
        variables: Some(json!({ "first": users })),
        ..Ask::query(FIVE_LEVELS)
    }
}

/// The values at the end of a path through lists and objects.
fn all<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    match (value, path) {
        (Value::Array(items), _) => items.iter().flat_map(|item| all(item, path)).collect(),
        (_, [name, rest @ ..]) => all(&value[*name], rest),
        (_, []) => vec![value],
    }
}

#[tokio::test]
async fn the_home_screen_of_every_user_takes_the_six_calls_that_explain_promises() {
    let shop = TestShop::start().await;
    let home = document("mobile/Home");

    let promised = shop.explained_calls("mobile", &home);

    assert_eq!(promised, 6);
    for user in 1..=300 {
        shop.backends.reset();
        let answer = shop.ask("mobile", Ask::query(&*home).by_user(user)).await;
        assert_eq!(shop.calls(), HOME_CALLS, "user {user}");
        assert_eq!(answer["errors"], Value::Null, "user {user}");
    }
}

#[tokio::test]
async fn the_home_screen_takes_six_calls_when_it_shows_350_products() {
    let shop = TestShop::start().await;
    for order in 0..5 {
        let items: Vec<_> = (1..=50)
            .map(|item| json!({ "productId": (order * 50 + item).to_string(), "quantity": 1 }))
            .collect();
        let order = json!({ "input": { "userId": "7", "items": items } });
        shop.shipped("mobile/CreateOrder", order).await;
    }
    shop.backends.reset();

    let home = document("mobile/Home").replace("limit: 8", "limit: 100");
    let answer = shop.ask("mobile", Ask::query(home).by_user(7)).await;

    let home = &answer["data"]["home"];
    assert_eq!(shop.calls(), HOME_CALLS);
    assert_eq!(
        all(
            home,
            &["user", "recentOrders", "items", "product", "stock", "available"]
        )
        .len(),
        250
    );
    assert_eq!(all(home, &["recommended", "rating", "count"]).len(), 100);
    assert_eq!(shop.backends.inventory.distinct_keys("BatchGetStock"), 250);
}

/// 100 users are estimated at 16,600, more than the web surface allows.
async fn without_cost_limit() -> TestShop {
    TestShop::with(|config| config.surfaces.iter_mut().for_each(|surface| surface.limits.cost = 0)).await
}

#[tokio::test]
async fn five_levels_take_five_calls_for_1_20_and_100_users() {
    let shop = without_cost_limit().await;

    for users in [1, 20, 100] {
        shop.backends.reset();
        let answer = shop.ask("web", first(users)).await;

        assert_eq!(shop.calls(), FIVE_CALLS, "{users} users");
        assert_eq!(answer["errors"], Value::Null, "{users} users");
        let users_shown = answer["data"]["users"].as_array().expect("a list");
        assert_eq!(users_shown.len(), users as usize);
        let authors = all(
            &answer,
            &[
                "data", "users", "orders", "items", "product", "reviews", "author", "name",
            ],
        );
        assert!(
            authors.len() >= 3 * users_shown.len() && authors.iter().all(|name| name.is_string()),
            "{users} users"
        );
    }
}

#[tokio::test]
async fn explain_promises_no_fewer_calls_than_are_made() {
    let shop = without_cost_limit().await;

    for users in [1, 20, 100] {
        let question = FIVE_LEVELS
            .replace("($first: Int!)", "")
            .replace("$first", &users.to_string());
        shop.backends.reset();
        shop.ask("web", Ask::query(&*question)).await;

        // 100 users could meet 6,000 authors, in three calls; this shop has 300.
        let spare = if users == 100 { 2 } else { 0 };
        assert_eq!(
            shop.explained_calls("web", &question),
            shop.backends.calls() + spare,
            "{users} users"
        );
    }
}

#[tokio::test]
async fn a_thousand_repetitions_take_no_call_more() {
    let shop = TestShop::start().await;
    shop.backends
        .backends()
        .iter()
        .for_each(|(_, backend)| backend.keep_log(false));

    for _ in 0..1_000 {
        shop.respond("web", first(1)).await;
    }
    for _ in 0..20 {
        shop.respond("web", first(20)).await;
    }

    assert_eq!(
        shop.calls(),
        "1020 catalog: GET /products\n\
         2040 accounts: GET /users\n\
         1020 orders: GET /orders\n\
         1020 reviews: shop.reviews.v1.Reviews/BatchListReviews\n"
    );
}

#[tokio::test]
async fn a_hundred_users_with_their_orders_take_two_calls() {
    let shop = TestShop::start().await;

    let answer = shop
        .ask(
            "web",
            Ask::query("{ users(first: 100) { name orders(first: 3) { id } } }"),
        )
        .await;

    assert_eq!(shop.calls(), "1 accounts: GET /users\n1 orders: GET /orders\n");
    assert_eq!(shop.backends.orders.distinct_keys("GET /orders"), 100);
    assert!(all(&answer, &["data", "users", "orders", "id"]).len() > 200);
}

#[tokio::test]
async fn what_two_branches_ask_of_one_connector_is_asked_once() {
    let shop = TestShop::start().await;
    let both = "{ a: product(id: 1) { reviews { author { name } } } b: users(first: 2) { orders { items { product { name } } } } }";

    shop.ask("web", Ask::query(both)).await;

    insta::assert_snapshot!(shop.calls(), @r"
    1 catalog: GET /products
    1 catalog: GET /products/{id}
    2 accounts: GET /users
    1 orders: GET /orders
    1 reviews: shop.reviews.v1.Reviews/BatchListReviews
    ");
}
