//! Batches: keys out, items back, matched by value whatever the order.

use proptest::{
    prelude::{Just, Strategy, prop, prop_oneof},
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use switchboard_harness::{Answer, MockRest};

use crate::support::TestEngine;

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query { orders: [Order] @connect(source: "api", http: { GET: "/orders" }, selection: "id product: { id: productId }") }
    type Order { id: ID product: Product
      lines: [Line!] @connect(source: "api", http: { GET: "/lines", queryParams: "order: $batch.id" }
        batch: { groupBy: "id: orderId" }, selection: "text orderId") }
    type Line { text: String }
    type Product @connect(source: "api", http: { POST: "/products", body: "ids: $batch.id" }, batch: { maxSize: MAX }, selection: "id title price")
      { id: ID title: String! price: Int }
"#;

async fn engine(orders: Value, products: Value, max_size: u32) -> (MockRest, TestEngine) {
    let api = MockRest::start().await;
    api.on_json("GET /orders", orders).on_json("POST /products", products);
    let engine = TestEngine::new(&SDL.replace("MAX", &max_size.to_string()), &[("api", api.url())]);
    (api, engine)
}

fn orders(products: &[Value]) -> Value {
    products.iter().enumerate().map(|(n, product)| json!({ "id": n, "productId": product })).collect()
}

#[tokio::test]
async fn items_out_of_order_reach_the_objects_with_their_keys() {
    let products = json!([{ "id": "c", "title": "C" }, { "id": "a", "title": "A" }, { "id": "b", "title": "B" }]);
    let (api, engine) = engine(orders(&[json!("a"), json!("b"), json!("c"), json!("a")]), products, 100).await;

    let answer = engine.run("{ orders { product { id title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"product":{"id":"a","title":"A"}},{"product":{"id":"b","title":"B"}},{"product":{"id":"c","title":"C"}},{"product":{"id":"a","title":"A"}}]}}"#);
    assert_eq!(api.calls_to("POST /products"), 1);
    assert_eq!(api.log()[1].body, br#"{"ids":["a","b","c"]}"#[..], "each key once, in order of first appearance");
}

#[tokio::test]
async fn an_object_that_the_batch_does_not_know_has_null_fields() {
    let (api, engine) = engine(orders(&[json!("a"), json!("b")]), json!([{ "id": "a", "title": "A", "price": 1 }]), 100).await;

    let answer = engine.run("{ orders { product { id price } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"product":{"id":"a","price":1}},{"product":{"id":"b","price":null}}]}}"#);
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn a_missing_item_is_the_error_of_null_where_a_field_is_non_null() {
    let (api, engine) = engine(orders(&[json!("a"), json!("b")]), json!([{ "id": "a", "title": "A" }]), 100).await;

    let answer = engine.run("{ orders { id product { id title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"errors":[{"message":"Cannot return null for non-nullable field Product.title.","locations":[{"line":1,"column":28}],"path":["orders",1,"product","title"],"extensions":{"code":"UPSTREAM_BAD_RESPONSE","service":"api"}}],"data":{"orders":[{"id":"0","product":{"id":"a","title":"A"}},{"id":"1","product":null}]}}"#);
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn of_items_with_one_key_the_first_wins_and_items_nobody_asked_for_are_ignored() {
    let products = json!([{ "id": "z", "title": "Z" }, { "id": "a", "title": "first" }, null, 5, {}, { "id": null, "title": "n" }, { "id": "a", "title": "second" }]);
    let (api, engine) = engine(orders(&[json!("a")]), products, 100).await;

    let answer = engine.run("{ orders { product { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"product":{"title":"first"}}]}}"#);
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn keys_are_compared_by_text_and_sent_as_they_came() {
    let (api, engine) = engine(orders(&[json!(3), json!("x")]), json!([{ "id": "3", "title": "three" }, { "id": "\u{78}", "title": "x" }]), 100).await;

    let answer = engine.run("{ orders { product { id title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"product":{"id":"3","title":"three"}},{"product":{"id":"x","title":"x"}}]}}"#);
    assert_eq!(api.log()[1].body, br#"{"ids":[3,"x"]}"#[..]);
}

#[tokio::test]
async fn an_object_without_a_key_is_asked_of_nobody() {
    let (api, engine) = engine(json!([{ "id": 1, "productId": null }, { "id": 2 }]), json!([]), 100).await;

    let answer = engine.run("{ orders { id product { id price } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"id":"1","product":{"id":null,"price":null}},{"id":"2","product":{"id":null,"price":null}}]}}"#);
    assert_eq!(api.calls(), 1, "nothing to ask for");
}

#[tokio::test]
async fn keys_beyond_the_largest_batch_go_into_further_calls() {
    let products = json!([{ "id": "1", "title": "1" }, { "id": "2", "title": "2" }, { "id": "3", "title": "3" }]);
    let (api, engine) = engine(orders(&[json!("1"), json!("2"), json!("3"), json!("2")]), products, 2).await;

    let answer = engine.run("{ orders { product { title } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"product":{"title":"1"}},{"product":{"title":"2"}},{"product":{"title":"3"}},{"product":{"title":"2"}}]}}"#);
    assert_eq!(api.calls_to("POST /products"), 2);
}

#[tokio::test]
async fn one_to_many_groups_items_under_their_parents() {
    let (api, engine) = engine(orders(&[json!("a"), json!("b"), json!("c")]), json!([]), 100).await;
    let line = |text: &str, order: Value| json!({ "text": text, "orderId": order });
    api.on_json("GET /lines", json!([line("1a", json!(1)), line("0a", json!("0")), line("1b", json!(1)), line("?", json!(9)), line("no", json!(null))]));

    let answer = engine.run("{ orders { id lines { text } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"orders":[{"id":"0","lines":[{"text":"0a"}]},{"id":"1","lines":[{"text":"1a"},{"text":"1b"}]},{"id":"2","lines":[]}]}}"#);
    assert_eq!(api.calls_to("GET /lines"), 1);
}

// --- batching is one by one, only cheaper ---

const THINGS: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      batched: [Batched!] @connect(source: "api", http: { GET: "/stubs" }, selection: "id")
      single: [Single!] @connect(source: "api", http: { GET: "/stubs" }, selection: "id")
    }
    type Batched @connect(source: "api", http: { POST: "/things", body: "ids: $batch.id" }, batch: { maxSize: MAX }, selection: "id name size")
      { id: ID name: String size: Int! }
    type Single @connect(source: "api", http: { POST: "/thing", body: "id: $this.id" }, selection: "id name size")
      { id: ID name: String size: Int! }
"#;

type Things = Vec<(Value, Value)>;

fn thing((id, size): &(Value, Value)) -> Value {
    json!({ "id": id, "name": format!("thing {id}"), "size": size })
}

/// The answers of both ways, and how many calls each took beyond that for the stubs.
async fn both_ways(stubs: Vec<Value>, things: Things, max_size: u32, is_reversed: bool) -> (Value, Value, u64, u64) {
    let api = MockRest::start().await;
    api.on_json("GET /stubs", stubs.iter().map(|id| json!({ "id": id })).collect());
    let known = things.clone();
    api.on("POST /thing", move |request| {
        let id = &request.json()["id"];
        Answer::json(known.iter().find(|(known, _)| known == id).map_or(Value::Null, thing))
    });
    api.on("POST /things", move |request| {
        let ids = request.json()["ids"].as_array().cloned().unwrap_or_default();
        let mut found: Vec<Value> = ids.iter().filter_map(|id| things.iter().find(|(known, _)| known == id)).map(thing).collect();
        if is_reversed {
            found.reverse();
        }
        Answer::json(found.into())
    });
    let engine = TestEngine::new(&THINGS.replace("MAX", &max_size.to_string()), &[("api", api.url())]);
    let batched = engine.run("{ all: batched { id name size } }").await;
    let single = engine.run("{ all: single  { id name size } }").await;
    let text = |answer: Value| serde_json::from_str(&answer.to_string().replace("Single", "Batched")).expect("still JSON");
    (text(batched), text(single), api.calls_to("POST /things"), api.calls_to("POST /thing"))
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (0..12i64).prop_map(Value::from),
        3 => "[a-c ü\"\\\\]{1,2}".prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

#[test]
fn a_batch_answers_as_calls_one_by_one_do() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let size = prop_oneof![8 => (0..100i64).prop_map(Value::from), 1 => Just(Value::Null), 1 => Just(json!("x"))];
    let case = (prop::collection::vec(id(), 0..12), prop::collection::vec((id(), size), 0..12), 1..5u32, proptest::bool::ANY);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });

    let result = runner.run(&case, |(stubs, things, max_size, is_reversed)| {
        let mut distinct: Vec<&Value> = Vec::new();
        for id in stubs.iter().filter(|id| !id.is_null()) {
            if !distinct.contains(&id) {
                distinct.push(id);
            }
        }
        let distinct = distinct.len() as u64;
        let (batched, single, batches, calls) = runtime.block_on(both_ways(stubs, things, max_size, is_reversed));
        proptest::prop_assert_eq!(batched, single);
        proptest::prop_assert_eq!(batches, distinct.div_ceil(u64::from(max_size)));
        proptest::prop_assert_eq!(calls, distinct);
        Ok(())
    });

    if let Err(error) = result {
        panic!("{error}");
    }
}
