//! The mapping language does what DIALECT.md §1.6 and §1.7 say: one case a line in `mapping_cases/*.jsonl`.

mod cut;
mod limits;
mod properties;
mod tree;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use switchboard::mapping::{Evaluation, Limits, Selection, Spec, Vars, evaluate, parse, parse_by_grammar};

/// One line of a table. Exactly one of `json`, `missing`, `parse_error` says what is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    selection: String,
    /// The input; none when left out.
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
    /// By name with `$`.
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    spec: Option<String>,
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
    #[serde(default)]
    missing: bool,
    /// Part of the message.
    parse_error: Option<String>,
    /// Parts of the notes' messages, one for each note.
    notes: Option<Vec<String>>,
    /// What `->withError` declared.
    errors: Option<Vec<Value>>,
    /// What `->withWarning` said.
    warnings: Option<Vec<String>>,
}

/// Keeps `null` apart from nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn spec(name: Option<&str>) -> Spec {
    match name {
        Some("0.2") => Spec::V0_2,
        Some("0.3") => Spec::V0_3,
        None | Some("0.4") => Spec::V0_4,
        Some(other) => panic!("no such version: {other}"),
    }
}

/// `text`, which must be one, by the rules of 0.4.
fn mapping(text: &str) -> Selection {
    parse(text, Spec::V0_4).expect(text)
}

/// What is wrong with the outcome of a case.
fn failure(case: &Case) -> Option<String> {
    let spec = spec(case.spec.as_deref());
    let selection = match (parse(&case.selection, spec), &case.parse_error) {
        (Ok(selection), None) => selection,
        (Err(error), Some(expected)) if error.message.contains(expected.as_str()) => {
            return misuse_is_noted(case, spec);
        }
        (outcome, _) => return Some(format!("parse: {outcome:?}")),
    };
    let again = parse(&selection.to_string(), spec).map(Selection::without_spans);
    if again.as_ref() != Ok(&selection.clone().without_spans()) {
        return Some(format!("prints as `{selection}`, which reads as {again:?}"));
    }
    let vars: Vec<(&str, &Value)> = case
        .vars
        .iter()
        .map(|(name, value)| (name.trim_start_matches('$'), value))
        .collect();
    let outcome = evaluate(
        &selection,
        spec,
        case.data.as_ref(),
        &Vars::new(&vars),
        &Limits::default(),
    );
    let expected = if case.missing { None } else { case.json.clone() };
    if outcome.value != expected || !same_text(outcome.value.as_ref(), expected.as_ref()) {
        return Some(format!(
            "expected {expected:?}, found {:?}, notes {:?}",
            outcome.value, outcome.notes
        ));
    }
    remarks_differ(case, &outcome)
}

/// A call that can never work is no matter of the grammar: for who tries mappings out, its value is missing.
fn misuse_is_noted(case: &Case, spec: Spec) -> Option<String> {
    let selection = parse_by_grammar(&case.selection, spec).ok()?;
    let data = case.data.clone().unwrap_or_default();
    let outcome = evaluate(&selection, spec, Some(&data), &Vars::default(), &Limits::default());
    let is_noted = !outcome.notes.is_empty();
    let is_missing = outcome.value.is_none() || matches!(selection, Selection::Fields(_));
    (!is_noted || !is_missing).then(|| format!("evaluates to {outcome:?}"))
}

/// Whether both print the same: tells orders of keys, and 1 from 1.0, apart.
fn same_text(a: Option<&Value>, b: Option<&Value>) -> bool {
    a.map(Value::to_string) == b.map(Value::to_string)
}

fn remarks_differ(case: &Case, outcome: &Evaluation) -> Option<String> {
    if let Some(expected) = &case.notes {
        let fit = expected.len() == outcome.notes.len()
            && expected
                .iter()
                .zip(&outcome.notes)
                .all(|(part, note)| note.message.contains(part.as_str()));
        if !fit {
            return Some(format!("expected notes {expected:?}, found {:?}", outcome.notes));
        }
    }
    if let Some(expected) = &case.errors {
        let declared = outcome.errors.iter().map(|error| match &error.extensions {
            Some(extensions) => json!({ "message": error.message, "extensions": extensions }),
            None => json!({ "message": error.message }),
        });
        let declared: Vec<Value> = declared.collect();
        if &declared != expected {
            return Some(format!("expected errors {expected:?}, found {declared:?}"));
        }
    }
    let warnings: Vec<&String> = outcome.warnings.iter().map(|warning| &warning.message).collect();
    match &case.warnings {
        Some(expected) if !warnings.iter().copied().eq(expected) => {
            Some(format!("expected warnings {expected:?}, found {warnings:?}"))
        }
        _ => None,
    }
}

fn run(table: &str) {
    let cases: Vec<Case> = table
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(!cases.is_empty(), "an empty table tests nothing");

    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}\n    {}\n    {}", case.name, case.selection, failure(case)?)))
        .collect();

    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

macro_rules! tables {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[test]
            fn $name() {
                run(include_str!(concat!("mapping_cases/", $file, ".jsonl")));
            }
        )*
    };
}

tables! {
    texts_are_read_by_the_grammar: "grammar",
    each_version_keeps_its_rules: "versions",
    values_follow_the_rules_of_evaluation: "evaluation",
    methods_that_choose: "methods_flow",
    methods_on_lists: "methods_list",
    methods_on_text: "methods_text",
    methods_that_are_true_or_false: "methods_logic",
    methods_on_numbers: "methods_number",
    methods_on_objects: "methods_object",
    examples_of_the_dialect: "examples",
}
