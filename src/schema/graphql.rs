//! Parsing and validation by the rules of GraphQL.

use apollo_compiler::{
    Schema,
    ast::{Definition, DirectiveList, Document, FieldDefinition, Type},
    diagnostic::ToCliReport,
    name,
    parser::Parser,
    schema::{ExtendedType, SchemaBuilder},
    validation::{DiagnosticList, Valid},
};

use super::{
    definitions,
    files::Files,
    inputs,
    link::Links,
    model::Place,
    pairs,
    problem::{Code, Problems},
    suggest, unknown,
};

/// Of the edition of September 2025; the library does not know it. Declared for schemas that use it.
const ONE_OF: &str = "directive @oneOf on INPUT_OBJECT";

/// Syntax errors that are reported of one file. After the first few the parser only stumbles over what it lost track of.
const SYNTAX_ERRORS_MAX: usize = 3;

/// What to do about quotes in a quoted text.
const QUOTES: &str = "within `\"…\"` a quote is written `\\\"`, or `'` in mappings; within `\"\"\"…\"\"\"` as it is";

/// What the parser calls the tokens that it expects, and what they are.
const TOKENS: [(&str, &str); 7] = [
    ("R_PAREN", "`)`"),
    ("L_PAREN", "`(`"),
    ("R_CURLY", "`}`"),
    ("L_CURLY", "`{`"),
    ("R_BRACK", "`]`"),
    ("L_BRACK", "`[`"),
    ("COLON", "`:`"),
];

/// Brackets within brackets in a schema file; far more than lists of lists need, far from the end of the stack.
const NESTING_MAX: usize = 200;

/// The files of a schema, parsed.
pub(crate) struct Parsed {
    pub documents: Vec<Document>,
    pub errors: Vec<DiagnosticList>,
}

/// Parses every file.
pub(crate) fn parse(files: &mut Files) -> Parsed {
    let mut parsed = Parsed {
        documents: Vec::new(),
        errors: Vec::new(),
    };
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.path.clone(), file.text.clone()))
        .collect();
    for (index, (path, text)) in texts.into_iter().enumerate() {
        let document = match Parser::new().recursion_limit(NESTING_MAX).parse_ast(text, path) {
            Ok(document) => document,
            Err(error) => {
                parsed.errors.push(error.errors);
                error.partial
            }
        };
        for id in document.sources.keys() {
            files.register(*id, index);
        }
        parsed.documents.push(document);
    }
    parsed
}

/// Reports the first syntax errors of every file.
pub(crate) fn report_syntax(parsed: &Parsed, problems: &mut Problems<'_>) {
    for errors in &parsed.errors {
        report(errors, None, SYNTAX_ERRORS_MAX, problems);
    }
    if !parsed.errors.is_empty() {
        return;
    }
    // The parser drops them.
    for (file, text) in problems.files().iter().enumerate() {
        if let Some(at) = pairs::missing(&text.text, pairs::Text::Schema) {
            let place = Place {
                file: file as u32,
                span: at..at + 1,
            };
            problems
                .error(
                    Code::GraphqlError,
                    &place,
                    "expected `:` and a value behind the name before this",
                )
                .hint("an argument is written `name: value`");
        }
    }
}

/// Reports what the GraphQL library found, of `schema` as far as there is one.
fn report(errors: &DiagnosticList, schema: Option<&Schema>, errors_max: usize, problems: &mut Problems<'_>) {
    let files = problems.files();
    for diagnostic in errors.iter().take(errors_max) {
        let error = diagnostic.error.unstable_error_name();
        // Said in our own words by `roots`.
        if error == Some("QueryRootOperationType") {
            continue;
        }
        let message = diagnostic.error.to_string();
        let place = unknown::place(error, &message, files.place(diagnostic.error.location()), files);
        let hint = match schema {
            Some(schema) => unknown::hint(error, &message, schema),
            // Where a text begins unexpectedly, one ended too early.
            None if message.contains(", got \"") => Some(QUOTES.to_owned()),
            None => None,
        };
        problems
            .error(
                Code::GraphqlError,
                &place,
                readable(message.replace(definitions::PREFIX, "")),
            )
            .maybe_hint(hint);
    }
}

/// A message of the parser with tokens as they are written.
pub(crate) fn readable(mut message: String) -> String {
    for (name, written) in TOKENS {
        message = message.replace(&format!("expected {name},"), &format!("expected {written},"));
    }
    message
}

/// Builds and validates the schema with the hidden definitions. What remains after errors is still good for other checks.
pub(crate) fn build_full(documents: &[Document], links: &Links, problems: &mut Problems<'_>) -> Schema {
    check_extensions(documents, links, problems);
    let hidden = Document::parse(definitions::sdl(links), "directives").expect("hidden definitions are correct");
    let mut builder = SchemaBuilder::new().adopt_orphan_extensions().add_ast(&hidden);
    for document in documents.iter().chain(&one_of(documents)) {
        builder = builder.add_ast(document);
    }
    let schema = match builder.build() {
        Ok(schema) => schema,
        Err(error) => {
            report(&error.errors, Some(&error.partial), usize::MAX, problems);
            return error.partial;
        }
    };
    check_one_of(&schema, problems);
    inputs::check(&schema, problems);
    match schema.validate() {
        Ok(schema) => schema.into_inner(),
        Err(error) => {
            report(&error.errors, Some(&error.partial), usize::MAX, problems);
            error.partial
        }
    }
}

/// Builds the schema that clients see.
pub(crate) fn build_public(documents: &[Document], problems: &mut Problems<'_>) -> Option<Valid<Schema>> {
    let mut builder = SchemaBuilder::new().adopt_orphan_extensions();
    for document in documents.iter().chain(&one_of(documents)) {
        builder = builder.add_ast(document);
    }
    let built = builder.build().map(with_is_one_of).and_then(Schema::validate);
    match built {
        Ok(schema) => Some(schema),
        Err(error) => {
            report(&error.errors, Some(&error.partial), usize::MAX, problems);
            None
        }
    }
}

/// The definition of `@oneOf`, for schemas that use it and leave that to their server.
fn one_of(documents: &[Document]) -> Option<Document> {
    let definitions = || documents.iter().flat_map(|document| &document.definitions);
    let is_used = definitions().any(|definition| definition.directives().has("oneOf"));
    let is_declared = definitions().any(|definition| {
        let declared = definition.as_directive_definition();
        declared.is_some_and(|declared| declared.name == "oneOf")
    });
    (is_used && !is_declared).then(|| Document::parse(ONE_OF, "oneOf").expect("the definition is correct"))
}

/// Adds `__Type.isOneOf`, of the same edition as the directive; `operation/introspect` answers it.
///
/// <https://spec.graphql.org/September2025/#sec-The-__Type-Type>
fn with_is_one_of(mut schema: Schema) -> Schema {
    if let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type") {
        let field = FieldDefinition {
            description: None,
            name: name!("isOneOf"),
            arguments: Vec::new(),
            ty: Type::Named(name!("Boolean")),
            directives: DirectiveList::new(),
        };
        ty.make_mut().fields.insert(field.name.clone(), field.into());
    }
    schema
}

/// Fields of which one is given must be those that can be left out.
///
/// <https://spec.graphql.org/September2025/#sec-Input-Objects.Type-Validation>
fn check_one_of(schema: &Schema, problems: &mut Problems<'_>) {
    let files = problems.files();
    let objects = schema.types.values().filter_map(|ty| ty.as_input_object());
    for object in objects.filter(|object| object.directives.has("oneOf")) {
        for field in object.fields.values() {
            let wrong = match field.default_value {
                Some(_) => "has a default value",
                None if field.ty.is_non_null() => "is not nullable",
                None => continue,
            };
            let message = format!("`{}.{}` {wrong}, but `{0}` is a `@oneOf`", object.name, field.name);
            problems
                .error(Code::GraphqlError, &files.place(field.location()), message)
                .hint("exactly one of its fields is given: each must be one that can be left out");
        }
    }
}

/// `extend type X` needs a `type X`, but for root types, and in files written for a federation.
fn check_extensions(documents: &[Document], links: &Links, problems: &mut Problems<'_>) {
    if links.federation {
        return;
    }
    let files = problems.files();
    let definitions = || documents.iter().flat_map(|document| &document.definitions);
    let defined: Vec<&str> = definitions()
        .filter(|definition| !definition.is_extension_definition())
        .filter_map(|definition| definition.name())
        .map(|name| name.as_str())
        .collect();
    for definition in definitions() {
        let is_extension =
            definition.is_extension_definition() && !matches!(definition, Definition::SchemaExtension(_));
        let Some(name) = definition.name().filter(|_| is_extension) else {
            continue;
        };
        if !defined.contains(&name.as_str()) && !matches!(name.as_str(), "Query" | "Mutation" | "Subscription") {
            problems
                .error(
                    Code::GraphqlError,
                    &files.place(name.location()),
                    format!("`{name}` is extended, but never defined"),
                )
                .maybe_hint(suggest::did_you_mean(name, defined.iter().copied()));
        }
    }
}
