use apollo_compiler::parser::Parser;
use proptest::prelude::*;

use super::*;

/// As many as the parser says there are, but for the one that says where the document ends.
fn tokens_of_parser(text: &str) -> usize {
    let mut parser = Parser::new().token_limit(1_000_000);
    let _ = parser.parse_ast(text, "operation.graphql");
    parser.tokens_reached() - 1
}

fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "a",
        "b: c",
        "@d",
        "...",
        "... on T",
        "$v",
        " ",
        ",",
        "\n",
        "\t",
        "\u{feff}",
        "# x\n",
        "1",
        "-2.5e3",
        "\"s\"",
        "\"\\\"\"",
        "\"\"\"b\"\"\"",
        "\"\"\"\\\"\"\" \"\"\"",
        "!",
        "=",
        ":",
        "|",
        "&",
        "query",
        "mutation Q",
        "fragment F on T",
    ];
    proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn tokens_are_those_of_the_parser(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.join(" ");
        prop_assert_eq!(Counts::of(text.as_bytes()).tokens, tokens_of_parser(&text), "{}", text);
    }

    #[test]
    fn anything_is_read_to_its_end(text in "\\PC{0,200}") {
        let counts = Counts::of(text.as_bytes());
        prop_assert!(counts.tokens <= text.len());
    }
}

#[test]
fn directives_and_aliases_are_those_of_selections() {
    let text = r#"query($v: T = { a: b } @c) @d { a: b(c: { d: e }, f: "@g") @h k: { x: y } # @i
        ... @include(if: $j) { m : n } }"#;
    let counts = Counts::of(text.as_bytes());
    assert_eq!((counts.directives, counts.aliases), (4, 3));
}

#[test]
fn only_braces_within_braces_that_are_closed_are_levels_of_selections() {
    for (text, braces, is_balanced) in [
        ("{ a { b } }", 2, true),
        ("{ a(b: { c: { d: 1 } }) { e } }", 2, true),
        ("{ a { b }", 2, false),
        ("{ a ) }", 1, false),
        ("{ a(b: [) ] }", 1, false),
        ("", 0, true),
    ] {
        let counts = Counts::of(text.as_bytes());
        assert_eq!((counts.braces, counts.is_balanced), (braces, is_balanced), "{text}");
    }
}

#[test]
fn a_string_that_is_too_long_however_it_is_written_is_refused_unparsed() {
    let limits = Limits {
        document_bytes: 0,
        ..Limits::default()
    };
    let written = |text: &str| format!("{{ a(text: \"{}\") }}", text);
    let escaped = written(&"\\u0041".repeat(limits.string_bytes));
    let plain = written(&"a".repeat(limits.string_bytes * 6 + 6));

    assert!(check(&escaped, &limits).is_ok(), "as long as it may be");
    let refused = check(&format!("{plain} {{"), &limits);
    let error = refused.expect_err("it is too long");
    assert_eq!(error.kind, RequestErrorKind::Limit(LimitKind::StringBytes));
    assert_eq!(
        error.errors[0].message,
        "A string of the document is written in 98312 bytes; at most 16384 are allowed in a string."
    );
    let measured = Limits {
        mode: LimitMode::Measure,
        ..limits
    };
    assert!(check(&plain, &measured).is_ok());
}
