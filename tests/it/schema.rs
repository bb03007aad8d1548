//! What a schema file may say, and what is said about it when it may not.
//!
//! `schema_cases/<CODE>/` holds a schema that breaks one rule and one that keeps it. `expected.txt` is what people read
//! about the first; `UPDATE_EXPECTED=1 cargo test` writes it anew, to be read before it is committed.

use std::{fs, path::PathBuf};

use switchboard::schema::{self, Code, LoadOptions, Problem, Severity, SourceFile, report};

fn cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schema_cases"))
}

fn load(text: &str, portable: bool) -> Result<schema::Loaded, Vec<Problem>> {
    let file = SourceFile { path: "schema.graphql".to_owned(), text: text.to_owned() };
    schema::load("test", &[file], &LoadOptions { proto_root: cases(), portable })
}

fn rendered(text: &str, portable: bool) -> String {
    let problems = match load(text, portable) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    let file = SourceFile { path: "schema.graphql".to_owned(), text: text.to_owned() };
    report::to_text(&problems, &[file])
}

#[test]
fn every_code_has_a_schema_that_raises_it_at_its_place() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let folder = cases().join(code.as_str());
        let invalid = fs::read_to_string(folder.join("invalid.graphql")).unwrap();
        let portable = *code == Code::CircularReference;
        let text = rendered(&invalid, portable);
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &text).unwrap();
        }
        if !text.contains(&format!("[{code}]")) || text != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{code}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_code_has_a_schema_that_just_avoids_it() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let valid = fs::read_to_string(cases().join(code.as_str()).join("valid.graphql")).unwrap();
        let portable = *code == Code::CircularReference;
        let text = rendered(&valid, portable);
        if load(&valid, portable).is_err() || !text.is_empty() {
            wrong.push(format!("{code}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
