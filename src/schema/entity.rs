//! Rules about connectors as entity resolvers and batches (DIALECT §1.9).

use apollo_compiler::{
    Name, Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    connect::ConnectDraft,
    directive::Directive,
    field_set, group_by,
    members::Members,
    model::{KeyTree, Kind},
    problem::{Code, Problems},
    suggest,
};

/// Checks every connector by itself.
pub(crate) fn check(drafts: &[ConnectDraft], schema: &Schema, problems: &mut Problems<'_>) {
    for draft in drafts {
        check_entity_argument(draft, schema, problems);
        if !draft.this_reads.0.is_empty() && !draft.batch_reads.0.is_empty() {
            problems
                .error(
                    Code::ConnectBatchAndThis,
                    &draft.place,
                    "the connector reads both `$batch` and `$this`",
                )
                .hint("`$batch` is for one call for many objects, `$this` for one call an object");
        }
        match draft.kind {
            Kind::EntityField => check_entity_field(draft, schema, problems),
            Kind::Entity if draft.this_reads.0.is_empty() => {
                problems
                    .error(
                        Code::ConnectorsCannotResolveKey,
                        &draft.place,
                        format!(
                            "nothing says which `{}` is wanted: the connector reads neither `$this` nor `$batch`",
                            draft.type_name
                        ),
                    )
                    .hint("read a key of the type in the request, e.g. `{$this.id}`");
            }
            Kind::Batch => check_nested_keys(draft, problems),
            Kind::FieldBatch if draft.group_by.is_some() => group_by::check(draft, schema, problems),
            Kind::Field | Kind::Root if draft.group_by.is_some() => {
                problems
                    .error(
                        Code::InvalidSelection,
                        &draft.place,
                        "`groupBy` without `$batch`: there is nothing to group for",
                    )
                    .hint("read the keys of all parents with `$batch` in the request");
            }
            _ => {}
        }
        if draft.max_size.is_some() && !matches!(draft.kind, Kind::Batch | Kind::FieldBatch) {
            problems
                .error(
                    Code::GraphqlError,
                    &draft.place,
                    "`maxSize` has no effect: the connector does not read `$batch`",
                )
                .advice();
        }
    }
}

fn check_entity_argument(draft: &ConnectDraft, schema: &Schema, problems: &mut Problems<'_>) {
    match (draft.entity, &draft.field) {
        (Some(false), None) => {
            problems
                .error(
                    Code::ConnectOnTypeMustBeEntity,
                    &draft.entity_place,
                    format!(
                        "`entity: false` on type `{}`: a connector of a type always resolves entities",
                        draft.type_name
                    ),
                )
                .hint("leave `entity` out");
        }
        (Some(true), Some(_)) if draft.kind != Kind::EntityField || !is_query(schema, &draft.type_name) => {
            problems
                .error(
                    Code::EntityNotOnRootQuery,
                    &draft.entity_place,
                    format!(
                        "`entity: true` on `{}`: only fields of `Query` resolve entities",
                        draft.coordinate
                    ),
                )
                .hint("leave `entity` out, or put a `@connect` on the type");
        }
        _ => {}
    }
}

fn is_query(schema: &Schema, type_name: &Name) -> bool {
    schema
        .schema_definition
        .query
        .as_ref()
        .is_some_and(|query| query.name == *type_name)
}

/// The type is a nullable object, and the arguments are fields of it.
fn check_entity_field(draft: &ConnectDraft, schema: &Schema, problems: &mut Problems<'_>) {
    let Some(field) = draft.field.as_ref() else {
        return;
    };
    let what = match &field.ty {
        Type::List(_) | Type::NonNullList(_) => Some("a list"),
        Type::NonNullNamed(_) => Some("non-null"),
        Type::Named(name) if !matches!(schema.types.get(name), Some(ExtendedType::Object(_))) => {
            Some("not an object type")
        }
        Type::Named(_) => None,
    };
    if let Some(what) = what {
        problems
            .error(
                Code::EntityTypeInvalid,
                &draft.entity_place,
                format!("`entity: true`, but `{}` is {what}", field.ty),
            )
            .hint("an entity is a nullable object: it may not exist");
        if !matches!(
            schema.types.get(field.ty.inner_named_type()),
            Some(ExtendedType::Object(_))
        ) {
            // It has no fields that arguments could equal.
            return;
        }
    }
    if field.arguments.is_empty() {
        problems
            .error(
                Code::EntityResolverArgumentMismatch,
                &draft.entity_place,
                format!(
                    "`entity: true`, but `{}` has no arguments to find a `{}` by",
                    field.name, field.ty
                ),
            )
            .hint("add an argument that is a key of the type, e.g. `id: ID!`");
    }
    check_arguments(field, schema, problems);
}

fn check_arguments(field: &FieldDefinition, schema: &Schema, problems: &mut Problems<'_>) {
    let files = problems.files();
    let entity = Members::of(schema, field.ty.inner_named_type());
    for argument in &field.arguments {
        let place = files.named_place(&argument.name, argument.location());
        match entity.find_type(&argument.name) {
            None => {
                problems
                    .error(
                        Code::EntityResolverArgumentMismatch,
                        &place,
                        format!("argument `{}` is not a field of `{}`", argument.name, field.ty),
                    )
                    .maybe_hint(suggest::did_you_mean(&argument.name, entity.names()));
            }
            Some(ty) if !same_key(schema, &argument.ty, ty) => {
                problems
                    .error(
                        Code::EntityResolverArgumentMismatch,
                        &place,
                        format!(
                            "argument `{}` is `{}`, but that field of `{}` is `{ty}`",
                            argument.name, argument.ty, field.ty
                        ),
                    )
                    .hint("give both the same type");
            }
            Some(_) => {}
        }
    }
}

/// Whether an argument can carry a field: the same type but for non-null; an input object, when its members match.
fn same_key(schema: &Schema, argument: &Type, field: &Type) -> bool {
    match (argument, field) {
        (Type::List(argument) | Type::NonNullList(argument), Type::List(field) | Type::NonNullList(field)) => {
            same_key(schema, argument, field)
        }
        (Type::Named(argument) | Type::NonNullNamed(argument), Type::Named(field) | Type::NonNullNamed(field)) => {
            same_named(schema, argument, field)
        }
        _ => false,
    }
}

fn same_named(schema: &Schema, argument: &Name, field: &Name) -> bool {
    if argument == field {
        return true;
    }
    let (Some(ExtendedType::InputObject(input)), Some(ExtendedType::Object(object))) =
        (schema.types.get(argument), schema.types.get(field))
    else {
        return false;
    };
    // One level: keys that nest deeper than an object in an object are not used.
    input.fields.iter().all(|(name, member)| {
        object
            .fields
            .get(name)
            .is_some_and(|field| field.ty.inner_named_type() == member.ty.inner_named_type())
    })
}

/// Keys of a batch are fields of the object itself.
fn check_nested_keys(draft: &ConnectDraft, problems: &mut Problems<'_>) {
    for (path, place) in &draft.nested_batch_reads {
        problems
            .error(
                Code::ConnectorsNonRootBatchKey,
                place,
                format!(
                    "`$batch.{path}`: a key of a batch must be a field of `{}` itself",
                    draft.type_name
                ),
            )
            .hint(format!("add a field to `{}` that holds the value", draft.type_name));
    }
}

/// Every resolvable `@key` needs a connector that reads exactly these fields.
pub(crate) fn check_keys(uses: &[Use], drafts: &[ConnectDraft], schema: &Schema, problems: &mut Problems<'_>) {
    let files = problems.files();
    for used in uses.iter().filter(|used| used.directive == Directive::Key) {
        let UseSite::Type(type_name) = &used.site else {
            continue;
        };
        let arguments = Arguments::Directive(&used.node);
        let Some(fields) = arguments.text(files, "fields") else {
            continue;
        };
        let Some(key) = field_set::parse(&fields.value) else {
            problems.error(Code::GraphqlError, &fields.place, "`fields` is not a list of fields");
            continue;
        };
        if let Some(unknown) = first_unknown(&key, Members::of(schema, type_name), schema) {
            problems
                .error(
                    Code::ConnectorsCannotResolveKey,
                    &fields.place,
                    format!("`@key` names `{unknown}`, which `{type_name}` does not have"),
                )
                .maybe_hint(suggest::did_you_mean(&unknown, Members::of(schema, type_name).names()));
            continue;
        }
        if arguments.boolean("resolvable") == Some(false) {
            continue;
        }
        let is_resolved = drafts.iter().any(|draft| resolves(draft, type_name, &key));
        if !is_resolved {
            problems
                .error(
                    Code::MissingEntityConnector,
                    &used.place,
                    format!("no connector finds a `{type_name}` by `{}`", fields.value),
                )
                .hint(format!("add `entity: true` to a field of `Query` with these arguments, or a `@connect` to `{type_name}` that reads them"));
        }
    }
}

fn resolves(draft: &ConnectDraft, type_name: &Name, key: &KeyTree) -> bool {
    match (draft.kind, &draft.field) {
        (Kind::EntityField, Some(field)) => {
            field.ty.inner_named_type() == type_name
                && field.arguments.len() == key.0.len()
                && key
                    .0
                    .iter()
                    .all(|(name, _)| field.arguments.iter().any(|argument| *argument.name == **name))
        }
        // A field's own connector too: whoever has the key can be given the field.
        (Kind::Entity | Kind::Field, _) => draft.type_name == *type_name && same_tree(&draft.this_reads, key),
        (Kind::Batch | Kind::FieldBatch, _) => draft.type_name == *type_name && same_tree(&draft.batch_reads, key),
        _ => false,
    }
}

/// Whether two trees have the same keys, in any order.
fn same_tree(left: &KeyTree, right: &KeyTree) -> bool {
    left.0.len() == right.0.len()
        && left.0.iter().all(|(name, below)| {
            right
                .0
                .iter()
                .any(|(other, other_below)| name == other && same_tree(below, other_below))
        })
}

fn first_unknown(key: &KeyTree, members: Members<'_>, schema: &Schema) -> Option<String> {
    key.0.iter().find_map(|(name, below)| match members.find(name) {
        None => Some(name.to_string()),
        Some(Some(ty)) if !below.0.is_empty() => first_unknown(below, Members::of(schema, ty), schema),
        Some(_) => None,
    })
}
