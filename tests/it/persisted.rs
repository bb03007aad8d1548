//! Automatic persisted queries: a client sends the hash of a document, and its text only when asked for it.

use serde_json::{Value, json};

use crate::support::persisted::{Named, extension, named, sha256};

const NOT_FOUND: (u16, &str) = (200, "PERSISTED_QUERY_NOT_FOUND");

#[tokio::test]
async fn a_document_that_is_registered_is_answered_by_its_hash() {
    let server = Named::start("", &[]).await;

    let missed = server.by_hash("{ x }").await;
    assert_eq!(missed.code(), NOT_FOUND);
    assert_eq!(missed.json["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(
        missed.headers["cache-control"], "private, no-cache, must-revalidate",
        "the next answer is another one"
    );

    assert_eq!(server.register("{ x }").await.data(), &json!({ "x": 1 }));
    assert_eq!(server.by_hash("{ x }").await.data(), &json!({ "x": 1 }));
    let id = format!("sha256:{}", sha256("{ x }"));
    for id in [&*id, &*sha256("{ x }")] {
        let told = server.post(json!({ "documentId": id })).await;
        assert_eq!(told.data(), &json!({ "x": 1 }), "{id}");
    }
    assert_eq!(
        server
            .metric(r#"switchboard_persisted_requests_total{surface="web",outcome="stored"}"#)
            .await,
        1
    );
}

#[tokio::test]
async fn the_same_works_by_get_and_between_the_two() {
    let server = Named::start("", &[]).await;
    let extensions = extension("{ x }").to_string();
    let hash_only = [("extensions", &*extensions)];

    assert_eq!(server.get(&hash_only).await.code(), NOT_FOUND);
    let whole = [("query", "{ x }"), ("extensions", &*extensions)];
    assert_eq!(server.get(&whole).await.data(), &json!({ "x": 1 }));
    assert_eq!(server.get(&hash_only).await.data(), &json!({ "x": 1 }));
    assert_eq!(server.by_hash("{ x }").await.data(), &json!({ "x": 1 }));
    let id = format!("sha256:{}", sha256("{ x }"));
    assert_eq!(server.get(&[("documentId", &id)]).await.data(), &json!({ "x": 1 }));
}

#[tokio::test]
async fn a_registered_mutation_does_not_run_by_get() {
    let server = Named::start("", &[]).await;
    let text = "mutation { add { id } }";
    server.register(text).await.data();
    let calls = server.api.calls();

    let extensions = extension(text).to_string();
    let told = server.get(&[("extensions", &extensions)]).await;

    assert_eq!(told.status, 405);
    assert_eq!(told.headers["allow"], "POST");
    assert_eq!(server.api.calls(), calls);
}

#[tokio::test]
async fn variables_and_the_operations_name_apply_to_registered_documents() {
    let server = Named::start("", &[]).await;
    let text = "query A($d: Boolean!) { x me @include(if: $d) { id } } query B { x }";
    let ask =
        |name: &str, d: bool| json!({ "extensions": extension(text), "operationName": name, "variables": { "d": d } });
    let mut first = ask("A", false);
    first["query"] = json!(text);
    server.post(first).await.data();

    assert_eq!(server.post(ask("B", true)).await.data(), &json!({ "x": 1 }));
    let told = server.post(ask("A", true)).await;
    assert_eq!(told.data(), &json!({ "x": 1, "me": { "id": "1" } }));
}

#[tokio::test]
async fn a_hash_that_is_not_the_texts_poisons_nothing() {
    let server = Named::start("", &[]).await;
    let evil = json!({ "query": "{ me { id } }", "extensions": extension("{ x }") });

    let told = server.post(evil.clone()).await;
    assert_eq!(told.code(), (400, "PERSISTED_QUERY_HASH_MISMATCH"));
    assert_eq!(told.json["errors"][0]["message"], "provided sha does not match query");
    assert_eq!(server.by_hash("{ x }").await.code(), NOT_FOUND);

    server.register("{ x }").await.data();
    assert_eq!(server.post(evil).await.code(), (400, "PERSISTED_QUERY_HASH_MISMATCH"));
    assert_eq!(server.by_hash("{ x }").await.data(), &json!({ "x": 1 }));
    assert_eq!(server.by_hash("{ me { id } }").await.code(), NOT_FOUND);

    let id = format!("sha256:{}", sha256("{ x }"));
    let told = server.post(json!({ "query": "{ x", "documentId": id })).await;
    assert_eq!(told.code().1, "PERSISTED_QUERY_HASH_MISMATCH", "before it is parsed");
}

#[tokio::test]
async fn what_cannot_be_a_hash_is_refused_before_anything_is_looked_up() {
    let server = Named::start("", &[]).await;
    let good = sha256("{ x }");
    let hashes: Vec<Value> = vec![
        json!(good.to_uppercase()),
        json!(&good[1..]),
        json!(format!("{good}\r\n")),
        json!(format!("{good}\r\nSET a b")),
        json!("../../etc/passwd"),
        json!("a".repeat(200_000)),
        json!(""),
        json!(7),
        json!(null),
        json!([good]),
        json!("é".repeat(32)),
    ];
    for hash in hashes {
        for query in [json!(null), json!("{ x }")] {
            let told = server
                .post(json!({ "query": query, "extensions": named(hash.clone()) }))
                .await;
            assert_eq!(told.code(), (400, "BAD_REQUEST"), "{:.100}", hash.to_string());
        }
        if let Some(hash) = hash.as_str() {
            let told = server.post(json!({ "documentId": format!("sha256:{hash}") })).await;
            assert_eq!(told.code(), (400, "BAD_REQUEST"), "{hash:.100}");
        }
    }
    for extension in [
        json!({ "sha256Hash": good }),
        json!({ "version": 2, "sha256Hash": good }),
        json!(true),
    ] {
        let told = server
            .post(json!({ "extensions": { "persistedQuery": extension } }))
            .await;
        assert_eq!(told.code(), (400, "BAD_REQUEST"), "{extension}");
    }
    for id in ["a b", "a\r\nb", "é", &"a".repeat(257)] {
        assert_eq!(
            server.post(json!({ "documentId": id })).await.code(),
            (400, "BAD_REQUEST"),
            "{id}"
        );
    }
    assert_eq!(
        server.post(json!({ "documentId": "../../etc/passwd" })).await.code(),
        NOT_FOUND
    );
}

#[tokio::test]
async fn only_what_may_run_is_stored() {
    let server = Named::start("limits: { cost: 30 }", &[]).await;
    let friends = |count: usize| format!("{{ me {{ {}id{} }} }}", "friend { ".repeat(count), " }".repeat(count));
    let refused = [
        ("{ x".to_owned(), "GRAPHQL_PARSE_FAILED"),
        ("{ y }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (friends(20), "MAX_DEPTH_LIMIT"),
        (format!("{{ x {} }}", "#".repeat(66_000)), "GRAPHQL_PARSE_FAILED"),
        ("query($a: Int!) { x }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ __typename __schema { queryType { name } } }".to_owned(),
            "INTROSPECTION_DISABLED",
        ),
        ("query A { x } query B { x }".to_owned(), "OPERATION_RESOLUTION_FAILURE"),
    ];
    for (text, code) in refused {
        assert_eq!(server.register(&text).await.code().1, code);
        assert_eq!(server.by_hash(&text).await.code(), NOT_FOUND, "{text:.100}");
    }
    let dear = format!(
        "{{ {} }}",
        (0..40).map(|n| format!("a{n}: me {{ id }} ")).collect::<String>()
    );
    let dear = dear.replacen("a39: me { id } ", "", 1);
    let told = server.register(&dear).await;
    assert!(told.json.get("data").is_none(), "{told:?}");
    assert_eq!(server.by_hash(&dear).await.code(), NOT_FOUND);

    let dry = server
        .post_as(
            &[("x-switchboard-dry-run", "cost")],
            json!({ "query": "{ x }", "extensions": extension("{ x }") }),
        )
        .await;
    assert_eq!(dry.status, 200);
    assert_eq!(server.by_hash("{ x }").await.code(), NOT_FOUND, "nothing was run");
    assert_eq!(
        server
            .metric(r#"switchboard_persisted_requests_total{surface="web",outcome="stored"}"#)
            .await,
        0
    );
}

#[tokio::test]
async fn the_bytes_of_registered_documents_are_bounded() {
    let server = Named::start(
        "persisted: { registered_bytes: 50000, registrations_per_minute: 0 }",
        &[],
    )
    .await;
    let text = |n: usize| format!("{{ a{n}: x }} #{}", "-".repeat(4_700));
    for n in 0..60 {
        server.register(&text(n)).await.data();
    }

    let mut stored = 0;
    for n in 0..60 {
        stored += usize::from(server.by_hash(&text(n)).await.json.get("data").is_some());
    }

    assert!(
        (1..=10).contains(&stored),
        "{stored} documents of 5 kB are stored in 50 kB"
    );
    let large = format!("{{ x }} #{}", "-".repeat(50_000));
    server.register(&large).await.data();
    assert_eq!(
        server.by_hash(&large).await.code(),
        NOT_FOUND,
        "larger than all that may be stored"
    );
}

#[tokio::test]
async fn a_client_registers_so_many_documents_a_minute_and_is_answered_all_the_same() {
    let server = Named::start("persisted: { registrations_per_minute: 5 }", &[]).await;
    let text = |n: usize| format!("{{ a{n}: x }}");
    for n in 0..8 {
        server.register(&text(n)).await.data();
        server.register(&text(0)).await.data();
    }

    for n in 0..8 {
        let told = server.by_hash(&text(n)).await;
        assert_eq!(told.json.get("data").is_some(), n < 5, "{n}: {told:?}");
    }
    let line = r#"switchboard_persisted_requests_total{surface="web",outcome="over_quota"}"#;
    assert_eq!(server.metric(line).await, 3);
}

#[tokio::test]
async fn where_it_is_off_texts_are_answered_and_clients_told_not_to_ask_again() {
    let server = Named::start("persisted: { mode: off }", &[]).await;

    let told = server.by_hash("{ x }").await;
    assert_eq!(told.code(), (200, "PERSISTED_QUERY_NOT_SUPPORTED"));
    assert_eq!(told.json["errors"][0]["message"], "PersistedQueryNotSupported");
    let told = server.post(json!({ "documentId": "a" })).await;
    assert_eq!(told.code(), (200, "PERSISTED_QUERY_NOT_SUPPORTED"));
    assert_eq!(server.register("{ x }").await.data(), &json!({ "x": 1 }));
    assert_eq!(
        server.by_hash("{ x }").await.code(),
        (200, "PERSISTED_QUERY_NOT_SUPPORTED")
    );
}
