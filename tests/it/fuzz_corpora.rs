//! The inputs that fuzzing has kept still hold: `fuzz/corpus/TARGET/*`, and what was found and put right among them.

use std::fs;

use crate::support::root;

#[path = "../../fuzz/targets.rs"]
mod targets;

fn run(name: &str, target: fn(&[u8])) {
    let folder = root().join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        let input = fs::read(&file).unwrap();
        let outcome = std::panic::catch_unwind(|| target(&input));
        assert!(outcome.is_ok(), "{} does not hold: see above", file.display());
    }
}

#[test]
fn kept_mappings_hold() {
    run("mapping", targets::mapping);
}

#[test]
fn kept_schemas_and_configurations_hold() {
    run("schema", targets::schema);
}

#[test]
fn kept_url_templates_hold() {
    run("url", targets::url);
}

#[test]
fn kept_bodies_hold() {
    run("rest_body", targets::rest_body);
}

#[test]
fn kept_messages_hold() {
    run("protobuf", targets::protobuf);
}
