//! What holds of every mapping, and of everything that is none.

use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard::mapping::{
    Block, Expr, Fallback, Head, Item, Key, Limits, Path, Selection, Spec, Step, Vars, evaluate, output, parse, reads,
};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-d]",
        1 => "[A-Za-z_][A-Za-z0-9_]{0,6}",
    ]
    .prop_filter("literal words are not bare keys", |name| {
        !["true", "false", "null"].contains(&name.as_str())
    })
}

fn bare(text: String) -> Key {
    Key {
        text,
        quoted: false,
        span: 0..0,
    }
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        4 => name().prop_map(bare),
        1 => "[ -~\n\u{e4}\u{1F600}]{0,5}".prop_map(|text| Key { text, quoted: true, span: 0..0 }),
        1 => prop_oneof![Just("true"), Just("null")].prop_map(|word| bare(word.to_owned())),
    ]
}

fn literal() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no others", |float| float.is_finite())
            .prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ]
    .prop_map(|value| Expr::Literal(value, 0..0))
}

fn head(value: BoxedStrategy<Expr>) -> impl Strategy<Value = Head> {
    prop_oneof![
        2 => Just(Head::Root),
        2 => Just(Head::At),
        2 => name().prop_map(|text| Head::Variable(bare(text))),
        4 => name().prop_map(|text| Head::Key(bare(text))),
        1 => value.prop_map(|expr| Head::Expr(Box::new(expr))),
    ]
}

fn step(value: BoxedStrategy<Expr>) -> impl Strategy<Value = Step> {
    let method = |name: &str, args| Step::Method {
        name: bare(name.to_owned()),
        args,
        span: 0..0,
    };
    let bind = move |name| {
        let head = Head::Variable(bare(name));
        let variable = Expr::Path(Path {
            head,
            steps: Vec::new(),
            span: 0..0,
        });
        method("as", Some(vec![variable]))
    };
    prop_oneof![
        4 => key().prop_map(Step::Key),
        1 => prop_oneof![Just("first"), Just("size"), Just("entries"), Just("toString"), Just("not")]
            .prop_map(move |name| method(name, None)),
        1 => Just(method("toString", Some(Vec::new()))),
        2 => (prop_oneof![Just("map"), Just("echo"), Just("filter"), Just("eq"), Just("get")], value.clone())
            .prop_map(move |(name, arg)| method(name, Some(vec![arg]))),
        1 => prop::collection::vec((value.clone(), value), 1..3).prop_map(move |pairs| {
            let pairs = pairs.into_iter().map(|(candidate, value)| Expr::Array(vec![candidate, value], 0..0));
            method("match", Some(pairs.collect()))
        }),
        1 => name().prop_map(bind),
    ]
}

fn path(value: BoxedStrategy<Expr>, block: BoxedStrategy<Block>) -> impl Strategy<Value = Path> {
    let steps = prop::collection::vec((step(value.clone()), any::<bool>()), 0..4);
    (head(value), any::<bool>(), steps, prop::option::of(block)).prop_map(|(head, optional, steps, block)| {
        let mut all = Vec::new();
        all.extend(optional.then_some(Step::Optional(0..0)));
        for (step, optional) in steps {
            all.push(step);
            all.extend(optional.then_some(Step::Optional(0..0)));
        }
        all.extend(block.map(Step::Select));
        Path {
            head,
            steps: all,
            span: 0..0,
        }
    })
}

/// Any value, `depth` brackets deep at most.
fn value(depth: u32) -> BoxedStrategy<Expr> {
    if depth == 0 {
        return literal().boxed();
    }
    let inner = value(depth - 1);
    let operand = prop_oneof![
        2 => literal(),
        1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|items| Expr::Array(items, 0..0)),
        1 => block(depth - 1).prop_map(Expr::Object),
        4 => path(inner, block(depth - 1)).prop_map(Expr::Path),
    ]
    .boxed();
    let fallback = prop_oneof![Just(Fallback::Missing), Just(Fallback::NullOrMissing)];
    let chain = (fallback, prop::collection::vec(operand.clone(), 2..4))
        .prop_map(|(fallback, operands)| Expr::Chain(fallback, operands, 0..0));
    prop_oneof![5 => operand, 1 => chain].boxed()
}

fn block(depth: u32) -> BoxedStrategy<Block> {
    let items = if depth == 0 {
        let lone = name().prop_map(|name| {
            let key = bare(name);
            let path = Path {
                head: Head::Key(key.clone()),
                steps: Vec::new(),
                span: 0..0,
            };
            Item::Named {
                name: key,
                value: Expr::Path(path),
            }
        });
        prop::collection::vec(lone, 0..3).boxed()
    } else {
        let spread = path(value(depth - 1), block(depth - 1)).prop_map(|path| Item::Spread {
            value: Expr::Path(path),
            explicit: true,
        });
        let item = prop_oneof![
            4 => (key(), value(depth - 1)).prop_map(|(name, value)| Item::Named { name, value }),
            1 => spread,
        ];
        prop::collection::vec(item, 0..4).boxed()
    };
    items.prop_map(|items| Block { items, span: 0..0 }).boxed()
}

/// Text out of the language's own pieces: gets further into the parser than random characters.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "id",
        "$",
        "$a",
        "@",
        "$(",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ".",
        "...",
        "->",
        "?",
        "??",
        "?!",
        "\"x\"",
        "'",
        "1",
        "-",
        ".5",
        "true",
        "null",
        "map",
        "as",
        "match",
        "->first",
        "->map(",
        "->as($a)",
        "->echo(",
        "->match([",
        "->add(",
        "->size",
        "#",
        "\n",
        " ",
        "\\",
        "é",
        "!",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn use_everything(text: &str, spec: Spec) {
    let Ok(selection) = parse(text, spec) else {
        return;
    };
    let again = parse(&selection.to_string(), spec).map(Selection::without_spans);
    assert_eq!(
        again,
        Ok(selection.clone().without_spans()),
        "`{text}` prints as `{selection}`"
    );
    let data = json!({"a": [{"b": 1, "id": "x"}, null, "text"], "b": {"a": 1.5, "b": [[1]]}, "id": 7});
    for data in [Some(&data), None] {
        let _ = evaluate(
            &selection,
            spec,
            data,
            &Vars::new(&[("a", &json!([1, 2]))]),
            &Limits::default(),
        );
    }
    let _ = (reads(&selection), output(&selection));
}

fn is_lone_key(selection: &Selection) -> bool {
    let Selection::Value(Expr::Path(path)) = selection else {
        return false;
    };
    matches!(path.head, Head::Key(_))
        && path
            .steps
            .iter()
            .all(|step| matches!(step, Step::Optional(_) | Step::Select(_)))
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(value in value(3), fields in block(3)) {
        for selection in [Selection::Value(value), Selection::Fields(fields)] {
            let text = selection.to_string();
            let read = parse(&text, Spec::V0_4).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            // A lone key is a list of one field, never a value: the one tree that no text is read as.
            if !is_lone_key(&selection) {
                prop_assert_eq!(read.without_spans(), selection, "{}", text);
            }
            use_everything(&text, Spec::V0_4);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        for spec in [Spec::V0_2, Spec::V0_3, Spec::V0_4] {
            use_everything(&text, spec);
        }
    }

    #[test]
    fn any_pieces_are_read_or_refused(text in fragments()) {
        for spec in [Spec::V0_2, Spec::V0_3, Spec::V0_4] {
            use_everything(&text, spec);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        use_everything(&String::from_utf8_lossy(&bytes), Spec::V0_4);
    }
}
