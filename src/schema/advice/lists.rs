//! Lists of objects of which nothing says how long they are: what an operation costs is then a guess.

use std::{collections::HashSet, sync::Arc};

use crate::schema::{
    link::BFF_URL,
    model::{Field, Surface, TypeId, TypeKind},
    problem::{Code, Problems},
};

/// The fields of an object or interface type.
pub(super) fn fields(surface: &Surface, ty: TypeId) -> &[Field] {
    match &surface.types[ty.0 as usize].kind {
        TypeKind::Object(fields) | TypeKind::Interface(fields) => fields,
        _ => &[],
    }
}

/// Whether a type has fields of its own.
pub(super) fn is_composite(surface: &Surface, ty: TypeId) -> bool {
    matches!(
        surface.types[ty.0 as usize].kind,
        TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union
    )
}

/// Warns of each such list, where the field is declared.
pub(super) fn check(surface: &Surface, problems: &mut Problems<'_>) {
    let sized = sized_by_parents(surface);
    for (index, ty) in surface.types.iter().enumerate() {
        // Interfaces are answered by their types.
        let TypeKind::Object(fields) = &ty.kind else { continue };
        let id = TypeId(index as u32);
        for field in fields {
            let is_list = field.ty.non_null.len() > 1;
            if !is_list || field.list_size.is_some() || sized.contains(&(id, field.name.clone())) {
                continue;
            }
            if !is_composite(surface, field.ty.named) {
                continue;
            }
            let Ok(definition) = surface.schema.type_field(&ty.name, &field.name) else {
                continue;
            };
            let place = problems.files().place(definition.name.location());
            problems
                .advice(
                    Code::UnboundedList,
                    &place,
                    format!(
                        "nothing says how long `{}.{}` is: it is taken to have 10 items",
                        ty.name, field.name
                    ),
                )
                .hint(if surface.has_additions {
                    "add `@listSize(assumedSize: …)`, or an argument such as `first: Int = 20` that limits it"
                        .to_owned()
                } else {
                    format!(
                        "add an argument such as `first: Int = 20` that limits it, or `@listSize` of {BFF_URL}/v0.1"
                    )
                });
        }
    }
}

/// Lists that a field further up gives a size: `sizedFields`, or `edges`, `nodes` and `items` of a field with `first`.
fn sized_by_parents(surface: &Surface) -> HashSet<(TypeId, Arc<str>)> {
    let mut sized = HashSet::new();
    for index in 0..surface.types.len() {
        for field in fields(surface, TypeId(index as u32)) {
            let paths = field.list_size.iter().flat_map(|size| &size.sized_fields);
            for path in paths {
                follow(surface, field.ty.named, path, &mut sized);
            }
        }
    }
    sized
}

fn follow(surface: &Surface, ty: TypeId, path: &[Arc<str>], sized: &mut HashSet<(TypeId, Arc<str>)>) {
    let Some((name, rest)) = path.split_first() else { return };
    for possible in surface.types[ty.0 as usize].possible.iter().chain([&ty]) {
        let Some(field) = fields(surface, *possible).iter().find(|field| field.name == *name) else {
            continue;
        };
        if rest.is_empty() {
            sized.insert((*possible, name.clone()));
        } else {
            follow(surface, field.ty.named, rest, sized);
        }
    }
}
