//! `@cost` and `@listSize`: what is checked about them, and what they come to.
//!
//! A weight may be a whole number, as in Apollo's specification, or text, as in the IBM one.

use std::sync::Arc;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{FieldDefinition, Type, Value},
    schema::ExtendedType,
};

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    directive::Directive,
    files::Files,
    literal::Text,
    members::Members,
    model::{ListSize, SlicingArgument},
    problem::{Code, Problems},
    suggest,
};

/// Whole numbers of these names say how much of a list is wanted, also where no `@listSize` says so.
const SIZE_NAMES: [&str; 10] = [
    "first",
    "last",
    "limit",
    "take",
    "top",
    "pageSize",
    "page_size",
    "perPage",
    "per_page",
    "maxResults",
];

/// Where an object around a list has it, also where no `sizedFields` says so.
const LIST_NAMES: [&str; 3] = ["edges", "nodes", "items"];

/// They mean something where the engine counts: with arguments and fields that exist, and weights of at least zero.
pub(crate) fn check(uses: &[Use], schema: &Schema, problems: &mut Problems<'_>) {
    for used in uses {
        match (used.directive, &used.site) {
            (Directive::Cost, UseSite::Inside) => {
                problems
                    .error(
                        Code::UnsupportedFeature,
                        &used.place,
                        "`@cost` is counted on types, fields and arguments, not here yet",
                    )
                    .hint("take it out: it would have no effect");
            }
            (Directive::Cost, _) if weight(&used.node).is_none() => {
                problems
                    .error(
                        Code::GraphqlError,
                        &used.place,
                        "the weight of `@cost` is not a number of at least zero",
                    )
                    .hint("write `@cost(weight: 5)` or `@cost(weight: \"5\")`");
            }
            (Directive::ListSize, UseSite::Field(type_name, field_name)) => {
                if let Ok(field) = schema.type_field(type_name, field_name) {
                    check_list_size(used, field, schema, problems);
                }
            }
            _ => {}
        }
    }
}

fn check_list_size(used: &Use, field: &FieldDefinition, schema: &Schema, problems: &mut Problems<'_>) {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    for slicing in arguments.texts(files, "slicingArguments") {
        check_path(
            schema,
            &slicing,
            Members::Arguments(field),
            Code::UndefinedArgument,
            problems,
        );
    }
    let members = Members::of(schema, field.ty.inner_named_type());
    for sized in arguments.texts(files, "sizedFields") {
        check_path(schema, &sized, members, Code::UndefinedField, problems);
    }
    if let Some((size, place)) = arguments.integer(files, "assumedSize")
        && size < 0
    {
        let message = format!("`assumedSize` is {size}, and no list is that short");
        problems.error(Code::GraphqlError, &place, message);
    }
}

/// Checks a dotted path, name by name.
fn check_path(schema: &Schema, path: &Text, members: Members<'_>, code: Code, problems: &mut Problems<'_>) {
    let mut members = members;
    for name in path.value.split('.') {
        let Some(found) = members.find(name) else {
            let message = match code {
                Code::UndefinedArgument => format!("{} has no argument `{name}`", members.describe()),
                _ => format!("{} has no field `{name}`", members.describe()),
            };
            problems
                .error(code, &path.place, message)
                .maybe_hint(suggest::did_you_mean(name, members.names()));
            return;
        };
        members = found.map_or(Members::Any, |ty| Members::of(schema, ty));
    }
}

/// `@cost(weight:)` at a place.
pub(crate) fn weight_at(uses: &[Use], site: &UseSite) -> Option<u32> {
    uses.iter()
        .find(|used| used.directive == Directive::Cost && used.site == *site)
        .and_then(|used| weight(&used.node))
}

/// What a directive says of a field: on the field itself, else on the same field of an interface.
fn of_field<'u>(
    schema: &Schema,
    parent: &Name,
    field: &Name,
    uses: &'u [Use],
    directive: Directive,
) -> Option<&'u Use> {
    let interfaces = match schema.types.get(parent) {
        Some(ExtendedType::Object(object)) => Some(&object.implements_interfaces),
        Some(ExtendedType::Interface(interface)) => Some(&interface.implements_interfaces),
        _ => None,
    };
    let interfaces = interfaces.into_iter().flatten().map(|name| &name.name);
    std::iter::once(parent).chain(interfaces).find_map(|parent| {
        let site = UseSite::Field(parent.clone(), field.clone());
        uses.iter()
            .find(|used| used.directive == directive && used.site == site)
    })
}

/// `@cost(weight:)` of a field.
pub(crate) fn field_weight(schema: &Schema, parent: &Name, field: &Name, uses: &[Use]) -> Option<u32> {
    weight(&of_field(schema, parent, field, uses, Directive::Cost)?.node)
}

/// `@cost(weight:)` of a field's arguments.
pub(crate) fn argument_weights(parent: &Name, field: &FieldDefinition, uses: &[Use]) -> Vec<(Arc<str>, u32)> {
    let weights = field.arguments.iter().filter_map(|argument| {
        let site = UseSite::Argument(parent.clone(), field.name.clone(), argument.name.clone());
        Some((Arc::from(argument.name.as_str()), weight_at(uses, &site)?))
    });
    weights.collect()
}

/// A weight, fractions rounded up: what costs something must not come to nothing.
fn weight(directive: &apollo_compiler::ast::Directive) -> Option<u32> {
    let value = Arguments::Directive(directive).get("weight")?;
    let number = match &**value {
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        Value::Int(number) => number.as_str().parse::<f64>().ok()?,
        Value::Float(number) => number.as_str().parse::<f64>().ok()?,
        _ => return None,
    };
    (number >= 0.0).then(|| number.ceil() as u32)
}

/// How long the list of a field is: by `@listSize`, else by the names of its arguments.
pub(crate) fn list_size(
    schema: &Schema,
    parent: &Name,
    field: &FieldDefinition,
    uses: &[Use],
    files: &Files,
) -> Option<ListSize> {
    match of_field(schema, parent, &field.name, uses, Directive::ListSize) {
        Some(used) => Some(declared(schema, field, Arguments::Directive(&used.node), files)),
        None => conventional(schema, field),
    }
}

fn declared(schema: &Schema, field: &FieldDefinition, arguments: Arguments<'_>, files: &Files) -> ListSize {
    let paths = |name: &str| {
        let texts = arguments.texts(files, name).into_iter();
        texts.map(|text| text.value.split('.').map(Arc::from).collect::<Vec<Arc<str>>>())
    };
    let assumed_size = arguments
        .integer(files, "assumedSize")
        .and_then(|(size, _)| u32::try_from(size).ok());
    ListSize {
        assumed_size,
        sized_fields: paths("sizedFields").collect(),
        require_one_slicing_argument: arguments.boolean("requireOneSlicingArgument").unwrap_or(true),
        ..with_arguments(schema, field, paths("slicingArguments").collect(), assumed_size)
    }
}

/// A list with an argument such as `first`, or an object around such a list.
fn conventional(schema: &Schema, field: &FieldDefinition) -> Option<ListSize> {
    let sized_fields: Vec<Vec<Arc<str>>> = if field.ty.is_list() {
        Vec::new()
    } else {
        let is_list = |name: &&str| {
            schema
                .type_field(field.ty.inner_named_type(), name)
                .is_ok_and(|inner| inner.ty.is_list())
        };
        LIST_NAMES
            .iter()
            .filter(|name| is_list(name))
            .map(|name| vec![Arc::from(*name)])
            .collect()
    };
    if sized_fields.is_empty() && !field.ty.is_list() {
        return None;
    }
    let names = field.arguments.iter().filter(|argument| {
        SIZE_NAMES.contains(&argument.name.as_str())
            && matches!(&*argument.ty, Type::Named(name) | Type::NonNullNamed(name) if name == "Int")
    });
    let paths: Vec<Vec<Arc<str>>> = names.map(|argument| vec![Arc::from(argument.name.as_str())]).collect();
    (!paths.is_empty()).then(|| ListSize {
        sized_fields,
        ..with_arguments(schema, field, paths, None)
    })
}

fn with_arguments(
    schema: &Schema,
    field: &FieldDefinition,
    paths: Vec<Vec<Arc<str>>>,
    assumed_size: Option<u32>,
) -> ListSize {
    let defaults: Vec<Option<u32>> = paths.iter().map(|path| default_at(schema, field, path)).collect();
    ListSize {
        assumed_size,
        largest: defaults.iter().copied().flatten().chain(assumed_size).max(),
        slicing_arguments: paths
            .into_iter()
            .zip(defaults)
            .map(|(path, default)| SlicingArgument {
                path,
                has_default: default.is_some(),
            })
            .collect(),
        ..ListSize::default()
    }
}

/// The number that an argument, or a field of it, has when nobody gives it.
fn default_at(schema: &Schema, field: &FieldDefinition, path: &[Arc<str>]) -> Option<u32> {
    let (first, rest) = path.split_first()?;
    let argument = field.arguments.iter().find(|argument| argument.name == **first)?;
    let mut ty: &Name = argument.ty.inner_named_type();
    let mut default: Option<&Node<Value>> = argument.default_value.as_ref();
    for name in rest {
        let ExtendedType::InputObject(input) = schema.types.get(ty)? else {
            return None;
        };
        let member = input.fields.get(&**name)?;
        default = match default.map(|value| &**value) {
            Some(Value::Object(members)) => members
                .iter()
                .find(|(known, _)| *known == **name)
                .map(|(_, value)| value)
                .or(member.default_value.as_ref()),
            _ => member.default_value.as_ref(),
        };
        ty = member.ty.inner_named_type();
    }
    default?.to_i32().and_then(|number| u32::try_from(number).ok())
}
