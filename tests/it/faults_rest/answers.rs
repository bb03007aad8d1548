//! Answers that arrive whole and are not what they should be.

use serde_json::{Value, json};
use switchboard_harness::{Answer, Fault, Plan};

use super::{fails, setup, status};
use crate::support::faulty::errors;

// F20
#[tokio::test]
async fn no_body_is_null_and_an_error_where_null_may_not_be() {
    for plan in [status(204), Plan::always(Fault::Body("".into()))] {
        let setup = setup(plan).await;
        let answer = setup.server.ask("{ thing { id } well }").await;
        assert_eq!(answer, json!({ "data": { "thing": null, "well": 1 } }));
        let answer = setup.server.ask("{ must { id } well }").await;
        assert_eq!(errors(&answer), ["UPSTREAM_BAD_RESPONSE must"]);
        assert_eq!(answer["data"], Value::Null);
        assert_eq!(setup.server.endpoint("api").failures, 0);
    }
}

// F21
#[tokio::test]
async fn a_304_that_nobody_asked_for_is_no_answer() {
    fails(status(304), "CONNECTOR_FETCH 304", 1, 0).await;
}

// F21: no validators are sent by ourselves; one that a schema maps is its own business, and no answer is none.
#[tokio::test]
async fn a_304_to_a_validator_that_the_schema_sends_is_no_answer_either() {
    let setup = setup(status(304)).await;
    let answer = setup.server.ask("{ known { id } well }").await;
    assert_eq!(errors(&answer), ["CONNECTOR_FETCH 304 known"]);
    assert_eq!(answer["data"], json!({ "known": null, "well": 1 }));
    let endpoint = setup.server.endpoint("api");
    assert_eq!((endpoint.tries, endpoint.failures), (1, 0));
}

// F22
#[tokio::test]
async fn redirects_are_not_followed() {
    for code in [301, 302, 307, 308] {
        let setup = setup(Plan::none()).await;
        let to = vec![("location", format!("{}/secret", setup.well.url()))];
        setup.proxy.set(Plan::always(Fault::Status(code, to)));
        let answer = setup.server.ask("{ thing { id } }").await;
        assert_eq!(errors(&answer), [format!("CONNECTOR_FETCH {code} thing")]);
        assert_eq!((setup.proxy.requests(), setup.well.calls()), (1, 0));
    }
}

#[tokio::test]
async fn what_is_compressed_though_nobody_asked_for_that_is_no_answer_and_not_unpacked() {
    let setup = setup(Plan::none()).await;
    setup.api.on("GET /thing", |_| {
        Answer::raw("application/json", &b"\x1f\x8b\x08\x00\x00"[..]).with_header("content-encoding", "gzip")
    });
    let answer = setup.server.ask("{ thing { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_BAD_RESPONSE thing"]);
}

// F23
#[tokio::test]
async fn a_page_instead_of_an_answer_says_nothing_and_shows_nothing() {
    let setup = setup(Plan::always(Fault::ContentType("text/html"))).await;
    let answer = setup.server.ask("{ thing { id } must { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_BAD_RESPONSE must"]);
    assert_eq!(answer["data"], Value::Null);
}

// F24
#[tokio::test]
async fn what_is_no_json_is_no_answer_and_counts() {
    for body in [
        &b"{\"id\": 1"[..],
        b"\xEF\xBB\xBF{\"id\": 1}",
        b"{\"id\": NaN}",
        b"{\"id\": \"\xFF\"}",
        b"<html>",
        b"{\"id\": 1} {}",
    ] {
        fails(
            Plan::always(Fault::Body(body.into())),
            "CONNECTOR_RESPONSE_INVALID",
            1,
            1,
        )
        .await;
    }
}

fn body(value: &Value) -> Plan {
    Plan::always(Fault::Body(value.to_string().into()))
}

// F25, F27
#[tokio::test]
async fn a_wrong_leaf_is_an_error_at_the_leaf_and_its_siblings_keep_their_values() {
    for (field, wrong) in [
        ("size", json!("x")),
        ("size", json!(9_007_199_254_740_993_i64)),
        ("size", json!(1.5)),
        ("colour", json!("PINK")),
        ("name", json!({ "a": 1 })),
    ] {
        let mut thing =
            json!({ "id": 9_007_199_254_740_993_i64, "name": "Lamp", "size": 3, "colour": "RED", "more": [1] });
        thing[field] = wrong;
        let setup = setup(body(&thing)).await;
        let answer = setup.server.ask("{ thing { id name size colour } well }").await;
        assert_eq!(errors(&answer), [format!("UPSTREAM_BAD_RESPONSE thing.{field}")]);
        assert_eq!(
            answer["data"]["thing"]["id"], "9007199254740993",
            "big numbers stay exact"
        );
        assert_eq!(answer["data"]["thing"][field], Value::Null);
        let endpoint = setup.server.endpoint("api");
        assert_eq!((endpoint.tries, endpoint.failures), (1, 0));
    }
}

// F26
#[tokio::test]
async fn a_null_that_may_not_be_climbs_and_is_told_once() {
    let setup = setup(body(&json!({ "id": 1, "tags": ["a", null] }))).await;
    let answer = setup.server.ask("{ thing { id tags } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_BAD_RESPONSE thing.tags.1"]);
    assert_eq!(answer["data"], json!({ "thing": { "id": "1", "tags": null } }));

    let list = json!([{ "id": 1, "need": "a" }, { "id": 2, "need": null }, { "id": 3 }]);
    setup.proxy.set(body(&list));
    let answer = setup.server.ask("{ things { id need } }").await;
    assert_eq!(
        errors(&answer),
        [
            "UPSTREAM_BAD_RESPONSE things.1.need",
            "UPSTREAM_BAD_RESPONSE things.2.need"
        ]
    );
    assert_eq!(
        answer["data"],
        json!({ "things": [{ "id": "1", "need": "a" }, null, null] })
    );
}

// F28
#[tokio::test]
async fn an_answer_beyond_the_limits_is_dropped_and_counts() {
    let long = format!("[{}1]", "1,".repeat(20_000));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("\"{}\"", "x".repeat(5 * 1024 * 1024));
    for text in [long, deep, huge] {
        fails(Plan::always(Fault::Body(text.into())), "UPSTREAM_BAD_RESPONSE", 1, 1).await;
    }
}

// F29, F30, F31
#[tokio::test]
async fn items_of_a_batch_are_found_by_key_whatever_their_order() {
    for (items, names) in [
        (
            json!([{ "id": 3, "name": "c" }, { "id": 1, "name": "a" }]),
            json!(["a", null, "c"]),
        ),
        (
            json!([{ "id": 2, "name": "b" }, { "id": 9, "name": "x" }, { "id": 2, "name": "y" }, { "id": 1, "name": "a" }]),
            json!(["a", "b", null]),
        ),
        (json!([]), json!([null, null, null])),
    ] {
        let setup = setup(body(&items)).await;
        let answer = setup.server.ask("{ stubs { id name } }").await;
        let got: Vec<&Value> = answer["data"]["stubs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stub| &stub["name"])
            .collect();
        assert_eq!(json!(got), names, "{answer}");
        assert_eq!(errors(&answer), Vec::<String>::new());
        assert_eq!(setup.proxy.requests(), 1);
    }
    let setup = setup(body(
        &json!([{ "id": 1, "name": { "no": "text" } }, { "id": 2, "name": "b" }, { "id": 3, "name": "c" }]),
    ))
    .await;
    let answer = setup.server.ask("{ stubs { id name } }").await;
    assert_eq!(
        errors(&answer),
        ["UPSTREAM_BAD_RESPONSE stubs.0.name"],
        "one bad item is one error"
    );
    assert_eq!(answer["data"]["stubs"][2]["name"], "c");
}

// F32
#[tokio::test]
async fn a_batch_that_fails_is_told_at_every_place_once() {
    let setup = setup(status(503)).await;
    let answer = setup.server.ask("{ stubs { id name } well }").await;
    assert_eq!(
        errors(&answer),
        [
            "CONNECTOR_FETCH 503 stubs.0",
            "CONNECTOR_FETCH 503 stubs.1",
            "CONNECTOR_FETCH 503 stubs.2"
        ]
    );
    assert_eq!(answer["data"]["well"], 1);
    assert_eq!(setup.proxy.requests(), 1, "a POST is not made again");
}
