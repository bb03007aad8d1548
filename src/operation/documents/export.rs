//! The operations of documents, each by itself with its fragments and its hash: what build tools write into manifests.

use std::collections::{BTreeSet, HashMap};

use apollo_compiler::{
    ast::{self, Definition, OperationType, Selection},
    parser::Parser,
};
use serde_json::{Map, Value, json};

use super::id;

/// Brackets within brackets in a document.
const NESTING_MAX: usize = 500;

/// An operation as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The SHA-256 of its text, in hexadecimal digits.
    pub id: String,
    /// Its text with the fragments that it needs.
    pub body: String,
    /// Its name, or else that of its document.
    pub name: String,
    /// `query`, `mutation` or `subscription`.
    pub kind: &'static str,
}

/// The operations of a document. The only one of a document is left as it is written, but for blanks at both ends.
///
/// # Errors
/// The document does not parse: why.
pub fn export(text: &str, name: &str) -> Result<Vec<Exported>, String> {
    let document = Parser::new()
        .recursion_limit(NESTING_MAX)
        .parse_ast(text, "operation.graphql")
        .map_err(|broken| {
            let first = broken.errors.iter().next();
            first.map_or_else(|| "it does not parse".to_owned(), |error| error.error.to_string())
        })?;
    let operations: Vec<_> = document
        .definitions
        .iter()
        .filter_map(|definition| definition.as_operation_definition())
        .collect();
    let exported = operations.iter().map(|operation| {
        let body = match operations.len() {
            1 => text.trim().to_owned(),
            _ => alone(&document, operation),
        };
        Exported {
            id: id::hex(&id::hash(&body)),
            body,
            name: operation.name.as_ref().map_or(name, |name| name.as_str()).to_owned(),
            kind: match operation.operation_type {
                OperationType::Query => "query",
                OperationType::Mutation => "mutation",
                OperationType::Subscription => "subscription",
            },
        }
    });
    Ok(exported.collect())
}

/// Operations as an Apollo manifest; `client` is whom they are for.
#[must_use]
pub fn apollo(operations: &[Exported], client: Option<&str>) -> Value {
    let operations = operations.iter().map(|operation| {
        let mut entry = json!({
            "id": operation.id, "name": operation.name, "type": operation.kind, "body": operation.body,
        });
        if let (Some(client), Some(entry)) = (client, entry.as_object_mut()) {
            entry.insert("clientName".to_owned(), Value::from(client));
        }
        entry
    });
    json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": operations.collect::<Vec<_>>(),
    })
}

/// Operations as `{hash: text}`.
#[must_use]
pub fn by_hash(operations: &[Exported]) -> Value {
    let pairs = operations
        .iter()
        .map(|operation| (operation.id.clone(), Value::from(operation.body.clone())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// One of several operations with the fragments that it needs, in the order of the document.
fn alone(document: &ast::Document, operation: &ast::OperationDefinition) -> String {
    let fragments: HashMap<&str, &ast::FragmentDefinition> = document
        .definitions
        .iter()
        .filter_map(|definition| definition.as_fragment_definition())
        .map(|fragment| (fragment.name.as_str(), &**fragment))
        .collect();
    let mut needed = BTreeSet::new();
    spreads(&operation.selection_set, &fragments, &mut needed);
    let texts = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(other) if **other == *operation => Some(other.serialize().to_string()),
        Definition::FragmentDefinition(fragment) if needed.contains(fragment.name.as_str()) => {
            Some(fragment.serialize().to_string())
        }
        _ => None,
    });
    let texts: Vec<_> = texts.map(|text| text.trim().to_owned()).collect();
    texts.join("\n\n")
}

fn spreads<'a>(
    selections: &'a [Selection],
    fragments: &HashMap<&str, &'a ast::FragmentDefinition>,
    needed: &mut BTreeSet<&'a str>,
) {
    for selection in selections {
        match selection {
            Selection::Field(field) => spreads(&field.selection_set, fragments, needed),
            Selection::InlineFragment(fragment) => spreads(&fragment.selection_set, fragments, needed),
            Selection::FragmentSpread(spread) => {
                if needed.insert(&spread.fragment_name)
                    && let Some(fragment) = fragments.get(spread.fragment_name.as_str())
                {
                    spreads(&fragment.selection_set, fragments, needed);
                }
            }
        }
    }
}
