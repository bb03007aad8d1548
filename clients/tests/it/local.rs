//! Schemas in this process as sources, seen from the client.

use std::{sync::Arc, time::Duration};

use async_graphql::{EmptyMutation, EmptySubscription, Object, Result, Schema, SimpleObject};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use switchboard_clients::{
    Call, CallError, Client, Safety,
    local::{ErrorOrigin, LocalCall, LocalSchema},
    registry::{SourceSettings, TransportSettings},
};
use tokio::time::Instant;

struct Query;

#[derive(SimpleObject)]
#[graphql(complex)]
struct Item {
    id: i32,
}

#[async_graphql::ComplexObject]
impl Item {
    async fn name(&self) -> Result<String> {
        if self.id == 2 {
            Err("no name".into())
        } else {
            Ok(format!("item {}", self.id))
        }
    }

    async fn note(&self) -> Result<Option<String>> {
        if self.id == 2 { Err("no note".into()) } else { Ok(None) }
    }
}

#[Object]
impl Query {
    async fn items(&self, ids: Vec<i32>) -> Vec<Item> {
        ids.into_iter().map(|id| Item { id }).collect()
    }

    async fn never(&self) -> i32 {
        std::future::pending().await
    }
}

fn client(change: impl FnOnce(&mut SourceSettings)) -> Arc<dyn Client> {
    let schema = LocalSchema::from(Schema::build(Query, EmptyMutation, EmptySubscription));
    let mut settings = SourceSettings::new("items", TransportSettings::Local(schema));
    change(&mut settings);
    settings.client().expect("a client")
}

fn call(field: &str, ids: &Value, selection: &str) -> Call {
    let arguments = match ids {
        Value::Null => Vec::new(),
        ids => vec![(Arc::from("ids"), Arc::from("[Int!]!"), ids.clone())],
    };
    Call::Local(LocalCall {
        operation: "query",
        field: Arc::from(field),
        arguments,
        selection: Arc::from(selection),
        headers: Arc::new(HeaderMap::new()),
        context: Arc::new(Map::new()),
    })
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[tokio::test]
async fn the_body_is_the_fields_value() {
    let reply = client(|_| ())
        .call(call("items", &json!([1, 3]), "{id name}"), Safety::Repeatable, soon())
        .await
        .expect("a reply");

    assert_eq!(reply.status, 200);
    assert_eq!(
        &reply.body[..],
        br#"[{"id":1,"name":"item 1"},{"id":3,"name":"item 3"}]"#
    );
    assert_eq!(reply.errors, []);
}

#[tokio::test]
async fn each_error_knows_the_null_that_it_left() {
    let reply = client(|_| ())
        .call(
            call("items", &json!([1, 2]), "{id name note}"),
            Safety::Repeatable,
            soon(),
        )
        .await
        .expect("a reply");

    let body = String::from_utf8(reply.body.to_vec()).expect("text");
    assert_eq!(reply.status, 200);
    let mut told: Vec<_> = reply
        .errors
        .iter()
        .map(|error| {
            let at = error.at.expect("a place") as usize;
            assert_eq!(&body[at..at + 4], "null");
            (error.path.as_str(), error.message.as_str(), error.origin, &body[..at])
        })
        .map(|(path, message, origin, before)| {
            assert_eq!(origin, ErrorOrigin::Author);
            let key = before.rsplit(['{', ',']).next().unwrap_or_default();
            format!("{path}: {message} at {key}")
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "items.1.name: no name at \"name\":",
            "items.1.note: no note at \"note\":"
        ]
    );
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_refused_with_400() {
    let reply = client(|_| ())
        .call(call("items", &json!(["x"]), "{id}"), Safety::Repeatable, soon())
        .await
        .expect("a reply");

    assert_eq!(reply.status, 400);
    assert_eq!(&reply.body[..], b"null");
    assert_eq!(reply.errors[0].origin, ErrorOrigin::Query);
}

#[tokio::test]
async fn a_resolver_that_does_not_end_is_dropped_in_time() {
    let client = client(|settings| settings.call_timeout = Duration::from_millis(100));

    let result = client
        .call(call("never", &Value::Null, ""), Safety::Repeatable, soon())
        .await;

    assert!(
        matches!(result, Err(CallError::Timeout(after)) if after == Duration::from_millis(100)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_value_beyond_the_limit_is_not_used() {
    let client = client(|settings| settings.body_bytes_max = 20);

    let result = client
        .call(call("items", &json!([1, 3]), "{id name}"), Safety::Repeatable, soon())
        .await;

    assert!(matches!(result, Err(CallError::TooLarge { limit: 20 })), "{result:?}");
}
