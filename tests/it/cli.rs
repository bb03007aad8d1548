//! The command line, as a shell sees it.

mod serving;

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

const GOOD: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "catalog", http: { baseURL: "http://127.0.0.1:9" })
type Query {
  "All of them."
  posts: [Post!] @connect(source: "catalog", http: { GET: "/posts" }, selection: "id title")
}
type Post { id: ID! title: String }
"#;

/// A directory with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn switchboard(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A child that does not read its input may end first.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub(crate) fn run(directory: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let output = switchboard(directory, args, input);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn map_lines(lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (code, out, err) = run(&root(), &["map", "--jsonl"], &input);
    assert_eq!((code, err.as_str()), (0, ""));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_demo_s_configuration_schemas_and_operations_are_in_order() {
    let (code, out, err) = run(&root(), &["check"], "");

    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("\n2 surfaces, 20 operations: no errors\n"), "{out}");
    assert!(out.contains("  Home             6 calls, cost"), "{out}");
    assert!(!out.contains("warning"), "{out}");
    let json = run(&root(), &["check", "--format", "json", "--surface", "web"], "");
    assert_eq!(json, (0, "[]\n".to_owned(), String::new()));
}

#[test]
fn files_are_one_schema_and_need_no_configuration() {
    let directory = directory(&[("a.graphql", GOOD), ("b.graphql", "extend type Post { body: Strin }")]);

    let good = run(directory.path(), &["check", "a.graphql"], "");
    assert_eq!(good, (0, "1 file: no errors\n".to_owned(), String::new()));
    let (code, out, _) = run(
        directory.path(),
        &["check", "a.graphql", "b.graphql", "--format", "json"],
        "",
    );
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    let finding = findings
        .iter()
        .find(|finding| finding["file"] == "b.graphql")
        .expect(&out);
    assert_eq!((&finding["line"], &finding["severity"]), (&json!(1), &json!("error")));
    for key in ["code", "message", "column"] {
        assert!(!finding[key].is_null(), "{finding}");
    }
}

#[test]
fn files_that_cannot_be_read_are_findings_too() {
    let directory = directory(&[]);

    let (code, out, _) = run(directory.path(), &["check", "none.graphql", "--format", "json"], "");
    let findings: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &findings[0]["code"], &findings[0]["file"]),
        (1, &json!("GRAPHQL_ERROR"), &json!("none.graphql"))
    );

    let (code, out, _) = run(directory.path(), &["check", "--format", "json"], "");
    let findings: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &findings[0]["code"], &findings[0]["file"]),
        (1, &json!("CONFIG_ERROR"), &json!("switchboard.yaml"))
    );
}

#[test]
fn manifests_are_checked_as_operations_are() {
    let files = directory(&[
        ("schema.graphql", GOOD),
        (
            "switchboard.yaml",
            "surfaces: { web: { schema: schema.graphql, persisted: { manifests: [{ file: list.json }] } } }",
        ),
        ("list.json", r#"{"a1":"{ posts { id } }","b2":"{ posts { nothing } }"}"#),
    ]);

    let (status, out, _) = run(files.path(), &["check"], "");

    assert_eq!(status, 1);
    assert!(
        out.contains("list.json: b2:1:11: error[GRAPHQL_VALIDATION_FAILED]: "),
        "{out}"
    );
    assert!(out.contains("1 surface, 2 operations: 1 error, 1 warning"), "{out}");
}

#[test]
fn operations_are_checked_against_their_surface() {
    let config = "surfaces: { web: { schema: a.graphql, operations: ops } }";
    let directory = directory(&[
        ("switchboard.yaml", config),
        ("a.graphql", GOOD),
        ("ops/Good.graphql", "query Good { posts { id } }"),
        ("ops/Bad.graphql", "query Bad {\n  posts { idd }\n}"),
        ("ops/Broken.graphql", "query {"),
        ("ops/notes.txt", "not an operation"),
    ]);

    let (code, out, _) = run(directory.path(), &["check"], "");

    assert_eq!(code, 1);
    assert!(out.contains("ops/Broken.graphql:1:"), "{out}");
    assert!(out.contains("error[GRAPHQL_PARSE_FAILED]"), "{out}");
    assert!(
        out.contains("ops/Bad.graphql:2:11: error[GRAPHQL_VALIDATION_FAILED]"),
        "{out}"
    );
    assert!(out.contains("2 |   posts { idd }\n  |           ^^^\n"), "{out}");
    assert!(out.ends_with("1 surface, 3 operations: 2 errors, 1 warning\n"), "{out}");
}

#[test]
fn shipped_operations_over_a_limit_are_warned_of() {
    let yaml = "surfaces: { web: { schema: a.graphql, operations: operations, limits: { cost: 9 } } }";
    let directory = directory(&[
        ("a.graphql", GOOD),
        ("switchboard.yaml", yaml),
        ("operations/Posts.graphql", "{ posts { id } }"),
    ]);

    let (code, out, _) = run(directory.path(), &["check"], "");

    assert_eq!(code, 0);
    insta::assert_snapshot!(out, @r#"
    a.graphql:7:3: warning[UNBOUNDED_LIST]: nothing says how long `Query.posts` is: it is taken to have 10 items
    7 |   posts: [Post!] @connect(source: "catalog", http: { GET: "/posts" }, selection: "id title")
      |   ^^^^^
    hint: add an argument such as `first: Int = 20` that limits it, or `@listSize` of https://switchboard.example/bff/v0.1

    operations/Posts.graphql:1:1: warning[COST_ESTIMATED_TOO_EXPENSIVE]: The operation is estimated to cost 10; at most 9 is allowed.

    web: calls at most, cost estimated
      operations/Posts.graphql  1 call,  cost 10

    1 surface, 1 operation: no errors, 2 warnings
    "#);
}

#[test]
fn a_source_is_unused_only_if_no_surface_uses_it() {
    let shared = "extend schema
  @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@source\", \"@connect\"])
  @source(name: \"a\", http: { baseURL: \"http://127.0.0.1:9\" })
  @source(name: \"b\", http: { baseURL: \"http://127.0.0.1:9\" })
  @source(name: \"c\", http: { baseURL: \"http://127.0.0.1:9\" })";
    let surface = |source: &str| {
        format!("type Query {{ x: Int @connect(source: \"{source}\", http: {{ GET: \"/\" }}, selection: \"$.x\") }}")
    };
    let config =
        "surfaces: { one: { schema: [shared.graphql, one.graphql] }, two: { schema: [shared.graphql, two.graphql] } }";
    let directory = directory(&[
        ("switchboard.yaml", config),
        ("shared.graphql", shared),
        ("one.graphql", &surface("a")),
        ("two.graphql", &surface("b")),
    ]);

    let (code, out, _) = run(directory.path(), &["check"], "");
    assert_eq!(code, 0, "{out}");
    assert_eq!(out.matches("warning[UNUSED_SOURCE]").count(), 1, "{out}");
    assert!(out.contains("no connector calls the source `c`"), "{out}");
    let (_, out, _) = run(directory.path(), &["check", "--surface", "one"], "");
    assert!(!out.contains("UNUSED_SOURCE"), "what was not checked may use it: {out}");
}

#[test]
fn files_of_the_published_language_get_no_advice() {
    let linked = GOOD.replace(
        "  @source",
        "  @link(url: \"https://switchboard.example/bff/v0.1\", import: [\"@listSize\"])\n  @source",
    );
    let directory = directory(&[("pure.graphql", GOOD), ("linked.graphql", &linked)]);

    let pure = run(directory.path(), &["check", "pure.graphql", "--format", "json"], "");
    assert_eq!(pure, (0, "[]\n".to_owned(), String::new()));
    let (code, out, _) = run(directory.path(), &["check", "linked.graphql", "--format", "json"], "");
    let findings: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0, "advice is no error");
    let keys: Vec<&str> = findings[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "message", "file", "line", "column", "severity"]);
    assert_eq!(
        (&findings[0]["code"], &findings[0]["severity"]),
        (&json!("UNBOUNDED_LIST"), &json!("warning"))
    );
    let (code, out, _) = run(directory.path(), &["check", "linked.graphql", "--portable"], "");
    assert_eq!(code, 1);
    assert!(
        out.contains("error[NOT_PORTABLE]: only this server knows this specification"),
        "{out}"
    );
}

#[test]
fn a_surface_is_printed_as_its_clients_see_it() {
    let config = "surfaces: { web: { schema: a.graphql } }";
    let directory = directory(&[("switchboard.yaml", config), ("a.graphql", GOOD)]);

    let (code, out, _) = run(directory.path(), &["schema", "--surface", "web"], "");
    assert_eq!(code, 0);
    let expected = "\
type Query {
  \"\"\"All of them.\"\"\"
  posts: [Post!]
}

type Post {
  id: ID!
  title: String
}
";
    assert_eq!(out, expected);
    let (_, written, _) = run(directory.path(), &["schema", "--surface", "web", "--directives"], "");
    assert!(
        written.contains("# a.graphql") || written.contains("a.graphql\n"),
        "{written}"
    );
    assert!(written.contains("@connect(source:"), "{written}");
    let unknown = run(directory.path(), &["schema", "--surface", "tv"], "");
    assert_eq!(
        unknown,
        (
            1,
            String::new(),
            "there is no surface `tv`; the configuration has `web`\n".to_owned()
        )
    );
}

#[test]
fn a_plan_is_explained() {
    let operation = "schema/web/operations/ProductPage.graphql";

    let (code, out, err) = run(&root(), &["explain", "--surface", "web", operation], "");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("ProductPage on web"), "{out}");
    let (code, out, _) = run(
        &root(),
        &["explain", "--surface", "web", "--format", "json", operation],
        "",
    );
    assert!(code == 0 && serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    let (code, _, err) = run(&root(), &["explain", "--surface", "web", "-"], "{ nothing }");
    assert_eq!(code, 1);
    assert!(err.starts_with("-:1:3: error[GRAPHQL_VALIDATION_FAILED]: "), "{err}");
}

#[test]
fn a_server_that_cannot_start_tells_all_reasons() {
    let config = "surfaces: { web: { schema: a.graphql } }\nsources: { catalogue: {} }";
    let directory = directory(&[("switchboard.yaml", config), ("a.graphql", GOOD)]);

    let (code, out, err) = run(directory.path(), &["serve"], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "sources.catalogue: no schema has a source of that name (there are: catalog)\n"
    );
    let (code, _, err) = run(directory.path(), &["serve", "--config", "other.yaml"], "");
    assert_eq!(code, 1);
    assert!(err.starts_with("other.yaml: cannot be read: "), "{err}");
    let (code, ..) = run(directory.path(), &["serve", "--port", "1"], "");
    assert_eq!(code, 2, "the command line itself is wrong");
}

#[test]
fn what_would_stop_a_start_is_told_by_check_and_what_is_elsewhere_only_warned_of() {
    let config = r#"
surfaces: { web: { schema: web.graphql } }
sources: { catalogue: {} }
documents: { redis: "redis://h:notaport" }
auth:
  issuers:
    main: { issuer: a, audience: b, keys: [{ kid: s, algorithm: HS256, secret_file: short.txt }] }
    other: { issuer: c, audience: d, keys: [{ kid: s, algorithm: HS256, secret_file: /nowhere/key.txt }] }
"#;
    let directory = directory(&[
        ("web.graphql", GOOD),
        ("switchboard.yaml", config),
        ("short.txt", "too short"),
    ]);

    let (code, out, err) = run(directory.path(), &["check"], "");

    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    let told: Vec<&str> = out.lines().filter(|line| line.contains("CONFIG_ERROR")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    switchboard.yaml:1:1: error[CONFIG_ERROR]: sources.catalogue: no schema has a source of that name (there are: catalog)
    switchboard.yaml:1:1: error[CONFIG_ERROR]: documents.redis: this is no URL of a Redis server; write one such as `redis://host:6379`
    switchboard.yaml:1:1: error[CONFIG_ERROR]: auth.issuers.main: keys[0]: a secret has at least 32 bytes
    switchboard.yaml:1:1: warning[CONFIG_ERROR]: auth.issuers.other: keys[0]: /nowhere/key.txt: No such file or directory (os error 2)
    ");
}

#[test]
fn mappings_are_evaluated_line_by_line() {
    let answers = map_lines(&[
        json!({ "selection": "id name: full_name", "data": { "id": 1, "full_name": "Ada" } }),
        json!({ "selection": "$.a.b", "data": { "a": {} } }),
        json!({ "selection": "$", "data": null }),
        json!({ "selection": "$" }),
        json!({ "selection": "$args.id", "vars": { "$args": { "id": 7 } } }),
        json!({ "selection": "a: \"x y\"", "data": { "x y": 1 }, "spec": "0.2" }),
        json!({ "selection": "a: \"x y\"", "data": { "x y": 1 }, "spec": "0.4" }),
        json!({ "selection": "a {", "data": {} }),
        json!({ "selection": "a", "spec": "0.9" }),
        json!({ "data": 1 }),
    ]);

    assert_eq!(answers[0], json!({ "json": { "id": 1, "name": "Ada" }, "errors": [] }));
    assert_eq!(answers[1]["missing"], true);
    assert_eq!(answers[1]["errors"][0]["path"], json!(["a", "b"]));
    assert!(answers[1]["errors"][0]["message"].is_string());
    assert_eq!(answers[2], json!({ "json": null, "errors": [] }));
    assert_eq!(answers[3]["missing"], true, "no input is not null");
    assert_eq!(answers[4], json!({ "json": 7, "errors": [] }));
    assert_eq!(answers[5]["json"], json!({ "a": 1 }));
    assert_eq!(answers[6]["json"], json!({ "a": "x y" }));
    assert!(answers[7]["parse_error"].is_string());
    assert_eq!(
        answers[8]["parse_error"],
        "there is no version `0.9`; write 0.1, 0.2, 0.3 or 0.4"
    );
    assert!(
        answers[9]["parse_error"]
            .as_str()
            .unwrap()
            .starts_with("the line is not a task: missing field `selection`")
    );
}

#[test]
fn each_line_is_answered_before_the_next_is_asked_for() {
    use std::io::{BufRead as _, BufReader};

    let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(["map", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());

    for number in 0..3 {
        writeln!(input, "{}", json!({ "selection": "$", "data": number })).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("{{\"json\":{number},\"errors\":[]}}\n"));
    }

    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn one_mapping_is_evaluated_from_the_command_line() {
    let directory = directory(&[
        ("data.json", r#"{"a":{"b":[1,2]}}"#),
        ("vars.json", r#"{"$args":{"id":7}}"#),
    ]);

    let (code, out, err) = run(
        directory.path(),
        &[
            "map",
            "b: $.a.b id: $args.id",
            "--data",
            "data.json",
            "--vars",
            "vars.json",
        ],
        "",
    );
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!({ "b": [1, 2], "id": 7 })
    );
    let (code, out, err) = run(directory.path(), &["map", "$.a.c", "--data", "-"], r#"{"a":{}}"#);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(
        err.starts_with("note: ") && err.ends_with("the value is missing\n"),
        "{err}"
    );
    let (code, _, err) = run(directory.path(), &["map", "a {"], "");
    assert!(code == 1 && !err.is_empty(), "{err}");
    assert_eq!(run(directory.path(), &["map"], "").0, 2);
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
