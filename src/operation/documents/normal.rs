//! A document in normal form: two texts that differ in blanks, commas, comments or the order of definitions are the same there.

use std::sync::Arc;

use apollo_compiler::{
    ast::{self, Definition},
    parser::Parser,
};

use super::id::{self, Hash};
use crate::operation::{Limits, lexical};

/// What is known of a text without a schema.
#[derive(Debug)]
pub(super) struct Normal {
    /// Of the normal form.
    pub(super) hash: Hash,
    /// The operations' names, in the order of the text.
    pub(super) names: Vec<Arc<str>>,
}

/// Reads a text; `None` if it is none or too large.
pub(super) fn read(text: &str, limits: &Limits) -> Option<Normal> {
    if lexical::is_long(text, limits) {
        return None;
    }
    let mut parser = Parser::new().recursion_limit(limits.nesting).token_limit(limits.tokens);
    let document = parser.parse_ast(text, "operation.graphql").ok()?;
    Some(Normal {
        hash: id::hash(&form(&document)),
        names: names(&document),
    })
}

fn names(document: &ast::Document) -> Vec<Arc<str>> {
    let names = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => operation.name.as_ref().map(|name| Arc::from(name.as_str())),
        _ => None,
    });
    names.collect()
}

/// Operations, then fragments, each by name, without a needless character.
fn form(document: &ast::Document) -> String {
    let mut definitions: Vec<(u8, String)> = document
        .definitions
        .iter()
        .map(|definition| {
            let place = match definition {
                Definition::OperationDefinition(_) => 0,
                Definition::FragmentDefinition(_) => 1,
                _ => 2,
            };
            (place, definition.serialize().no_indent().to_string())
        })
        .collect();
    definitions.sort();
    definitions
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join(" ")
}
