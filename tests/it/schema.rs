//! What a schema file may say, and what is said about it when it may not.
//!
//! `schema_cases/<CODE>/` holds a schema that breaks one rule and one that keeps it. `expected.txt` is what people read
//! about the first; `UPDATE_EXPECTED=1 cargo test` writes it anew, to be read before it is committed.

use std::{fs, path::PathBuf};

use switchboard::schema::{self, Advice, Code, LoadOptions, Problem, SourceFile, report};

fn cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schema_cases"))
}

pub(crate) fn load(text: &str, portable: bool) -> Result<schema::Loaded, Vec<Problem>> {
    load_with(text, portable, Advice::Off)
}

fn load_with(text: &str, portable: bool, advice: Advice) -> Result<schema::Loaded, Vec<Problem>> {
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: text.to_owned(),
    };
    let options = LoadOptions {
        root: cases(),
        portable,
        advice,
        ..LoadOptions::default()
    };
    schema::load("test", &[file], &options)
}

/// How a code's schemas are loaded: some things are told only to those who ask.
fn options_for(code: Code) -> (bool, Advice) {
    let portable = matches!(code, Code::CircularReference | Code::NotPortable);
    let advice = match code {
        Code::NPlusOne | Code::UnboundedList | Code::UnusedSource | Code::EqualCover => Advice::All,
        _ => Advice::Off,
    };
    (portable, advice)
}

pub(crate) fn rendered(text: &str, portable: bool) -> String {
    rendered_with(text, portable, Advice::Off)
}

fn rendered_with(text: &str, portable: bool, advice: Advice) -> String {
    let problems = match load_with(text, portable, advice) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: text.to_owned(),
    };
    report::to_text(&problems, &[file])
}

#[test]
fn every_code_has_a_schema_that_raises_it_at_its_place() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let folder = cases().join(code.as_str());
        let invalid = fs::read_to_string(folder.join("invalid.graphql")).unwrap();
        let (portable, advice) = options_for(*code);
        let text = rendered_with(&invalid, portable, advice);
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &text).unwrap();
        }
        if !text.contains(&format!("[{code}]")) || text != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{code}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_code_has_a_schema_that_just_avoids_it() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let valid = fs::read_to_string(cases().join(code.as_str()).join("valid.graphql")).unwrap();
        let (portable, advice) = options_for(*code);
        let text = rendered_with(&valid, portable, advice);
        if load_with(&valid, portable, advice).is_err() || !text.is_empty() {
            wrong.push(format!("{code}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

pub(crate) const CONNECT: &str =
    r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])"#;
pub(crate) const BFF: &str =
    r#"extend schema @link(url: "https://switchboard.example/bff/v0.1", import: ["@listSize", "@cost"])"#;
pub(crate) const SOURCE: &str = r#"extend schema @source(name: "api", http: { baseURL: "https://api.example.com" })"#;

/// `line:column CODE` of every problem.
pub(crate) fn places(text: &str) -> Vec<String> {
    let problems = match load(text, false) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems
        .iter()
        .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.code))
        .collect()
}

/// The text that a problem marks.
fn marked(text: &str) -> Vec<&str> {
    let problems = load(text, false).err().unwrap_or_default();
    problems.iter().map(|problem| &text[problem.span.clone()]).collect()
}

#[test]
fn problems_in_block_strings_point_into_the_file() {
    let text = format!(
        "{CONNECT}\n{SOURCE}\ntype Query {{\n  \"é\" a: [User] @connect(source: \"api\", http: {{ GET: \"/\" }}, selection: \"\"\"\n\n\
         \t  id\n\t    naem: full \\\"\"\"x\\\"\"\"\n    \"\"\")\n}}\ntype User {{ id: ID name: String x: Int }}"
    );
    assert_eq!(
        places(&text),
        ["7:6 SELECTED_FIELD_NOT_FOUND", "7:17 SELECTED_FIELD_NOT_FOUND"],
        "{}",
        rendered(&text, false)
    );

    let text = text.replace(" \\\"\"\"x\\\"\"\"", "").replace("x: Int", "");
    assert_eq!(
        places(&text),
        ["7:6 SELECTED_FIELD_NOT_FOUND"],
        "{}",
        rendered(&text, false)
    );
    assert_eq!(marked(&text), ["naem"]);
}

#[test]
fn problems_in_quoted_strings_count_escapes() {
    let text = format!(
        "{CONNECT}\r\n{SOURCE}\r\ntype Query {{\r\n  a: User @connect(source: \"api\", http: {{ GET: \"/\" }}, selection: \"id: \\\"\\u00e9\\\"\\n naem: x\")\r\n}}\r\ntype User {{ id: ID name: String }}"
    );
    assert_eq!(marked(&text), ["naem"]);
    assert_eq!(places(&text), ["4:84 SELECTED_FIELD_NOT_FOUND"]);
}

#[test]
fn syntax_errors_have_places() {
    assert_eq!(places("type Query {\n  a: [Int\n}"), ["3:1 GRAPHQL_ERROR"]);
    assert_eq!(places("scalar A"), ["1:1 MISSING_SCHEMA_TYPE"]);
    assert_eq!(places(""), ["1:1 GRAPHQL_ERROR"]);
}

#[test]
fn slips_of_newcomers_are_told_with_what_to_write() {
    let text = format!(
        "{CONNECT}\n{SOURCE}\ntype Query {{\n  a(x: Int): Int @connect(source: \"api\", http: {{ GET: \"/a/{{args.x}}\" }}, selection: \"$.a\")\n\
           b: Int @conect(source: \"api\", http: {{ get: \"/b\" }}, selection: \"$.b\")\n}}"
    );
    insta::assert_snapshot!(rendered(&text, false), @r#"
    schema.graphql:4:60: error[INVALID_URL]: `args.x` reads from an answer, but a URL is made before there is one
    4 |   a(x: Int): Int @connect(source: "api", http: { GET: "/a/{args.x}" }, selection: "$.a")
      |                                                            ^^^^^^
    hint: did you mean `$args`?

    schema.graphql:5:8: error[GRAPHQL_ERROR]: cannot find directive `@conect` in this document
    5 | b: Int @conect(source: "api", http: { get: "/b" }, selection: "$.b")
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: did you mean `@connect`?
    "#);

    let text = format!("{CONNECT}\ntype Query {{ a: Int @connect(selection: \"a: \"x\"\") }}");
    insta::assert_snapshot!(rendered(&text, false), @r#"
    schema.graphql:2:47: error[GRAPHQL_ERROR]: syntax error: expected `)`, got ""
    2 | type Query { a: Int @connect(selection: "a: "x"") }
      |                                               ^^
    hint: within `"…"` a quote is written `\"`, or `'` in mappings; within `"""…"""` as it is

    schema.graphql:2:49: error[GRAPHQL_ERROR]: syntax error: expected a Name
    2 | type Query { a: Int @connect(selection: "a: "x"") }
      |                                                 ^

    schema.graphql:2:49: error[GRAPHQL_ERROR]: syntax error: expected a type
    2 | type Query { a: Int @connect(selection: "a: "x"") }
      |                                                 ^
    "#);
}

#[test]
fn several_files_are_one_schema_and_problems_name_the_right_one() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let shared = format!("{CONNECT}\n{SOURCE}\ntype User {{ id: ID! }}");
    let mobile = format!(
        "{CONNECT}\ntype Query {{ u: User @connect(source: \"api\", http: {{ GET: \"/\" }}, selection: \"id nmae\") }}\n\
         extend type User {{ name: String }}"
    );
    let files = [file("shared.graphql", &shared), file("mobile.graphql", &mobile)];

    let problems = schema::load("mobile", &files, &LoadOptions::default()).unwrap_err();
    assert_eq!((problems[0].file.as_str(), problems[0].line), ("mobile.graphql", 2));

    let files = [
        file("shared.graphql", &shared),
        file("mobile.graphql", &mobile.replace("nmae", "name")),
    ];
    let surface = schema::load("mobile", &files, &LoadOptions::default()).unwrap().surface;
    insta::assert_snapshot!(schema::public_sdl(&surface), @r"
    type User {
      id: ID!
      name: String
    }

    type Query {
      u: User
    }
    ");
}

#[test]
fn directives_can_be_renamed_or_used_by_their_long_names() {
    let renamed = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: [{ name: "@connect", as: "@rest" }])
  @connect__source(name: "api", http: { baseURL: "https://api.example.com" })
type Query { a: Int @rest(source: "api", http: { GET: "/" }, selection: "$.a") }"#;
    assert_eq!(
        rendered(renamed, false).lines().next().unwrap().split(": ").nth(1),
        Some("warning[NO_SOURCE_IMPORT]")
    );

    let plain = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4")
  @connect__source(name: "api", http: { baseURL: "https://api.example.com" })
type Query { a: Int @connect(source: "api", http: { GET: "/" }, selection: "$.a") }"#;
    assert_eq!(rendered(plain, false), "");

    let prefixed = plain.replace("v0.4\"", "v0.4\", as: \"c\"").replace("@connect", "@c");
    assert_eq!(rendered(&prefixed, false), "");
}

#[test]
fn directives_without_a_link_say_which_one_is_missing() {
    let text = format!(
        "{SOURCE}\ntype Query {{ a: Int @connect(source: \"api\", http: {{ GET: \"/\" }}, selection: \"$.a\") }}"
    );
    insta::assert_snapshot!(rendered(&text, false), @r#"
    schema.graphql:1:15: error[GRAPHQL_ERROR]: `@source` is used, but its specification is not linked
    1 | extend schema @source(name: "api", http: { baseURL: "https://api.example.com" })
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: add: extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source"])

    schema.graphql:2:21: error[GRAPHQL_ERROR]: `@connect` is used, but its specification is not linked
    2 | type Query { a: Int @connect(source: "api", http: { GET: "/" }, selection: "$.a") }
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: add: extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
    "#);
}

#[test]
fn hidden_elements_are_not_public() {
    let text = format!(
        r#"{CONNECT}
{SOURCE}
extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@inaccessible", "@shareable", "@tag"])
directive @connect(selection: JSONSelection!) repeatable on FIELD_DEFINITION
scalar JSONSelection
scalar federation__Scope
type Query {{
  users: [User] @connect(source: "api", http: {{ GET: "/" }}, selection: "id secret")
  hidden: Int @inaccessible @connect(source: "api", http: {{ GET: "/" }}, selection: "$.n")
}}
type User @shareable {{
  id: ID! @tag(name: "x")
  secret: ID @inaccessible
  name: String @connect(source: "api", http: {{ GET: "/{{$this.secret}}" }}, selection: "$.name")
}}
type Gone @inaccessible {{ id: ID }}"#
    );
    let surface = load(&text, false)
        .unwrap_or_else(|_| panic!("{}", rendered(&text, false)))
        .surface;
    insta::assert_snapshot!(schema::public_sdl(&surface), @r#"
    type Query {
      users: [User]
    }

    type User {
      id: ID!
      name: String
    }
    "#);
}

#[test]
fn connectors_are_numbered_and_classified() {
    let text = format!(
        r#"{CONNECT}
{BFF}
{SOURCE}
type Query {{
  users: [User] @connect(source: "api", http: {{ GET: "/users" }}, selection: "id")
  user(id: ID!): User @connect(source: "api", http: {{ GET: "/users/{{$args.id}}" }}, entity: true, selection: "id name")
}}
type Mutation {{ add: User @connect(source: "api", http: {{ POST: "/users" }}, selection: "id") }}
type User
  @connect(source: "api", http: {{ GET: "/users/{{$this.id}}" }}, selection: "id name")
  @connect(source: "api", http: {{ POST: "/users", body: "ids: $batch.id" }}, batch: {{ maxSize: 5, notFound: ERROR }}, selection: "id name")
{{
  id: ID!
  name: String
  posts(first: Int): [Int] @connect(source: "api", http: {{ GET: "/posts/{{$this.id}}" }}, selection: "$.posts") @listSize(assumedSize: 7) @cost(weight: 3)
  orders: [Order] @connect(source: "api", http: {{ GET: "/orders", queryParams: "userId: $batch->map(@.id)" }}, batch: {{ groupBy: "id: userId" }}, selection: "$.orders {{ id userId: user_id }}")
}}
type Order {{ id: ID! }}"#
    );
    let surface = load(&text, false)
        .unwrap_or_else(|_| panic!("{}", rendered(&text, false)))
        .surface;

    let lines: Vec<String> = surface
        .connectors
        .iter()
        .map(|connector| {
            let keys =
                |tree: &schema::model::KeyTree| tree.0.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
            format!(
                "{} {:?} this={:?} batch={:?}",
                connector.coordinate,
                connector.kind,
                keys(&connector.this_reads),
                keys(&connector.batch_reads)
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Query.users Root this=[] batch=[]
    Query.user EntityField this=[] batch=[]
    Mutation.add Root this=[] batch=[]
    User[0] Entity this=["id"] batch=[]
    User[1] Batch this=[] batch=["id"]
    User.posts Field this=["id"] batch=[]
    User.orders FieldBatch this=[] batch=["id"]
    "#);
    let user = &surface.types[surface.type_ids["User"].0 as usize];
    assert_eq!(user.suppliers.iter().map(|id| id.0).collect::<Vec<_>>(), [1, 3, 4]);
}

#[test]
fn no_text_makes_it_panic() {
    let text = format!(
        "{CONNECT}\n{BFF}\n{SOURCE}\n{}",
        fs::read_to_string(cases().join("CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE/valid.graphql")).unwrap()
    );
    for (end, _) in text.char_indices().step_by(5) {
        let _ = rendered(&text[..end], true);
    }
    let characters: Vec<char> = text.chars().collect();
    for index in (0..characters.len()).step_by(3) {
        let mut broken = characters.clone();
        broken[index] = ['"', '{', '}', '$', '(', 'é', '\\', '\n'][index % 8];
        let _ = rendered(&broken.iter().collect::<String>(), true);
    }
    for nested in ["[", "{a:", "(", "$(", "a{"] {
        let deep = nested.repeat(20_000);
        let _ = rendered(
            &format!("{CONNECT}\n{SOURCE}\ntype Query {{ a: Int @connect(source: {deep}"),
            false,
        );
        let _ = rendered(
            &format!(
                "{CONNECT}\n{SOURCE}\ntype Query {{ a: Int @connect(source: \"api\", http: {{ GET: \"/{{{deep}}}\" }}, selection: \"{deep}\") }}"
            ),
            false,
        );
        let _ = rendered(&format!("type Query {{ a: {deep}Int }}"), false);
    }
}
