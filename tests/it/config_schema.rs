//! `switchboard config schema`: what editors know of `switchboard.yaml`.
//!
//! Keys, kinds and defaults are told by the reading itself ([`config::keys`]), descriptions are the docstrings of the fields that
//! hold the values. A key that is added shows here: `UPDATE_EXPECTED=1 cargo test --test it config_schema` writes
//! `schema/switchboard.schema.json` anew, to be read before it is committed.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value, json};
use switchboard::config::{self, Key, KeyValue};

use crate::support::root;

/// Where the schema is kept.
const FILE: &str = "schema/switchboard.schema.json";

/// Keys that must be there.
const REQUIRED: [&str; 3] = ["surfaces", "surfaces.*.schema", "surfaces.*.persisted.manifests[].file"];

/// Keys whose field has another name.
const RENAMED: [(&str, &str); 14] = [
    ("batching", "batch_max"),
    ("header_count", "header_count_max"),
    ("header_bytes", "header_bytes_max"),
    ("uri_bytes", "uri_bytes_max"),
    ("on_refused", "refuses_operations"),
    ("refused", "is_absent"),
    ("jwks_url", "keys"),
    ("discovery", "keys"),
    ("kid", "id"),
    ("sha256", "hash"),
    ("secret", "material"),
    ("secret_file", "material"),
    ("public_key_file", "material"),
    ("private_key_file", "material"),
];

/// A struct and its documented fields.
struct Documented {
    name: String,
    doc: String,
    /// Docstring and type, by name.
    fields: BTreeMap<String, (String, String)>,
    /// From the root.
    file: String,
}

#[test]
fn the_committed_schema_is_current_and_says_something_of_every_key() {
    let keys = config::keys();
    let structs = documented(&root().join("src"));
    let mut missing = Vec::new();
    let schema = schema_of("", &keys, &structs, &mut missing);
    assert!(
        missing.is_empty(),
        "keys without a docstring: {missing:#?}\nGive the field that holds the value the name of the key, with `///` above it, or add the pair to RENAMED in {}",
        file!()
    );

    let text = format!("{:#}\n", with_head(schema));
    let path = root().join(FILE);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == text,
        "{FILE} is not current: run `UPDATE_EXPECTED=1 cargo test --test it config_schema`, read the change, commit it"
    );
}

#[test]
fn every_key_that_is_read_is_known_closer() {
    let vague: Vec<String> = config::keys()
        .into_iter()
        .filter(|key| key.value == KeyValue::Any)
        .map(|key| key.path)
        .collect();

    assert!(
        vague.is_empty(),
        "of {vague:?} nothing is known but the name: let the method of `Section` that reads it call `note` (src/config/read.rs)"
    );
}

#[test]
fn the_demo_s_file_names_the_schema_and_keeps_to_its_keys() {
    let text = fs::read_to_string(root().join("switchboard.yaml")).unwrap();
    assert!(text.starts_with(&format!("# yaml-language-server: $schema={FILE}\n")));

    let schema: Value = serde_json::from_str(&fs::read_to_string(root().join(FILE)).unwrap()).unwrap();
    for path in ["surfaces", "sources", "http", "log"] {
        assert!(schema["properties"][path].is_object(), "{path}");
    }
    let limits = &schema["properties"]["surfaces"]["additionalProperties"]["properties"]["limits"];
    assert_eq!(limits["properties"]["depth"]["default"], 15);
    assert_eq!(limits["additionalProperties"], false);
}

#[test]
fn the_command_prints_the_committed_schema() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(["config", "schema"])
        .output()
        .unwrap();

    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        fs::read_to_string(root().join(FILE)).unwrap()
    );
}

fn with_head(schema: Value) -> Value {
    let mut head = Map::from_iter([
        ("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#")),
        ("title".to_owned(), json!("switchboard.yaml")),
        ("description".to_owned(), json!("The configuration of Switchboard.")),
    ]);
    if let Value::Object(members) = schema {
        head.extend(members);
    }
    Value::Object(head)
}

/// The schema of the keys right below `path`.
fn schema_of(path: &str, keys: &[Key], structs: &[Documented], missing: &mut Vec<String>) -> Value {
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}.")
    };
    let own: Vec<(&str, &Key)> = keys
        .iter()
        .filter_map(|key| Some((key.path.strip_prefix(&prefix)?, key)))
        .filter(|(name, _)| !name.contains('.') && !name.is_empty())
        .collect();
    let names: Vec<&str> = own.iter().map(|(name, _)| *name).collect();
    let mut properties = Map::new();
    for (name, key) in &own {
        let mut value = value_schema(key, keys, structs, missing);
        match description(name, &names, structs).filter(|text| !text.is_empty()) {
            Some(text) => {
                value["description"] = Value::String(text);
            }
            None => missing.push(key.path.clone()),
        }
        properties.insert((*name).to_owned(), value);
    }
    let required: Vec<&str> = own
        .iter()
        .filter(|(_, key)| REQUIRED.contains(&key.path.as_str()))
        .map(|(name, _)| *name)
        .collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn value_schema(key: &Key, keys: &[Key], structs: &[Documented], missing: &mut Vec<String>) -> Value {
    // A value may come from the environment, and then be written as text.
    let environment = json!({ "type": "string", "pattern": "\\$\\{" });
    match &key.value {
        KeyValue::Any => json!({}),
        KeyValue::Text => json!({ "type": ["string", "number", "boolean"] }),
        KeyValue::Texts => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
        KeyValue::Flag { default } => json!({ "anyOf": [{ "type": "boolean" }, environment], "default": default }),
        KeyValue::Count { default, least } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least }, environment], "default": default })
        }
        KeyValue::Between { least, most } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, environment] })
        }
        KeyValue::Share => json!({ "anyOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, environment] }),
        KeyValue::InFlight => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "enum": ["auto"] }, environment] })
        }
        KeyValue::Duration { default } => {
            let mut schema = json!({
                "type": "string",
                "pattern": "^\\s*(\\d+(\\.\\d+)?\\s*[a-z]+\\s*)+$|\\$\\{",
            });
            if let Some(default) = default {
                schema["default"] = json!(duration(*default));
            }
            schema
        }
        KeyValue::Address { default, may_be_off } => {
            let what = if *may_be_off {
                "^(.+:\\d+|off)$|\\$\\{"
            } else {
                "^.+:\\d+$|\\$\\{"
            };
            json!({ "type": ["string", "boolean"], "pattern": what, "default": default.to_string() })
        }
        KeyValue::Choice { words, default } => {
            let mut schema = json!({ "anyOf": [{ "enum": choices(words) }, environment] });
            if let Some(default) = default {
                schema["default"] = json!(default);
            }
            schema
        }
        KeyValue::Object => json!({ "type": "object" }),
        KeyValue::Section => {
            let mut schema = schema_of(&key.path, keys, structs, missing);
            // A key with nothing behind it is null.
            schema["type"] = json!(["object", "null"]);
            schema
        }
        KeyValue::Sections => {
            let mut each = schema_of(&format!("{}.*", key.path), keys, structs, missing);
            each["type"] = json!(["object", "null"]);
            json!({ "type": "object", "additionalProperties": each })
        }
        KeyValue::Items => {
            let each = schema_of(&format!("{}[]", key.path), keys, structs, missing);
            json!({ "type": "array", "items": each })
        }
    }
}

/// YAML reads `off` as false in some editors, and so are both allowed.
fn choices(words: &[String]) -> Vec<Value> {
    let mut choices: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    if words.iter().any(|word| word == "off") {
        choices.push(json!(false));
    }
    choices
}

fn duration(duration: std::time::Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    match (seconds, millis) {
        (0, 0) => "0s".to_owned(),
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// The docstring of the field that holds a key: in the struct that has most of the section's keys, else in any.
fn description(name: &str, section: &[&str], structs: &[Documented]) -> Option<String> {
    let field = |name: &str| -> String {
        RENAMED
            .iter()
            .find(|(key, _)| *key == name)
            .map_or(name, |(_, field)| field)
            .to_owned()
    };
    let wanted = field(name);
    let score = |documented: &&Documented| {
        let known = section
            .iter()
            .filter(|name| documented.fields.contains_key(&field(name)));
        // Fields that are no keys speak against a struct.
        (known.count() * 100).saturating_sub(documented.fields.len()) * 2
            + usize::from(documented.file.starts_with("src/config"))
    };
    let best = structs
        .iter()
        .filter(|found| found.fields.contains_key(&wanted))
        .max_by_key(score)?;
    let (doc, ty) = &best.fields[&wanted];
    let text = tidy(doc, name);
    if !text.is_empty() {
        return Some(text);
    }
    // The field says nothing but its key: its type does.
    let (module, ty) = ty.rsplit_once("::").unwrap_or(("config", ty));
    let place = format!("src/{module}");
    let of_type = structs.iter().filter(|found| found.name == ty);
    of_type
        .max_by_key(|found| found.file.starts_with(&place))
        .map(|found| tidy(&found.doc, name))
}

/// Without what the schema says by itself: the key, and its default.
fn tidy(doc: &str, name: &str) -> String {
    let sentences: Vec<String> = doc
        .split(". ")
        .filter(|sentence| {
            let bare = sentence.trim_end_matches('.').trim();
            !(bare.starts_with('`') && bare.ends_with(&format!("{name}`")) && !bare.contains(' '))
        })
        .map(|sentence| {
            let after = sentence.strip_prefix(&format!("`{name}`"));
            let rest = after.and_then(|rest| rest.strip_prefix([',', ':', ';'])).map(str::trim);
            match rest.and_then(|rest| Some((rest.chars().next()?, rest))) {
                Some((first, rest)) => first.to_uppercase().chain(rest.chars().skip(1)).collect(),
                None => sentence.to_owned(),
            }
        })
        .collect();
    let text = sentences.join(". ").replace("[`", "`").replace("`]", "`");
    if text.ends_with('.') || text.is_empty() {
        text
    } else {
        format!("{text}.")
    }
}

/// All structs with documented fields below a directory.
fn documented(directory: &Path) -> Vec<Documented> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(documented(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root()).unwrap().display().to_string();
            found.extend(structs(&fs::read_to_string(&path).unwrap(), &file));
        }
    }
    found
}

/// The structs of a file that have documented fields.
fn structs(text: &str, file: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    let mut open: Option<Documented> = None;
    let mut doc = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        let of_struct = trimmed.strip_prefix("pub struct ").filter(|rest| rest.ends_with('{'));
        if let Some(more) = trimmed.strip_prefix("///") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(more.trim());
        } else if let Some(rest) = of_struct {
            open = Some(Documented {
                name: rest.split(['<', ' ']).next().unwrap_or_default().to_owned(),
                doc: std::mem::take(&mut doc),
                fields: BTreeMap::new(),
                file: file.to_owned(),
            });
        } else if line == "}" {
            found.extend(open.take().filter(|found| !found.fields.is_empty()));
            doc.clear();
        } else if let (Some(open), Some((name, ty))) = (
            &mut open,
            trimmed.strip_prefix("pub ").and_then(|rest| rest.split_once(':')),
        ) {
            let ty = ty.trim().trim_end_matches(',').to_owned();
            open.fields.insert(name.to_owned(), (std::mem::take(&mut doc), ty));
        } else if !trimmed.starts_with("#[") {
            doc.clear();
        }
    }
    found
}
