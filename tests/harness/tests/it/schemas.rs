//! The schemas, their operations, and the definitions given to editors fit each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use apollo_compiler::{ExecutableDocument, Schema, ast::OperationType, schema::ExtendedType, validation::Valid};

#[test]
fn every_directive_is_used_as_it_is_defined() {
    for surface in ["mobile", "web"] {
        schema(surface);
    }
}

#[test]
fn every_operation_fits_its_surface_and_two_are_mutations() {
    for surface in ["mobile", "web"] {
        let schema = schema(surface);
        let operations = files(&root().join(surface).join("operations"));

        let mutations = operations.iter().filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let document = ExecutableDocument::parse_and_validate(&schema, text, path);
            let document = document.unwrap_or_else(|errors| panic!("{}", errors.errors));
            let operation = document.operations.iter().next().expect("a file holds one operation");
            assert_eq!(
                operation.name.as_deref(),
                path.file_stem().and_then(|stem| stem.to_str()),
                "named as its file"
            );
            operation.operation_type == OperationType::Mutation
        });

        assert!(mutations.count() >= 2 && operations.len() >= 6, "{surface}");
    }
}

#[test]
fn everything_in_a_schema_is_described() {
    for surface in ["mobile", "web"] {
        let schema = schema(surface);
        let own = schema.types.values().filter(|of| !of.is_built_in());
        for of in own {
            // `link__Import` and the like stand in directives.graphql, which is checked all the same.
            assert!(of.description().is_some(), "{surface}: {}", of.name());
            let fields = match of {
                ExtendedType::Object(of) => &of.fields,
                ExtendedType::Interface(of) => &of.fields,
                _ => continue,
            };
            for field in fields.values() {
                assert!(field.description.is_some(), "{surface}: {}.{}", of.name(), field.name);
                let arguments = field.arguments.iter();
                arguments
                    .for_each(|argument| assert!(argument.description.is_some(), "{}.{}", field.name, argument.name));
            }
        }
    }
}

fn schema(surface: &str) -> Valid<Schema> {
    let mut builder = Schema::builder().adopt_orphan_extensions();
    let own = format!("{surface}/schema.graphql");
    for name in ["directives.graphql", "shared.graphql", &own] {
        builder = builder.parse(
            fs::read_to_string(root().join(name)).expect("the schema file exists"),
            name,
        );
    }
    let schema = builder.build().unwrap_or_else(|errors| panic!("{}", errors.errors));
    schema.validate().unwrap_or_else(|errors| panic!("{}", errors.errors))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect()
}
