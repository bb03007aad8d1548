//! Scalars and enums: what a source may send for each, and what is refused.
//!
//! <https://spec.graphql.org/September2025/#sec-Scalars.Result-Coercion-and-Serialization>

use serde_json::{Value, json};
use switchboard_harness::{Answer, MockRest};

use crate::support::TestEngine;

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    scalar Any
    enum Colour { RED GREEN }
    type Query { list: [Leaf] @connect(source: "api", http: { GET: "/" }, selection: "int float string boolean id colour any") }
    type Leaf { int: Int float: Float string: String boolean: Boolean id: ID colour: Colour any: Any }
"#;

/// The values of one field and the messages of what was refused, for these JSON values of a source.
async fn leaves(field: &str, values: &str) -> Value {
    let api = MockRest::start().await;
    let values: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(values).expect("a JSON list");
    let items: Vec<String> = values.iter().map(|value| format!("{{\"{field}\":{value}}}")).collect();
    let body = format!("[{}]", items.join(","));
    api.on("GET /", move |_| Answer::raw("application/json", body.clone()));
    let engine = TestEngine::new(SDL, &[("api", api.url())]);

    let answer = engine.run(&format!("{{ list {{ v: {field} }} }}")).await;

    assert_eq!(api.calls(), 1);
    let items = answer["data"]["list"].as_array().expect("a list");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let found = items.iter().enumerate().map(|(index, item)| {
        let path = json!(["list", index, "v"]);
        match errors.iter().find(|error| error["path"] == path) {
            Some(error) => error["message"].clone(),
            None => json!([item["v"]]),
        }
    });
    found.collect()
}

#[tokio::test]
async fn int_takes_whole_numbers_of_32_bits() {
    let found = leaves(
        "int",
        r#"[1, -2147483648, 2147483647, 2147483648, -2147483649, 1e3, 5.0, -0, 5.5, 1e400, 99999999999999999999]"#,
    )
    .await;

    insta::assert_snapshot!(found, @r#"[[1],[-2147483648],[2147483647],"Int cannot represent non 32-bit signed integer value.","Int cannot represent non 32-bit signed integer value.",[1000],[5],[0],"Int cannot represent non-integer value.","Int cannot represent non-integer value.","Int cannot represent non 32-bit signed integer value."]"#);
}

#[tokio::test]
async fn int_takes_numeric_text_and_booleans_as_the_reference_implementation_does() {
    let found = leaves(
        "int",
        r#"["12", " 7 ", "\u0031.0", "1e2", "", "x", "1.5", "2147483648", true, false, [1], {}]"#,
    )
    .await;

    insta::assert_snapshot!(found, @r#"[[12],[7],[1],[100],"Int cannot represent non-integer value.","Int cannot represent non-integer value.","Int cannot represent non-integer value.","Int cannot represent non 32-bit signed integer value.",[1],[0],"Int cannot represent non-integer value.","Int cannot represent non-integer value."]"#);
}

#[tokio::test]
async fn float_takes_finite_numbers() {
    let found = leaves(
        "float",
        r#"[1, 1.5, -2.25e-3, 1e21, "1.5", "", "x", true, 1e400, [], {}]"#,
    )
    .await;

    insta::assert_snapshot!(found, @r#"[[1],[1.5],[-0.00225],[1e+21],[1.5],"Float cannot represent non numeric value.","Float cannot represent non numeric value.",[1],"Float cannot represent non numeric value.","Float cannot represent non numeric value.","Float cannot represent non numeric value."]"#);
}

#[tokio::test]
async fn string_takes_text_numbers_and_booleans() {
    let found = leaves(
        "string",
        r#"["", "a \"b\" \\ \n \u0007 ☃ 😀 \u00e9", 5, 1.50, 1e21, 1e20, 18446744073709551615, -12345678901234567890123, -0, 0.0000001, 1e400, true, false, [], {}]"#,
    )
    .await;

    insta::assert_snapshot!(found, @r#"[[""],["a \"b\" \\ \n \u0007 ☃ 😀 é"],["5"],["1.5"],["1e+21"],["100000000000000000000"],["18446744073709551615"],["-12345678901234567890123"],["0"],["1e-7"],"String cannot represent value.",["true"],["false"],"String cannot represent value.","String cannot represent value."]"#);
}

#[tokio::test]
async fn boolean_takes_booleans_and_numbers() {
    let found = leaves("boolean", r#"[true, false, 0, 1, 2.5, "true", "", [], {}]"#).await;

    insta::assert_snapshot!(found, @r#"[[true],[false],[false],[true],[true],"Boolean cannot represent a non boolean value.","Boolean cannot represent a non boolean value.","Boolean cannot represent a non boolean value.","Boolean cannot represent a non boolean value."]"#);
}

#[tokio::test]
async fn id_takes_text_and_whole_numbers_and_is_text() {
    let found = leaves(
        "id",
        r#"["a", "", 5, -3, 5.0, 12345678901234567890123, 1e20, -0, 1.5, 1e400, true, [], {}]"#,
    )
    .await;

    insta::assert_snapshot!(found, @r#"[["a"],[""],["5"],["-3"],["5"],["12345678901234567890123"],["100000000000000000000"],["0"],"ID cannot represent value.","ID cannot represent value.","ID cannot represent value.","ID cannot represent value.","ID cannot represent value."]"#);
}

#[tokio::test]
async fn an_enum_takes_its_values_and_nothing_else() {
    let found = leaves("colour", r#"["RED", "\u0047REEN", "red", "BLUE", "", 1, true, [], {}]"#).await;

    insta::assert_snapshot!(found, @r#"[["RED"],["GREEN"],"The value is none of the enum's.","The value is none of the enum's.","The value is none of the enum's.","The value is none of the enum's.","The value is none of the enum's.","The value is none of the enum's.","The value is none of the enum's."]"#);
}

#[tokio::test]
async fn a_custom_scalar_takes_anything() {
    let found = leaves("any", r#"[1, "x", null, [1, [null]], { "b": 1, "a": { } }, 1.0]"#).await;

    insta::assert_snapshot!(found, @r#"[[1],["x"],[null],[[1,[null]]],[{"b":1,"a":{}}],[1.0]]"#);
}
