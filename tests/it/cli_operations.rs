//! `operations build`, `operations verify` and `diff`, as a shell sees them.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    cli::{directory, run},
    support::persisted::sha256,
};

const CONFIG: &str = "surfaces:\n  web:\n    schema: schema.graphql\n    operations: operations\n    persisted:\n      manifests:\n\
    \x20     - { file: ios.json, client: ios, version: \"7.1\" }\n      - { file: ios-old.json, client: ios, version: \"6.0\" }\n";
const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "catalog", http: { baseURL: "http://127.0.0.1:9" })
type Query { post(id: ID): Post @connect(source: "catalog", http: { GET: "/posts/{$args.id}" }, selection: "id title body") }
type Post { id: ID! title: String body: String }
"#;
const POST: &str = "query Post($id: ID) { post(id: $id) { title } }\n";
const TWO: &str = "query One { post(id: 1) { ...T } }\nquery Two { post(id: 2) { ...B } }\nfragment T on Post { title }\nfragment B on Post { body ...T }\n";

fn site() -> tempfile::TempDir {
    directory(&[
        ("switchboard.yaml", CONFIG),
        ("schema.graphql", SCHEMA),
        ("operations/Post.graphql", POST),
        ("operations/two.graphql", TWO),
        ("ios.json", r#"{ "aa11": "query Home { post { id title } }" }"#),
        ("ios-old.json", r#"{ "bb22": "query Home { post { id body } }" }"#),
    ])
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

#[test]
fn build_writes_manifests_that_the_server_and_build_tools_read() {
    let site = site();

    let built = run(
        site.path(),
        &[
            "operations",
            "build",
            "--surface",
            "web",
            "--out",
            "out",
            "--client",
            "web",
        ],
        "",
    );
    assert_eq!(
        built,
        (
            0,
            "3 operations: out/persisted-query-manifest.json, out/persisted-documents.json\n".to_owned(),
            String::new()
        )
    );
    let apollo = read(&site.path().join("out/persisted-query-manifest.json"));
    assert_eq!(apollo["format"], "apollo-persisted-query-manifest");
    assert_eq!(apollo["version"], 1);
    let operations = apollo["operations"].as_array().expect("a list");
    let names: Vec<_> = operations
        .iter()
        .map(|one| one["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["Post", "One", "Two"]);
    let by_hash = read(&site.path().join("out/persisted-documents.json"));
    for operation in operations {
        let (id, body) = (
            operation["id"].as_str().expect("an id"),
            operation["body"].as_str().expect("a body"),
        );
        assert_eq!(
            (id, &operation["type"], &operation["clientName"]),
            (&*sha256(body), &"query".into(), &"web".into())
        );
        assert_eq!(by_hash[id], *body);
    }
    assert_eq!(operations[0]["body"], POST.trim(), "as it is written");
    let one = operations[1]["body"].as_str().expect("a body");
    assert!(
        one.contains("fragment T") && !one.contains("fragment B") && !one.contains("Two"),
        "{one}"
    );

    let verified = run(
        site.path(),
        &[
            "operations",
            "verify",
            "--surface",
            "web",
            "out/persisted-query-manifest.json",
            "web@2=out/persisted-documents.json",
        ],
        "",
    );
    assert_eq!(
        verified,
        (0, "6 documents: all are answered\n".to_owned(), String::new())
    );
}

#[test]
fn build_writes_nothing_while_an_operation_is_wrong() {
    let site = site();
    std::fs::write(
        site.path().join("operations/bad.graphql"),
        "query Bad { post { nonsense } }",
    )
    .expect("a file");

    let (code, out, err) = run(
        site.path(),
        &["operations", "build", "--surface", "web", "--out", "out"],
        "",
    );
    assert_eq!((code, &*err), (1, "nothing was written\n"));
    assert!(
        out.contains("GRAPHQL_VALIDATION_FAILED") && out.contains("1:20"),
        "{out}"
    );
    assert!(!site.path().join("out").exists());
}

#[test]
fn verify_names_the_client_and_version_that_would_break() {
    let site = site();
    let good = run(site.path(), &["operations", "verify", "--surface", "web"], "");
    assert_eq!(good, (0, "4 documents: all are answered\n".to_owned(), String::new()));

    std::fs::write(
        site.path().join("schema.graphql"),
        SCHEMA.replace(" body: String", "").replace("title body\"", "title\""),
    )
    .expect("a file");
    let (code, out, _) = run(site.path(), &["operations", "verify", "--surface", "web"], "");
    assert_eq!(code, 1);
    insta::assert_snapshot!(out, @r"
    error[GRAPHQL_VALIDATION_FAILED]: One, Two, operations/two.graphql
        4:22: type `Post` does not have a field `body`
    error[GRAPHQL_VALIDATION_FAILED]: Home (ios 6.0), ios-old.json: bb22
        1:24: type `Post` does not have a field `body`
    4 documents: 2 would be refused, of ios 6.0
    ");
    let (code, out, _) = run(
        site.path(),
        &["operations", "verify", "--surface", "web", "--format", "json"],
        "",
    );
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &report["documents"], &report["broken"]),
        (1, &4.into(), &2.into())
    );
    let finding = &report["findings"][1];
    assert_eq!(
        finding["operations"],
        json!([{ "name": "Home", "client": "ios", "version": "6.0", "origin": "ios-old.json: bb22" }])
    );
    assert_eq!(
        (&finding["severity"], &finding["code"]),
        (&json!("error"), &json!("GRAPHQL_VALIDATION_FAILED"))
    );
    assert_eq!(
        finding["errors"],
        json!([{ "message": "type `Post` does not have a field `body`", "line": 1, "column": 24 }])
    );
    // Against a schema that is not the surface's.
    let only = run(
        site.path(),
        &["operations", "verify", "--schema", "schema.graphql", "ios@7.1=ios.json"],
        "",
    );
    assert_eq!(only.0, 0, "{only:?}");
    let old = run(
        site.path(),
        &[
            "operations",
            "verify",
            "--schema",
            "schema.graphql",
            "ios@6.0=ios-old.json",
        ],
        "",
    );
    assert!(
        old.0 == 1 && old.1.ends_with("1 documents: 1 would be refused, of ios 6.0\n"),
        "{old:?}"
    );
}

#[test]
fn diff_tells_what_a_change_breaks_and_for_whom() {
    let site = site();
    std::fs::write(site.path().join("old.graphql"), SCHEMA).expect("a file");
    std::fs::write(
        site.path().join("schema.graphql"),
        SCHEMA
            .replace(" body: String", " author: String")
            .replace("title body\"", "title author\""),
    )
    .expect("a file");

    let (code, out, err) = run(site.path(), &["diff", "old.graphql", "--surface", "web"], "");
    assert_eq!((code, &*err), (1, ""));
    insta::assert_snapshot!(out, @r"
    breaking  Post.body  FIELD_REMOVED
              Post.body was removed.
              hits Home (ios 6.0), ios-old.json: bb22
              hits One, operations/two.graphql
              hits Two, operations/two.graphql
    safe      Post.author  FIELD_ADDED
              Post.author was added.

    1 breaking, 0 dangerous, 1 safe; 2 of 4 registered documents are hit
    ");
    let (code, out, _) = run(
        site.path(),
        &[
            "schema",
            "diff",
            "old.graphql",
            "schema.graphql",
            "--manifest",
            "ios@6.0=ios-old.json",
            "--format",
            "json",
        ],
        "",
    );
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        report,
        json!({
            "breaking": 1, "dangerous": 0, "safe": 1, "documents": 1, "notLookedAt": [],
            "changes": [
                {
                    "severity": "breaking", "kind": "FIELD_REMOVED", "coordinate": "Post.body", "message": "Post.body was removed.",
                    "operations": [{ "name": "Home", "client": "ios", "version": "6.0", "origin": "ios-old.json: bb22" }],
                },
                {
                    "severity": "safe", "kind": "FIELD_ADDED", "coordinate": "Post.author", "message": "Post.author was added.",
                    "operations": [],
                },
            ],
        })
    );
}

#[test]
fn the_exit_status_of_diff_says_what_it_is_told_to() {
    let site = site();
    let other = SCHEMA
        .replace(" title: String", "")
        .replace("id title body\"", "id body\"");
    std::fs::write(site.path().join("new.graphql"), other).expect("a file");
    std::fs::write(site.path().join("none.json"), r#"{ "cc33": "{ post { body } }" }"#).expect("a file");
    let code = |args: &[&str]| run(site.path(), &[&["diff", "schema.graphql"], args].concat(), "").0;

    assert_eq!(code(&["schema.graphql"]), 0);
    assert_eq!(code(&["new.graphql"]), 1);
    assert_eq!(code(&["new.graphql", "--fail-on", "never"]), 0);
    assert_eq!(code(&["new.graphql", "--fail-on", "hit", "--manifest", "none.json"]), 0);
    assert_eq!(code(&["new.graphql", "--fail-on", "hit", "--manifest", "ios.json"]), 1);
    assert_eq!(code(&[]), 2, "the schema after is missing");
    assert_eq!(code(&["nowhere.graphql"]), 1);
    let reversed = run(
        site.path(),
        &["diff", "new.graphql", "schema.graphql", "--fail-on", "dangerous"],
        "",
    );
    assert_eq!(
        reversed.1,
        "safe      Post.title  FIELD_ADDED\n          Post.title was added.\n\n\
         0 breaking, 0 dangerous, 1 safe; no registered operations were looked at\n"
    );
    assert_eq!(reversed.0, 0);
}

#[test]
fn a_folder_is_one_schema_and_a_broken_one_is_told_with_its_place() {
    let site = site();
    let folder = directory(&[
        ("before/a.graphql", "type Query { a: Int }"),
        ("before/b.graphql", "extend type Query { b: Int }"),
        ("after/a.graphql", "type Query { a: Int b: Nonsense }"),
    ]);
    let path = |name: &str| folder.path().join(name).display().to_string();

    let same = run(site.path(), &["diff", &path("before"), &path("before")], "");
    assert_eq!(
        same.1,
        "0 breaking, 0 dangerous, 0 safe; no registered operations were looked at\n"
    );
    let (code, _, err) = run(site.path(), &["diff", &path("before"), &path("after")], "");
    assert_eq!(code, 1);
    assert!(err.contains("a.graphql:1:24") && err.contains("Nonsense"), "{err}");
}
