//! Our additions to the language: what they need, and what of them is refused where it stands.

use switchboard::schema::{self, LoadOptions, SourceFile};

use crate::{
    schema::{BFF, CONNECT, SOURCE, places, rendered},
    schema_grpc::GRPC,
};

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
fn default_values_end_have_each_field_once_and_what_must_be_given_is_not_deprecated() {
    let text = format!(
        r#"{CONNECT}
directive @mark(a: Int! @deprecated) on FIELD
input Self {{ own: Self = {{}} x: Int }}
input Left {{ right: Right = {{ x: 1 }} }}
input Right {{ lefts: [Left!] = [{{}}] x: Int = 2 }}
input Ends {{ inner: Ends = {{ inner: null }} must: Int! = 1 @deprecated old: Int @deprecated }}
input Must {{ a: Int! @deprecated(reason: "gone") }}
type Query {{
  a(self: Self, left: Left, ends: Ends = {{ inner: {{ inner: null, inner: null }} }}, gone: Int! @deprecated): Int
    @connect(http: {{ GET: "http://x.test/" }}, selection: "$")
}}"#
    );
    insta::assert_snapshot!(rendered(&text, false), @r##"
    schema.graphql:2:25: error[GRAPHQL_ERROR]: `@mark(a:)` must be given, so it cannot be deprecated
    2 | directive @mark(a: Int! @deprecated) on FIELD
      |                         ^^^^^^^^^^^
    hint: make its type nullable first, or give it a default value

    schema.graphql:3:26: error[GRAPHQL_ERROR]: the default value of `Self.own` has that of `Self.own`: it has no end
    3 | input Self { own: Self = {} x: Int }
      |                          ^^
    hint: give one of them another default value, or none

    schema.graphql:4:29: error[GRAPHQL_ERROR]: the default value of `Left.right` has that of `Right.lefts` has that of `Left.right`: it has no end
    4 | input Left { right: Right = { x: 1 } }
      |                             ^^^^^^^^
    hint: give one of them another default value, or none

    schema.graphql:7:22: error[GRAPHQL_ERROR]: `Must.a` must be given, so it cannot be deprecated
    7 | input Must { a: Int! @deprecated(reason: "gone") }
      |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: make its type nullable first, or give it a default value

    schema.graphql:9:66: error[GRAPHQL_ERROR]: `inner` stands twice in the default value of `Query.a(ends:)`
    9 |   a(self: Self, left: Left, ends: Ends = { inner: { inner: null, inner: null } }, gone: Int! @deprecated): Int
      |                                                                  ^^^^^

    schema.graphql:9:94: error[GRAPHQL_ERROR]: `Query.a(gone:)` must be given, so it cannot be deprecated
    9 |   a(self: Self, left: Left, ends: Ends = { inner: { inner: null, inner: null } }, gone: Int! @deprecated): Int
      |                                                                                              ^^^^^^^^^^^
    hint: make its type nullable first, or give it a default value
    "##);
}

#[test]
fn a_name_without_a_value_is_an_error_where_the_value_is_missing() {
    let text = format!(
        r#"{CONNECT}
directive @mine(a: Int = 1 @deprecated(reason: "x"), b: E = A) repeatable on FIELD
enum E {{ A B }}
input In {{ y: Int = 1 z: In }}
type Query {{
  "of values (all)" a(x: In = {{ y: 1 }}, e: E = A, l: [E!] = [A]): Int @connect(entity http: {{ GET: "http://x.test/" }}, selection: "$")
}}"#
    );
    insta::assert_snapshot!(rendered(&text, false), @r##"
    schema.graphql:6:87: error[GRAPHQL_ERROR]: expected `:` and a value behind the name before this
    6 | … A, l: [E!] = [A]): Int @connect(entity http: { GET: "http://x.test/" }, selection: "$")
      |                                          ^
    hint: an argument is written `name: value`
    "##);
}
