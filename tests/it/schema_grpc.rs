//! gRPC connectors are compared with the messages and methods that they name.

use crate::schema::{BFF, CONNECT, load, rendered};

pub(crate) const GRPC: &str = r#"extend schema @source(name: "shop", grpc: {
  address: "http://{$config.host}:50051"
  schema: { proto: ["shop.proto"], includes: ["proto"] }
})"#;

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

/// A list of products, by a connector that calls a method of the shop's.
fn schema(connect: &str) -> String {
    format!(
        "{CONNECT}\n{BFF}\n{GRPC}\ntype Query {{\n  products: [Product]\n    @connect(source: \"shop\", {connect})\n}}\n\
         type Product {{ id: ID! title: String created: String label: String }}"
    )
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
