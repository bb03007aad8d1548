use super::*;
use crate::schema::{Code, Severity};

fn problem(source: &str, marked: &str) -> (Problem, SourceFile) {
    let start = source.find(marked).unwrap();
    let line = source[..start].matches('\n').count() + 1;
    let column = source[..start].chars().rev().take_while(|c| *c != '\n').count() + 1;
    let problem = Problem {
        code: Code::InvalidUrl,
        severity: Severity::Error,
        message: "no".to_owned(),
        hint: Some("yes".to_owned()),
        file: "a.graphql".to_owned(),
        span: start..start + marked.len(),
        line,
        column,
        is_advice: false,
    };
    (
        problem,
        SourceFile {
            path: "a.graphql".to_owned(),
            text: source.to_owned(),
        },
    )
}

fn text(source: &str, marked: &str) -> String {
    let (problem, file) = problem(source, marked);
    to_text(&[problem], &[file])
}

#[test]
fn the_marked_range_stands_below_the_line() {
    insta::assert_snapshot!(text("type Query {\n  a: Int @bad\n}", "@bad"), @r"
    a.graphql:2:10: error[INVALID_URL]: no
    2 |   a: Int @bad
      |          ^^^^
    hint: yes
    ");
}

#[test]
fn tabs_and_wide_characters_keep_the_marks_in_place() {
    insta::assert_snapshot!(text("\t\"日本\" bad", "bad"), @r#"
    a.graphql:1:7: error[INVALID_URL]: no
    1 |     "日本" bad
      |            ^^^
    hint: yes
    "#);
}

#[test]
fn a_range_over_several_lines_is_marked_on_its_first() {
    insta::assert_snapshot!(text("a { b\nc }", "{ b\nc }"), @r"
    a.graphql:1:3: error[INVALID_URL]: no
    1 | a { b
      |   ^^^
    hint: yes
    ");
}

#[test]
fn a_long_line_is_cut_around_the_range() {
    let source = format!("{}bad{}", "x".repeat(500), "y".repeat(500));
    let text = text(&source, "bad");

    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].chars().count() < 140, "{text}");
    let at = lines[1].chars().position(|c| c == 'b').unwrap();
    assert_eq!(lines[2].chars().position(|c| c == '^'), Some(at));
}

#[test]
fn programs_get_an_array_of_objects() {
    let (problem, _) = problem("bad", "bad");
    insta::assert_json_snapshot!(to_json(&[problem]), @r#"
    [
      {
        "code": "INVALID_URL",
        "message": "no; yes",
        "file": "a.graphql",
        "line": 1,
        "column": 1,
        "severity": "error"
      }
    ]
    "#);
}

#[test]
fn no_offset_makes_it_panic() {
    let source = "é\r\n\tb\u{0}";
    for start in 0..=source.len() + 2 {
        for end in start..=source.len() + 2 {
            let (mut problem, file) = problem(source, "b");
            problem.span = start..end;
            if source.is_char_boundary(start.min(source.len())) && source.is_char_boundary(end.min(source.len())) {
                let _ = to_text(&[problem], &[file]);
            }
        }
    }
}
