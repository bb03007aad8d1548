//! What a connector's selection can supply, as far as the text says.

use crate::mapping::tree::OutputTree;

/// A part of a selection's output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Supply<'a> {
    /// These names, and whatever the source sends where the text does not say.
    Names(&'a OutputTree),
    /// Whatever the source sends: it may have anything.
    Anything,
}

// === impl Supply ===

impl<'a> Supply<'a> {
    /// What is supplied to objects of one type: a name that only another variant has is not.
    pub(super) fn of_type(self, name: &str) -> Self {
        match self {
            Self::Names(tree) => Self::Names(tree.for_type(name)),
            Self::Anything => Self::Anything,
        }
    }

    /// What is supplied under a name.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        match self {
            Self::Names(tree) => match field(tree, name) {
                Some(below) => Some(Self::Names(below)),
                None => tree.is_opaque.then_some(Self::Anything),
            },
            Self::Anything => Some(Self::Anything),
        }
    }

    /// Whether the text itself says that it supplies a name.
    pub(super) fn names(self, name: &str) -> bool {
        matches!(self, Self::Names(tree) if field(tree, name).is_some())
    }
}

fn field<'a>(tree: &'a OutputTree, name: &str) -> Option<&'a OutputTree> {
    tree.fields
        .iter()
        .find(|field| &*field.name == name)
        .map(|field| &*field.tree)
}
