//! What of an operation its caller may not have: fields and objects that are refused when the plan is made, and those that each object decides.

use std::sync::Arc;

use super::{
    FieldSource, Guard, GuardId, Hop,
    align::tree_paths,
    build::Planner,
    context::ContextReads,
    group::{Group, Rows},
};
use crate::{
    mapping::reads,
    operation::Argument,
    schema::{
        access::Decision,
        model::{AccessId, Field, TypeId},
    },
};

/// What stands before the objects of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nobody gets there; whether as if there were nothing.
    Refused {
        /// Null without an error.
        is_absent: bool,
    },
    /// Each object decides.
    Guarded(GuardId),
}

// === impl Planner ===

impl<'a> Planner<'a> {
    /// What was decided of a field.
    pub(super) fn of_field(&self, field: &Field, arguments: &[(Arc<str>, Argument)]) -> Decision {
        match field.access {
            None => Decision::Allowed,
            Some(access) => self.verdict.on(self.surface, self.operation, access, arguments),
        }
    }

    /// What was decided of the objects of a type. Rows there are, so they are walked only where they are let through.
    pub(super) fn entry(&mut self, group: &mut Group<'a>, ty: TypeId) -> Option<Entry> {
        let access = self.ty(ty).access.filter(|_| group.base.is_some())?;
        match self.verdict.on(self.surface, self.operation, access, &[]) {
            Decision::Allowed => None,
            Decision::Refused { is_absent } => {
                self.refused.push(self.ty(ty).name.clone());
                Some(Entry::Refused { is_absent })
            }
            Decision::ByObject => {
                let name = &self.ty(ty).name;
                group.base = group.base.map(|rows| Rows {
                    supply: rows.supply.of_type(name),
                    ..rows
                });
                let guard = self.guard(group, access, &[]);
                group.path.push(Hop::Guard(guard));
                Some(Entry::Guarded(guard))
            }
        }
    }

    /// A guard on the objects of a group: what its rules read of them is made available.
    pub(super) fn guard(
        &mut self,
        group: &mut Group<'a>,
        access: AccessId,
        arguments: &[(Arc<str>, Argument)],
    ) -> GuardId {
        let asked = self.surface.access(access);
        let tree = self.up_to_lists(&asked.object_reads(self.surface), group.ty);
        let parts = self.key(group, &tree);
        let mut names = Vec::new();
        tree_paths(&tree, &mut Vec::new(), &mut names);
        let mut context = ContextReads::default();
        asked
            .rules(self.surface)
            .for_each(|rule| context.add_reads(&reads(rule)));
        self.guards.push(Guard {
            access,
            arguments: arguments.to_vec(),
            parts,
            names,
            context,
        });
        GuardId((self.guards.len() - 1) as u16)
    }

    /// A field behind a guard.
    pub(super) fn guarded(guard: GuardId, source: FieldSource) -> FieldSource {
        FieldSource::Guarded(guard, Box::new(source))
    }
}
