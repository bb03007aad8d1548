//! The objects of one place of the operation while its plan is made.

use std::sync::Arc;

use super::{Count, FetchId, Hop, StepId, size::Length, supply::Supply};
use crate::{mapping::LayoutId, schema::model::TypeId};

/// Rows that answer one selection set: all objects at one place.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// Their type; an object type once it matters.
    pub(super) ty: TypeId,
    /// The step that made the rows; `None` at the root of the operation.
    pub(super) base: Option<Rows<'a>>,
    /// Rows that other steps have for the same objects.
    pub(super) others: Vec<(StepId, Rows<'a>)>,
    /// From the values of `base`'s step down to the rows.
    pub(super) path: Vec<Hop>,
    /// How many of them there may be.
    pub(super) objects: Count,
    /// Lists within them whose length a field above says: the names that lead there.
    pub(super) sized: Vec<(Vec<Arc<str>>, Length)>,
    /// Response path, for `explain`.
    pub(super) response_path: String,
    /// Position of the root field above.
    pub(super) root_field: u16,
}

/// Rows of one layout of one fetch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) step: StepId,
    pub(super) fetch: FetchId,
    pub(super) layout: LayoutId,
    pub(super) supply: Supply<'a>,
}

// === impl Group ===

impl<'a> Group<'a> {
    /// All rows that there are for an object, its own first, with the step that leads to them.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Option<StepId>, Rows<'a>)> + '_ {
        let base = self.base.iter().map(|rows| (None, *rows));
        base.chain(self.others.iter().map(|(step, rows)| (Some(*step), *rows)))
    }

    /// Who supplies a name: rows whose text names it before rows that may have anything.
    pub(super) fn supplier(&self, name: &str) -> Option<(Option<StepId>, Rows<'a>)> {
        self.rows()
            .find(|(_, rows)| rows.supply.names(name))
            .or_else(|| self.rows().find(|(_, rows)| rows.supply.get(name).is_some()))
    }

    /// Whether some selection names the field in its text.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.rows().any(|(_, rows)| rows.supply.names(name))
    }
}
