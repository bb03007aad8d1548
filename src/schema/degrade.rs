//! `@fallback` and `@critical`: what becomes of a field when the call that supplies it fails.

use std::sync::Arc;

use apollo_compiler::{
    Name, Node,
    ast::{FieldDefinition, Type},
    schema::{ExtendedType, ObjectType},
};

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    connect::ConnectDraft,
    directive::Directive,
    fault::{Fault, Faults},
    literal::Text,
    mappings,
    model::{ConnectRequest, Fallback, Kind},
    part::{Owner, Part, Scope},
    problem::{Code, Problems},
    select,
    shape::Kinds,
    source::Context,
};
use crate::mapping::{self, OutputTree};

/// What is said of one field.
#[derive(Debug)]
pub(crate) struct Contract {
    pub type_name: Name,
    pub field: Name,
    pub fallback: Option<Arc<Fallback>>,
    pub is_critical: bool,
}

/// Reads and checks both directives of all fields.
pub(crate) fn read_all(
    uses: &[Use],
    drafts: &[ConnectDraft],
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Contract> {
    let mut contracts: Vec<Contract> = Vec::new();
    for used in uses {
        if !matches!(used.directive, Directive::Fallback | Directive::Critical) {
            continue;
        }
        let Some((type_name, field)) = site(used, context, problems) else {
            continue;
        };
        let at = contracts
            .iter()
            .position(|known| known.type_name == type_name && known.field == field.name)
            .unwrap_or_else(|| {
                contracts.push(Contract {
                    type_name: type_name.clone(),
                    field: field.name.clone(),
                    fallback: None,
                    is_critical: false,
                });
                contracts.len() - 1
            });
        if used.directive == Directive::Critical {
            contracts[at].is_critical = true;
        } else {
            contracts[at].fallback = fallback(used, &type_name, &field, context, problems).map(Arc::new);
            check_effect(used, &type_name, &field, drafts, context, problems);
        }
    }
    check_both(uses, &contracts, problems);
    contracts
}

/// The object type and the field that a directive stands on.
fn site(used: &Use, context: Context<'_>, problems: &mut Problems<'_>) -> Option<(Name, Node<FieldDefinition>)> {
    let UseSite::Field(type_name, field) = &used.site else {
        return None;
    };
    match context.schema.types.get(type_name)? {
        ExtendedType::Object(object) => Some((type_name.clone(), object.fields.get(field)?.node.clone())),
        _ => {
            problems
                .error(
                    Code::GraphqlError,
                    &used.place,
                    format!(
                        "`@{}` cannot stand on a field of `{type_name}`, which is not an object type",
                        used.node.name
                    ),
                )
                .hint("put it on the field of each object type");
            None
        }
    }
}

fn fallback(
    used: &Use,
    type_name: &Name,
    field: &FieldDefinition,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Option<Fallback> {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    let text = arguments.text(files, "selection")?;
    let is_root = context
        .schema
        .schema_definition
        .iter_root_operations()
        .any(|(_, name)| *name == **type_name);
    let owner = Owner::Field {
        parent: type_name,
        field,
        is_root,
    };
    let mut scope = Scope::new(context.schema, context.spec, owner);
    let mapping = mappings::read(&text, Part::Fallback(kinds(&field.ty, context)), &mut scope, problems)?;
    let coordinate = format!("{type_name}.{}", field.name);
    select::check_made(&mapping, &text, &field.ty, &coordinate, context, problems);
    let tree = mapping::output(&mapping.selection);
    check_complete(&tree, field.ty.inner_named_type(), &text, context, problems);
    let on = match arguments.place(files, "on") {
        None => Faults::ALL,
        Some(place) => {
            let named = arguments.list("on").iter().filter_map(|value| value.as_enum());
            let faults: Vec<Fault> = named.filter_map(|name| Fault::of_name(name)).collect();
            if faults.is_empty() {
                problems
                    .error(
                        Code::GraphqlError,
                        &place,
                        "`on` names no failure: the fallback would never run",
                    )
                    .hint("leave `on` out for all failures, or name some, e.g. `[TIMEOUT, UNAVAILABLE]`");
            }
            faults.into_iter().collect()
        }
    };
    Some(Fallback {
        selection: mapping,
        on,
        this_reads: scope.this_reads,
    })
}

/// Which kinds of values a field can be completed from.
fn kinds(ty: &Type, context: Context<'_>) -> Kinds {
    let null = if ty.is_non_null() { Kinds::NONE } else { Kinds::NULL };
    if ty.is_list() {
        return Kinds::ARRAY | null;
    }
    let name = ty.inner_named_type();
    match context.schema.types.get(name) {
        Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in() => Kinds::ANY,
        Some(ExtendedType::Enum(_)) => Kinds::TEXT | null,
        Some(ExtendedType::Scalar(_)) | None => Kinds::BOOL | Kinds::NUMBER | Kinds::TEXT | null,
        Some(_) => Kinds::OBJECT | null,
    }
}

/// An object that stands in should have what may not be null: asked for, it would take the fallback with it.
fn check_complete(tree: &OutputTree, type_name: &str, text: &Text, context: Context<'_>, problems: &mut Problems<'_>) {
    if tree.is_opaque || !tree.is_object && tree.fields.is_empty() {
        return;
    }
    let Some(object) = context.schema.get_object(type_name) else {
        return;
    };
    for field in object.fields.values().filter(|field| field.ty.is_non_null()) {
        if tree.field(&field.name).is_none() && !has_connector(object, &field.name, context) {
            problems
                .error(
                    Code::InvalidSelection,
                    &text.place(&(0..text.value.len())),
                    format!(
                        "the fallback makes a `{type_name}` without `{}`, which may not be null: where it is asked for, there is no fallback",
                        field.name
                    ),
                )
                .hint(format!("add `{}`", field.name))
                .warning();
        }
    }
    for made in &tree.fields {
        if let Some(field) = object.fields.get(&*made.name) {
            check_complete(&made.tree, field.ty.inner_named_type(), text, context, problems);
        }
    }
}

fn has_connector(object: &ObjectType, field: &Name, context: Context<'_>) -> bool {
    object.fields.get(field).is_some_and(|field| {
        field
            .directives
            .iter()
            .any(|used| context.links.directive(&used.name) == Some(Directive::Connect))
    })
}

/// Tells of fallbacks that can never run, and of those that hide that nothing was changed.
fn check_effect(
    used: &Use,
    type_name: &Name,
    field: &FieldDefinition,
    drafts: &[ConnectDraft],
    context: Context<'_>,
    problems: &mut Problems<'_>,
) {
    let definition = &context.schema.schema_definition;
    if definition
        .mutation
        .as_ref()
        .is_some_and(|mutation| **mutation == **type_name)
    {
        problems
            .error(
                Code::GraphqlError,
                &used.place,
                format!(
                    "with this fallback `{type_name}.{}` has no error when it has changed nothing",
                    field.name
                ),
            )
            .hint("let the value say so, or leave the fallback out")
            .warning();
    }
    let own: Vec<&ConnectDraft> = drafts
        .iter()
        .filter(|draft| draft.type_name == *type_name && draft.field.as_ref().is_some_and(|own| own.name == field.name))
        .collect();
    let why = if own.is_empty() {
        let supplies = |draft: &&ConnectDraft| {
            let is_of_type = match (&draft.field, draft.kind) {
                (None, _) => draft.type_name == *type_name,
                (Some(of), Kind::EntityField) => *of.ty.inner_named_type() == *type_name,
                _ => false,
            };
            let made = draft
                .selection
                .as_ref()
                .map(|(mapping, _)| mapping::output(&mapping.selection));
            is_of_type && made.is_none_or(|made| made.is_opaque || made.field(&field.name).is_some())
        };
        if drafts.iter().any(|draft| supplies(&draft)) {
            return;
        }
        "its value comes with its object: when that call fails, there is no object for it to stand in"
    } else if own
        .iter()
        .all(|draft| matches!(draft.request, Some(ConnectRequest::None)))
    {
        "nothing is called for its value, so no call can fail"
    } else {
        return;
    };
    problems
        .error(
            Code::GraphqlError,
            &used.place,
            format!("the fallback of `{type_name}.{}` never runs: {why}", field.name),
        )
        .hint("put it on the field whose `@connect` makes the call, or take it out")
        .warning();
}

/// A fallback for every failure leaves `@critical` nothing to do.
fn check_both(uses: &[Use], contracts: &[Contract], problems: &mut Problems<'_>) {
    for contract in contracts.iter().filter(|contract| contract.is_critical) {
        if contract
            .fallback
            .as_ref()
            .is_some_and(|fallback| fallback.on == Faults::ALL)
        {
            let site = UseSite::Field(contract.type_name.clone(), contract.field.clone());
            let critical = uses
                .iter()
                .find(|used| used.directive == Directive::Critical && used.site == site);
            if let Some(used) = critical {
                problems
                    .error(
                        Code::GraphqlError,
                        &used.place,
                        format!(
                            "`{}.{}` has a fallback for every failure, so that it is critical only where that cannot be used",
                            contract.type_name, contract.field
                        ),
                    )
                    .hint("name the failures that the fallback is for: `on: [TIMEOUT]`")
                    .warning();
            }
        }
    }
}
