//! A mapping that is cut down to what a query asks gives what cutting down its full result gives.

use std::fmt::Write;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use switchboard::mapping::{
    Context, LayoutId, Layouts, Limits, Projection, ScanLimits, Spec, Table, Vars, evaluate, parse,
};

/// What a query asks of an object: names, and what is asked below them.
#[derive(Debug, Clone)]
struct Asked(Vec<(String, Option<Asked>)>);

fn key() -> impl Strategy<Value = String> {
    "[a-d]"
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => key(),
        2 => (key(), key()).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => (key(), key(), key()).prop_map(|(a, b, c)| format!("$.{a}.{b}.{c}")),
        1 => key().prop_map(|key| format!("{key}?")),
        1 => (key(), key()).prop_map(|(a, b)| format!("{a}?.{b}")),
    ]
}

/// A path of at least two parts, which is merged in if it has no name.
fn long_path() -> impl Strategy<Value = String> {
    prop_oneof![
        (key(), key()).prop_map(|(a, b)| format!("{a}.{b}")),
        key().prop_map(|key| format!("$.{key}")),
        key().prop_map(|key| format!("$.{key}?")),
    ]
}

fn computed() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("'text'".to_owned()),
        Just("[1, a, $.b]".to_owned()),
        Just("$v.a".to_owned()),
        Just("$".to_owned()),
        Just("@.a".to_owned()),
        (key(), key()).prop_map(|(a, b)| format!("{a} ?? {b} ?? 'none'")),
        (key(), key()).prop_map(|(a, b)| format!("{a} ?! {b}")),
        path().prop_map(|path| format!("{path}->first")),
        path().prop_map(|path| format!("{path}->map({{ a: @.b b: $.c }})")),
        (key(), key()).prop_map(|(a, b)| format!("{a}->match([1, {b}], ['x', {{ a: 1 b: {b} }}], [@, @])")),
        path().prop_map(|path| format!("{path}->entries {{ a: key b: value }}")),
        key().prop_map(|key| format!("$({key} ?? {{ a: 1 }})")),
    ]
}

fn block(depth: u32) -> BoxedStrategy<String> {
    let item = if depth == 0 {
        prop_oneof![4 => key(), 2 => (key(), path()).prop_map(|(name, path)| format!("{name}: {path}"))].boxed()
    } else {
        let inner = block(depth - 1);
        prop_oneof![
            4 => key(),
            3 => (key(), inner.clone()).prop_map(|(key, block)| format!("{key} {{ {block} }}")),
            3 => (key(), path()).prop_map(|(name, path)| format!("{name}: {path}")),
            3 => (key(), path(), inner.clone()).prop_map(|(name, path, block)| format!("{name}: {path} {{ {block} }}")),
            2 => (key(), inner.clone()).prop_map(|(name, block)| format!("{name}: {{ {block} }}")),
            3 => (key(), computed()).prop_map(|(name, value)| format!("{name}: {value}")),
            2 => (long_path(), inner.clone()).prop_map(|(path, block)| format!("{path} {{ {block} }}")),
            1 => key().prop_map(|key| format!("...{key}")),
            1 => (key(), key()).prop_map(|(a, b)| format!("...{a}->match([1, {{ __typename: 'A' {b} }}], [@, null])")),
        ]
        .boxed()
    };
    prop::collection::vec(item, 0..5)
        .prop_map(|items| items.join(" "))
        .boxed()
}

fn selection() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => block(3),
        2 => (long_path(), block(2)).prop_map(|(path, block)| format!("{path} {{ {block} }}")),
        1 => long_path(),
        1 => computed(),
        1 => block(2).prop_map(|block| format!("$ {{ {block} }}")),
    ]
}

fn data() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        2 => Just(Value::Null),
        2 => Just(json!(1)),
        1 => Just(json!("x")),
        1 => Just(json!(true)),
        1 => Just(json!("ü\n\"")),
        1 => Just(json!(1.5)),
    ];
    scalar.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            4 => prop::collection::vec((key(), inner.clone()), 0..5)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
            2 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn asked(depth: u32) -> BoxedStrategy<Asked> {
    let below = match depth {
        0 => Just(None).boxed(),
        _ => prop::option::of(asked(depth - 1)).boxed(),
    };
    let names = prop::sample::subsequence(vec!["a", "b", "c", "d", "__typename"], 1..5);
    (names, prop::collection::vec(below, 5))
        .prop_map(|(names, below)| Asked(names.into_iter().map(str::to_owned).zip(below).collect()))
        .boxed()
}

fn lay_out(asked: &Asked, layouts: &mut Layouts, layout: LayoutId) {
    for (name, below) in &asked.0 {
        match below {
            None => {
                layouts.leaf(layout, &name.as_str().into());
            }
            Some(below) => {
                let (_, inner) = layouts.object(layout, &name.as_str().into());
                lay_out(below, layouts, inner);
            }
        }
    }
}

fn cut(value: Value, asked: Option<&Asked>) -> Value {
    match (value, asked) {
        (Value::Array(items), asked) => items.into_iter().map(|item| cut(item, asked)).collect(),
        (Value::Object(mut fields), Some(Asked(names))) => names
            .iter()
            .filter_map(|(name, below)| Some((name.clone(), cut(fields.remove(name)?, below.as_ref()))))
            .collect(),
        (value, _) => value,
    }
}

/// Without what is null: to a GraphQL answer, a key that is missing is null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        scalar => scalar,
    }
}

/// What the compiled mapping reads of a body.
fn read(text: &str, body: &str, vars: &Vars<'_>, asked: Option<&Asked>) -> Value {
    let selection = parse(text, Spec::V0_4).expect(text);
    let mut layouts = Layouts::default();
    if let Some(asked) = asked {
        let layout = layouts.add();
        lay_out(asked, &mut layouts, layout);
    }
    let projection = Projection::compile(&selection.into(), Spec::V0_4, layouts);
    let mut table = Table::new(projection.layouts.len());
    let mut context = Context {
        vars,
        declared: Vec::new(),
    };
    let node = projection
        .read_json(
            Bytes::from(body.to_owned()),
            ScanLimits::default(),
            &mut context,
            &mut table,
        )
        .expect("JSON");
    let mut json = Vec::new();
    let layout = asked.map(|_| LayoutId(0));
    table.write_json(&node, &projection.layouts, layout, &mut json);
    serde_json::from_slice(&json).expect("JSON again")
}

fn both(text: &str, data: &Value, asked: Option<&Asked>) -> (Value, Value) {
    let bound = json!({ "a": [1, { "a": 2 }] });
    let pairs = [("v", &bound)];
    let vars = Vars::new(&pairs);
    let selection = parse(text, Spec::V0_4).expect(text);
    let full = evaluate(&selection, Spec::V0_4, Some(data), &vars, &Limits::default()).value;
    let expected = cut(full.unwrap_or_default(), asked);
    let mut body = String::new();
    write!(body, "{data:#}").expect("memory");
    (without_nulls(read(text, &body, &vars, asked)), without_nulls(expected))
}

#[test]
fn null_under_a_block_is_what_the_block_makes_of_it() {
    let ask = |names: &[&str]| Asked(names.iter().map(|name| ((*name).to_owned(), None)).collect());
    let price = Asked(vec![("price".to_owned(), Some(ask(&["amount", "currency"])))]);
    let read = |text: &str, asked: &Asked, data: Value| {
        let (read, expected) = both(text, &data, Some(asked));
        assert_eq!(read, expected, "{text}");
        read
    };

    let keys_only = read("price { amount currency: cur }", &price, json!({ "price": null }));
    assert_eq!(keys_only, json!({}), "a block of keys makes nothing of null");
    let with_literal = read("price { amount currency: 'EUR' }", &price, json!({ "price": null }));
    assert_eq!(with_literal, json!({ "price": { "currency": "EUR" } }));
    let in_list = read("price { currency: 'EUR' }", &price, json!({ "price": [null, {}, 7] }));
    let item = json!({ "currency": "EUR" });
    assert_eq!(in_list, json!({ "price": [item, item, item] }));
    let merged = read(
        "id $.meta { page }",
        &ask(&["id", "page"]),
        json!({ "id": 1, "meta": null }),
    );
    assert_eq!(merged, Value::Null, "null wins");
    let optional = read(
        "id $.meta? { page }",
        &ask(&["id", "page"]),
        json!({ "id": 1, "meta": null }),
    );
    assert_eq!(optional, json!({ "id": 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_a_mapping_down_is_cutting_its_result_down(
        text in selection(),
        data in data(),
        asked in prop::option::weighted(0.9, asked(3)),
    ) {
        let (read, expected) = both(&text, &data, asked.as_ref());
        prop_assert_eq!(read, expected, "{} on {} asked {:?}", text, data, asked);
    }
}
