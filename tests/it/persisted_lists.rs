//! Documents that the operator lists: from the files of build tools, for some clients or all, replaced while the server runs.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::persisted::{Named, extension, named, sha256};

const NOT_FOUND: (u16, &str) = (200, "PERSISTED_QUERY_NOT_FOUND");
const UNLISTED: (u16, &str) = (403, "QUERY_NOT_IN_SAFELIST");
const LIST: &str = r#"{"7f0000000000000000000000000000a1":"query X { x }"}"#;

fn metric(outcome: &str) -> String {
    format!(r#"switchboard_persisted_requests_total{{surface="web",outcome="{outcome}"}}"#)
}

async fn listing(persisted: &str, list: &str) -> Named {
    Named::start(&format!("persisted: {{ {persisted} }}"), &[("list.json", list)]).await
}

#[tokio::test]
async fn manifests_of_all_tools_are_read() {
    let x = json!({ "x": 1 });
    let text = "query X { x }";
    let hash = sha256(text);
    let apollo = json!({
        "format": "apollo-persisted-query-manifest", "version": 1,
        "operations": [{ "id": hash, "name": "X", "type": "query", "body": text }],
    });
    let by_text = json!({ &*hash: text });
    let relay = json!({ "7f0000000000000000000000000000a1": text });
    let codegen = json!({ "b0e1c3a5b0e1c3a5b0e1c3a5b0e1c3a5b0e1c3a5": text });
    let output = json!({ &*hash: { "name": "X", "source": text } });
    for (list, id) in [
        (apollo, hash.clone()),
        (by_text, hash.clone()),
        (relay, "7f0000000000000000000000000000a1".to_owned()),
        (codegen, "b0e1c3a5b0e1c3a5b0e1c3a5b0e1c3a5b0e1c3a5".to_owned()),
        (output, hash.clone()),
    ] {
        let server = listing("mode: only, manifests: [{ file: list.json }]", &list.to_string()).await;

        assert_eq!(server.post(json!({ "documentId": id })).await.data(), &x, "{list}");
        assert_eq!(server.get(&[("documentId", &id)]).await.data(), &x, "{list}");
        assert_eq!(server.by_hash(text).await.data(), &x, "{list}");
        let told = server
            .post(json!({ "documentId": format!("sha256:{hash}"), "operationName": "X" }))
            .await;
        assert_eq!(told.data(), &x, "{list}");
    }
}

#[tokio::test]
async fn folders_of_documents_are_listed_by_hash_and_file_name() {
    let files = [
        ("ops/X.graphql", "query X { x }\n"),
        (
            "more/Me.graphql",
            "query Me { me { ...F } }\nfragment F on User { name }\n",
        ),
    ];
    let surface = "operations: ops, persisted: { mode: only, manifests: [{ file: more, prefix: 'x-web:' }] }";
    let server = Named::start(surface, &files).await;

    for id in [
        "X",
        &*sha256("query X { x }\n"),
        &*format!("sha256:{}", sha256("query X { x }")),
    ] {
        assert_eq!(
            server.post(json!({ "documentId": id })).await.data(),
            &json!({ "x": 1 }),
            "{id}"
        );
    }
    for id in ["Me", "x-web:Me"] {
        let told = server.post(json!({ "documentId": id })).await;
        assert_eq!(told.data(), &json!({ "me": { "name": "Ada" } }), "{id}");
    }
    assert_eq!(server.metric(r#"switchboard_listed_documents{surface="web"}"#).await, 2);
}

#[tokio::test]
async fn ids_may_have_a_prefix_or_name_their_deployment() {
    let list = "mode: automatic, manifests: [{ file: list.json, prefix: 'x-relay:', client: web, version: '7' }]";
    let server = listing(list, LIST).await;
    let web = [("graphql-client-name", "web"), ("graphql-client-version", "7")];

    for id in [
        "7f0000000000000000000000000000a1",
        "x-relay:7f0000000000000000000000000000a1",
        "web~7~7f0000000000000000000000000000a1",
    ] {
        assert_eq!(
            server.post_as(&web, json!({ "documentId": id })).await.data(),
            &json!({ "x": 1 }),
            "{id}"
        );
    }
    let told = server
        .post_as(
            &web,
            json!({ "documentId": "x-other:7f0000000000000000000000000000a1" }),
        )
        .await;
    assert_eq!(told.code(), NOT_FOUND);
}

#[tokio::test]
async fn a_document_is_for_the_client_and_version_that_its_manifest_names() {
    let files = [
        ("any.json", r#"{"a":"query A { any: x }","b":"query B { x }"}"#),
        ("app.json", r#"{"a":"query A { app: x }"}"#),
        ("app2.json", r#"{"a":"query A { app2: x }","c":"query C { c: x }"}"#),
        (
            "named.json",
            r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":
                [{"id":"a","name":"A","type":"query","body":"query A { named: x }","clientName":"named"}]}"#,
        ),
    ];
    let surface = "persisted: { mode: safelist, manifests: [{ file: any.json }, { file: app.json, client: app }, \
                   { file: app2.json, client: app, version: '2' }, { file: named.json }] }";
    let server = Named::start(surface, &files).await;
    let ask = async |name: &str, version: &str, body: Value| {
        let headers = [
            ("apollographql-client-name", name),
            ("apollographql-client-version", version),
        ];
        server.post_as(&headers, body).await
    };

    for (name, version, alias) in [
        ("app", "1", "app"),
        ("app", "2", "app2"),
        ("other", "2", "any"),
        ("named", "9", "named"),
    ] {
        let told = ask(name, version, json!({ "documentId": "a" })).await;
        assert_eq!(told.data(), &json!({ alias: 1 }), "{name} {version}");
    }
    assert_eq!(
        server.post(json!({ "documentId": "a" })).await.data(),
        &json!({ "any": 1 })
    );
    assert_eq!(
        ask("app", "2", json!({ "documentId": "b" })).await.data(),
        &json!({ "x": 1 })
    );
    assert_eq!(ask("app", "1", json!({ "documentId": "c" })).await.code(), NOT_FOUND);
    assert_eq!(
        ask("app", "1", json!({ "query": "query C { c: x }" })).await.code(),
        UNLISTED
    );
    assert_eq!(
        ask("app", "2", json!({ "query": "query C { c: x }" })).await.data(),
        &json!({ "c": 1 })
    );
}

#[tokio::test]
async fn log_answers_everything_and_counts_what_is_not_listed() {
    let server = listing("mode: log, manifests: [{ file: list.json }]", LIST).await;

    assert_eq!(
        server.post(json!({ "query": "query X { x }" })).await.data(),
        &json!({ "x": 1 })
    );
    assert_eq!(
        server
            .post(json!({ "query": "query X{x} # other blanks" }))
            .await
            .data(),
        &json!({ "x": 1 })
    );
    assert_eq!(server.metric(&metric("unlisted")).await, 0);
    assert_eq!(server.metric(&metric("listed")).await, 2);

    assert_eq!(
        server.post(json!({ "query": "{ me { id } }" })).await.data(),
        &json!({ "me": { "id": "1" } })
    );
    assert_eq!(server.register("{ x }").await.data(), &json!({ "x": 1 }));
    assert_eq!(server.by_hash("{ x }").await.data(), &json!({ "x": 1 }));
    assert_eq!(server.metric(&metric("unlisted")).await, 2);
    assert_eq!(server.metric(&metric("registered")).await, 1);
}

#[tokio::test]
async fn a_safelist_answers_listed_texts_and_ids_and_nothing_else() {
    let server = listing("mode: safelist, manifests: [{ file: list.json }]", LIST).await;
    let x = json!({ "x": 1 });

    assert_eq!(server.post(json!({ "query": "query X { x }" })).await.data(), &x);
    assert_eq!(server.get(&[("query", "query X { x }")]).await.data(), &x);
    assert_eq!(server.register("query X { x }").await.data(), &x);
    assert_eq!(server.by_hash("query X { x }").await.data(), &x);
    assert_eq!(
        server.by_hash("{ me { id } }").await.code(),
        NOT_FOUND,
        "so that its text is sent"
    );
    let calls = server.api.calls();

    for text in [
        "{ x }",
        "query X { x x2: x }",
        "query Y { x }",
        "{ me { id } }",
        "query X { x",
        "query X { me { id } }",
        "{ __typename }",
        "",
    ] {
        assert_eq!(server.post(json!({ "query": text })).await.code(), UNLISTED, "{text}");
        if !text.is_empty() {
            assert_eq!(server.get(&[("query", text)]).await.code(), UNLISTED, "{text}");
        }
        assert_eq!(server.register(text).await.code(), UNLISTED, "{text}");
        assert_eq!(server.by_hash(text).await.code(), NOT_FOUND, "{text}");
        let with_id = json!({ "query": text, "documentId": "7f0000000000000000000000000000a1" });
        assert_eq!(
            server.post(with_id).await.code(),
            UNLISTED,
            "an id does not vouch for a text: {text}"
        );
    }
    let told = server
        .post(json!({ "query": "query X { x }", "operationName": "Other" }))
        .await;
    assert_eq!(told.code().1, "OPERATION_RESOLUTION_FAILURE");
    assert_eq!(server.api.calls(), calls);
}

#[tokio::test]
async fn a_safelist_takes_other_blanks_comments_and_order_and_runs_what_was_listed() {
    let list =
        r#"{"a":"query A { me { ...F id } }\n\nfragment F on User { name }","b":"query B { s: me { n: name } }"}"#;
    let server = listing("mode: safelist, manifests: [{ file: list.json }]", list).await;

    for text in [
        "fragment F on User { name } query A { me { ...F id } }",
        "#x\nquery A { me { ...F, id }, } fragment F on User{name}",
        "query A { me { ...F id } }\n\nfragment F on User { name }#x",
    ] {
        for _ in 0..2 {
            let told = server.post(json!({ "query": text })).await;
            assert_eq!(told.data(), &json!({ "me": { "name": "Ada", "id": "1" } }), "{text}");
        }
    }
    for text in [
        "query A { me { id ...F } } fragment F on User { name }",
        "query A { me { ...F id } } fragment F on User { name id }",
        "query B { s: me { m: name } }",
    ] {
        assert_eq!(server.post(json!({ "query": text })).await.code(), UNLISTED, "{text}");
    }
}

#[tokio::test]
async fn only_answers_ids_and_nothing_else() {
    let server = listing("mode: only, manifests: [{ file: list.json }]", LIST).await;
    let id = "7f0000000000000000000000000000a1";

    assert_eq!(
        server.post(json!({ "documentId": id })).await.data(),
        &json!({ "x": 1 })
    );
    let text = json!({ "query": "query X { x }" });
    assert_eq!(server.post(text).await.code(), (400, "PERSISTED_QUERY_ID_REQUIRED"));
    let told = server.get(&[("query", "query X { x }")]).await;
    assert_eq!(told.code(), (400, "PERSISTED_QUERY_ID_REQUIRED"));
    let both = json!({ "query": "query X { x }", "documentId": id });
    assert_eq!(server.post(both).await.code(), (400, "CANNOT_SEND_PQ_ID_AND_BODY"));
    assert_eq!(
        server.register("query X { x }").await.code(),
        (400, "CANNOT_SEND_PQ_ID_AND_BODY")
    );
    let unknown = server.post(json!({ "documentId": "other" })).await;
    assert_eq!(unknown.code(), (404, "PERSISTED_QUERY_NOT_IN_LIST"));
    assert_eq!(
        server.by_hash("{ x }").await.code(),
        (404, "PERSISTED_QUERY_NOT_IN_LIST")
    );
}

#[tokio::test]
async fn listed_documents_may_be_exempt_from_depth_and_cost() {
    let deep = format!("{{ me {{ {}id{} }} }}", "friend { ".repeat(16), " }".repeat(16));
    let list = json!({ "deep": deep }).to_string();
    let limits = "limits: { depth: 15, cost: 5 }";
    let start = async |exempt: &str, mode: &str| {
        let surface =
            format!("{limits}, persisted: {{ mode: {mode}, exempt: {exempt}, manifests: [{{ file: list.json }}] }}");
        Named::start(&surface, &[("list.json", &list)]).await
    };
    let by_id = json!({ "documentId": "deep" });

    let server = start("[depth, cost]", "automatic").await;
    assert!(server.post(by_id.clone()).await.data()["me"].is_object());
    let told = server.post(json!({ "query": deep })).await;
    assert_eq!(
        told.code().1,
        "MAX_DEPTH_LIMIT",
        "a text is nobody's unless texts are looked up"
    );
    let other = deep.replacen("id", "name", 1);
    assert_eq!(
        server.register(&other).await.code().1,
        "MAX_DEPTH_LIMIT",
        "what clients register is held to all"
    );

    let server = start("[depth, cost]", "safelist").await;
    assert!(server.post(json!({ "query": deep })).await.data()["me"].is_object());

    let server = start("depth", "automatic").await;
    assert_eq!(
        server.post(by_id.clone()).await.code().1,
        "COST_ESTIMATED_TOO_EXPENSIVE"
    );
    let server = start("cost", "automatic").await;
    assert_eq!(
        server.post(by_id).await.code(),
        NOT_FOUND,
        "it was left out at the start"
    );
}

#[tokio::test]
async fn a_list_is_replaced_without_a_failed_request() {
    let list =
        |n: usize| json!({ "a": "query A { x }", &*format!("n{n}"): format!("query N {{ n{n}: x }}") }).to_string();
    let server = Arc::new(listing("mode: only, manifests: [{ file: list.json }]", &list(0)).await);
    let mut clients = JoinSet::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for _ in 0..4 {
        let (server, stopped) = (server.clone(), stopped.clone());
        clients.spawn(async move {
            let mut answered = 0;
            while !*stopped.borrow() {
                let told = server.post(json!({ "documentId": "a" })).await;
                assert_eq!(told.data(), &json!({ "x": 1 }));
                answered += 1;
            }
            answered
        });
    }

    for n in 1..=5 {
        server.replace("list.json", &list(n));
        server.wait_for(&format!("n{n}"), true).await;
        server.wait_for(&format!("n{}", n - 1), false).await;
    }
    stop.send(true).unwrap();

    let answered: Vec<u32> = clients.join_all().await;
    assert!(answered.iter().all(|answered| *answered > 10), "{answered:?}");
}

#[tokio::test]
async fn a_changed_list_that_cannot_be_read_leaves_the_one_before() {
    let server = listing("mode: only, manifests: [{ file: list.json }]", r#"{"a":"{ x }"}"#).await;
    let failures = r#"switchboard_listed_documents_reload_failures_total{surface="web"}"#;

    server.replace("list.json", r#"{"a":"{ x }","#);
    for _ in 0..400 {
        if server.metric(failures).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }

    assert!(server.metric(failures).await > 0, "it was noticed");
    assert_eq!(
        server.post(json!({ "documentId": "a" })).await.data(),
        &json!({ "x": 1 })
    );
    server.replace("list.json", r#"{"b":"{ x }","bad":"{ y }"}"#);
    server.wait_for("b", true).await;
    server.wait_for("a", false).await;
    let told = server.post(json!({ "documentId": "bad" })).await;
    assert_eq!(
        told.code(),
        (404, "PERSISTED_QUERY_NOT_IN_LIST"),
        "refused documents are left out"
    );
}

#[tokio::test]
async fn folders_are_watched_too() {
    let server = Named::start(
        "operations: ops, persisted: { mode: only }",
        &[("ops/A.graphql", "{ x }")],
    )
    .await;

    std::fs::write(server.files.path().join("ops/B.graphql"), "{ me { id } }").unwrap();
    server.wait_for("B", true).await;
    std::fs::remove_file(server.files.path().join("ops/A.graphql")).unwrap();
    server.wait_for("A", false).await;
}

#[tokio::test]
async fn a_start_lists_before_it_listens_and_stops_at_files_that_cannot_be_read() {
    let list = r#"{"a":"query A { x } query B { me { id } }","b":"{ nothing }","c":"{ x }"}"#;
    let manifests = "persisted: { mode: only, manifests: [{ file: list.json }] }";
    let (_, _, app) = Named::build(manifests, &[("list.json", list)]).await;
    let app = app.expect("a document of a manifest that is refused is left out");
    assert_eq!(
        app.engine("web").map(|engine| engine.listed()),
        Some(2),
        "before anything listens"
    );

    for (text, why) in [
        ("[]", "this is not a JSON object"),
        ("{", "this is not a JSON object"),
        (r#"{"format":"other","version":1}"#, "the only `format` that is read"),
        (
            r#"{"format":"apollo-persisted-query-manifest","version":2}"#,
            "the only `version` that is read is 1",
        ),
        (
            r#"{"format":"apollo-persisted-query-manifest","version":1}"#,
            "`operations` is missing",
        ),
        (
            r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"a"}]}"#,
            "operations[0] needs `id` and `body`",
        ),
        (r#"{"a":7}"#, "\"a\" is neither a text nor an object with `source`"),
        (r#"{"a b":"{ x }"}"#, "\"a b\" is not a word"),
    ] {
        let (_, _, app) = Named::build(manifests, &[("list.json", text)]).await;
        let said = app.expect_err(text).to_string();
        assert!(
            said.contains("surfaces.web.persisted.manifests: ") && said.contains(why),
            "{said}"
        );
    }
    let (_, _, app) = Named::build(manifests, &[]).await;
    assert!(app.is_err());
    let (_, _, app) = Named::build("operations: ops", &[("ops/A.graphql", "\n{ y }")]).await;
    let said = app.expect_err("a shipped operation that is refused").to_string();
    assert!(said.contains("A.graphql:2:3: error: "), "{said}");
}

#[tokio::test]
async fn an_id_beside_a_text_is_not_believed() {
    let server = listing("mode: automatic, manifests: [{ file: list.json }]", LIST).await;

    let both = json!({ "query": "{ me { id } }", "documentId": "7f0000000000000000000000000000a1" });
    assert_eq!(
        server.post(both).await.data(),
        &json!({ "me": { "id": "1" } }),
        "the text is what runs"
    );
    let both = json!({ "query": "{ me { id } }", "extensions": extension("query X { x }") });
    assert_eq!(server.post(both).await.code(), (400, "PERSISTED_QUERY_HASH_MISMATCH"));
    let told = server
        .post(json!({ "extensions": named(json!(sha256("query X { x }"))) }))
        .await;
    assert_eq!(told.data(), &json!({ "x": 1 }));
}
