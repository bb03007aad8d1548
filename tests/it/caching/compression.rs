//! Compressed answers: for whom, from which size on, and what is said of them.

use super::*;

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let site = Site::start().await;
    let text = "All of it, and more than once. ".repeat(100);
    site.api.on_json("GET /large", json!({ "id": 1, "text": text }));
    let query = "{ large { id tenant } }";

    let plain = site.get(query).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (String::new(), "accept, accept-encoding".to_owned())
    );
    for (accepted, coding) in [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0.5, zstd", "zstd")] {
        for _ in 0..2 {
            let got = site.get_as(query, &[("accept-encoding", accepted)]).await;
            assert_eq!(got.header("content-encoding"), coding);
            assert_eq!(got.header("vary"), "accept, accept-encoding");
            assert_eq!(
                got.header("etag"),
                plain.header("etag"),
                "weak: the same whatever the coding"
            );
            assert!(got.body.len() * 4 < plain.body.len(), "{}", got.body.len());
            assert_eq!(got.decoded().await, plain.body);
        }
        let posted = site
            .post(json!({ "query": query }), &[("accept-encoding", accepted)])
            .await;
        assert_eq!(posted.decoded().await, plain.body);
        let again = site
            .get_as(
                query,
                &[("accept-encoding", accepted), ("if-none-match", &*plain.header("etag"))],
            )
            .await;
        assert_eq!((again.status, again.header("content-encoding")), (304, String::new()));
    }
    let refused = site.get_as(query, &[("accept-encoding", "gzip;q=0, identity")]).await;
    assert_eq!(refused.body, plain.body);
}

#[tokio::test]
async fn small_answers_are_sent_as_they_are() {
    let site = Site::start().await;

    let got = site
        .get_as("{ minute { id } }", &[("accept-encoding", "gzip, br, zstd")])
        .await;
    assert_eq!(
        (got.header("content-encoding"), got.header("vary")),
        (String::new(), "accept".to_owned())
    );
    assert_eq!(got.json()["data"]["minute"]["id"], 1);
}

#[tokio::test]
async fn an_answer_of_megabytes_is_compressed_too() {
    let site = Site::start().await;
    let text: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    site.api.on_json("GET /large", json!({ "id": 1, "text": text }));
    for coding in ["gzip", "br", "zstd"] {
        let got = site
            .get_as("{ large { tenant } }", &[("accept-encoding", coding)])
            .await;
        assert_eq!(got.header("content-encoding"), coding);
        let json: Value = serde_json::from_slice(&got.decoded().await).expect("JSON");
        assert_eq!(json["data"]["large"]["tenant"], text);
    }
}

#[tokio::test]
async fn compression_can_be_narrowed_and_switched_off() {
    let text = "x".repeat(5000);
    for (settings, expected) in [
        ("compression: { codings: [] }", ("", "accept")),
        ("compression: { min_bytes: 6000 }", ("", "accept")),
        ("compression: { codings: [gzip] }", ("gzip", "accept, accept-encoding")),
    ] {
        let site = Site::with("", settings).await;
        site.api.on_json("GET /large", json!({ "id": 1, "text": text }));
        let got = site
            .get_as("{ large { tenant } }", &[("accept-encoding", "zstd, br, gzip")])
            .await;
        assert_eq!(
            (&*got.header("content-encoding"), &*got.header("vary")),
            expected,
            "{settings}"
        );
    }
}
