//! Bodies that are no request: what is said of each.

use super::*;

const NOT_JSON: &str = "the body is not valid JSON";
const ONCE: &str = "a key must not stand twice in one object";
const OBJECT: &str = "the body must be a JSON object";
const MISSING: &str = "`query` or `documentId` is missing";
const QUERY: &str = "`query` must be a string";

/// Bodies that are refused, the status under `draft2026` (400 everywhere under `compat`), and what is said.
#[rustfmt::skip]
const REFUSED_BODIES: &[(&[u8], u16, &str)] = &[
    (b"", 400, NOT_JSON),
    (b"{", 400, NOT_JSON),
    (b"{\"query\":", 400, NOT_JSON),
    (b"{\"query\":\"{ data }\"} {\"query\":\"{ data }\"}", 400, NOT_JSON),
    (b"{\"query\":\"{ data }\"},", 400, NOT_JSON),
    (b"{\"query\":\"\xff\"}", 400, NOT_JSON),
    (b"{\"other\":\"\xff\",\"query\":\"{ data }\"}", 400, NOT_JSON),
    (b"\xff\xfe{\0}\0", 400, NOT_JSON),
    (br#"{"query":"\ud800"}"#, 400, NOT_JSON),
    (br#"{"query":"{ data }","variables":{"a":"\udc00\ud800"}}"#, 400, NOT_JSON),
    (b"null", 422, OBJECT),
    (b"1", 422, OBJECT),
    (b"\"{ data }\"", 422, OBJECT),
    (b"{}", 422, MISSING),
    (br#"{"qeury":"{ data }"}"#, 422, MISSING),
    (br#"{"query":null}"#, 422, MISSING),
    (br#"{"query":1}"#, 422, QUERY),
    (br#"{"query":["{ data }"]}"#, 422, QUERY),
    (br#"{"query":{"a":1}}"#, 422, QUERY),
    (br#"{"query":"{ data }","operationName":false}"#, 422, "`operationName` must be a string or null"),
    (br#"{"query":"{ data }","variables":[7]}"#, 422, "`variables` must be an object or null"),
    (br#"{"query":"{ data }","variables":"{}"}"#, 422, "`variables` must be an object or null"),
    (br#"{"query":"{ data }","extensions":0}"#, 422, "`extensions` must be an object or null"),
    (br#"{"query":"{ data }","documentId":0}"#, 422, "`documentId` must be a string"),
    (br#"{"query":"{ data }","onError":"IGNORE"}"#, 422, "`onError` must be PROPAGATE, NULL or HALT"),
    (br#"{"query":"{ data }","query":"{ other }"}"#, 422, ONCE),
    (br#"{"query":"{ data }","variables":{},"variables":{}}"#, 422, ONCE),
    (br#"{"query":"{ data }","variables":{"a":1,"a":2}}"#, 422, ONCE),
    (br#"{"query":"{ data }","variables":{"a":[{"b":1,"b":1}]}}"#, 422, ONCE),
];

#[tokio::test]
async fn bodies_that_are_not_a_request_say_what_was_expected() {
    let wire = Wire::start().await;
    let draft = Wire::draft().await;

    for (body, of_draft, message) in REFUSED_BODIES {
        let shown = String::from_utf8_lossy(body).into_owned();
        let reply = wire.post(body).await;
        assert_eq!(
            reply.refusal(),
            (400, "BAD_REQUEST".to_owned(), (*message).to_owned()),
            "{shown}"
        );
        assert_eq!(draft.post(body).await.status, *of_draft, "{shown}");
    }
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn nesting_without_end_is_refused_and_harmless() {
    let wire = Wire::start().await;

    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let variables = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let body = format!(r#"{{"query":"{{ data }}","variables":{{"v":{variables}}}}}"#);
        assert_eq!(
            wire.post(body).await.refusal(),
            (400, "BAD_REQUEST".to_owned(), NOT_JSON.to_owned())
        );
    }
}

#[tokio::test]
async fn batches_are_refused_by_name() {
    let wire = Wire::start().await;
    let many = format!("[{}]", [r#"{"query":"{ __typename }"}"#; 1000].join(","));

    for body in ["[]", " \n[{\"query\":\"{ data }\"}]", "[[]]", "[", &many] {
        let message = "batches are not supported; send one request at a time".to_owned();
        assert_eq!(
            wire.post(body).await.refusal(),
            (400, "BATCHING_NOT_SUPPORTED".to_owned(), message)
        );
    }
    assert_eq!(wire.seen(), 0);
}
