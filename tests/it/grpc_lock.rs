//! `reflection: true`: what a source says of itself, kept in a file, so that starts need no network.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;
use switchboard_harness::{GrpcAnswer, MockGrpc};

use crate::cli::{directory, run};

const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    service Blog { rpc ListPosts(None) returns (Posts); rpc GetPost(None) returns (Post); }
    message None {}
    message Post { int32 id = 1; string title = 2; }
    message Posts { repeated Post posts = 1; }
"#;

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@listSize"])
  @source(name: "blog", grpc: { address: "http://unused.invalid:1", schema: { reflection: true } })
type Query {
  posts: [Post!] @listSize(assumedSize: 10) @connect(source: "blog", grpc: { method: "t.Blog/ListPosts" }, selection: "$.posts { id title }")
}
type Post { id: Int! title: String! }
"#;

fn project(source: &str) -> tempfile::TempDir {
    let config = format!(
        "surfaces: {{ blog: {{ schema: [schema/blog.graphql] }} }}\nlisten: 127.0.0.1:0\nadmin: off\nsources: {{ blog: {{ override_url: \"{source}\" }} }}\n"
    );
    directory(&[("switchboard.yaml", &config), ("schema/blog.graphql", SCHEMA)])
}

async fn blog(proto: &str) -> MockGrpc {
    let blog = MockGrpc::start(&[("t.proto", proto)]).await;
    blog.on("t.Blog/ListPosts", |_| {
        GrpcAnswer::json(json!({ "posts": [{ "id": 1, "title": "one" }] }))
    });
    blog
}

/// As [`run`], without blocking the runtime that serves the source.
async fn command(directory: &Path, args: &'static [&'static str]) -> (i32, String, String) {
    let directory = directory.to_owned();
    tokio::task::spawn_blocking(move || run(&directory, args, ""))
        .await
        .unwrap()
}

/// The first line with `words` in what a server logs.
fn first_line(directory: &Path, words: &str) -> String {
    let mut server = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .arg("serve")
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let line = lines.map_while(Result::ok).find(|line| line.contains(words));
    server.kill().unwrap();
    server.wait().unwrap();
    line.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_tells_its_messages_at_the_start_or_once_and_for_all_in_a_lock() {
    let source = blog(PROTO).await;
    let project = project(&source.url());
    let directory = project.path();

    let (code, out, err) = command(directory, &["check"]).await;
    assert_eq!(
        (code, err.as_str()),
        (0, ""),
        "without a lock the source is asked: {out}"
    );

    let written = command(directory, &["grpc", "lock"]).await;
    let line = "schema/grpc.lock/blog.binpb: written, 1 service, 2 methods\n";
    assert_eq!(written, (0, line.to_owned(), String::new()));
    let again = command(directory, &["grpc", "lock", "blog", "--check"]).await;
    assert_eq!(
        again,
        (0, "schema/grpc.lock/blog.binpb: unchanged\n".to_owned(), String::new())
    );

    source.stop().await;
    let (code, out, err) = command(directory, &["check"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "with a lock no source is needed: {out}");
    let (code, out, _) = command(directory, &["grpc", "lock"]).await;
    assert_eq!(code, 1);
    assert!(
        out.starts_with("schema/grpc.lock/blog.binpb: blog was not asked: could not connect"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_what_the_source_says_is_told_and_served_all_the_same() {
    let old = blog(PROTO).await;
    let old_project = project(&old.url());
    command(old_project.path(), &["grpc", "lock"]).await;
    let new = blog(
        &PROTO
            .replace("string title = 2;", "string title = 2; int64 likes = 3;")
            .replace("rpc GetPost(None) returns (Post);", ""),
    )
    .await;
    let project = project(&new.url());
    let lock = "schema/grpc.lock/blog.binpb";
    std::fs::create_dir(project.path().join("schema/grpc.lock")).unwrap();
    std::fs::copy(old_project.path().join(lock), project.path().join(lock)).unwrap();

    let (code, out, _) = command(project.path(), &["grpc", "lock", "--check"]).await;

    let told = "schema/grpc.lock/blog.binpb: not what the source says\n  - t.Blog/GetPost(t.None) returns (t.Post)\n  + t.Post.likes: int64 = 3\n";
    assert_eq!((code, out.as_str()), (1, told));
    let folder = project.path().to_owned();
    let warning = tokio::task::spawn_blocking(move || first_line(&folder, "descriptor lock"))
        .await
        .unwrap();
    assert!(warning.contains("WARN"), "{warning}");
    assert!(
        warning.contains("- t.Blog/GetPost(t.None) returns (t.Post); + t.Post.likes: int64 = 3"),
        "{warning}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_lock_and_source_says_what_to_do() {
    let source = blog(PROTO).await;
    let url = source.url();
    source.stop().await;
    let project = project(&url);

    let (code, out, _) = command(project.path(), &["check"]).await;

    assert_eq!(code, 1);
    assert!(
        out.starts_with("schema/blog.graphql:5:91: error[GRAPHQL_ERROR]: nothing is known of the messages of `blog`: could not connect: "),
        "{out}"
    );
    assert!(
        out.contains("where the source can be reached, `switchboard grpc lock blog` writes "),
        "{out}"
    );
    std::fs::create_dir(project.path().join("schema/grpc.lock")).unwrap();
    std::fs::write(project.path().join("schema/grpc.lock/blog.binpb"), "x").unwrap();
    let (code, out, _) = command(project.path(), &["check"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("this is no descriptor set"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_asked_for_where_there_is_something_to_lock() {
    let source = blog(PROTO).await;
    let project = project(&source.url());

    let (code, _, err) = command(project.path(), &["grpc", "lock", "blgo"]).await;
    assert_eq!(code, 1);
    assert_eq!(err, "no source `blgo` has `reflection: true`; there is blog\n");
    let schema = SCHEMA.replace("reflection: true", "descriptorSet: \"x\"");
    std::fs::write(project.path().join("schema/blog.graphql"), schema).unwrap();
    let (code, _, err) = command(project.path(), &["grpc", "lock"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("`x` cannot be used: "), "{err}");
}
