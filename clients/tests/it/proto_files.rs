//! .proto files, descriptor sets, and methods by name.

use std::path::{Path, PathBuf};

use switchboard_clients::proto::{DescriptorPool, Descriptors, MessageDescriptor, MethodError, method};

/// The pool of the files under `tests/proto`.
pub(crate) fn pool() -> DescriptorPool {
    Descriptors::compile(&["kitchen.proto", "legacy.proto"], &[folder()]).unwrap()
}

pub(crate) fn message(name: &str) -> MessageDescriptor {
    pool().get_message_by_name(name).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto")
}

#[test]
fn a_file_is_found_by_its_whole_path_too() {
    let file = folder().join("kitchen.proto");

    assert!(Descriptors::compile(&[&file], &[]).is_ok());
    assert!(Descriptors::compile(&[&file], &[folder()]).is_ok());
}

#[test]
fn errors_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let compile = |text: &str| {
        std::fs::write(folder.path().join("a.proto"), text).unwrap();
        Descriptors::compile(&["a.proto"], &[folder.path().to_owned()])
            .unwrap_err()
            .to_string()
    };

    for (text, expected) in [
        (
            "syntax = \"proto3\";\nmessage A {\n  int32 = 1;\n}",
            "a.proto:3:9: expected an identifier, but found '='",
        ),
        (
            "syntax = \"proto3\";\nmessage A { Missing b = 1; }",
            "a.proto:2:13: name 'Missing' is not defined",
        ),
        (
            "syntax = \"proto3\";\nimport \"gone.proto\";",
            "a.proto:2:1: import 'gone.proto' not found",
        ),
        (
            "syntax = \"proto3\";\nmessage A { int32 b = 1; int32 c = 1; }",
            "a.proto:2:",
        ),
    ] {
        let error = compile(text);
        assert!(error.starts_with(expected), "{error}");
    }

    let missing = Descriptors::compile(&["none.proto"], &[folder.path().to_owned()]).unwrap_err();
    assert_eq!(missing.to_string(), "file 'none.proto' is not in any include path");
}

#[test]
fn a_descriptor_set_is_as_good_as_files() {
    let bytes = pool().encode_to_vec();

    let pool = Descriptors::from_descriptor_set(&bytes).unwrap();

    assert!(method(&pool, "kitchen.Kitchen/Cook").is_ok());
    assert!(Descriptors::from_descriptor_set(b"nonsense").is_err());
}

#[test]
fn a_method_knows_its_path_its_messages_and_whether_it_may_be_repeated() {
    let pool = pool();
    for (name, idempotent) in [
        ("kitchen.Kitchen/Cook", false),
        ("/kitchen.Kitchen/Look", true),
        ("kitchen.Kitchen/Clean", true),
    ] {
        let method = method(&pool, name).unwrap();

        assert_eq!(method.idempotent, idempotent, "{name}");
        assert_eq!(
            method.path.as_str().trim_start_matches('/'),
            name.trim_start_matches('/')
        );
        assert_eq!(method.input.full_name(), "kitchen.Plain");
    }
}

#[test]
fn a_method_that_cannot_be_called_is_an_error_that_helps() {
    let pool = pool();
    let error = |name| method(&pool, name).unwrap_err();

    assert_eq!(
        error("kitchen.Kitchen/Cok").to_string(),
        "there is no method \"kitchen.Kitchen/Cok\"; did you mean \"kitchen.Kitchen/Cook\"?"
    );
    assert_eq!(
        error("other.Thing/Do").to_string(),
        "there is no method \"other.Thing/Do\""
    );
    let MethodError::NotFound { known, .. } = error("other.Thing/Do") else {
        panic!()
    };
    assert_eq!(
        known,
        ["kitchen.Kitchen/Clean", "kitchen.Kitchen/Cook", "kitchen.Kitchen/Look"]
    );
    assert_eq!(
        error("kitchen.Kitchen/Watch").to_string(),
        "\"kitchen.Kitchen/Watch\" streams; only unary methods can be called"
    );
    assert!(matches!(error("kitchen.Kitchen/Feed"), MethodError::Streaming { .. }));
    assert!(matches!(error("kitchen.Kitchen.Cook"), MethodError::Form { .. }));
}
