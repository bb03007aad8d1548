//! Directives that clients may use.

use apollo_compiler::{Schema, ast::DirectiveDefinition};

use super::{Changes, use_of_directive};

/// Compares all directives but those of GraphQL itself.
pub(super) fn compare(old: &Schema, new: &Schema, changes: &mut Changes) {
    let own = |schema: &Schema| {
        let own = schema
            .directive_definitions
            .values()
            .filter(|definition| !definition.is_built_in() && definition.name != "oneOf");
        own.cloned().collect::<Vec<_>>()
    };
    for before in own(old) {
        let at = format!("@{}", before.name);
        match new.directive_definitions.get(&before.name) {
            None => changes.breaking(
                "DIRECTIVE_REMOVED",
                at,
                format!("{} was removed.", before.name),
                [use_of_directive(&before.name)],
            ),
            Some(after) => directive(&before, after, changes),
        }
    }
    for added in own(new) {
        if !old.directive_definitions.contains_key(&added.name) {
            changes.safe(
                "DIRECTIVE_ADDED",
                format!("@{}", added.name),
                format!("@{} was added.", added.name),
            );
        }
    }
}

fn directive(before: &DirectiveDefinition, after: &DirectiveDefinition, changes: &mut Changes) {
    let name = &before.name;
    let at = format!("@{name}");
    let touched = || [use_of_directive(name)];
    for added in &after.arguments {
        if before.argument_by_name(&added.name).is_some() {
            continue;
        }
        if added.is_required() {
            let message = format!("A required arg {} on directive {name} was added.", added.name);
            changes.breaking("REQUIRED_DIRECTIVE_ARG_ADDED", at.clone(), message, touched());
        } else {
            let message = format!("An optional arg {} on directive {name} was added.", added.name);
            changes.safe("OPTIONAL_DIRECTIVE_ARG_ADDED", at.clone(), message);
        }
    }
    for gone in &before.arguments {
        if after.argument_by_name(&gone.name).is_none() {
            let message = format!("{} was removed from {name}.", gone.name);
            changes.breaking("DIRECTIVE_ARG_REMOVED", at.clone(), message, touched());
        }
    }
    match (before.repeatable, after.repeatable) {
        (true, false) => {
            let message = format!("Repeatable flag was removed from {name}.");
            changes.breaking("DIRECTIVE_REPEATABLE_REMOVED", at.clone(), message, touched());
        }
        (false, true) => {
            let message = format!("Repeatable flag was added to {name}.");
            changes.safe("DIRECTIVE_REPEATABLE_ADDED", at.clone(), message);
        }
        _ => {}
    }
    for gone in before
        .locations
        .iter()
        .filter(|location| !after.locations.contains(location))
    {
        let message = format!("{gone} was removed from {name}.");
        changes.breaking("DIRECTIVE_LOCATION_REMOVED", at.clone(), message, touched());
    }
    for added in after
        .locations
        .iter()
        .filter(|location| !before.locations.contains(location))
    {
        changes.safe(
            "DIRECTIVE_LOCATION_ADDED",
            at.clone(),
            format!("{added} was added to {name}."),
        );
    }
    changes.description(&at, before.description.as_ref(), after.description.as_ref());
}
