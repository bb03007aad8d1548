//! gRPC sources: batches for fields.

use serde_json::json;
use switchboard_harness::{GrpcAnswer, MockGrpc};

use crate::support::TestEngine;

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
