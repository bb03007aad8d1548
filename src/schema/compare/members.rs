//! Fields of types and of input objects.

use apollo_compiler::{
    Name,
    ast::{FieldDefinition, InputValueDefinition, Type},
    collections::IndexMap,
    schema::Component,
};

use super::{Changes, arguments, constant, use_of_input, use_of_member};

/// Compares the fields of an object type or interface.
pub(super) fn fields(
    parent: &str,
    before: &IndexMap<Name, Component<FieldDefinition>>,
    after: &IndexMap<Name, Component<FieldDefinition>>,
    changes: &mut Changes,
) {
    for (name, was) in before {
        let at = format!("{parent}.{name}");
        let Some(is) = after.get(name) else {
            let message = format!("{at} was removed.");
            changes.breaking("FIELD_REMOVED", at, message, [use_of_member(parent, name)]);
            continue;
        };
        arguments::of_field(parent, was, is, changes);
        if !gives_what_it_gave(&was.ty, &is.ty) {
            let message = format!("{at} changed type from {} to {}.", was.ty, is.ty);
            changes.breaking("FIELD_CHANGED_KIND", at.clone(), message, [use_of_member(parent, name)]);
        } else if was.ty != is.ty {
            let message = format!("{at} changed type from {} to {}.", was.ty, is.ty);
            changes.safe("FIELD_CHANGED_KIND_SAFE", at.clone(), message);
        }
        changes.description(&at, was.description.as_ref(), is.description.as_ref());
        changes.deprecation(&at, was.directives.has("deprecated"), is.directives.has("deprecated"));
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        let at = format!("{parent}.{name}");
        let message = format!("{at} was added.");
        changes.safe("FIELD_ADDED", at, message);
    }
}

/// Compares the fields of an input object.
pub(super) fn input_fields(
    parent: &str,
    before: &IndexMap<Name, Component<InputValueDefinition>>,
    after: &IndexMap<Name, Component<InputValueDefinition>>,
    changes: &mut Changes,
) {
    for (name, was) in before {
        let at = format!("{parent}.{name}");
        let Some(is) = after.get(name) else {
            let message = format!("{at} was removed.");
            changes.breaking("FIELD_REMOVED", at, message, [use_of_member(parent, name)]);
            continue;
        };
        if !takes_what_it_took(&was.ty, &is.ty) {
            let message = format!("{at} changed type from {} to {}.", was.ty, is.ty);
            changes.breaking("FIELD_CHANGED_KIND", at.clone(), message, [use_of_member(parent, name)]);
        } else if was.ty != is.ty {
            let message = format!("{at} changed type from {} to {}.", was.ty, is.ty);
            changes.safe("FIELD_CHANGED_KIND_SAFE", at.clone(), message);
        }
        let default = |field: &InputValueDefinition| field.default_value.as_ref().map(|value| constant(value));
        // Added: the reference compares those of arguments only.
        if let (was, is) = (default(was), default(is))
            && was != is
        {
            let told = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            let message = format!("{at} has changed defaultValue from {} to {}.", told(was), told(is));
            changes.dangerous("INPUT_FIELD_DEFAULT_VALUE_CHANGE", at.clone(), message);
        }
        changes.description(&at, was.description.as_ref(), is.description.as_ref());
        changes.deprecation(&at, was.directives.has("deprecated"), is.directives.has("deprecated"));
    }
    for (name, field) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        let at = format!("{parent}.{name}");
        if field.is_required() {
            changes.breaking(
                "REQUIRED_INPUT_FIELD_ADDED",
                at,
                format!("A required field {name} on input type {parent} was added."),
                [use_of_input(parent)],
            );
        } else {
            let message = format!("An optional field {name} on input type {parent} was added.");
            changes.dangerous("OPTIONAL_INPUT_FIELD_ADDED", at, message);
        }
    }
}

/// Whether whoever reads values of one type can read those of another.
fn gives_what_it_gave(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Named(old), Type::Named(new) | Type::NonNullNamed(new)) => old == new,
        (Type::NonNullNamed(old), Type::NonNullNamed(new)) => old == new,
        (Type::List(old), Type::List(new) | Type::NonNullList(new)) => gives_what_it_gave(old, new),
        (Type::NonNullList(old), Type::NonNullList(new)) => gives_what_it_gave(old, new),
        _ => false,
    }
}

/// Whether every value that one type takes is taken by another.
pub(super) fn takes_what_it_took(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Named(old), Type::Named(new)) => old == new,
        (Type::NonNullNamed(old), Type::Named(new) | Type::NonNullNamed(new)) => old == new,
        (Type::List(old), Type::List(new)) => takes_what_it_took(old, new),
        (Type::NonNullList(old), Type::List(new) | Type::NonNullList(new)) => takes_what_it_took(old, new),
        _ => false,
    }
}
