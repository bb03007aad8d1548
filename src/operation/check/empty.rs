//! Errors that only echo another.
//!
//! The library forgets selected fields that do not exist, and then finds that nothing is selected. Who has mistyped the only field of an object
//! is told of the field alone.

use std::collections::HashSet;

use apollo_compiler::{Node, ast};

use crate::operation::{RequestError, error::RequestErrorDetail};

const NOTHING_SELECTED: &str = "interface, union and object types must have a subselection set";

/// The same without those that say that nothing is selected where something is.
pub(super) fn without_echoes(mut error: RequestError, document: &ast::Document) -> RequestError {
    let may_be_one = |detail: &RequestErrorDetail| detail.message == NOTHING_SELECTED;
    if error.errors.len() > 1 && error.errors.iter().any(may_be_one) {
        let mut places = HashSet::new();
        for definition in &document.definitions {
            match definition {
                ast::Definition::OperationDefinition(operation) => add(document, &operation.selection_set, &mut places),
                ast::Definition::FragmentDefinition(fragment) => add(document, &fragment.selection_set, &mut places),
                _ => {}
            }
        }
        let is_echo = |detail: &RequestErrorDetail| {
            may_be_one(detail) && detail.location.is_some_and(|place| places.contains(&place))
        };
        error.errors.retain(|detail| !is_echo(detail));
    }
    error
}

/// Adds the places of fields below which something is selected.
fn add(document: &ast::Document, selections: &[ast::Selection], places: &mut HashSet<(u32, u32)>) {
    for selection in selections {
        match selection {
            ast::Selection::Field(field) => {
                if !field.selection_set.is_empty() {
                    places.extend(place(document, field));
                    add(document, &field.selection_set, places);
                }
            }
            ast::Selection::InlineFragment(fragment) => add(document, &fragment.selection_set, places),
            ast::Selection::FragmentSpread(_) => {}
        }
    }
}

fn place(document: &ast::Document, field: &Node<ast::Field>) -> Option<(u32, u32)> {
    let start = field.location()?.line_column(&document.sources)?;
    Some((start.line as u32, start.column as u32))
}
