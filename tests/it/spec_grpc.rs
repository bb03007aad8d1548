//! gRPC sources: batches for fields.

use serde_json::json;
use switchboard_harness::{GrpcAnswer, MockGrpc};

use crate::support::{Ask, TestEngine};

const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    service Blog { rpc ListPosts(None) returns (Posts); rpc BatchGetUsers(Ids) returns (Users); }
    message None {}
    message Ids { repeated int32 ids = 1; }
    message Post { int32 id = 1; int32 user_id = 2; }
    message Posts { repeated Post posts = 1; }
    message User { int32 id = 1; string name = 2; }
    message Users { repeated User users = 1; }
"#;

#[tokio::test]
async fn a_batch_of_a_field_answers_single_fields_and_lists_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("t.proto"), PROTO).expect("a file");
    let batch = r#"grpc: { method: "t.Blog/BatchGetUsers", message: "ids: $batch.userId" }, batch: { groupBy: "userId: id" }, selection: "$.users { id name }""#;
    let sdl = format!(
        r#"
        extend schema @source(name: "blog", grpc: {{ address: "http://unused", schema: {{ proto: ["t.proto"], includes: ["{}"] }} }})
        type Query {{ posts: [Post] @connect(source: "blog", grpc: {{ method: "t.Blog/ListPosts" }}, selection: "$.posts {{ id userId }}") }}
        type Post {{ id: Int userId: Int
          user: User @connect(source: "blog", {batch})
          users: [User] @connect(source: "blog", {batch}) }}
        type User {{ id: Int name: String }}
        "#,
        directory.path().display()
    );
    let blog = MockGrpc::start(&[("t.proto", PROTO)]).await;
    blog.on("t.Blog/ListPosts", |_| {
        GrpcAnswer::json(
            json!({ "posts": [{ "id": 1, "userId": 7 }, { "id": 2, "userId": 8 }, { "id": 3, "userId": 7 }] }),
        )
    });
    blog.on("t.Blog/BatchGetUsers", |request| {
        let ids = request.message["ids"].as_array().cloned().unwrap_or_default();
        GrpcAnswer::json(json!({ "users": ids.iter().map(|id| json!({ "id": id, "name": format!("user \\ {id}") })).collect::<Vec<_>>() }))
    });
    let engine = TestEngine::new(&sdl, &[("blog", blog.url())]);

    let answer = engine.run("{ posts { user { name } users { id } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"user":{"name":"user \\ 7"},"users":[{"id":7}]},{"user":{"name":"user \\ 8"},"users":[{"id":8}]},{"user":{"name":"user \\ 7"},"users":[{"id":7}]}]}}"#);
    assert_eq!(blog.calls(), 3, "the posts, and one batch for each field");
}

/// `grpc:` of a source whose messages come from `schema`, and a query for them.
fn blog(schema: &str) -> String {
    format!(
        r#"
        extend schema @source(name: "blog", grpc: {{ address: "http://unused", schema: {{ {schema} }} }})
        type Query {{ posts: [Post] @connect(source: "blog", grpc: {{ method: "t.Blog/ListPosts" }}, selection: "$.posts {{ id userId }}") }}
        type Post {{ id: Int userId: Int }}
        "#
    )
}

#[tokio::test]
async fn messages_may_come_from_a_descriptor_set() {
    let blog_source = MockGrpc::start(&[("t.proto", PROTO)]).await;
    blog_source.on("t.Blog/ListPosts", |_| {
        GrpcAnswer::json(json!({ "posts": [{ "id": 1, "userId": 7 }] }))
    });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), blog_source.pool().encode_to_vec()).expect("a file");
    let sdl = blog(&format!(r#"descriptorSet: "{}""#, file.path().display()));
    let engine = TestEngine::new(&sdl, &[("blog", blog_source.url())]);

    let answer = engine.run("{ posts { id userId } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"id":1,"userId":7}]}}"#);
}

const SHOP: &str = r#"
    syntax = "proto3";
    package t;
    service Shop { rpc Get(Id) returns (Item); }
    message Id { int32 id = 1; }
    message Item { int32 id = 1; string name = 2; }
    message Sold { string by = 1; int64 at = 2; }
"#;

/// A shop, and a schema whose `item` is read by `connect`.
async fn shop(connect: &str, metadata: &str) -> (MockGrpc, tempfile::NamedTempFile, String) {
    let shop = MockGrpc::start(&[("t.proto", SHOP)]).await;
    let set = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(set.path(), shop.pool().encode_to_vec()).expect("a file");
    let sdl = format!(
        r#"
        extend schema @source(name: "shop", grpc: {{
          address: "http://unused", schema: {{ descriptorSet: "{}" }}, metadata: [{metadata}] }})
        type Query {{ item(id: Int, text: String): Item @connect(source: "shop", grpc: {{ method: "t.Shop/Get", message: "id: $args.id" }}, {connect}) }}
        type Item {{ id: Int name: String status: Int headers: [String] trailers: [String] bytes: [String] message: String details: [Detail] }}
        type Detail {{ type: String by: String at: String reason: String field: String }}
        "#,
        set.path().display()
    );
    (shop, set, sdl)
}

/// `google.rpc.Status` with these details.
fn status(details: &[(&str, &[u8])]) -> Vec<u8> {
    let mut status = Vec::new();
    for (name, value) in details {
        let url = format!("type.googleapis.com/{name}");
        let any = [
            &[0x0a, url.len() as u8],
            url.as_bytes(),
            &[0x12, value.len() as u8],
            value,
        ]
        .concat();
        status.extend([&[0x1a, any.len() as u8][..], &any].concat());
    }
    status
}

#[tokio::test]
async fn mappings_see_status_message_details_and_metadata_of_an_answer_that_is_no_error() {
    let (shop, _set, sdl) = shop(
        r#"isSuccess: "$status->in([0, 5])",
           selection: """
             id name
             status: $status
             headers: $response.headers."x-from"
             trailers: $response.trailers."x-why"
             bytes: $response.trailers."x-trace-bin"
             message: $response.message
             details: $response.details { type: $."@type" by at reason field: fieldViolations->first.field }
           """"#,
        "",
    )
    .await;
    shop.on("t.Shop/Get", |request| match request.message["id"].as_i64() {
        Some(1) => GrpcAnswer::json(json!({ "id": 1, "name": "lamp" })),
        _ => GrpcAnswer::status_with_details(
            5,
            "no such item",
            status(&[
                ("t.Sold", b"\x0a\x03eve\x10\x05"),
                ("google.rpc.ErrorInfo", b"\x0a\x04GONE"),
                ("google.rpc.BadRequest", b"\x0a\x04\x0a\x02id"),
            ]),
        )
        .with_metadata("x-why", "sold")
        .with_metadata("x-trace-bin", "AQI,Aw"),
    });
    let engine = TestEngine::new(&sdl, &[("shop", shop.url())]);

    let found = engine
        .run("{ item(id: 1) { id name status trailers message details { type } } }")
        .await;
    let gone = engine
        .run("{ item(id: 2) { id name status trailers bytes message details { type by at reason field } } }")
        .await;

    insta::assert_snapshot!(found, @r#"{"data":{"item":{"id":1,"name":"lamp","status":0,"trailers":null,"message":"","details":[]}}}"#);
    insta::assert_snapshot!(gone, @r#"{"data":{"item":{"id":null,"name":null,"status":5,"trailers":["sold"],"bytes":["AQI=","Aw=="],"message":"no such item","details":[{"type":"type.googleapis.com/t.Sold","by":"eve","at":"5","reason":null,"field":null},{"type":"type.googleapis.com/google.rpc.ErrorInfo","by":null,"at":null,"reason":"GONE","field":null},{"type":"type.googleapis.com/google.rpc.BadRequest","by":null,"at":null,"reason":null,"field":"id"}]}}}"#);
}

#[tokio::test]
async fn an_error_has_its_status_and_what_mappings_make_of_its_details() {
    let (shop, _set, sdl) = shop(
        r#"errors: { message: "$response.message", extensions: "reason: $response.details->first.reason trace: $response.trailers.'x-why'->first" },
           selection: "id name""#,
        "",
    )
    .await;
    shop.on("t.Shop/Get", |_| {
        GrpcAnswer::status_with_details(8, "slow down", status(&[("google.rpc.ErrorInfo", b"\x0a\x05QUOTA")]))
            .with_metadata("x-why", "t1")
    });
    let engine = TestEngine::new(&sdl, &[("shop", shop.url())]);

    let answer = engine.run("{ item(id: 1) { id } }").await;

    assert_eq!(
        answer["errors"][0]["extensions"]["grpc"],
        json!({ "status": 8, "code": "RESOURCE_EXHAUSTED" })
    );
    assert_eq!(answer["errors"][0]["message"], "slow down");
    assert_eq!(answer["errors"][0]["extensions"]["reason"], "QUOTA");
    assert_eq!(answer["errors"][0]["extensions"]["trace"], "t1");
}

#[tokio::test]
async fn metadata_is_text_or_bytes_and_what_is_neither_is_not_sent() {
    let (shop, _set, sdl) = shop(
        r#"selection: "id""#,
        r#"{ name: "x-a", value: "a {$config.none ?? 'b'}" }, { name: "x-key-bin", value: "AQI=" }, { name: "x-user", from: "x-user" }, { name: "x-trace-bin", from: "x-trace" }"#,
    )
    .await;
    shop.on("t.Shop/Get", |request| {
        let seen = |name: &str| {
            request
                .metadata
                .get(name)
                .map(|value| value.to_str().unwrap_or("?").to_owned())
        };
        assert_eq!(seen("x-a").as_deref(), Some("a b"));
        assert_eq!(seen("x-key-bin").as_deref(), Some("AQI"));
        assert_eq!(seen("x-trace-bin").as_deref(), Some("/_8".replace('_', "/").as_str()));
        GrpcAnswer::json(json!({ "id": 1 }))
    });
    let engine = TestEngine::new(&sdl, &[("shop", shop.url())]);
    let ask = |name: &'static str, value: &[u8]| {
        let mut ask = Ask {
            query: "{ item(id: 1) { id } }".to_owned(),
            ..Ask::default()
        };
        ask.headers.insert("x-trace", http::HeaderValue::from_static("__8="));
        ask.headers
            .insert(name, http::HeaderValue::from_bytes(value).expect("a value"));
        engine.ask(ask)
    };

    let sent = ask("x-user", b"eve").await;
    let foreign = ask("x-user", "eve é".as_bytes()).await;
    let garbage = ask("x-trace", b"not base64!").await;

    insta::assert_snapshot!(sent, @r#"{"data":{"item":{"id":1}}}"#);
    assert_eq!(foreign["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(
        foreign["errors"][0]["message"],
        r#"A value for the metadata "x-user" has letters beyond ASCII; a name that ends in -bin takes them, in base64."#
    );
    assert_eq!(garbage["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(shop.calls(), 1);
}
