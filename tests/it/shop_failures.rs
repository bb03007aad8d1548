//! Backends that are gone or slow, and clients that leave.

use std::{sync::Arc, time::Duration};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::support::{
    Ask,
    shop::{TestShop, document, on_a_screen, shipped},
};

const SMALL_HOME: &str = "{
  home { greeting user { name recentOrders { id } } recommended(limit: 2) { id name rating { count } } }
}";

fn errors(answer: &Value) -> &[Value] {
    answer["errors"].as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn without_reviews_the_rest_of_the_screen_is_there() {
    let shop = TestShop::start().await;
    shop.backends.reviews.stop().await;

    let answer = shop.ask("mobile", Ask::query(SMALL_HOME).by_user(7)).await;

    insta::assert_snapshot!(on_a_screen(&answer), @r#"
    {
      "errors": [
        {
          "message": "The source is not available.",
          "locations": [{"line":2,"column":85}],
          "path": ["home","recommended",0],
          "extensions": {
            "code": "UPSTREAM_UNAVAILABLE",
            "service": "reviews",
            "connector": {"coordinate":"Product[1]"}
          }
        },
        {
          "message": "The source is not available.",
          "locations": [{"line":2,"column":85}],
          "path": ["home","recommended",1],
          "extensions": {
            "code": "UPSTREAM_UNAVAILABLE",
            "service": "reviews",
            "connector": {"coordinate":"Product[1]"}
          }
        }
      ],
      "data": {
        "home": {
          "greeting": "Welcome",
          "user": {
            "name": "Omar Nguyễn",
            "recentOrders": [
              {"id":"ord-04934"},
              {"id":"ord-04805"},
              {"id":"ord-04803"},
              {"id":"ord-04728"},
              {"id":"ord-04714"}
            ]
          },
          "recommended": [
            {"id":"728","name":"Nordic Copper Cushion","rating":null},
            {"id":"898","name":"Café Walnut Stool","rating":null}
          ]
        }
      },
      "extensions": {
        "degraded": [{"path":["home","recommended"],"source":"reviews","kind":"UNAVAILABLE","used":"NULL"}]
      }
    }
    "#);
}

#[tokio::test]
async fn without_orders_there_is_one_error_and_no_further_call() {
    let shop = TestShop::start().await;
    shop.backends.orders.stop().await;

    let answer = shop.ask("mobile", shipped("mobile/Home").by_user(7)).await;

    insta::assert_snapshot!(on_a_screen(&answer["errors"]), @r#"
    [
      {
        "message": "The source is not available.",
        "locations": [{"line":12,"column":7}],
        "path": ["home","user","recentOrders"],
        "extensions": {
          "code": "UPSTREAM_UNAVAILABLE",
          "service": "orders",
          "connector": {"coordinate":"User.recentOrders"}
        }
      }
    ]
    "#);
    assert_eq!(answer["data"]["home"]["user"]["recentOrders"], Value::Null);
    assert_eq!(shop.backends.inventory.calls(), 0);
}

#[tokio::test]
async fn whichever_backend_is_gone_every_error_names_it_and_the_place() {
    // Each is gone only for its turn.
    let shop = TestShop::with(|config| {
        let sources = config.sources.values_mut();
        sources.for_each(|source| source.resilience.breaker.enabled = false);
    })
    .await;
    for (name, backend) in shop.backends.backends() {
        backend.stop().await;

        let answer = shop.ask("mobile", shipped("mobile/Home").by_user(7)).await;

        assert!(!errors(&answer).is_empty(), "{name}");
        for error in errors(&answer) {
            assert_eq!(error["extensions"]["code"], "UPSTREAM_UNAVAILABLE", "{name}: {error}");
            assert_eq!(error["extensions"]["service"], name, "{error}");
            let path = error["path"].as_array().expect("a path");
            assert_eq!(path[0], "home");
            let at = path.iter().fold(&answer["data"], |value, key| match key {
                Value::String(name) => &value[name],
                index => &value[index.as_u64().expect("an index") as usize],
            });
            let is_lacking = at.is_null() || at.as_object().is_some_and(|fields| fields.values().any(Value::is_null));
            assert!(is_lacking, "{name}: {error} {at}");
        }
        assert_eq!(answer["data"]["home"]["greeting"], "Welcome", "{name}");
        backend.start_again().await;
    }
}

#[tokio::test]
async fn a_backend_that_comes_back_is_used_again() {
    let shop = TestShop::start().await;
    let ask = shipped("mobile/Home").by_user(7);
    let whole = shop.ask("mobile", ask.clone()).await;
    for (_, backend) in shop.backends.backends() {
        backend.stop().await;
    }
    let bare = shop.ask("mobile", ask.clone()).await;
    for (_, backend) in shop.backends.backends() {
        backend.start_again().await;
    }

    let again = shop.ask("mobile", ask).await;

    assert_eq!(
        bare["data"]["home"],
        json!({ "greeting": "Welcome", "user": null, "recommended": null })
    );
    assert_eq!(again, whole);
}

#[tokio::test]
async fn a_slow_backend_costs_its_time_out_and_its_part_of_the_screen() {
    let timeout = Duration::from_millis(150);
    let shop = TestShop::with(|config| {
        config.sources.get_mut("reviews").expect("a source of the shop").timeout = Some(timeout);
    })
    .await;
    shop.backends.reviews.hold();

    let asked = Instant::now();
    let answer = shop.ask("mobile", Ask::query(SMALL_HOME).by_user(7)).await;

    insta::assert_snapshot!(on_a_screen(&answer), @r#"
    {
      "errors": [
        {
          "message": "The source did not answer in time.",
          "locations": [{"line":2,"column":85}],
          "path": ["home","recommended",0],
          "extensions": {"code":"UPSTREAM_TIMEOUT","service":"reviews","connector":{"coordinate":"Product[1]"}}
        },
        {
          "message": "The source did not answer in time.",
          "locations": [{"line":2,"column":85}],
          "path": ["home","recommended",1],
          "extensions": {"code":"UPSTREAM_TIMEOUT","service":"reviews","connector":{"coordinate":"Product[1]"}}
        }
      ],
      "data": {
        "home": {
          "greeting": "Welcome",
          "user": {
            "name": "Omar Nguyễn",
            "recentOrders": [
              {"id":"ord-04934"},
              {"id":"ord-04805"},
              {"id":"ord-04803"},
              {"id":"ord-04728"},
              {"id":"ord-04714"}
            ]
          },
          "recommended": [
            {"id":"728","name":"Nordic Copper Cushion","rating":null},
            {"id":"898","name":"Café Walnut Stool","rating":null}
          ]
        }
      },
      "extensions": {
        "degraded": [{"path":["home","recommended"],"source":"reviews","kind":"TIMEOUT","used":"NULL"}]
      }
    }
    "#);
    assert!(
        (timeout..Duration::from_secs(5)).contains(&asked.elapsed()),
        "{:?}",
        asked.elapsed()
    );
    shop.backends.reviews.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn a_backend_hears_of_it_when_nobody_waits_for_a_query_any_more() {
    let shop = Arc::new(TestShop::start().await);
    shop.backends.orders.hold();

    let request = tokio::spawn({
        let shop = shop.clone();
        async move { shop.ask("mobile", shipped("mobile/Home").by_user(7)).await }
    });
    shop.backends.orders.wait_for_calls(1).await;
    request.abort();

    shop.backends.orders.wait_for_abandoned(1).await;
    assert_eq!(shop.backends.orders.in_flight(), 0);
    assert_eq!(shop.backends.inventory.calls(), 0);
}

/// A request as it goes over the wire.
fn bytes_of(surface: &str, ask: &Ask) -> String {
    let token = ask.headers[AUTHORIZATION].to_str().expect("plain text");
    let body = json!({ "query": ask.query, "variables": ask.variables }).to_string();
    let length = body.len();
    format!(
        "POST /{surface}/graphql HTTP/1.1\r\nhost: shop\r\n{AUTHORIZATION}: {token}\r\n{CONTENT_TYPE}: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_backend_hears_of_it_when_the_client_closes_its_connection() {
    let (backends, server) = TestShop::start().await.serve().await;
    backends.orders.hold();
    let mut client = TcpStream::connect(server.address).await.expect("a connection");

    let request = bytes_of("mobile", &shipped("mobile/Home").by_user(7));
    client.write_all(request.as_bytes()).await.expect("a request is taken");
    backends.orders.wait_for_calls(1).await;
    drop(client);

    backends.orders.wait_for_abandoned(1).await;
    assert_eq!(backends.orders.in_flight(), 0);
}

#[tokio::test]
async fn a_mutation_that_has_begun_finishes_without_its_client() {
    let (backends, server) = TestShop::start().await.serve().await;
    backends.orders.hold_on("POST /orders");
    let mut client = TcpStream::connect(server.address).await.expect("a connection");
    let order = json!({ "input": { "userId": "7", "items": [{ "productId": "12", "quantity": 1 }] } });
    let ask = Ask {
        variables: Some(order),
        ..Ask::query(document("mobile/CreateOrder"))
    }
    .by_user(7);

    client
        .write_all(bytes_of("mobile", &ask).as_bytes())
        .await
        .expect("a request is taken");
    backends.orders.wait_for_calls(1).await;
    drop(client);
    backends.orders.release();

    // The names of what was ordered are asked for once the order is placed.
    backends.catalog.wait_for_calls(1).await;
    assert_eq!(backends.orders.abandoned(), 0);
    assert_eq!(backends.orders.calls_by_route(), [("POST /orders".to_owned(), 1)]);
}
