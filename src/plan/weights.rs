//! What each field adds to an operation's estimated cost while its plan is made.

use std::sync::Arc;

use super::{
    Count,
    build::Planner,
    cost::MUTATION_WEIGHT,
    group::Group,
    size::{ASSUMED_LIST_SIZE, Length, Sizing},
};
use crate::{
    operation::{FieldNode, OperationKind, Selected},
    schema::{
        Surface,
        model::{Field, FieldType, TypeId, TypeKind},
    },
};

/// The objects below a field.
pub(super) struct Below {
    /// How many there may be.
    pub(super) objects: Count,
    /// Lists within them whose length is said here.
    pub(super) sized: Vec<(Vec<Arc<str>>, Length)>,
}

/// What one value of the field `Type.field` weighs; nothing where there is none.
#[must_use]
pub fn weight_at(surface: &Surface, coordinate: &str) -> u64 {
    let field = coordinate.split_once('.').and_then(|(ty, name)| {
        let ty = &surface.types[surface.type_ids.get(ty)?.0 as usize];
        match &ty.kind {
            TypeKind::Object(fields) | TypeKind::Interface(fields) => fields.iter().find(|field| *field.name == *name),
            _ => None,
        }
    });
    field.map_or(0, |field| weight(surface, field))
}

/// What one value of a field weighs: what `@cost` says of the field, else of its type, else 1 for an object and 0 for anything
/// else. An abstract type is as dear as the dearest that it may be.
pub(super) fn weight(surface: &Surface, field: &Field) -> u64 {
    field
        .cost
        .map_or_else(|| type_weight(surface, field.ty.named), u64::from)
}

fn type_weight(surface: &Surface, id: TypeId) -> u64 {
    let ty = &surface.types[id.0 as usize];
    match (&ty.kind, ty.cost) {
        (_, Some(cost)) => u64::from(cost),
        (TypeKind::Scalar(_) | TypeKind::Enum(_) | TypeKind::Input, None) => 0,
        (TypeKind::Object(_), None) => 1,
        (TypeKind::Interface(_) | TypeKind::Union, None) => {
            let possible = ty.possible.iter().map(|id| surface.types[id.0 as usize].cost);
            possible.map(|cost| cost.map_or(1, u64::from)).max().unwrap_or(1)
        }
    }
}

/// What introspection weighs: as many objects as it asks for, each once.
pub(super) fn introspection(sets: &[Arc<[Selected]>]) -> u64 {
    sets.iter().fold(1, |sum, set| sum + objects(set))
}

fn objects(set: &[Selected]) -> u64 {
    let each = set.iter().map(|selected| match selected {
        Selected::Field(field) => u64::from(!field.selections.is_empty()) + objects(&field.selections),
        Selected::Group { selections, .. } => objects(selections),
    });
    each.sum()
}

// === impl Planner ===

impl<'a> Planner<'a> {
    /// Adds what a field weighs, and says how many objects are below it.
    pub(super) fn count(&mut self, group: &Group<'a>, parent: TypeId, field: &Field, node: &FieldNode) -> Below {
        let surface = self.surface;
        let sizing = Sizing::of(field, &surface.types[parent.0 as usize].name, node);
        let says = field.list_size.as_ref().is_some_and(|size| size.assumed_size.is_some())
            || sizing.as_ref().is_some_and(|sizing| !sizing.arguments.is_empty());
        let is_given = sizing.as_ref().is_some_and(|sizing| !sizing.arguments.is_empty());
        let own = match sizing {
            Some(sizing) => match sizing.known() {
                Some(known) => {
                    self.costs.keep(sizing);
                    Length::of(known)
                }
                None => Length {
                    known: 1,
                    open: Some(self.costs.keep(sizing)),
                },
            },
            None => {
                let assumed = field.list_size.as_ref().and_then(|size| size.assumed_size);
                Length::of(assumed.map_or(ASSUMED_LIST_SIZE, u64::from))
            }
        };
        let above = group
            .sized
            .iter()
            .find(|(path, _)| matches!(&path[..], [name] if *name == field.name));
        let length = match above {
            Some((_, length)) if !is_given => *length,
            _ => own,
        };
        let weight = weight(surface, field);
        let is_leaf = self.leaf(&field.ty).is_some();
        let objects = if is_leaf && weight == 0 {
            // Nothing is below, and nothing is counted.
            group.objects
        } else {
            self.costs.below(group.objects, levels(&field.ty, length))
        };
        self.costs.add(objects, weight);
        self.costs.add(group.objects, self.once(group, field, node));
        let mut sized: Vec<(Vec<Arc<str>>, Length)> = group
            .sized
            .iter()
            .filter(|(path, _)| path.len() > 1 && path[0] == field.name)
            .map(|(path, length)| (path[1..].to_vec(), *length))
            .collect();
        if says && let Some(size) = &field.list_size {
            sized.extend(size.sized_fields.iter().map(|path| (path.clone(), own)));
        }
        Below { objects, sized }
    }

    /// What a field weighs beside its values: its arguments, and that it changes something.
    fn once(&self, group: &Group<'a>, field: &Field, node: &FieldNode) -> u64 {
        let given = field
            .argument_costs
            .iter()
            .filter(|(name, _)| node.arguments.iter().any(|(given, _)| given == name));
        let arguments = given.fold(0_u64, |sum, (_, weight)| sum.saturating_add(u64::from(*weight)));
        let changes = group.base.is_none() && self.kind == OperationKind::Mutation;
        arguments.saturating_add(if changes { MUTATION_WEIGHT } else { 0 })
    }
}

/// How many values a field has: 1, or the length of its list; lists within it are as long as is assumed.
fn levels(ty: &FieldType, outer: Length) -> Length {
    match ty.non_null.len() {
        0 | 1 => Length::ONE,
        levels => {
            let inner = ASSUMED_LIST_SIZE.saturating_pow(u32::try_from(levels - 2).unwrap_or(u32::MAX));
            Length {
                known: outer.known.saturating_mul(inner),
                ..outer
            }
        }
    }
}
