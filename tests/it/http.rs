//! GraphQL over HTTP: media types, statuses, parameters, as documented.

mod bodies;

use serde_json::{Value, json};
use switchboard::http::Settings;

use crate::wire::{Client, Wire, error, post};

const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

fn data(reply: &crate::wire::Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    serde_json::from_str::<Value>(&reply.body).unwrap()["data"].take()
}

#[tokio::test]
async fn a_post_reaches_the_engine_as_it_was_sent() {
    let wire = Wire::start().await;

    let reply = wire
        .post(
            r#"{"query":"{ data }","operationName":"A","variables":{"n":1.5,"l":[1,{"x":null}]},
                "extensions":{"e":true},"documentId":"sha256:00","onError":"HALT","other":[1,{}]}"#,
        )
        .await;

    insta::assert_json_snapshot!(data(&reply), @r#"
    {
      "surface": 1,
      "query": "{ data }",
      "operationName": "A",
      "variables": {
        "n": 1.5,
        "l": [
          1,
          {
            "x": null
          }
        ]
      },
      "extensions": {
        "e": true
      },
      "documentId": "sha256:00",
      "onError": "Halt"
    }
    "#);
    let request = wire.last_seen();
    assert!(!request.queries_only);
    assert_eq!(request.headers["host"], "shop");
    assert_eq!(request.headers["x-request-id"], *reply.header("x-request-id").unwrap());
}

#[tokio::test]
async fn a_get_reaches_the_engine_as_it_was_sent() {
    let wire = Wire::start().await;

    let reply = wire
        .get(
            "/mobile/graphql?query=%7B+data%28s%3A+%22%C3%A9%22%29+%7D&operationName=null&variables=%7B%22a%22%3A1%7D&extensions=\
             &documentId=x&onError=NULL&other=1",
        )
        .await;

    insta::assert_json_snapshot!(data(&reply), @r#"
    {
      "surface": 0,
      "query": "{ data(s: \"é\") }",
      "operationName": "null",
      "variables": {
        "a": 1
      },
      "extensions": null,
      "documentId": "x",
      "onError": "Null"
    }
    "#);
    assert!(wire.last_seen().queries_only);
    assert_eq!(reply.header("vary"), Some("accept"));
}

#[tokio::test]
async fn nulls_and_unknown_keys_count_as_absent() {
    let wire = Wire::start().await;

    let body = r#"{"query":"{ data }","operationName":null,"variables":null,"extensions":null,"documentId":null,"onError":null,"x":1,"x":2}"#;
    let reply = wire.post(body).await;

    let expected = json!({
        "surface": 1, "query": "{ data }", "operationName": null, "variables": null, "extensions": null,
        "documentId": null, "onError": "Propagate",
    });
    assert_eq!(data(&reply), expected);
}

#[tokio::test]
async fn a_document_may_be_named_instead_of_sent() {
    let wire = Wire::start().await;

    for body in [
        r#"{"documentId":"a"}"#,
        r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#,
    ] {
        assert_eq!(wire.post(body).await.status, 200, "{body}");
    }
    assert_eq!(wire.get("/web/graphql?documentId=a").await.status, 200);
}

#[tokio::test]
async fn the_media_type_is_what_the_client_accepts() {
    let wire = Wire::start().await;
    let draft = Wire::draft().await;
    let cases = [
        ("", JSON, GRAPHQL),
        ("accept: */*\r\n", JSON, GRAPHQL),
        ("accept: application/json\r\n", JSON, JSON),
        ("accept: application/graphql-response+json\r\n", GRAPHQL, GRAPHQL),
        (
            "accept: application/graphql-response+json,application/json;q=0.9\r\n",
            GRAPHQL,
            GRAPHQL,
        ),
        (
            "accept: application/json, application/graphql-response+json;q=0.1\r\n",
            JSON,
            JSON,
        ),
    ];

    for (accept, compat, of_draft) in cases {
        assert_eq!(
            wire.ask("{ data }", accept).await.header("content-type"),
            Some(compat),
            "{accept}"
        );
        assert_eq!(
            draft.ask("{ data }", accept).await.header("content-type"),
            Some(of_draft),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_client_that_accepts_neither_media_type_is_told_so_and_nothing_runs() {
    let wire = Wire::start().await;

    let reply = wire.ask("{ data }", "accept: text/html\r\n").await;

    assert_eq!(reply.status, 406);
    assert_eq!(reply.header("content-type"), Some(JSON));
    assert_eq!(
        reply.body,
        error(
            "answers are application/graphql-response+json or application/json",
            "BAD_REQUEST"
        )
    );
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn the_status_tells_the_outcome_by_profile_and_media_type() {
    let wire = Wire::start().await;
    let draft = Wire::draft().await;
    let (json, graphql) = (
        "accept: application/json\r\n",
        "accept: application/graphql-response+json\r\n",
    );

    for (query, compat_json, compat_graphql, of_draft) in [
        ("{ data }", 200, 200, 200),
        ("{ partial }", 200, 200, 294),
        ("{ syntax }", 200, 400, 400),
        ("{ invalid }", 200, 400, 422),
        ("{ shed }", 503, 503, 503),
    ] {
        assert_eq!(wire.ask(query, json).await.status, compat_json, "{query}");
        assert_eq!(wire.ask(query, graphql).await.status, compat_graphql, "{query}");
        assert_eq!(draft.ask(query, json).await.status, of_draft, "{query}");
        assert_eq!(draft.ask(query, graphql).await.status, of_draft, "{query}");
    }
    // No proxy's error page may pass for an answer of ours.
    assert_eq!(
        draft.ask("{ invalid }", json).await.header("content-type"),
        Some(GRAPHQL)
    );
    assert_eq!(draft.ask("{ partial }", json).await.header("content-type"), Some(JSON));
}

#[tokio::test]
async fn a_partial_success_has_its_name_on_the_status_line() {
    let draft = Wire::draft().await;
    let mut client = Client::connect(draft.address).await;

    client
        .send(post(
            "content-type: application/json\r\nconnection: close\r\n",
            r#"{"query":"{ partial }"}"#,
        ))
        .await;

    assert!(client.closed().await.starts_with("HTTP/1.1 294 Partial Success\r\n"));
}

#[tokio::test]
async fn mutations_do_not_run_over_get() {
    let wire = Wire::start().await;

    for uri in [
        "/web/graphql?query=mutation+%7B+a+%7D",
        "/web/graphql?query=mutation+B%7B+a+%7D&operationName=B",
    ] {
        let reply = wire.get(uri).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{uri}");
    }
    let overridden = wire
        .raw("GET /web/graphql?query=mutation+%7B+a+%7D HTTP/1.1\r\nhost: a\r\nx-http-method-override: POST\r\n\r\n")
        .await;
    assert_eq!(overridden.status, 405);
}

#[tokio::test]
async fn only_get_post_and_options_are_answered() {
    let wire = Wire::start().await;

    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "HEAD"] {
        let mut client = Client::connect(wire.address).await;
        client
            .send(format!(
                "{method} /web/graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            ))
            .await;
        let answer = client.closed().await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        assert!(answer.contains("\r\nallow: GET, POST\r\n"), "{method}: {answer}");
        let body = error("only GET and POST are allowed", "BAD_REQUEST");
        assert_eq!(answer.ends_with(&body), method != "HEAD", "{method}: {answer}");
    }
    let options = wire.raw("OPTIONS /web/graphql HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(
        (options.status, options.header("allow"), options.body.as_str()),
        (204, Some("GET, POST"), "")
    );
    assert_eq!(wire.seen(), 0);
}

#[tokio::test]
async fn unknown_paths_are_answered_in_json() {
    let wire = Wire::start().await;

    for path in [
        "/",
        "/graphql",
        "/web/graphql/",
        "/web",
        "/web/graphql%20",
        "/WEB/graphql",
    ] {
        let reply = wire.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(
            reply.body,
            error("there is nothing at this path", "BAD_REQUEST"),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), Some(JSON), "{path}");
    }
}

#[tokio::test]
async fn only_json_is_taken() {
    let wire = Wire::start().await;
    let body = r#"{"query":"{ data }"}"#;

    for taken in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
        "application/json; x=y",
    ] {
        let reply = wire.raw(post(&format!("content-type: {taken}\r\n"), body)).await;
        assert_eq!(reply.status, 200, "{taken}");
    }
    for refused in [
        "",
        "content-type: text/plain\r\n",
        "content-type: text/plain;x=application/json\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: multipart/form-data; boundary=a\r\n",
        "content-type: application/jsonx\r\n",
        "content-type: application/graphql\r\n",
        "content-type: application/json; charset=utf-16\r\n",
        "content-type: application/json\r\ncontent-type: text/plain\r\n",
        "content-type: text/plain, application/json\r\n",
    ] {
        let reply = wire.raw(post(refused, body)).await;
        let expected = (
            415,
            "BAD_REQUEST".to_owned(),
            "the content type must be application/json in UTF-8".to_owned(),
        );
        assert_eq!(reply.refusal(), expected, "{refused}");
    }
}

#[tokio::test]
async fn a_get_with_the_content_type_of_a_form_is_refused() {
    let wire = Wire::start().await;
    let get =
        |content_type: &str| format!("GET /web/graphql?query=%7Bdata%7D HTTP/1.1\r\nhost: a\r\n{content_type}\r\n");

    assert_eq!(wire.raw(get("content-type: text/plain\r\n")).await.status, 415);
    assert_eq!(
        wire.raw(get("content-type: application/x-www-form-urlencoded\r\n"))
            .await
            .status,
        415
    );
    assert_eq!(wire.raw(get("content-type: application/json\r\n")).await.status, 200);
    assert_eq!(wire.raw(get("")).await.status, 200);
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let wire = Wire::start().await;
    let with = |encoding: &str| {
        post(
            &format!("content-type: application/json\r\ncontent-encoding: {encoding}\r\n"),
            r#"{"query":"{ data }"}"#,
        )
    };

    for encoding in ["gzip", "br", "gzip, gzip", "identity, gzip", "unheard-of"] {
        assert_eq!(
            wire.raw(with(encoding)).await.refusal(),
            (415, "BAD_REQUEST".to_owned(), "the body must not be encoded".to_owned()),
            "{encoding}"
        );
    }
    assert_eq!(wire.raw(with("identity")).await.status, 200);
}

#[tokio::test]
async fn every_character_arrives() {
    let wire = Wire::start().await;

    let reply = wire.post(r#"{"query":"data \ud83d\ude00 \u0000 \u202e é 😀"}"#).await;

    assert_eq!(data(&reply)["query"], "data 😀 \0 \u{202e} é 😀");
}

#[tokio::test]
async fn query_strings_that_are_not_a_request_say_what_was_expected() {
    let wire = Wire::start().await;
    let cases = [
        ("", "`query` or `documentId` is missing"),
        ("query=", "`query` or `documentId` is missing"),
        ("query=%FF", "the query string is malformed"),
        ("query=a&query=b", "a parameter must not stand twice"),
        ("query=a&variables=%5B1%5D", "`variables` must be a JSON object"),
        ("query=a&variables=%7B", "`variables` must be a JSON object"),
        (
            "query=a&variables=%7B%22a%22:1,%22a%22:1%7D",
            "a key must not stand twice in one object",
        ),
        ("query=a&extensions=1", "`extensions` must be a JSON object"),
        ("query=a&onError=null", "`onError` must be PROPAGATE, NULL or HALT"),
    ];

    for (query, message) in cases {
        let reply = wire.get(&format!("/web/graphql?{query}")).await;
        assert_eq!(
            reply.refusal(),
            (400, "BAD_REQUEST".to_owned(), message.to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_others_are_replaced() {
    let wire = Wire::start().await;
    let longest = "a".repeat(64);

    for sane in ["abc-DEF_123", longest.as_str()] {
        let reply = wire.ask("{ data }", &format!("x-request-id: {sane}\r\n")).await;
        assert_eq!(reply.header("x-request-id"), Some(sane));
    }
    let mut ids = Vec::new();
    for insane in ["", "a b", "a\"b", "é", &"a".repeat(65)] {
        let reply = wire.ask("{ data }", &format!("x-request-id: {insane}\r\n")).await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert!(
            id.len() == 13 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{id}"
        );
        assert_eq!(wire.last_seen().headers["x-request-id"], *id);
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 5, "every request has an id of its own");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let wire = Wire::start().await;
    let mut client = Client::connect(wire.address).await;

    for query in ["{ data }", "{ invalid }", "{ data }"] {
        client
            .send(post(
                "content-type: application/json\r\n",
                json!({ "query": query }).to_string(),
            ))
            .await;
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    // Two at once are answered in order.
    let one = post("content-type: application/json\r\n", r#"{"query":"{ data }"}"#);
    let two = post(
        "content-type: application/json\r\naccept: text/html\r\n",
        r#"{"query":"{ data }"}"#,
    );
    client.send([one, two].concat()).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
    assert_eq!(client.reply().await.unwrap().status, 406);
}

#[tokio::test]
async fn http2_is_served_on_the_same_port() {
    let wire = Wire::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();

    let url = format!("http://{}/web/graphql", wire.address);
    let answers = futures_util::future::join_all((0..20).map(|_| async {
        let answer = client
            .post(&url)
            .json(&json!({ "query": "{ data }" }))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.version())
    }))
    .await;

    assert_eq!(answers, vec![(200, reqwest::Version::HTTP_2); 20]);
}

#[tokio::test]
async fn in_development_a_browser_is_shown_where_to_go() {
    let look = async |ide: bool, path: &str| {
        let wire = Wire::with(Settings {
            ide,
            ..Settings::default()
        })
        .await;
        let asked = reqwest::Client::new()
            .get(format!("http://{}{path}", wire.address))
            .header("accept", "text/html,*/*;q=0.8");
        let answer = asked.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    let (status, page) = look(true, "/").await;
    assert_eq!(status, 404);
    assert!(
        page.contains(r#"<a href="/mobile/graphql">/mobile/graphql</a>"#),
        "{page}"
    );
    let (status, page) = look(true, "/web/graphql").await;
    assert_eq!(status, 200);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let (status, answer) = look(false, "/").await;
    assert_eq!(status, 404);
    assert!(!answer.contains("graphql"), "strangers are told nothing: {answer}");
}
