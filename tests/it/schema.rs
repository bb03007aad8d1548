//! What a schema file may say, and what is said about it when it may not.
//!
//! `schema_cases/<CODE>/` holds a schema that breaks one rule and one that keeps it. `expected.txt` is what people read
//! about the first; `UPDATE_EXPECTED=1 cargo test` writes it anew, to be read before it is committed.

use std::{fs, path::PathBuf};

use switchboard::schema::{self, Advice, Code, LoadOptions, Problem, SourceFile, report};

fn cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schema_cases"))
}

fn load(text: &str, portable: bool) -> Result<schema::Loaded, Vec<Problem>> {
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

fn rendered(text: &str, portable: bool) -> String {
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

const CONNECT: &str =
    r#"extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])"#;
const BFF: &str = r#"extend schema @link(url: "https://switchboard.example/bff/v0.1", import: ["@listSize", "@cost"])"#;
const SOURCE: &str = r#"extend schema @source(name: "api", http: { baseURL: "https://api.example.com" })"#;
const GRPC: &str = r#"extend schema @source(name: "shop", grpc: {
  address: "http://{$config.host}:50051"
  schema: { proto: ["shop.proto"], includes: ["proto"] }
})"#;

/// `line:column CODE` of every problem.
fn places(text: &str) -> Vec<String> {
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
fn additions_need_our_link() {
    let text = format!(
        "{CONNECT}\n{GRPC}\ntype Query {{ a: Int @connect(source: \"shop\", grpc: {{ method: \"shop.Catalog/BatchGet\" }}, \
         batch: {{ groupBy: \"id\", notFound: ERROR }}, selection: \"$.best.price.units->parseInt\") }}"
    );
    insta::assert_snapshot!(rendered(&text, false), @r#"
    schema.graphql:2:43: error[GRAPHQL_ERROR]: `grpc:` is not part of the connect specification
    2 | extend schema @source(name: "shop", grpc: {
      |                                           ^
    hint: it is an addition: extend schema @link(url: "https://switchboard.example/bff/v0.1")

    schema.graphql:6:52: error[GRAPHQL_ERROR]: `grpc:` is not part of the connect specification
    6 | type Query { a: Int @connect(source: "shop", grpc: { method: "shop.Catalog/BatchGet" }, batch: { groupBy: "id", notFound…
      |                                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: it is an addition: extend schema @link(url: "https://switchboard.example/bff/v0.1")

    schema.graphql:6:107: error[GRAPHQL_ERROR]: `groupBy:` is not part of the connect specification
    6 | ….Catalog/BatchGet" }, batch: { groupBy: "id", notFound: ERROR }, selection: "$.best.price.units->parseInt") }
      |                                          ^^^^
    hint: it is an addition: extend schema @link(url: "https://switchboard.example/bff/v0.1")

    schema.graphql:6:123: error[GRAPHQL_ERROR]: `notFound:` is not part of the connect specification
    6 | …t" }, batch: { groupBy: "id", notFound: ERROR }, selection: "$.best.price.units->parseInt") }
      |                                          ^^^^^
    hint: it is an addition: extend schema @link(url: "https://switchboard.example/bff/v0.1")
    "#);
}

/// What is said of a gRPC connector on `Query.of`, with `types` beside: the message of each problem.
fn grpc_problems(field: &str, connect: &str, types: &str) -> Vec<String> {
    let text = format!(
        "{CONNECT}\n{BFF}\n{GRPC}\ntype Query {{ {field} @connect(source: \"shop\", \
         grpc: {{ method: \"shop.Catalog/BatchGet\" {connect}) }}\n{types}"
    );
    let problems = match load(&text, false) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems
        .iter()
        .map(|problem| format!("{}: {}", &text[problem.span.clone()], problem.message))
        .collect()
}

#[test]
fn lists_of_grpc_answers_are_checked_at_every_depth() {
    let product = "type Product { id: ID tags: [String] units: [Int] prices: [[Int]] labels: JSON price: Money } \
                   type Money { units: Int } scalar JSON";
    let cases: [(&str, &str, &[&str]); 9] = [
        (
            "of: Product",
            "$.best { id tags: id }",
            &["id: the selection reads a single value, but `tags: [String]` is a list"],
        ),
        ("of: [Product]", "$.products { id price { units } labels }", &[]),
        (
            "of: [Product]",
            "$.products { price { units: created } }",
            &["created: message `shop.Money` has no field `created`"],
        ),
        (
            "of: Money",
            "units: products.price.units",
            &["products.price.units: the selection reads a list, but `units: Int` is single"],
        ),
        ("of: Money", "units: $.products->map(@.price.units)->first", &[]),
        (
            "of: Money",
            "units: $.products->map(@.price.units)",
            &["$.products->map(@.price.units): the selection reads a list, but `units: Int` is single"],
        ),
        ("of: Product", "units: products.price.units", &[]),
        (
            "of: Product",
            "$.best { id price: $.price { units: $.unit } }",
            &["unit: message `shop.Money` has no field `unit`"],
        ),
        (
            "of: Product",
            "$.best { labels: labels.red.x }",
            &["x: `x` is read from a string, which has no fields"],
        ),
    ];
    for (field, selection, expected) in cases {
        let connect = format!("}}, selection: \"{selection}\"");
        let found = grpc_problems(field, &connect, product);
        let found: Vec<_> = found
            .iter()
            .filter(|problem| !problem.contains("nothing supplies"))
            .collect();
        assert_eq!(found, expected, "{field} {selection}");
    }
}

#[test]
fn lists_of_grpc_messages_are_checked_where_types_tell() {
    let types = "type Product { id: ID } input In { one: ID many: [ID!] }";
    let cases: [(&str, &str, &[&str]); 8] = [
        (
            "of(id: ID): Product",
            "ids: $args.id",
            &["$args.id: `shop.BatchGetRequest.ids` is repeated, but gets a single value"],
        ),
        ("of(ids: [ID]): Product", "ids: $args.ids", &[]),
        (
            "of(in: In): Product",
            "ids: $args.in.many filter: { languageCode: $args.in.one }",
            &[],
        ),
        (
            "of(in: In): Product",
            "ids: $args.in.one filter: { languageCode: $args.in.many }",
            &[
                "$args.in.one: `shop.BatchGetRequest.ids` is repeated, but gets a single value",
                "$args.in.many: `shop.Filter.languageCode` is single, but gets a list",
            ],
        ),
        ("of(id: ID): Product", "ids: $([$args.id])", &[]),
        ("of(id: ID): Product", "ids: $args.id->echo([@])", &[]),
        (
            "of(id: ID): Product",
            "ids: 'a'",
            &["'a': `shop.BatchGetRequest.ids` is repeated, but gets a single value"],
        ),
        ("of(id: ID): Product", "ids: null", &[]),
    ];
    for (field, message, expected) in cases {
        let connect = format!(", message: \"{message}\" }}, selection: \"$.best {{ id }}\"");
        assert_eq!(grpc_problems(field, &connect, types), expected, "{field} {message}");
    }
}

#[test]
fn grpc_names_are_checked_against_the_proto_files() {
    let schema = |connect: &str| {
        format!(
            "{CONNECT}\n{BFF}\n{GRPC}\ntype Query {{\n  products: [Product]\n    @connect(source: \"shop\", {connect})\n}}\n\
             type Product {{ id: ID! title: String created: String label: String }}"
        )
    };
    let good = schema(
        "grpc: { method: \"shop.Catalog/BatchGet\", message: \"ids: $(['1']) filter: { language_code: 'de' }\" }, \
         selection: \"$.products { id title: displayTitle created label: labels.x }\"",
    );
    assert_eq!(rendered(&good, false), "");

    let bad = schema(
        "grpc: { method: \"shop.Catalog/BatchGet\", message: \"idss: $(['1']) filter: { language: 'de' }\" }, \
         selection: \"$.best { id title: displayTitel created: created.seconds label: id.x }\"",
    );
    insta::assert_snapshot!(rendered(&bad, false), @r#"
    schema.graphql:9:81: error[INVALID_BODY]: message `shop.BatchGetRequest` has no field `idss`
    9 |     @connect(source: "shop", grpc: { method: "shop.Catalog/BatchGet", message: "idss: $(['1']) filter: { language: 'de' …
      |                                                                                 ^^^^
    hint: did you mean `ids`?

    schema.graphql:9:106: error[INVALID_BODY]: message `shop.Filter` has no field `language`
    9 | …et", message: "idss: $(['1']) filter: { language: 'de' }" }, selection: "$.best { id title: displayTitel created: create…
      |                                          ^^^^^^^^

    schema.graphql:9:139: error[INVALID_SELECTION]: the selection reads a single value, but `products: [Product]` is a list
    9 | …ter: { language: 'de' }" }, selection: "$.best { id title: displayTitel created: created.seconds label: id.x }")
      |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: read a repeated field

    schema.graphql:9:158: error[INVALID_SELECTION]: message `shop.Product` has no field `displayTitel`
    9 | …e' }" }, selection: "$.best { id title: displayTitel created: created.seconds label: id.x }")
      |                                          ^^^^^^^^^^^^
    hint: did you mean `displayTitle`?

    schema.graphql:9:188: error[INVALID_SELECTION]: `seconds` is read from text (a `google.protobuf.Timestamp`), which has no fields
    9 | …id title: displayTitel created: created.seconds label: id.x }")
      |                                          ^^^^^^^

    schema.graphql:9:206: error[INVALID_SELECTION]: `x` is read from a string, which has no fields
    9 | …itel created: created.seconds label: id.x }")
      |                                          ^
    "#);

    insta::assert_snapshot!(rendered(&schema("grpc: { method: \"shop.Catalog/BatchGe\" }, selection: \"$.products { id }\""), false), @r#"
    schema.graphql:9:46: error[GRAPHQL_ERROR]: there is no method "shop.Catalog/BatchGe"; did you mean "shop.Catalog/BatchGet"?
    9 |     @connect(source: "shop", grpc: { method: "shop.Catalog/BatchGe" }, selection: "$.products { id }")
      |                                              ^^^^^^^^^^^^^^^^^^^^^^

    schema.graphql:11:24: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.title`
    11 | type Product { id: ID! title: String created: String label: String }
       |                        ^^^^^^^^^^^^^
    hint: select `title` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there

    schema.graphql:11:38: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.created`
    11 | type Product { id: ID! title: String created: String label: String }
       |                                      ^^^^^^^^^^^^^^^
    hint: select `created` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there

    schema.graphql:11:54: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.label`
    11 | type Product { id: ID! title: String created: String label: String }
       |                                                      ^^^^^^^^^^^^^
    hint: select `label` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there
    "#);
}

#[test]
fn a_grpc_method_that_streams_is_refused() {
    let schema = |connect: &str| {
        format!(
            "{CONNECT}\n{BFF}\n{GRPC}\ntype Query {{\n  products: [Product]\n    @connect(source: \"shop\", {connect})\n}}\n\
             type Product {{ id: ID! title: String created: String label: String }}"
        )
    };
    insta::assert_snapshot!(rendered(&schema("grpc: { method: \"shop.Catalog/Watch\" }, selection: \"$.products { id }\""), false), @r#"
    schema.graphql:9:46: error[GRAPHQL_ERROR]: "shop.Catalog/Watch" streams; only unary methods can be called
    9 |     @connect(source: "shop", grpc: { method: "shop.Catalog/Watch" }, selection: "$.products { id }")
      |                                              ^^^^^^^^^^^^^^^^^^^^

    schema.graphql:11:24: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.title`
    11 | type Product { id: ID! title: String created: String label: String }
       |                        ^^^^^^^^^^^^^
    hint: select `title` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there

    schema.graphql:11:38: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.created`
    11 | type Product { id: ID! title: String created: String label: String }
       |                                      ^^^^^^^^^^^^^^^
    hint: select `created` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there

    schema.graphql:11:54: warning[CONNECTORS_UNRESOLVED_FIELD]: nothing supplies `Product.label`
    11 | type Product { id: ID! title: String created: String label: String }
       |                                                      ^^^^^^^^^^^^^
    hint: select `label` where `Product` is made, or give it a `@connect`, or give `Product` one whose key is there
    "#);
}

#[test]
fn what_is_not_supported_yet_is_refused_where_it_stands() {
    let text = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl",
    "@cacheTag", "@authenticated", "@requiresScopes", "@policy"])
{SOURCE}
type Query @cacheControl(maxAge: 1) {{
  a: Int @authenticated @cacheTag(format: "a") @requiresScopes(scopes: [["a"]]) @policy(policies: [["a"]])
    @connect(source: "api", http: {{ GET: "/{{$context.x}}" }}, selection: "$.a")
}}"#
    );
    let found = places(&text);
    assert_eq!(
        found
            .iter()
            .filter(|place| place.ends_with("UNSUPPORTED_FEATURE"))
            .count(),
        1,
        "{found:#?}"
    );
    assert_eq!(found.len(), 1, "{}", rendered(&text, false));
}

#[test]
fn seconds_of_cache_control_are_at_least_zero() {
    let text = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl"])
{SOURCE}
type Query {{
  a: Int @cacheControl(maxAge: -1, staleIfError: 5) @connect(source: "api", http: {{ GET: "/a" }}, selection: "$.a")
}}"#
    );
    let found = places(&text);
    assert_eq!(found, ["6:32 GRAPHQL_ERROR"], "{}", rendered(&text, false));
}

#[test]
fn what_is_asked_of_callers_can_be_decided_where_it_stands() {
    let text = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@requiresScopes", "@policy"])
{SOURCE}
type Query {{
  a: Int @policy(policies: [["staf"]]) @connect(source: "api", http: {{ GET: "/a" }}, selection: "$.a")
  b: Int @policy(policies: [["own"]]) @connect(source: "api", http: {{ GET: "/b" }}, selection: "$.b")
  c: Int @requiresScopes(scopes: []) @connect(source: "api", http: {{ GET: "/c" }}, selection: "$.c")
  d: Int @requiresScopes(scopes: [[]]) @connect(source: "api", http: {{ GET: "/d" }}, selection: "$.d")
  e: Int @policy(policies: [["tenant"]]) @connect(source: "api", http: {{ GET: "/e" }}, selection: "$.e")
  f: T @connect(source: "api", http: {{ GET: "/f" }}, selection: "id")
  g: Int @policy(policies: [["broken"], ["odd"]]) @connect(source: "api", http: {{ GET: "/g" }}, selection: "$.g")
}}
type T @policy(policies: [["tenant"]]) {{ id: ID }}"#
    );
    let policy = |name: &str, rule: &str| schema::PolicySettings {
        name: name.to_owned(),
        rule: rule.to_owned(),
        is_absent: false,
    };
    let options = LoadOptions {
        policies: Some(vec![
            policy("staff", "$context.claims.role->eq('staff')"),
            policy("own", "$args.id->eq($context.claims.sub)"),
            policy("tenant", "$this.tenant->eq($context.claims.tenant)"),
            policy("broken", "$context.claims.role->"),
            policy("odd", "$config.a->eq(role)"),
        ]),
        ..LoadOptions::default()
    };
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text,
    };
    let problems = schema::load("test", &[file], &options).unwrap_err();
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.message))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    6:10 there is no policy `staf`
    7:10 the policy `own` reads `$args`, and there are no arguments here
    8:10 `scopes` is empty: nobody could have this
    9:10 `scopes` has an empty list, which anybody fulfils
    10:10 the policy `tenant` reads `$this`, and a root type has no object
    12:10 the policy `broken`: expected the name of a method here, but the mapping ends
    12:10 the policy `odd`: `$config` cannot be used
    12:10 the policy `odd`: there is no answer to read from
    14:8 the policy `tenant` reads `$this.tenant`, and `T` has no such field
    ");
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
fn cost_directives_name_what_exists() {
    let text = format!(
        "{CONNECT}\n{BFF}\n{SOURCE}\ntype Query {{\n  a(first: Int @cost(weight: 1), by: By): [Int]\n    \
         @listSize(slicingArguments: [\"frist\", \"by.last\"], sizedFields: [\"x\"], assumedSize: -1)\n    \
         @cost(weight: \"much\")\n    \
         @connect(source: \"api\", http: {{ GET: \"/\" }}, selection: \"$.a\")\n}}\ninput By {{ first: Int @cost(weight: 1) }}"
    );
    assert_eq!(
        places(&text),
        [
            "6:34 UNDEFINED_ARGUMENT",
            "6:43 UNDEFINED_ARGUMENT",
            "6:69 UNDEFINED_FIELD",
            "6:88 GRAPHQL_ERROR",
            "7:5 GRAPHQL_ERROR",
            "10:23 UNSUPPORTED_FEATURE",
        ]
    );
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
