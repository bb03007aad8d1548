//! `@inaccessible`: what stays visible must not lead to what is hidden.
//!
//! After [`super::annotations`] has taken the hidden parts out of the public documents; without this check the validator would
//! only say that a type is unknown.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node,
    ast::{Definition, Document, FieldDefinition, InputValueDefinition},
    parser::SourceSpan,
};

use super::{
    annotations::{Use, UseSite},
    directive::Directive,
    problem::{Code, Problems},
};

/// Reports visible fields, arguments and members of hidden types, and types of which everything is hidden.
pub(crate) fn check(uses: &[Use], public: &[Document], problems: &mut Problems<'_>) {
    let hidden: HashSet<&Name> = uses
        .iter()
        .filter(|used| used.directive == Directive::Inaccessible)
        .filter_map(|used| match &used.site {
            UseSite::Type(name) => Some(name),
            _ => None,
        })
        .collect();
    let touched: HashSet<&Name> = uses
        .iter()
        .filter(|used| used.directive == Directive::Inaccessible)
        .filter_map(|used| match &used.site {
            UseSite::Field(name, _) => Some(name),
            _ => None,
        })
        .collect();
    for definition in public.iter().flat_map(|document| &document.definitions) {
        let Some(name) = definition.name() else { continue };
        match definition {
            Definition::ObjectTypeDefinition(node) => fields(name, &node.fields, &hidden, problems),
            Definition::ObjectTypeExtension(node) => fields(name, &node.fields, &hidden, problems),
            Definition::InterfaceTypeDefinition(node) => fields(name, &node.fields, &hidden, problems),
            Definition::InterfaceTypeExtension(node) => fields(name, &node.fields, &hidden, problems),
            Definition::InputObjectTypeDefinition(node) => inputs(name, &node.fields, &hidden, problems),
            Definition::InputObjectTypeExtension(node) => inputs(name, &node.fields, &hidden, problems),
            _ => {}
        }
        if touched.contains(name) && is_empty(name, public) && !definition.is_extension_definition() {
            let place = problems.files().place(name.location());
            problems
                .error(
                    Code::GraphqlError,
                    &place,
                    format!("all fields of `{name}` are `@inaccessible`, but the type is not"),
                )
                .hint("put `@inaccessible` on the type");
        }
    }
}

fn is_empty(wanted: &Name, public: &[Document]) -> bool {
    public
        .iter()
        .flat_map(|document| &document.definitions)
        .all(|definition| {
            let fields = match definition {
                Definition::ObjectTypeDefinition(node) => &node.fields,
                Definition::ObjectTypeExtension(node) => &node.fields,
                Definition::InterfaceTypeDefinition(node) => &node.fields,
                Definition::InterfaceTypeExtension(node) => &node.fields,
                _ => return true,
            };
            definition.name() != Some(wanted) || fields.is_empty()
        })
}

fn fields(parent: &Name, fields: &[Node<FieldDefinition>], hidden: &HashSet<&Name>, problems: &mut Problems<'_>) {
    for field in fields {
        let named = field.ty.inner_named_type();
        if hidden.contains(named) {
            report(
                &format!("{parent}.{}", field.name),
                named,
                &field.name,
                field.location(),
                problems,
            );
        }
        for argument in &field.arguments {
            let named = argument.ty.inner_named_type();
            if hidden.contains(named) {
                let coordinate = format!("{parent}.{}({}:)", field.name, argument.name);
                report(&coordinate, named, &argument.name, argument.location(), problems);
            }
        }
    }
}

fn inputs(parent: &Name, fields: &[Node<InputValueDefinition>], hidden: &HashSet<&Name>, problems: &mut Problems<'_>) {
    for field in fields {
        let named = field.ty.inner_named_type();
        if hidden.contains(named) {
            report(
                &format!("{parent}.{}", field.name),
                named,
                &field.name,
                field.location(),
                problems,
            );
        }
    }
}

fn report(coordinate: &str, named: &Name, name: &Name, location: Option<SourceSpan>, problems: &mut Problems<'_>) {
    let place = problems.files().named_place(name, location);
    problems
        .error(
            Code::GraphqlError,
            &place,
            format!("`{coordinate}` is visible, but its type `{named}` is `@inaccessible`"),
        )
        .hint("put `@inaccessible` on it too, or take it off the type");
}
