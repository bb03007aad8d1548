//! What a mapping reads and makes, told without data.

use serde_json::{Value, json};
use switchboard::mapping::{KeyTree, OutputTree, output, reads};

use super::mapping;

fn keys(tree: &KeyTree) -> Value {
    Value::Object(
        tree.0
            .iter()
            .map(|(key, below)| (key.to_string(), keys(below)))
            .collect(),
    )
}

/// What `text` reads of `variable`, as nested objects; an empty one is the whole value.
fn read(text: &str, variable: &str) -> Option<Value> {
    let reads = reads(&mapping(text));
    reads.variable(variable).map(|tree| keys(&tree))
}

fn input(text: &str) -> Option<Value> {
    reads(&mapping(text)).input().map(|tree| keys(&tree))
}

/// Keys as nested objects; `"?"` is anything, a literal is itself, alternatives of literals are a list.
fn shape(tree: &OutputTree) -> Value {
    if tree.fields.is_empty() && !tree.is_object {
        return match tree.literals.as_slice() {
            _ if tree.is_opaque => json!("?"),
            [] => json!("nothing"),
            [literal] => literal.clone(),
            literals => json!(literals),
        };
    }
    let mut fields: serde_json::Map<String, Value> = tree
        .fields
        .iter()
        .map(|field| (field.name.to_string(), shape(&field.tree)))
        .collect();
    if tree.is_opaque {
        fields.insert("?".to_owned(), json!("?"));
    }
    Value::Object(fields)
}

fn makes(text: &str) -> Value {
    shape(&output(&mapping(text)))
}

#[test]
fn reads_name_the_keys_below_variables() {
    for (text, expected) in [
        ("x: $this.id", json!({"id": {}})),
        ("x: $this.a.b y: $this.a.c", json!({"a": {"b": {}, "c": {}}})),
        ("x: $this.a.b y: $this.a", json!({"a": {}})),
        ("x: $this.a y: $this.a.b", json!({"a": {}})),
        ("x: $this", json!({})),
        ("$this { a b }", json!({"a": {}, "b": {}})),
        (
            "$this { a x: $.b.c d { e } }",
            json!({"a": {}, "b": {"c": {}}, "d": {"e": {}}}),
        ),
        ("$this.a { x: 1 }", json!({"a": {}})),
        ("$this.a { x: $args.y }", json!({"a": {}})),
        ("$this.xs->map(@.id)", json!({"xs": {"id": {}}})),
        (
            "$this.xs->map({ a: @.id, b: @.o.c })",
            json!({"xs": {"id": {}, "o": {"c": {}}}}),
        ),
        ("$this.xs->map(1)", json!({"xs": {}})),
        ("$this.xs->first.id", json!({"xs": {"id": {}}})),
        ("$this.xs->last { id }", json!({"xs": {"id": {}}})),
        ("$this.xs->slice(0, $this.n).id", json!({"xs": {"id": {}}, "n": {}})),
        ("$this.xs->get(0).id", json!({"xs": {"id": {}}})),
        ("$this.o->get('k').id", json!({"o": {"k": {"id": {}}}})),
        ("$this.o->get($args.k).id", json!({"o": {}})),
        ("$this.xs->find(@.on).id", json!({"xs": {"on": {}, "id": {}}})),
        (
            "$this.xs->filter(@.on->eq(true)) { id }",
            json!({"xs": {"on": {}, "id": {}}}),
        ),
        ("$this.a->echo(@.b)", json!({"a": {"b": {}}})),
        ("$this.a->echo(1)", json!({"a": {}})),
        ("$this.o->entries { k: key }", json!({"o": {}})),
        ("$this.o->jsonStringify", json!({"o": {}})),
        ("$this.a->eq($this.b)", json!({"a": {}, "b": {}})),
        (
            "$this.k->match(['a', $this.x], [@, $this.y.z])",
            json!({"k": {}, "x": {}, "y": {"z": {}}}),
        ),
        ("$this.a->as($x)->echo($x.b)", json!({"a": {"b": {}}})),
        ("$this.a->as($x, @.c)->echo($x.d)", json!({"a": {"c": {"d": {}}}})),
        ("$this.a ?? $this.b", json!({"a": {}, "b": {}})),
        ("$($this.a ?? $this.b).c", json!({"a": {"c": {}}, "b": {"c": {}}})),
        ("[$this.a, { x: $this.b }]", json!({"a": {}, "b": {}})),
        ("...$this.o", json!({"o": {}})),
        ("$this.a?.b?", json!({"a": {"b": {}}})),
        ("$this.a->withError($this.m)", json!({"a": {}, "m": {}})),
        ("xs { x: $this.id }", json!({"id": {}})),
    ] {
        assert_eq!(read(text, "this"), Some(expected), "{text}");
    }
}

#[test]
fn reads_leave_out_what_is_not_read() {
    assert_eq!(read("id name", "this"), None);
    assert_eq!(
        read("a->as($this)->echo($this.b)", "this"),
        None,
        "a bound name is no variable"
    );
    assert_eq!(
        read("x: a->as($v) y: $v.k", "v"),
        Some(json!({"k": {}})),
        "but only within its path"
    );
}

#[test]
fn reads_name_the_keys_below_the_input() {
    for (text, expected) in [
        ("id name: full_name", json!({"id": {}, "full_name": {}})),
        (
            "$.orders { id status: state }",
            json!({"orders": {"id": {}, "state": {}}}),
        ),
        (
            "orders { items: lines { q: qty } } n: $.next",
            json!({"orders": {"lines": {"qty": {}}}, "next": {}}),
        ),
        (
            "xs->map({ n: @.name, o: other })",
            json!({"xs": {"name": {}}, "other": {}}),
        ),
        ("$", json!({})),
        ("x: { a b: $.c }", json!({"a": {}, "c": {}})),
        ("a { x: $.b }", json!({"a": {"b": {}}})),
        ("id ...$", json!({})),
    ] {
        assert_eq!(input(text), Some(expected), "{text}");
    }
    assert_eq!(input("x: 1 y: $args.z"), None);
}

#[test]
fn reads_say_where_they_are_written() {
    let text = "a: $args.foo.bar $args { baz } c: $args->as($x)->echo($x.qux)";
    let reads = reads(&mapping(text));

    let places: Vec<(&str, Vec<&str>)> = reads
        .0
        .iter()
        .filter(|read| read.variable() == Some("args"))
        .map(|read| {
            let at = |span: &switchboard::mapping::Span| &text[span.start as usize..span.end as usize];
            (at(&read.span), read.path.iter().map(|key| at(&key.span)).collect())
        })
        .collect();

    assert_eq!(
        places,
        [
            ("$args.foo.bar", vec!["foo", "bar"]),
            ("baz", vec!["baz"]),
            ("$x.qux", vec!["qux"])
        ],
        "each read with its own text, and each key with its own"
    );
}

#[test]
fn output_names_the_keys_that_are_made() {
    for (text, expected) in [
        ("id name: full_name", json!({"id": "?", "name": "?"})),
        ("", json!({})),
        ("a {}", json!({"a": {}})),
        (
            "$.orders { id product: { id: productId } }",
            json!({"id": "?", "product": {"id": "?"}}),
        ),
        ("x: 1 y: 'a'", json!({"x": 1, "y": "a"})),
        ("x: [1, 2]", json!({"x": [1, 2]})),
        ("x: [{ a }, { b }]", json!({"x": {"a": "?", "b": "?"}})),
        ("$.a", json!("?")),
        ("x: $args.y", json!({"x": "?"})),
        ("k->match(['a', { x: 1 }], [@, { y }])", json!({"x": 1, "y": "?"})),
        ("$status->match([404, null], [@, { id }])", json!({"id": "?"})),
        ("x: a { p } ?? b { q }", json!({"x": {"p": "?", "q": "?"}})),
        ("x: a ?! { q }", json!({"x": {"q": "?", "?": "?"}})),
        ("xs->map({ n: @.name })", json!({"n": "?"})),
        ("a->echo({ v: @ })", json!({"v": "?"})),
        ("$({ a: { b } })->echo(@.a)", json!({"b": "?"})),
        ("$([{ a }])->first->withError('x')", json!({"a": "?"})),
        ("$([{ a }])->filter(true)->slice(0, 1)->get(0)", json!({"a": "?"})),
        ("$({ a: { b } })->get('a')", json!({"b": "?"})),
        ("$({ a: { b } })->as($x)->echo($x.a)", json!({"b": "?"})),
        ("$({ a })->keysToCamelCase", json!("?")),
        ("$({ a }).b", json!("nothing")),
        ("m->entries { id: key }", json!({"id": "?"})),
        ("id ...meta", json!({"id": "?", "?": "?"})),
        ("id ...meta { p }", json!({"id": "?", "p": "?"})),
        ("id $.meta { p }", json!({"id": "?", "p": "?"})),
        ("a: x { p } a: y { q }", json!({"a": {"p": "?", "q": "?"}})),
        ("a: x { p } a: y", json!({"a": {"p": "?", "?": "?"}})),
    ] {
        assert_eq!(makes(text), expected, "{text}");
    }
}

#[test]
fn output_keeps_the_types_of_an_abstract_value_apart() {
    let text =
        r#"id ...kind->match(["b", { __typename: "Book" pages o: x { p } }], ["f", { __typename: "Film" length }])"#;
    let tree = output(&mapping(text));

    assert_eq!(
        shape(&tree),
        json!({"id": "?", "__typename": ["Book", "Film"], "pages": "?", "o": {"p": "?"}, "length": "?"})
    );
    assert_eq!(
        shape(tree.for_type("Book")),
        json!({"id": "?", "__typename": "Book", "pages": "?", "o": {"p": "?"}})
    );
    assert_eq!(
        shape(tree.for_type("Film")),
        json!({"id": "?", "__typename": "Film", "length": "?"})
    );
    assert_eq!(shape(tree.for_type("Game")), shape(&tree), "of others nothing is known");
}

#[test]
fn output_says_where_each_key_is_named() {
    let text = "a: x { p } b a: y { p }";
    let tree = output(&mapping(text));

    let starts = |tree: &OutputTree, name: &str| -> Vec<u32> {
        tree.field(name).unwrap().spans.iter().map(|span| span.start).collect()
    };
    assert_eq!(starts(&tree, "a"), [0, 13]);
    assert_eq!(starts(&tree, "b"), [11]);
    assert_eq!(starts(&tree.field("a").unwrap().tree, "p"), [7, 20]);
}
