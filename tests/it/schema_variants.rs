//! Which code is raised where, and where none is: short schemas in `schema_cases/variants.txt` and `published.txt`.
//!
//! A case is `=== name`, its links, what is expected (`CODE marked text`, one a line), and the schema after `---`. Schemas that
//! are right expect nothing.

use std::fmt::Write as _;

use switchboard::schema::{self, LoadOptions, Problem, SourceFile};

const CASES: [&str; 2] = [
    include_str!("schema_cases/variants.txt"),
    include_str!("schema_cases/published.txt"),
];

struct Case<'c> {
    name: &'c str,
    /// Each as `CODE marked text`.
    expected: Vec<&'c str>,
    text: String,
    portable: bool,
}

#[test]
fn every_variant_raises_exactly_what_it_should_where_it_should() {
    let mut wrong = String::new();
    let mut count = 0;
    for case in CASES.iter().flat_map(|table| table.split("\n=== ").skip(1)).map(read) {
        count += 1;
        let problems = load(&case);
        let found: Vec<String> = problems
            .iter()
            .map(|problem| {
                let marked = case.text[problem.span.clone()].lines().next().unwrap_or_default();
                format!("{} {marked}", problem.code).trim_end().to_owned()
            })
            .collect();
        if found != case.expected {
            let _ = writeln!(
                wrong,
                "{}\n  expected {:#?}\n  found    {found:#?}",
                case.name, case.expected
            );
            for problem in problems {
                let _ = writeln!(wrong, "    {}: {}", problem.code, problem.message);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 490, "only {count} cases were read");
}

fn load(case: &Case<'_>) -> Vec<Problem> {
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: case.text.clone(),
    };
    let options = LoadOptions {
        root: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schema_cases").into(),
        portable: case.portable,
        ..LoadOptions::default()
    };
    match schema::load("test", &[file], &options) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    }
}

fn read(case: &str) -> Case<'_> {
    let (head, body) = case
        .split_once("\n---\n")
        .unwrap_or_else(|| panic!("no `---` in {case}"));
    let mut lines = head.lines();
    let (name, links) = lines.next().unwrap().rsplit_once(" | ").unwrap_or((head, "0.4"));
    let mut text = String::new();
    for link in links.split(' ') {
        let line = match link {
            "bff" => {
                "extend schema @link(url: \"https://switchboard.example/bff/v0.1\", import: [\"@listSize\", \"@cost\"])"
            }
            "fed" => {
                "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.11\", import: [\"@key\", \"@shareable\", \"@tag\", \"@inaccessible\", \"@external\", \"@provides\", \"@requires\", \"@override\", \"@interfaceObject\", \"@context\", \"@fromContext\"])"
            }
            "api" => "extend schema @source(name: \"api\", http: { baseURL: \"https://api.example.com\" })",
            "portable" | "none" => continue,
            version => {
                let _ = writeln!(
                    text,
                    "extend schema @link(url: \"https://specs.apollo.dev/connect/v{version}\", import: [\"@source\", \"@connect\"])"
                );
                continue;
            }
        };
        let _ = writeln!(text, "{line}");
    }
    text.push_str(body);
    Case {
        name,
        expected: lines.collect(),
        text,
        portable: links.split(' ').any(|link| link == "portable"),
    }
}
