//! What `diff` calls breaking, dangerous and safe: a table of pairs of schemas. `tests/e2e/schema-diff.sh` holds the same table against graphql-js.

use serde_json::Value;
use switchboard::{
    operation::usage::uses,
    schema::{
        SourceFile,
        compare::{Change, PublicSchema, Severity, compare, read_public},
    },
};

const CASES: &str = include_str!("compare_cases.jsonl");

#[track_caller]
fn schema(sdl: &str) -> PublicSchema {
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: sdl.to_owned(),
    };
    read_public(&[file]).unwrap_or_else(|problems| panic!("{sdl}: {problems:?}"))
}

#[test]
fn every_change_is_told_once_with_its_kind_and_place() {
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let side = |name: &str| schema(case[name].as_str().expect("a schema"));
        let told = compare(&side("old"), &side("new"));
        let told: Vec<String> = told
            .iter()
            .map(|change| format!("{} {} {}", change.severity.word(), change.kind, change.coordinate))
            .collect();
        let expected: Vec<&str> = case["expected"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(told, expected, "{}", case["name"]);
    }
}

const SHOP: &str = r#"
    directive @live on FIELD
    type Query { product(id: ID!, by: Sort): Product node: Node thing: Thing }
    type Mutation { order(input: Order, many: [Order!]): Product }
    interface Node { id: ID }
    type Product implements Node { id: ID name: String price(in: Currency): Int related: [Product] }
    type Book { id: ID title: String }
    union Thing = Product | Book
    enum Sort { UP DOWN }
    enum Currency { EUR USD }
    input Order { id: ID! count: Int parts: [Part] }
    input Part { name: String sort: Sort }
"#;

/// Whether a breaking change of [`SHOP`] hits an operation.
#[track_caller]
fn is_hit(operation: &str, was: &str, is: &str) -> bool {
    assert!(SHOP.contains(was), "{was}");
    let (old, new) = (schema(SHOP), schema(&SHOP.replace(was, is)));
    let breaking: Vec<Change> = compare(&old, &new)
        .into_iter()
        .filter(|change| change.severity == Severity::Breaking)
        .collect();
    assert!(!breaking.is_empty(), "{was} → {is}");
    let used = uses(&old, operation).unwrap_or_else(|error| panic!("{operation}: {error:?}"));
    breaking
        .iter()
        .any(|change| change.touches.iter().all(|touched| used.contains(touched)))
}

/// What was; what is in its place; an operation; whether that is hit.
const HITS: &str = r#"
price(in: Currency): Int |  | { product(id: 1) { price } } | hit
price(in: Currency): Int |  | { product(id: 1) { related { ...F } } } fragment F on Product { p: price } | hit
price(in: Currency): Int |  | { node { ... on Product { price } } } | hit
price(in: Currency): Int |  | { product(id: 1) { name } } | not
price(in: Currency): Int | price: Int | { product(id: 1) { price(in: EUR) } } | hit
price(in: Currency): Int | price: Int | { product(id: 1) { price } } | not
price(in: Currency): Int | price(in: Currency!): Int | query($in: Currency) { product(id: 1) { price(in: $in) } } | hit
price(in: Currency): Int | price(in: Currency, at: Int!): Int | { product(id: 1) { price } } | hit
EUR USD | EUR | { product(id: 1) { price(in: USD) } } | hit
EUR USD | EUR | { product(id: 1) { price(in: EUR) } } | not
EUR USD | EUR | query($in: Currency) { product(id: 1) { price(in: $in) } } | hit
count: Int | count: Int gift: Boolean! | mutation($o: Order) { order(input: $o) { id } } | hit
count: Int | count: Int gift: Boolean! | mutation { order(input: { id: 1 }) { id } } | hit
count: Int | count: Int gift: Boolean! | mutation { order { id } } | not
count: Int |  | mutation { order(input: { id: 1, count: 2 }) { id } } | hit
count: Int |  | mutation { order(input: { id: 1 }) { id } } | not
name: String sort: Sort | sort: Sort | mutation($o: [Order!]) { order(many: $o) { id } } | hit
name: String sort: Sort | sort: Sort | mutation { order(many: [{ id: 1, parts: [{ name: "a" }] }]) { id } } | hit
name: String sort: Sort | sort: Sort | mutation { order(many: [{ id: 1, parts: [{ sort: UP }] }]) { id } } | not
UP DOWN | DOWN | mutation($o: [Order!]) { order(many: $o) { id } } | hit
Product implements Node | Product | { node { ... on Product { name } } } | hit
Product implements Node | Product | { node { id } } | not
= Product + Book | = Product | { thing { ... on Book { title } } } | hit
= Product + Book | = Product | { thing { ... on Product { name } } } | not
directive @live on FIELD |  | { product(id: 1) { name @live } } | hit
directive @live on FIELD |  | { product(id: 1) { name } } | not
"#;

#[test]
fn a_change_hits_the_operations_that_use_what_changed_and_no_others() {
    for line in HITS.trim().lines() {
        // `+` stands for the bar of unions.
        let columns: Vec<String> = line.split('|').map(|column| column.trim().replace('+', "|")).collect();
        let [was, is, operation, expected] = &columns[..] else {
            panic!("{line}");
        };
        assert_eq!(is_hit(operation, was, is), expected == "hit", "{line}");
    }
}

#[test]
fn an_operation_that_the_schema_does_not_have_is_told() {
    let error = uses(&schema(SHOP), "{ product(id: 1) { nmae } }").expect_err("refused");
    assert!(
        error.errors.iter().any(|detail| detail.location == Some((1, 20))),
        "{error:?}"
    );
}
