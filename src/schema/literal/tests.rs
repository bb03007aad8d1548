use super::*;

fn decoded(raw: &str) -> Text {
    let decoded = decode(raw, 0);
    let span = 0..raw.len();
    Text {
        value: decoded.value,
        written: decoded.written,
        place: Place { file: 0, span },
    }
}

/// The part of the literal that stands for `part` of its value.
fn written<'r>(raw: &'r str, part: &str) -> &'r str {
    let text = decoded(raw);
    let at = text
        .value
        .find(part)
        .unwrap_or_else(|| panic!("{part:?} is not in {:?}", text.value));
    &raw[text.place(&(at..at + part.len())).span]
}

#[test]
fn quoted_text_stands_for_itself() {
    assert_eq!(written(r#""id name""#, "name"), "name");
}

#[test]
fn escapes_are_found_as_they_are_written() {
    let raw = r#""a\n\"b\" \u00e9x""#;
    assert_eq!(decoded(raw).value, "a\n\"b\" éx");
    assert_eq!(written(raw, "\"b\""), r#"\"b\""#);
    assert_eq!(written(raw, "é"), r"\u00e9");
    assert_eq!(written(raw, "x"), "x");
}

#[test]
fn surrogate_pairs_and_braced_escapes_are_one_character() {
    assert_eq!(decoded(r#""\ud83d\ude00!""#).value, "😀!");
    assert_eq!(written(r#""\ud83d\ude00!""#, "!"), "!");
    assert_eq!(decoded(r#""\u{1F600}!""#).value, "😀!");
    assert_eq!(written(r#""\u{1F600}!""#, "😀"), r"\u{1F600}");
}

#[test]
fn blocks_lose_their_indentation_but_not_their_places() {
    let raw = "\"\"\"\n    id\n      name: full\n    \"\"\"";
    assert_eq!(decoded(raw).value, "id\n  name: full");
    assert_eq!(written(raw, "full"), "full");
    assert_eq!(decoded(raw).place(&(0..2)).span, 8..10);
}

#[test]
fn blocks_know_carriage_returns_and_escaped_quotes() {
    let raw = "\"\"\"a\r\n  b\r  \\\"\"\"c\"\"\"";
    assert_eq!(decoded(raw).value, "a\nb\n\"\"\"c");
    assert_eq!(written(raw, "c"), "c");
    assert_eq!(written(raw, "\"\"\""), "\\\"\"\"");
}

#[test]
fn places_outside_the_text_are_inside_the_literal() {
    let text = decoded("\"ab\"");
    assert_eq!(text.place(&(2..2)).span, 2..3);
    assert_eq!(text.place(&(7..9)).span, 2..3);
    assert_eq!(decoded("\"\"").place(&(0..0)).span, 0..2);
}

#[test]
fn what_is_no_literal_does_not_panic() {
    for raw in [
        "",
        "\"",
        "\"\"\"",
        "\"\\",
        "\"\\u",
        "\"\\u{",
        "\"\\ud83d",
        "\"\\ud83d\\u",
        "\"é\\uéééé",
    ] {
        let _ = decoded(raw);
    }
}
