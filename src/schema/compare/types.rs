//! Types that came, went or changed.

use apollo_compiler::{
    Name, Schema,
    collections::{IndexMap, IndexSet},
    schema::{Component, ComponentName, EnumValueDefinition, ExtendedType, InputObjectType},
};

use super::{Changes, members, own_types, use_of_condition, use_of_input, use_of_type};

/// Compares all types.
pub(super) fn compare(old: &Schema, new: &Schema, changes: &mut Changes) {
    for (name, before) in own_types(old) {
        match new.types.get(name) {
            None => changes.breaking(
                "TYPE_REMOVED",
                name,
                format!("{name} was removed."),
                [use_of_type(name)],
            ),
            Some(after) if kind(before) != kind(after) => changes.breaking(
                "TYPE_CHANGED_KIND",
                name,
                format!("{name} changed from {} to {}.", kind(before), kind(after)),
                [use_of_type(name)],
            ),
            Some(after) => {
                changes.description(name, before.description(), after.description());
                compare_type(name, before, after, changes);
            }
        }
    }
    for (name, _) in own_types(new).filter(|(name, _)| !old.types.contains_key(*name)) {
        changes.safe("TYPE_ADDED", name, format!("{name} was added."));
    }
}

fn kind(ty: &ExtendedType) -> &'static str {
    match ty {
        ExtendedType::Scalar(_) => "a Scalar type",
        ExtendedType::Object(_) => "an Object type",
        ExtendedType::Interface(_) => "an Interface type",
        ExtendedType::Union(_) => "a Union type",
        ExtendedType::Enum(_) => "an Enum type",
        ExtendedType::InputObject(_) => "an Input type",
    }
}

fn compare_type(name: &str, before: &ExtendedType, after: &ExtendedType, changes: &mut Changes) {
    match (before, after) {
        (ExtendedType::Object(before), ExtendedType::Object(after)) => {
            interfaces(
                name,
                &before.implements_interfaces,
                &after.implements_interfaces,
                changes,
            );
            members::fields(name, &before.fields, &after.fields, changes);
        }
        (ExtendedType::Interface(before), ExtendedType::Interface(after)) => {
            interfaces(
                name,
                &before.implements_interfaces,
                &after.implements_interfaces,
                changes,
            );
            members::fields(name, &before.fields, &after.fields, changes);
        }
        (ExtendedType::Union(before), ExtendedType::Union(after)) => {
            union(name, &before.members, &after.members, changes)
        }
        (ExtendedType::Enum(before), ExtendedType::Enum(after)) => values(name, &before.values, &after.values, changes),
        (ExtendedType::InputObject(before), ExtendedType::InputObject(after)) => input(name, before, after, changes),
        _ => {}
    }
}

fn interfaces(name: &str, before: &IndexSet<ComponentName>, after: &IndexSet<ComponentName>, changes: &mut Changes) {
    for gone in before.difference(after) {
        changes.breaking(
            "IMPLEMENTED_INTERFACE_REMOVED",
            name,
            format!("{name} no longer implements interface {gone}."),
            [use_of_condition(name), use_of_type(gone)],
        );
    }
    for added in after.difference(before) {
        let message = format!("{added} added to interfaces implemented by {name}.");
        changes.dangerous("IMPLEMENTED_INTERFACE_ADDED", name, message);
    }
}

fn union(name: &str, before: &IndexSet<ComponentName>, after: &IndexSet<ComponentName>, changes: &mut Changes) {
    for gone in before.difference(after) {
        changes.breaking(
            "TYPE_REMOVED_FROM_UNION",
            name,
            format!("{gone} was removed from union type {name}."),
            [use_of_type(name), use_of_condition(gone)],
        );
    }
    for added in after.difference(before) {
        let message = format!("{added} was added to union type {name}.");
        changes.dangerous("TYPE_ADDED_TO_UNION", name, message);
    }
}

fn values(
    name: &str,
    before: &IndexMap<Name, Component<EnumValueDefinition>>,
    after: &IndexMap<Name, Component<EnumValueDefinition>>,
    changes: &mut Changes,
) {
    for (value, was) in before {
        let at = format!("{name}.{value}");
        match after.get(value) {
            // Who only receives values misses nothing.
            None => changes.breaking(
                "VALUE_REMOVED_FROM_ENUM",
                at.clone(),
                format!("{value} was removed from enum type {name}."),
                [at],
            ),
            Some(is) => {
                changes.description(&at, was.description.as_ref(), is.description.as_ref());
                changes.deprecation(&at, was.directives.has("deprecated"), is.directives.has("deprecated"));
            }
        }
    }
    for value in after.keys().filter(|value| !before.contains_key(*value)) {
        let message = format!("{value} was added to enum type {name}.");
        changes.dangerous("VALUE_ADDED_TO_ENUM", format!("{name}.{value}"), message);
    }
}

fn input(name: &str, before: &InputObjectType, after: &InputObjectType, changes: &mut Changes) {
    members::input_fields(name, &before.fields, &after.fields, changes);
    // Added: the reference does not look at directives.
    match (before.directives.has("oneOf"), after.directives.has("oneOf")) {
        (false, true) => changes.breaking(
            "ONE_OF_ADDED",
            name,
            format!("{name} takes exactly one of its fields now."),
            [use_of_input(name)],
        ),
        (true, false) => changes.safe(
            "ONE_OF_REMOVED",
            name,
            format!("{name} takes more than one of its fields now."),
        ),
        _ => {}
    }
}
