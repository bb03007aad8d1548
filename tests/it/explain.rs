//! `explain` tells of every shipped operation what it will call, before anything is called.

use switchboard::app::operation_files;

use crate::support::{
    root,
    shop::{TestShop, read},
};

async fn explained(surface: &str) -> String {
    let shop = TestShop::start().await;
    let files =
        operation_files(&root().join(format!("schema/{surface}/operations"))).expect("a directory of operations");
    let plans = files.iter().map(|file| shop.explain(surface, &read(file)));
    let plans: Vec<String> = plans.collect();
    assert_eq!(shop.backends.calls(), 0);
    plans.join("\n")
}

#[tokio::test]
async fn the_operations_of_the_app_are_explained() {
    let plans = explained("mobile").await;

    insta::assert_snapshot!(plans, @r#"
    mutation AddReview on mobile
    at most 3 calls, cost 23
      1  reviews   shop.reviews.v1.Reviews/AddReview        addReview                     1 call
      2  accounts  GET /users (id: $batch.id)               addReview.author+User         1 call for all id, up to 2000 keys each; after 1
      3  reviews   shop.reviews.v1.Reviews/BatchGetSummary  addReview.product+Product[1]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    mutation CancelOrder on mobile
    at most 1 call, cost 20
      1  orders  POST /orders/{$args.id}/cancel  cancelOrder  1 call
    Lists without @listSize are taken to have 10 items.

    mutation CreateOrder on mobile
    at most 2 calls, cost 29
      1  orders   POST /orders                   createOrder                             1 call
      2  catalog  GET /products (id: $batch.id)  createOrder.items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query Home on mobile
    at most 6 calls, cost 103
      1  -          mapping                                                   home                                                 no call
      2  accounts   GET /me                                                   home.user                                            1 call; after 1
      3  catalog    GET /products/recommended (limit: $args.limit)            home.recommended[]                                   1 call; after 1
      4  orders     GET /orders (userId: $batch.id limit: 5 view: "compact")  home.user.recentOrders[]                             1 call for all id, up to 100 keys each; after 2
      5  reviews    shop.reviews.v1.Reviews/BatchGetSummary                   home.recommended[]+Product[1]                        1 call for all id, up to 2000 keys each; after 3
      6  inventory  shop.inventory.v1.Inventory/BatchGetStock                 home.user.recentOrders[].items[].product+Product[0]  1 call for all id, up to 2000 keys each; after 4
      7  catalog    GET /products (id: $batch.id)                             home.user.recentOrders[].items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 4
    Lists without @listSize are taken to have 10 items.

    query OrderPage on mobile
    at most 2 calls, cost 14
      1  orders   GET /orders/{$args.id}         order                             1 call
      2  catalog  GET /products (id: $batch.id)  order.items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query ProductPage on mobile
    at most 3 calls, cost 4
      1  catalog    GET /products/{$args.id}                   product             1 call
      2  inventory  shop.inventory.v1.Inventory/BatchGetStock  product+Product[0]  1 call for all id, up to 2000 keys each; after 1
      3  reviews    shop.reviews.v1.Reviews/BatchGetSummary    product+Product[1]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query Profile on mobile
    at most 1 call, cost 1
      1  accounts  GET /me  me  1 call
    Lists without @listSize are taken to have 10 items.

    query Recommended on mobile
    at most 2 calls, cost 41
      1  -          mapping                                         home                           no call
      2  catalog    GET /products/recommended (limit: $args.limit)  home.recommended[]             1 call; after 1
      3  inventory  shop.inventory.v1.Inventory/BatchGetStock       home.recommended[]+Product[0]  1 call for all id, up to 2000 keys each; after 2
    Lists without @listSize are taken to have 10 items.

    mutation Rename on mobile
    at most 1 call, cost 20
      1  accounts  PATCH /users/{$args.id}  updateProfile  1 call
    Lists without @listSize are taken to have 10 items.
    "#);
}

#[tokio::test]
async fn the_operations_of_the_web_shop_are_explained() {
    let plans = explained("web").await;

    insta::assert_snapshot!(plans, @r"
    query Account on web
    at most 4 calls, cost 117
      1  accounts  GET /me                                             me                                      1 call
      2  accounts  GET /users/{$this.id}/contact                       me.contact                              1 call, one for each id; after 1
      3  orders    GET /orders (userId: $batch.id limit: $args.first)  me.orders[]                             1 call for all id, up to 100 keys each; after 1
      4  catalog   GET /products (id: $batch.id)                       me.orders[].items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 3
    Lists without @listSize are taken to have 10 items.

    mutation AddReview on web
    at most 2 calls, cost 21
      1  reviews   shop.reviews.v1.Reviews/AddReview  addReview              1 call
      2  accounts  GET /users (id: $batch.id)         addReview.author+User  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    mutation CancelOrder on web
    at most 1 call, cost 20
      1  orders  POST /orders/{$args.id}/cancel  cancelOrder  1 call
    Lists without @listSize are taken to have 10 items.

    mutation CreateOrder on web
    at most 3 calls, cost 30
      1  orders   POST /orders                   createOrder                             1 call
      2  orders   GET /orders/{$args.id}         createOrder+Query.order                 1 call, one for each id; after 1
      3  catalog  GET /products (id: $batch.id)  createOrder.items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query OrderPage on web
    at most 3 calls, cost 17
      1  orders    GET /orders/{$args.id}         order                             1 call
      2  accounts  GET /users (id: $batch.id)     order.customer+User               1 call for all id, up to 2000 keys each; after 1
      3  catalog   GET /products (id: $batch.id)  order.items[].product+Product[2]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query ProductPage on web
    at most 5 calls, cost 32
      1  catalog    GET /products/{$args.id}                   product                        1 call; critical
      2  inventory  shop.inventory.v1.Inventory/BatchGetStock  product+Product[0]             1 call for all id, up to 2000 keys each; after 1
      3  reviews    shop.reviews.v1.Reviews/BatchGetSummary    product+Product[1]             1 call for all id, up to 2000 keys each; after 1
      4  reviews    shop.reviews.v1.Reviews/BatchListReviews   product.reviews[]              1 call for all id, up to 2000 keys each; fallback for reviews; after 1
      5  accounts   GET /users (id: $batch.id)                 product.reviews[].author+User  1 call for all id, up to 2000 keys each; after 4
    Lists without @listSize are taken to have 10 items.

    query Search on web
    at most 3 calls, cost 86
      1  catalog    GET /products/search (q: $args.text first: $args.first after: $args.after)  search                          1 call
      2  inventory  shop.inventory.v1.Inventory/BatchGetStock                                   search.edges[].node+Product[0]  1 call for all id, up to 2000 keys each; after 1
      3  reviews    shop.reviews.v1.Reviews/BatchGetSummary                                     search.edges[].node+Product[1]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    query StockTwice on web
    at most 3 calls, cost 3
      1  catalog    GET /products/{$args.id}                   product             1 call; critical
      2  inventory  shop.inventory.v1.Inventory/BatchGetStock  product+Product[0]  1 call for all id, up to 2000 keys each; after 1
      3  catalog    GET /stock (id: $batch.id)                 product+Product[3]  1 call for all id, up to 2000 keys each; after 1
    Lists without @listSize are taken to have 10 items.

    mutation UpdateProfile on web
    at most 1 call, cost 20
      1  accounts  PATCH /users/{$args.id}  updateProfile  1 call
    Lists without @listSize are taken to have 10 items.

    query UserPage on web
    at most 1 call, cost 1
      1  accounts  GET /users/{$args.id}  user  1 call
    Lists without @listSize are taken to have 10 items.

    query UsersWithOrders on web
    at most 5 calls, cost 3320
      1  accounts  GET /users (limit: $args.first offset: $args.offset)  users[]                                                 1 call
      2  orders    GET /orders (userId: $batch.id limit: $args.first)    users[].orders[]                                        1 call for all id, up to 100 keys each; after 1
      3  catalog   GET /products (id: $batch.id)                         users[].orders[].items[].product+Product[2]             1 call for all id, up to 2000 keys each; after 2
      4  reviews   shop.reviews.v1.Reviews/BatchListReviews              users[].orders[].items[].product.reviews[]              1 call for all id, up to 2000 keys each; fallback for reviews; after 2
      5  accounts  GET /users (id: $batch.id)                            users[].orders[].items[].product.reviews[].author+User  1 call for all id, up to 2000 keys each; after 4
    Lists without @listSize are taken to have 10 items.
    ");
}
