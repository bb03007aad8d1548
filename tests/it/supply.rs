//! Who supplies a field, end to end (DIALECT §1.9, §2): schemas, what backends answer, operations, and what comes of them, case by
//! case in `supply_cases/*.txt`.
//!
//! A case begins with `# what it says`. Its sections are `schema:`, `backend:`, `query:`, `answer:` and `calls:`; their text follows
//! on the line, or on the indented lines below. A case without a schema or backend has those of the case before. A line of `backend:`
//! is `METHOD /target [body] -> [status] [answer]`, one of `calls:` is `METHOD /target [body]`; calls are compared sorted, since
//! those of one level are made together.

use std::collections::BTreeMap;

use serde_json::Value;
use switchboard::schema::{self, LoadOptions, SourceFile};
use switchboard_harness::{Answer, Call, MockRest};

use crate::support::{LINK, TestEngine};

type Case<'a> = (&'a str, BTreeMap<&'a str, String>);

fn cases(table: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut section = "";
    for line in table.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            let shared = |name: &str| {
                cases
                    .last()
                    .and_then(|(_, case)| case.get(name).cloned())
                    .unwrap_or_default()
            };
            let before = ["schema", "backend"].map(|name| (name, shared(name)));
            cases.push((name, BTreeMap::from(before)));
        } else if let Some(text) = line.strip_prefix("  ") {
            let case = &mut cases.last_mut().expect("a name comes first").1;
            let known = case.get_mut(section).expect("a section comes first");
            known.push_str(text);
            known.push('\n');
        } else if let Some((name, text)) = line.split_once(':') {
            section = name;
            assert!(
                ["schema", "backend", "query", "answer", "calls"].contains(&section),
                "no section: {line}"
            );
            let case = &mut cases.last_mut().expect("a name comes first").1;
            case.insert(section, text.trim().to_owned());
        } else {
            assert_eq!(line, "", "neither a section nor its text");
        }
    }
    cases
}

/// What a line of `backend:` answers.
fn answer(text: &str) -> Answer {
    let (status, body) = match text.split_once(' ').unwrap_or((text, "")) {
        (status, body) if status.len() == 3 && status.parse::<u16>().is_ok() => {
            (status.parse().expect("a status"), body)
        }
        _ => (200, text),
    };
    match body {
        "" => Answer::status(status),
        body => Answer::raw("application/json", body.to_owned()).with_status(status),
    }
}

fn written(call: &Call) -> String {
    let body = String::from_utf8_lossy(&call.body);
    format!("{} {} {body}", call.method, call.path_and_query)
        .trim_end()
        .to_owned()
}

async fn run_case(case: &BTreeMap<&str, String>) -> Vec<String> {
    let api = MockRest::start().await;
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for line in case["backend"].lines() {
        let (call, text) = line.split_once(" -> ").expect(line);
        answers.insert(call.trim().to_owned(), text.trim().to_owned());
    }
    let routes: Vec<String> = answers
        .keys()
        .map(|call| {
            let mut words = call.splitn(3, ' ');
            let (method, target) = (words.next().expect(call), words.next().expect(call));
            format!("{method} {}", target.split('?').next().unwrap_or(target))
        })
        .collect();
    for route in routes {
        let answers = answers.clone();
        api.on(&route, move |request| {
            let query = if request.query.is_empty() {
                String::new()
            } else {
                format!("?{}", request.query)
            };
            let body = String::from_utf8_lossy(&request.body);
            let call = format!("{} {}{query} {body}", request.method, request.path);
            match answers.get(call.trim_end()) {
                Some(text) => answer(text),
                None => Answer::status(404),
            }
        });
    }
    let head = "extend schema @source(name: \"api\", http: { baseURL: \"http://unused\" })\n";
    let engine = TestEngine::new(&format!("{head}{}", case["schema"]), &[("api", api.url())]);
    let given = without_degraded(engine.run(&case["query"]).await);
    let mut calls: Vec<String> = api.log().iter().map(written).collect();
    calls.sort();
    let mut expected: Vec<&str> = case["calls"].lines().collect();
    expected.sort_unstable();
    let mut found = Vec::new();
    let wanted: Value =
        serde_json::from_str(&case["answer"]).unwrap_or_else(|error| panic!("{error}: {}", case["answer"]));
    // As text: the order of keys counts.
    let (given, wanted) = (given.to_string(), wanted.to_string());
    if given != wanted {
        found.push(format!("expected {wanted}\n    answered {given}"));
    }
    if calls != expected {
        found.push(format!("expected calls {expected:#?}\n    made {calls:#?}"));
    }
    found
}

/// An answer without `extensions.degraded`, of which other tests tell.
fn without_degraded(mut answer: Value) -> Value {
    let extensions = answer.get_mut("extensions").and_then(Value::as_object_mut);
    let is_all = extensions.is_some_and(|extensions| {
        extensions.shift_remove("degraded");
        extensions.is_empty()
    });
    if let (true, Some(members)) = (is_all, answer.as_object_mut()) {
        members.shift_remove("extensions");
    }
    answer
}

async fn run(table: &str) {
    let cases = cases(table);
    assert!(!cases.is_empty(), "an empty table tests nothing");
    let mut failures = Vec::new();
    for (name, case) in &cases {
        for difference in run_case(case).await {
            failures.push(format!("# {name}\n    {difference}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences in {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

macro_rules! tables {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                run(include_str!(concat!("supply_cases/", $file, ".txt"))).await;
            }
        )*
    };
}

tables! {
    root_fields_are_supplied_by_their_connectors: "roots",
    fields_are_supplied_by_selections_and_connectors_of_their_own: "fields",
    objects_are_completed_by_connectors_of_their_types: "entities",
    batches_supply_whole_levels: "batches",
    abstract_types_are_supplied_type_by_type: "abstract",
    mappings_supply_what_they_make: "mappings",
    connectors_of_all_kinds_work_together: "together",
}

#[test]
fn fields_that_need_each_other_are_refused_at_the_start() {
    let messages = |fields: &str| {
        let sdl = format!(
            "{LINK} extend schema @source(name: \"api\", http: {{ baseURL: \"http://unused\" }})
             type Query {{ user: User @connect(source: \"api\", http: {{ GET: \"/user\" }}, selection: \"id\") }}
             type User {{ id: ID {fields} }}"
        );
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: sdl,
        };
        let found = schema::load("test", &[file], &LoadOptions::default());
        let problems = found.map_or_else(|problems| problems, |loaded| loaded.warnings);
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let own = |name: &str, key: &str| {
        format!("{name}: ID @connect(source: \"api\", http: {{ GET: \"/{name}/{{$this.{key}}}\" }}, selection: \"$\") ")
    };

    let chain = own("a", "b") + &own("b", "c") + &own("c", "id");
    assert_eq!(messages(&chain), [""; 0]);
    let circle = own("a", "b") + &own("b", "c") + &own("c", "a");
    assert_eq!(
        messages(&circle),
        ["`User.a` needs `User.b` needs `User.c` needs `User.a`: none of them can be had first"]
    );
    let waiting = own("a", "b") + &own("b", "b");
    assert_eq!(
        messages(&waiting),
        ["`User.b` needs `User.b`: none of them can be had first"]
    );
}
