//! Arguments of fields.

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition};

use super::{Changes, constant, members::takes_what_it_took, use_of_argument, use_of_member};

/// Compares the arguments of a field.
pub(super) fn of_field(parent: &str, before: &FieldDefinition, after: &FieldDefinition, changes: &mut Changes) {
    let field = &before.name;
    let at = |name: &str| format!("{parent}.{field}({name}:)");
    for was in &before.arguments {
        let name = &was.name;
        let touched = use_of_argument(parent, field, name);
        match after.argument_by_name(name) {
            None => changes.breaking(
                "ARG_REMOVED",
                at(name),
                format!("{parent}.{field} arg {name} was removed."),
                [touched],
            ),
            Some(is) => {
                if !takes_what_it_took(&was.ty, &is.ty) {
                    let message = format!(
                        "{parent}.{field} arg {name} has changed type from {} to {}.",
                        was.ty, is.ty
                    );
                    changes.breaking("ARG_CHANGED_KIND", at(name), message, [touched]);
                } else if was.ty != is.ty {
                    let message = format!(
                        "{parent}.{field} arg {name} has changed type from {} to {}.",
                        was.ty, is.ty
                    );
                    changes.safe("ARG_CHANGED_KIND_SAFE", at(name), message);
                }
                default(&format!("{parent}.{field} arg {name}"), &at(name), was, is, changes);
                changes.description(&at(name), was.description.as_ref(), is.description.as_ref());
                changes.deprecation(
                    &at(name),
                    was.directives.has("deprecated"),
                    is.directives.has("deprecated"),
                );
            }
        }
    }
    for added in &after.arguments {
        let name = &added.name;
        if before.argument_by_name(name).is_some() {
            continue;
        }
        if added.is_required() {
            changes.breaking(
                "REQUIRED_ARG_ADDED",
                at(name),
                format!("A required arg {name} on {parent}.{field} was added."),
                [use_of_member(parent, field)],
            );
        } else {
            let message = format!("An optional arg {name} on {parent}.{field} was added.");
            changes.dangerous("OPTIONAL_ARG_ADDED", at(name), message);
        }
    }
}

fn default(what: &str, at: &str, was: &InputValueDefinition, is: &InputValueDefinition, changes: &mut Changes) {
    let text = |argument: &InputValueDefinition| argument.default_value.as_ref().map(|value| constant(value));
    match (text(was), text(is)) {
        (Some(_), None) => changes.dangerous(
            "ARG_DEFAULT_VALUE_CHANGE",
            at,
            format!("{what} defaultValue was removed."),
        ),
        (Some(was), Some(is)) if was != is => {
            let message = format!("{what} has changed defaultValue from {was} to {is}.");
            changes.dangerous("ARG_DEFAULT_VALUE_CHANGE", at, message);
        }
        (None, Some(is)) => changes.safe(
            "ARG_DEFAULT_VALUE_ADDED",
            at,
            format!("{what} has defaultValue {is} now."),
        ),
        _ => {}
    }
}
