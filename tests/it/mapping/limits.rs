//! No mapping and no data make an evaluation run away: it ends with a missing value and a note.

use std::fmt::Write;

use serde_json::{Value, json};
use switchboard::mapping::{Evaluation, Limits, Spec, Vars, evaluate, output, reads};

use super::mapping;

fn run_with(text: &str, data: &Value, limits: &Limits) -> Evaluation {
    let selection = mapping(text);
    let _ = (reads(&selection), output(&selection));
    evaluate(&selection, Spec::V0_4, Some(data), &Vars::default(), limits)
}

fn run(text: &str, data: &Value) -> Evaluation {
    run_with(text, data, &Limits::default())
}

fn assert_stopped(outcome: &Evaluation, why: &str) {
    assert_eq!(outcome.value, None);
    assert!(
        outcome.notes.iter().any(|note| note.message.contains(why)),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn doubling_a_list_ends_at_the_limit() {
    let text = format!("$(['x']){}", "->as($l)->echo([$l, $l])".repeat(60));

    assert_stopped(&run(&text, &json!({})), "too large");
}

#[test]
fn doubling_a_text_ends_at_the_limit() {
    let text = format!("$('xxxxxxxx'){}", "->echo([@, @])->joinNotNull('')".repeat(60));

    assert_stopped(&run(&text, &json!({})), "too large");
}

#[test]
fn escaping_text_over_and_over_ends_at_the_limit() {
    let text = format!("$('\"'){}", "->jsonStringify".repeat(200));

    assert_stopped(&run(&text, &json!({})), "too large");
}

#[test]
fn lists_within_lists_end_at_the_limit() {
    let list: Vec<u32> = (0..2_000).collect();
    let text = "a->map($.a->map($.a->size))";

    assert_stopped(&run(text, &json!({ "a": list })), "too many steps");
}

#[test]
fn comparing_large_values_counts() {
    let large: Vec<u32> = (0..1_000).collect();
    let text = "a->filter($.a->eq($.a))";

    assert_stopped(&run(text, &json!({ "a": large, })), "too many steps");
    let text = "a->filter($.t->eq($.u))";
    let data = json!({ "a": large, "t": "x".repeat(1_000_000), "u": "x".repeat(1_000_000) });
    assert_stopped(&run(text, &data), "too many steps");
}

#[test]
fn wrapping_a_value_over_and_over_ends_at_the_limit() {
    let text = format!("a{}", "->echo([@])".repeat(5_000));

    assert_stopped(&run(&text, &json!({"a": 1})), "too deep");
}

#[test]
fn looking_through_many_names_counts() {
    let mut text = "a".to_owned();
    for name in 0..5_000 {
        write!(text, "->as($n{name})").unwrap();
    }
    write!(text, "->echo([{}])", "$none, ".repeat(5_000)).unwrap();

    assert_stopped(&run(&text, &json!({"a": 1})), "too many steps");
}

#[test]
fn long_keys_count() {
    let key = "k".repeat(1_000_000);
    let large: Vec<u32> = (0..1_000).collect();
    let data = json!({ "a": large, "o": { key.as_str(): 1 }, "p": { key.as_str(): 1 } });

    assert_stopped(&run("a->filter($.o->eq($.p))", &data), "too many steps");
    assert_stopped(&run(&format!("a->map($.o.{key})"), &data), "too many steps");
}

#[test]
fn cutting_a_huge_text_into_characters_ends_at_the_limit() {
    let data = json!({ "t": "x".repeat(4 * 1024 * 1024) });

    assert_stopped(&run("t->split('')", &data), "too large");
    assert_stopped(&run("t->split('x')", &data), "too large");
    assert_eq!(run("t->split('', 2)", &data).value, Some(json!(["x", "x"])));
}

#[test]
fn merging_huge_values_over_and_over_ends_at_the_limit() {
    let large: Vec<Value> = (0..10_000).map(|n| json!({ "n": n, "m": { "n": [n] } })).collect();
    let text = "x: $.a ".repeat(200);

    assert_stopped(&run(&text, &json!({ "a": large })), "too large");
}

#[test]
fn deep_json_in_a_text_is_refused_or_fits_the_stack() {
    for (depth, fits) in [(100, true), (100_000, false)] {
        let data = json!({ "t": format!("{}{}", "[".repeat(depth), "]".repeat(depth)) });
        let outcome = run("t->jsonParse", &data);
        assert_eq!(outcome.value.is_some(), fits);
        assert_eq!(outcome.notes.is_empty(), fits);
    }
    let grown = format!("t{}", "->jsonParse->echo([@])->jsonStringify".repeat(300));
    assert_eq!(
        run(&grown, &json!({ "t": "1" })).value,
        None,
        "JSON readers stop at 128"
    );
}

#[test]
fn trees_of_what_is_made_stay_small() {
    // Longer than the depth of any stack: walked to the end, these would not come back.
    let deep = format!("$({{}}){}", "->echo({ a: @ })".repeat(20_000));
    let wide = format!("$({{}}){}", "->as($x)->echo({ a: $x b: $x })".repeat(200));
    let either = format!("$(a ?? {wide}) ?? {}", wide.replace("{ a: $x", "{ c: $x"));

    for text in [deep, wide, either] {
        let tree = output(&mapping(&text));
        assert!(tree.field("a").is_some() || tree.is_opaque);
        assert!(format!("{tree:?}").len() < 100_000_000);
    }
}

#[test]
fn trees_of_what_is_read_stay_small() {
    let deep = format!("x: $this{}", ".a".repeat(50_000));
    let wide = format!("$this.a{}", "->as($x, $x.b ?? $x.c ?? @)->echo($x)".repeat(200));

    assert!(reads(&mapping(&deep)).variable("this").is_some());
    assert!(reads(&mapping(&wide)).0.len() < 100_000);
}

#[test]
fn long_paths_are_no_deep_ones() {
    let text = format!("a{}", "->as($x)->echo($x)->add(1)".repeat(5_000));

    assert_eq!(run(&text, &json!({"a": 1})).value, Some(json!(5_001)));
}

#[test]
fn long_mappings_are_read_in_one_go() {
    let mut text = String::new();
    for field in 0..5_000 {
        write!(text, "f{field}: $.a->eq({field}) ").unwrap();
    }

    let made = run(&text, &json!({"a": 1})).value.unwrap();

    assert_eq!(made.as_object().unwrap().len(), 5_000);
}

#[test]
fn everything_nested_as_deep_as_it_may_be_fits_the_stack() {
    for (open, middle, close) in [
        ("[", "1", "]"),
        ("$(", "1", ")"),
        ("{ a: ", "1", "}"),
        ("$ { a: ", "1", "}"),
        ("a->echo(", "1", ")"),
        ("a->map(@ ?? ", "1", ")"),
        ("$(1 ?? ", "1", ")"),
    ] {
        let text = format!("x: {}{middle}{}", open.repeat(64), close.repeat(64));
        assert!(run(&text, &json!({"a": {}})).value.is_some(), "{text}");
    }
}

#[test]
fn deep_data_fits_the_stack() {
    let mut data = json!({"b": 1});
    for _ in 0..100 {
        data = json!([data]);
    }

    assert!(run("b", &data).value.is_some());
    assert!(run("$.b", &data).value.is_some());
    for _ in 0..200 {
        data = json!([data]);
    }
    assert_stopped(&run("b", &data), "too deep");
    assert_stopped(&run("$.b", &data), "too deep");
    assert_stopped(&run("$", &data), "too deep");
}

#[test]
fn blocks_over_nested_lists_within_blocks_fit_the_stack() {
    let mut list = json!({});
    for _ in 0..30 {
        list = json!([list]);
    }
    let text = format!("{}{}", "a: $v { ".repeat(60), "}".repeat(60));
    let selection = mapping(&text);

    let outcome = evaluate(
        &selection,
        Spec::V0_4,
        Some(&json!({})),
        &Vars::new(&[("v", &list)]),
        &Limits::default(),
    );

    assert_stopped(&outcome, "too deep");
}

#[test]
fn a_large_answer_passes_whole() {
    let item = json!({"id": 1, "name": "x".repeat(300), "tags": ["a", "b"], "price": {"amount": 1, "currency": "EUR"}});
    let data = json!({ "items": vec![item; 10_000] });

    let outcome = run("items { id name tags price { amount currency } }", &data);

    assert_eq!(outcome.value, Some(data));
}

#[test]
fn notes_are_kept_to_one_for_each_place() {
    let data = json!({ "xs": vec![json!({}); 1_000] });

    assert_eq!(run("xs { a b: c.d }", &data).notes.len(), 2);
    let silent = Limits {
        notes_max: 0,
        ..Limits::default()
    };
    assert_eq!(run_with("xs { a b }", &data, &silent).notes, []);
}

#[test]
fn declared_errors_are_capped() {
    let data = json!({ "xs": vec![1; 1_000] });

    assert_eq!(run("xs->map(@->withError('e'))", &data).errors.len(), 100);
}

#[test]
fn notes_say_where() {
    let outcome = run(
        "users: people { n: contact->as($c)->echo($c.name) }",
        &json!({"people": {"contact": {}}}),
    );

    assert_eq!(outcome.notes.len(), 1);
    assert_eq!(
        outcome.notes[0].path,
        ["people", "contact", "->as", "->echo", "$c", "name"]
    );
}
