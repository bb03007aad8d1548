//! The introspection part of an operation.
//!
//! The library answers it by the edition of October 2021. What is newer, `__Type.isOneOf`, is asked of it as the type's name and made of that here.

use apollo_compiler::{
    ExecutableDocument, Name, Node, ast,
    executable::{self, SelectionSet},
    introspection,
    response::JsonMap,
    validation::Valid,
};
use serde_json::{Map, Value};

use super::{RequestError, RequestErrorKind, Variables};
use crate::schema::Surface;

/// What the response keys of names end with of which `isOneOf` is made. No client's key does: it could not be written in a document.
const MARK: char = '?';

/// Executes the introspection part of `operation`.
pub(super) fn answer(
    surface: &Surface,
    document: &Valid<ExecutableDocument>,
    operation: &executable::Operation,
    definitions: &[Node<ast::VariableDefinition>],
    variables: &Variables,
) -> Result<Map<String, Value>, RequestError> {
    let refuse = |error: apollo_compiler::request::RequestError| {
        RequestError::new(RequestErrorKind::Validation, error.message().to_string())
    };
    introspection::check_max_depth(document, operation).map_err(refuse)?;
    let mut values = JsonMap::new();
    for (index, definition) in definitions.iter().enumerate() {
        if let Some(value) = variables.get(index as u16) {
            values.insert(definition.name.as_str(), value.clone().into());
        }
    }
    let mut document = ExecutableDocument::clone(document);
    let mut operation = operation.clone();
    let mut asks = false;
    if let Ok(name) = surface.schema.type_field("__Type", "name") {
        by_name(&mut operation.selection_set, name, &mut asks);
        for fragment in document.fragments.values_mut() {
            by_name(&mut fragment.make_mut().selection_set, name, &mut asks);
        }
    }
    // Names for names: what was valid still is.
    let (document, values) = (Valid::assume_valid(document), Valid::assume_valid(values));
    let implementers = surface.schema.implementers_map();
    let response = introspection::partial_execute(&surface.schema, &implementers, &document, &operation, &values);
    match serde_json::to_value(response.map_err(refuse)?.data) {
        Ok(Value::Object(data)) if asks => Ok(of_names(data, surface)),
        Ok(Value::Object(data)) => Ok(data),
        _ => Ok(Map::new()),
    }
}

/// Asks for the field `name` wherever `isOneOf` is asked for, under a key that [`of_names`] knows.
fn by_name(selections: &mut SelectionSet, name: &Node<ast::FieldDefinition>, asks: &mut bool) {
    let is_type = selections.ty == "__Type";
    for selection in &mut selections.selections {
        match selection {
            executable::Selection::Field(field) if is_type && field.name == "isOneOf" => {
                let field = field.make_mut();
                let key = format!("{}{MARK}", field.response_key());
                field.alias = Some(Name::new_unchecked(&key));
                field.name = name.name.clone();
                field.definition = name.clone();
                *asks = true;
            }
            executable::Selection::Field(field) if !field.selection_set.selections.is_empty() => {
                by_name(&mut field.make_mut().selection_set, name, asks);
            }
            executable::Selection::Field(_) | executable::Selection::FragmentSpread(_) => {}
            executable::Selection::InlineFragment(fragment) => {
                by_name(&mut fragment.make_mut().selection_set, name, asks);
            }
        }
    }
}

/// `data` with what was asked for instead of the names that were got for it. No deeper than the document, which is bounded.
fn of_names(data: Map<String, Value>, surface: &Surface) -> Map<String, Value> {
    let made = data.into_iter().map(|(key, value)| match key.strip_suffix(MARK) {
        Some(key) => (key.to_owned(), is_one_of(&value, surface)),
        None => (key, below(value, surface)),
    });
    made.collect()
}

fn below(value: Value, surface: &Surface) -> Value {
    match value {
        Value::Object(members) => Value::Object(of_names(members, surface)),
        Value::Array(items) => items.into_iter().map(|item| below(item, surface)).collect(),
        scalar => scalar,
    }
}

/// Lists and non-null types have no name, and are no input objects.
///
/// <https://spec.graphql.org/September2025/#sec-The-__Type-Type>
fn is_one_of(name: &Value, surface: &Surface) -> Value {
    let named = name.as_str().and_then(|name| surface.schema.get_input_object(name));
    named.map_or(Value::Null, |input| input.directives.has("oneOf").into())
}
