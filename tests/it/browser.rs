//! What a page of another site cannot do: run operations in its visitor's name, or read answers.

use std::time::Duration;

use switchboard::http::{Cors, Settings};

use crate::wire::{Reply, Wire, post};

const SHOP: &str = "https://shop.example";
const QUERY: &str = "/web/graphql?query=%7B%20data%20%7D";

async fn with_cors(credentials: bool) -> Wire {
    Wire::with(Settings {
        cors: Cors {
            origins: vec![SHOP.to_owned(), "http://localhost:3000".to_owned()],
            credentials,
            max_age: Duration::from_secs(60),
        },
        ..Settings::default()
    })
    .await
}

async fn ask(wire: &Wire, method: &str, headers: &str) -> Reply {
    let (target, body) = match method {
        "POST" => {
            return wire
                .raw(post(
                    &format!("content-type: application/json\r\n{headers}"),
                    r#"{"query":"{ data }"}"#,
                ))
                .await;
        }
        _ => (QUERY, ""),
    };
    wire.raw(format!(
        "{method} {target} HTTP/1.1\r\nhost: shop\r\n{headers}\r\n{body}"
    ))
    .await
}

#[tokio::test]
async fn a_get_from_another_sites_page_is_refused_unless_it_had_to_ask_first() {
    let wire = Wire::start().await;
    let foreign = [
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\ncookie: a=b\r\n",
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "cookie: session=1\r\n",
    ];
    for headers in foreign {
        let reply = ask(&wire, "GET", headers).await;
        assert_eq!(reply.status, 403, "{headers}");
        assert!(reply.body.contains(r#""code":"FORBIDDEN""#), "{reply:?}");
        let empty = ask(&wire, "GET", &format!("{headers}apollo-require-preflight:\r\n")).await;
        assert_eq!(empty.status, 403, "{headers}");
    }
    assert!(wire.script.seen.lock().unwrap().is_empty(), "nothing ran");

    for asked in [
        "Apollo-Require-Preflight: true",
        "X-Apollo-Operation-Name: A",
        "GraphQL-Require-Preflight: 1",
        "Content-Type: application/json",
    ] {
        for headers in foreign {
            assert_eq!(
                ask(&wire, "GET", &format!("{headers}{asked}\r\n")).await.status,
                200,
                "{headers}{asked}"
            );
        }
    }
}

#[tokio::test]
async fn a_get_from_no_browser_or_from_the_same_site_is_answered() {
    let wire = Wire::start().await;

    for headers in [
        "",
        "accept: application/json\r\n",
        "authorization: Bearer x\r\n",
        "sec-fetch-site: same-origin\r\ncookie: a=b\r\n",
        "sec-fetch-site: none\r\ncookie: a=b\r\n",
    ] {
        assert_eq!(ask(&wire, "GET", headers).await.status, 200, "{headers}");
    }
    let off = Wire::with(Settings {
        csrf: false,
        ..Settings::default()
    })
    .await;
    assert_eq!(ask(&off, "GET", "sec-fetch-site: cross-site\r\n").await.status, 200);
}

#[tokio::test]
async fn content_types_that_pages_may_send_without_asking_are_refused() {
    let wire = Wire::start().await;
    let body = r#"{"query":"{ data }"}"#;

    for content_type in [
        "",
        "content-type: text/plain\r\n",
        "content-type: text/plain;x=application/json\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: multipart/form-data; boundary=x\r\n",
        "content-type: application/jsonx\r\n",
        "content-type: text/plain, application/json\r\n",
        "content-type: text/plain\r\ncontent-type: application/json\r\n",
    ] {
        for more in [
            "",
            "apollo-require-preflight: true\r\n",
            "origin: https://evil.example\r\n",
        ] {
            let reply = wire.raw(post(&format!("{content_type}{more}"), body)).await;
            assert_eq!(reply.status, 415, "{content_type}{more}");
        }
        if !content_type.is_empty() {
            assert_eq!(ask(&wire, "GET", content_type).await.status, 415, "{content_type}");
        }
    }
    assert!(wire.script.seen.lock().unwrap().is_empty(), "nothing ran");
}

#[tokio::test]
async fn nobodys_page_may_read_an_answer_unless_its_origin_is_listed() {
    let (closed, open) = (Wire::start().await, with_cors(true).await);
    let preflight = "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n";
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil",
        "http://localhost",
        "http://localhost:30000",
        "http://shop.example",
        "https://shop.example.evil",
        "https://evilshop.example",
        "https://SHOP.example",
        "https://shop.example:443",
        "https://shop.example/",
        "*",
        "",
    ] {
        for (wire, method, more) in [
            (&open, "POST", ""),
            (&open, "GET", "apollo-require-preflight: 1\r\n"),
            (&open, "OPTIONS", preflight),
            (&closed, "POST", ""),
            (&closed, "OPTIONS", preflight),
        ] {
            let reply = ask(wire, method, &format!("origin: {origin}\r\n{more}")).await;
            let told: Vec<_> = reply
                .headers
                .keys()
                .filter(|name| name.starts_with("access-control-"))
                .collect();
            assert_eq!(told, [""; 0], "{method} {origin}");
        }
        let reply = ask(&open, "POST", &format!("origin: {origin}\r\n")).await;
        assert_eq!(reply.header("vary"), Some("origin"), "{origin}");
    }
    let two = ask(
        &open,
        "POST",
        &format!("origin: {SHOP}\r\norigin: https://evil.example\r\n"),
    )
    .await;
    assert_eq!(two.header("access-control-allow-origin"), None);
    assert_eq!(
        ask(&closed, "POST", &format!("origin: {SHOP}\r\n"))
            .await
            .header("access-control-allow-origin"),
        None
    );
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read() {
    let wire = with_cors(false).await;

    let reply = ask(&wire, "POST", &format!("origin: {SHOP}\r\n")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert_eq!(
        reply.header("access-control-expose-headers"),
        Some(
            "x-request-id, retry-after, deprecation, sunset, etag, age, ratelimit, ratelimit-policy, x-ratelimit-limit, \
             x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-cost-limit, x-ratelimit-cost-remaining"
        )
    );
    assert_eq!(
        ask(
            &wire,
            "GET",
            &format!("sec-fetch-site: cross-site\r\norigin: {SHOP}\r\n")
        )
        .await
        .status,
        200
    );

    let asked = "access-control-request-method: POST\r\naccess-control-request-headers: content-type,x-a\r\n";
    let reply = ask(&wire, "OPTIONS", &format!("origin: http://localhost:3000\r\n{asked}")).await;
    assert_eq!((reply.status, &*reply.body), (204, ""));
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type,x-a"));
    assert_eq!(reply.header("access-control-max-age"), Some("60"));

    let with_cookies = with_cors(true).await;
    let reply = ask(&with_cookies, "POST", &format!("origin: {SHOP}\r\ncookie: a=b\r\n")).await;
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP), "never `*`");
}
