//! What is asked of a field of a schema in this process: the keys that mappings read for what an operation needs, no more, so that a
//! resolver nobody asked for does not run.

use std::sync::Arc;

use crate::{
    mapping::{KeyTree, Layouts, tree},
    schema::{
        Surface,
        model::{ConnectRequest, Connector, ErrorMapping, Mapping},
    },
};

/// The selection for a connector whose output is cut down to `layouts`.
pub(super) fn asked(surface: &Surface, connector: &Connector, layouts: &Layouts) -> Option<Arc<str>> {
    let ConnectRequest::Local { field, .. } = &connector.request else {
        return None;
    };
    let types = field.types.as_ref()?;
    let source = connector.source.map(|id| &surface.sources[id.0 as usize]);
    let errors = |errors: &'_ ErrorMapping| [errors.message.clone(), errors.extensions.clone()];
    let is_success = connector.is_success.as_ref().or(source?.is_success.as_ref());
    let others: Vec<Mapping> = source
        .into_iter()
        .flat_map(|source| errors(&source.errors))
        .chain(errors(&connector.errors))
        .chain([is_success.cloned()])
        .flatten()
        .collect();
    let keys = tree::wanted(&connector.selection.selection, layouts)
        .into_iter()
        .chain(
            others
                .iter()
                .filter_map(|mapping| tree::reads(&mapping.selection).input()),
        )
        .reduce(KeyTree::union);
    Some(types.selection(field.operation, &field.name, keys.as_ref()).into())
}
