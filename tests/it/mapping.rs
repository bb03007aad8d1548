//! smoke
use serde_json::json;
use switchboard::mapping::*;
#[test]
fn smoke() {
    for (text, data) in [
        ("id name: full_name", json!({"id": 1, "full_name": "x"})),
        (
            "$.orders { id status: state items: lines { quantity: qty product: { id: productId } } }",
            json!({"orders":[{"id":1,"state":"A","lines":[{"qty":2,"productId":"p"}]}]}),
        ),
        (
            "tier: plan->match([\"G\", \"GOLD\"], [@, \"BASIC\"])",
            json!({"plan":"G"}),
        ),
        ("a->as($x)->echo({ x: $x, y: $.b })", json!({"a":1,"b":2})),
        (
            "m->entries { id: key v: value }",
            json!({"m":{"a":1,"b":2}}),
        ),
        (
            "items->map({ n: @.name })",
            json!({"items":[{"name":1},{}]}),
        ),
        ("a ?? b ?? 'x'", json!({"a":null})),
        ("id", json!({"id":1})),
        ("'{\"b\":1}'->jsonParse { b }", json!({"id":1})),
        (
            "first: $.xs->first?.y ...$.z",
            json!({"xs":[{"y":1}],"z":{"k":1}}),
        ),
    ] {
        let s = parse(text, Spec::V0_4);
        match s {
            Err(e) => println!("{text}: {e:?}"),
            Ok(s) => println!(
                "{text} => {:?}",
                evaluate(
                    &s,
                    Spec::V0_4,
                    Some(&data),
                    &Vars::default(),
                    &Limits::default()
                )
            ),
        }
    }
    for (t, s) in [
        ("a->trim()", Spec::V0_4),
        ("a->frist", Spec::V0_4),
        ("a: 1e5", Spec::V0_4),
        ("...a", Spec::V0_3),
        ("a?", Spec::V0_2),
        ("$.a b", Spec::V0_4),
        ("{a}", Spec::V0_3),
        ("a, b", Spec::V0_3),
        ("a b,", Spec::V0_4),
        ("a ?? b ?! c", Spec::V0_4),
        ("x: [1,", Spec::V0_4),
        ("a->map", Spec::V0_4),
    ] {
        println!("{t} => {:?}", parse(t, s));
    }
}
