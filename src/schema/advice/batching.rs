//! N+1: connectors that are called once for each object, although something there answers for many at once.

use std::collections::HashSet;

use switchboard_clients::proto::{FieldDescriptor, Kind as FieldKind, MessageDescriptor, Method};

use super::lists::{fields, is_composite};
use crate::schema::{
    model::{ConnectRequest, Connector, Kind, Site, Surface, TypeId},
    problem::{Code, Problems},
};

/// Words that names of batch methods have.
const BATCH_WORDS: [&str; 5] = ["batch", "many", "multi", "bulk", "byids"];

/// Warns at each such connector.
pub(super) fn check(surface: &Surface, problems: &mut Problems<'_>) {
    let many = in_lists(surface);
    for (index, connector) in surface.connectors.iter().enumerate() {
        let Some(ty) = called_for(surface, connector).filter(|ty| many.contains(ty)) else {
            continue;
        };
        if let Some((how, cure)) = better(surface, index, connector, ty) {
            let name = &surface.types[ty.0 as usize].name;
            problems
                .advice(
                    Code::NPlusOne,
                    &connector.place,
                    format!("`{}` is called once for each `{name}`: {how}", connector.coordinate),
                )
                .hint(cure);
        }
    }
}

/// The type whose objects a connector is called for one by one.
fn called_for(surface: &Surface, connector: &Connector) -> Option<TypeId> {
    if matches!(connector.request, ConnectRequest::None) {
        return None;
    }
    match (connector.kind, connector.site) {
        (Kind::Field, Site::Field(ty, _)) if !connector.this_reads.0.is_empty() => Some(ty),
        (Kind::Entity, Site::Type(ty)) => Some(ty),
        (Kind::EntityField, Site::Field(ty, field)) => Some(fields(surface, ty)[field as usize].ty.named),
        _ => None,
    }
}

/// Types of which one answer can hold many objects: elements of lists, and what is in them.
fn in_lists(surface: &Surface) -> HashSet<TypeId> {
    let mut found: HashSet<TypeId> = HashSet::new();
    let mut open: Vec<TypeId> = Vec::new();
    let types = (0..surface.types.len()).map(|index| TypeId(index as u32));
    for field in types.flat_map(|ty| fields(surface, ty)) {
        if field.ty.non_null.len() > 1 {
            open.push(field.ty.named);
        }
    }
    while let Some(ty) = open.pop() {
        if !is_composite(surface, ty) || !found.insert(ty) {
            continue;
        }
        open.extend(&surface.types[ty.0 as usize].possible);
        open.extend(fields(surface, ty).iter().map(|field| field.ty.named));
    }
    found
}

/// What could answer for many at once, and what to do.
fn better(surface: &Surface, index: usize, connector: &Connector, ty: TypeId) -> Option<(String, String)> {
    by_type(surface, index, connector, ty)
        .or_else(|| by_stub(surface, connector))
        .or_else(|| by_method(connector))
}

/// Another connector of the type batches.
fn by_type(surface: &Surface, index: usize, connector: &Connector, ty: TypeId) -> Option<(String, String)> {
    let name = &surface.types[ty.0 as usize].name;
    let (position, batch) = surface
        .connectors
        .iter()
        .enumerate()
        .find(|(_, other)| other.kind == Kind::Batch && other.site == Site::Type(ty))?;
    if let Site::Field(owner, field) = connector.site
        && connector.kind == Kind::Field
    {
        let field = &fields(surface, owner)[field as usize].name;
        batch.output.field(field)?;
        return Some((
            format!("`{}` has it in one call for all", batch.coordinate),
            format!("take the field's own `@connect` out: it comes before those of `{name}`"),
        ));
    }
    let missing: Vec<&str> = connector
        .output
        .fields
        .iter()
        .map(|field| &*field.name)
        .filter(|field| batch.output.field(field).is_none())
        .collect();
    if missing.is_empty() {
        // Of two that supply the same, the first is called.
        return (index < position).then(|| {
            (
                format!(
                    "`{}` would answer for all of them at once, but stands behind it",
                    batch.coordinate
                ),
                "put the connector that reads `$batch` first".to_owned(),
            )
        });
    }
    Some((
        format!(
            "only it supplies {}, while `{}` answers for all of them at once",
            crate::schema::suggest::list(missing),
            batch.coordinate
        ),
        format!(
            "add these to the selection of `{}`, if its answer has them",
            batch.coordinate
        ),
    ))
}

/// A field that asks for one object, whose type has a batch: the key alone would do.
fn by_stub(surface: &Surface, connector: &Connector) -> Option<(String, String)> {
    let (Kind::Field, Site::Field(owner, field)) = (connector.kind, connector.site) else {
        return None;
    };
    let field = &fields(surface, owner)[field as usize];
    if field.ty.non_null.len() > 1 {
        return None;
    }
    let batch = surface
        .connectors
        .iter()
        .find(|other| other.kind == Kind::Batch && other.site == Site::Type(field.ty.named))?;
    let key = &batch.batch_reads.0.first()?.0;
    let parent = &surface.types[owner.0 as usize].name;
    let named = &surface.types[field.ty.named.0 as usize].name;
    Some((
        format!("`{}` finds any number of `{named}` in one call", batch.coordinate),
        format!(
            "select the key alone where `{parent}` is made, `{}: {{ {key}: … }}`, and take this `@connect` out",
            field.name
        ),
    ))
}

/// The service has a method that answers for many.
fn by_method(connector: &Connector) -> Option<(String, String)> {
    let ConnectRequest::Grpc { method, .. } = &connector.request else {
        return None;
    };
    let (service, own) = method.path.as_str().trim_start_matches('/').split_once('/')?;
    let service = method.input.parent_pool().get_service_by_name(service)?;
    let found = service.methods().find(|other| {
        let name = other.name().to_ascii_lowercase();
        other.name() != own
            && !other.is_client_streaming()
            && !other.is_server_streaming()
            && BATCH_WORDS.iter().any(|word| name.contains(word))
            && other
                .input()
                .fields()
                .any(|field| field.is_list() && message_of(&field).is_none())
            && answers_the_same(method, &other.output())
    })?;
    let cure = match connector.kind {
        Kind::Field => {
            "read the keys of all parents with `$batch`, and say with `batch: { groupBy: … }` whose each item is"
        }
        _ => "call it with `$batch` in its message",
    };
    Some((
        format!("`{}/{}` answers for many at once", service.full_name(), found.name()),
        cure.to_owned(),
    ))
}

/// Whether a message has a list of what a method answers with: its message, or what that has in it.
fn answers_the_same(method: &Method, output: &MessageDescriptor) -> bool {
    let own: Vec<MessageDescriptor> = std::iter::once(method.output.clone())
        .chain(method.output.fields().filter_map(|field| message_of(&field)))
        .collect();
    output
        .fields()
        .any(|field| field.is_list() && message_of(&field).is_some_and(|message| own.contains(&message)))
}

fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        FieldKind::Message(message) => Some(message),
        _ => None,
    }
}
