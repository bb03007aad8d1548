//! Rules about the schema as a whole and about federation directives.

use apollo_compiler::{Schema, ast::OperationType, schema::ExtendedType};

use super::{
    annotations::{Use, UseSite},
    directive::Directive,
    problem::{Code, Problems},
};
use crate::mapping::Spec;

/// Checks root types and, before 0.4, abstract types.
pub(crate) fn check(schema: &Schema, spec: Spec, problems: &mut Problems<'_>) {
    let files = problems.files();
    if schema.root_operation(OperationType::Query).is_none() {
        problems
            .error(
                Code::MissingSchemaType,
                &super::model::Place::default(),
                "the schema has no `Query` type",
            )
            .hint("add: type Query { … }");
    }
    if let Some(subscription) = schema.schema_definition.subscription.as_ref() {
        let defined = schema.types.get(&subscription.name).and_then(|ty| ty.name().location());
        problems
            .error(
                Code::SubscriptionInConnectors,
                &files.place(defined.or(subscription.location())),
                "subscriptions cannot be supplied by connectors",
            )
            .hint(format!("take `{}` out", subscription.name));
    }
    if spec >= Spec::V0_4 {
        return;
    }
    for ty in schema.types.values().filter(|ty| !ty.is_built_in()) {
        if matches!(ty, ExtendedType::Interface(_) | ExtendedType::Union(_)) {
            problems
                .error(
                    Code::ConnectorsUnsupportedAbstractType,
                    &files.place(ty.name().location()),
                    format!("`{}` is abstract: interfaces and unions need connect/v0.4", ty.name()),
                )
                .hint("link https://specs.apollo.dev/connect/v0.4");
        }
    }
}

/// Refuses the directives that only a federation planner can honour.
pub(crate) fn check_federation(uses: &[Use], problems: &mut Problems<'_>) {
    for used in uses {
        let connects_too = |site: &UseSite| {
            uses.iter()
                .any(|other| other.directive == Directive::Connect && other.site == *site)
        };
        let (code, why) = match used.directive {
            Directive::Override if connects_too(&used.site) => (
                Code::OverrideOnConnector,
                "a field with `@connect` cannot be taken from another subgraph",
            ),
            Directive::Override => (
                Code::ConnectorsUnsupportedFederationDirective,
                "there are no other subgraphs to take a field from",
            ),
            Directive::Context | Directive::FromContext => (
                Code::ConnectorsUnsupportedFederationDirective,
                "values are handed from type to type by a federation planner only",
            ),
            Directive::Requires => (
                Code::ConnectorsUnsupportedFederationDirective,
                "there are no other subgraphs that could supply fields for it",
            ),
            Directive::InterfaceObject => (
                Code::ConnectorsUnsupportedFederationDirective,
                "there are no other subgraphs that know the types behind the interface",
            ),
            _ => continue,
        };
        let hint = match used.directive {
            Directive::Requires => "a connector reads sibling fields itself, with `$this`",
            Directive::Override => "take it out: the field is supplied here already",
            _ => "take it out",
        };
        problems
            .error(code, &used.place, format!("`@{}` is refused: {why}", used.node.name))
            .hint(hint);
    }
}
