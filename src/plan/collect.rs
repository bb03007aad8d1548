//! Gathers the fields of a selection set by response key, fragments and conditions resolved.
//!
//! <https://spec.graphql.org/September2025/#CollectFields()>

use std::sync::Arc;

use crate::{
    operation::{Condition, FieldNode, Selected},
    schema::{Surface, model::TypeId},
};

/// The fields that share a response key; the first decides name and arguments.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    pub(super) fields: Vec<Arc<FieldNode>>,
}

// === impl Collected ===

impl Collected {
    pub(super) fn first(&self) -> &FieldNode {
        &self.fields[0]
    }

    /// The selection sets below, to be merged.
    pub(super) fn selections(&self) -> Vec<Arc<[Selected]>> {
        self.fields.iter().map(|field| field.selections.clone()).collect()
    }
}

/// The fields that an object of type `ty` answers, in query order.
pub(super) fn collect_fields(surface: &Surface, ty: TypeId, sets: &[Arc<[Selected]>], bits: u64) -> Vec<Collected> {
    let mut collected = Vec::new();
    for set in sets {
        collect_set(surface, ty, set, bits, &mut collected);
    }
    collected
}

fn collect_set(surface: &Surface, ty: TypeId, set: &Arc<[Selected]>, bits: u64, collected: &mut Vec<Collected>) {
    for selected in set.iter() {
        match selected {
            Selected::Field(field) if Condition::all_hold(&field.conditions, bits) => {
                let field = field.on(ty);
                match collected
                    .iter_mut()
                    .find(|known| known.first().response_key == field.response_key)
                {
                    Some(known) => known.fields.push(field.clone()),
                    None => collected.push(Collected {
                        fields: vec![field.clone()],
                    }),
                }
            }
            Selected::Group {
                on,
                conditions,
                selections,
            } if Condition::all_hold(conditions, bits) => {
                let applies = on.is_none_or(|on| surface.types[on.0 as usize].possible.contains(&ty));
                if applies {
                    collect_set(surface, ty, selections, bits, collected);
                }
            }
            _ => {}
        }
    }
}
