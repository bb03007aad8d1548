//! `batch.groupBy`: which output of an item holds which part of the parent's key.

use std::sync::Arc;

use apollo_compiler::{Schema, schema::ExtendedType};

use super::{connect::ConnectDraft, problem::Problems};
use crate::{
    mapping::{Expr, Head, Item, KeyTree, Path, Selection, Step},
    schema::Code,
};

/// Where each part of the key stands in an item, in the order of `batch_reads`; a part that cannot be found is a problem.
pub(super) fn paths(draft: &ConnectDraft) -> Option<Vec<Vec<Arc<str>>>> {
    let Some(mapping) = &draft.group_by else {
        return Some(Vec::new());
    };
    let Selection::Fields(block) = &*mapping.selection else {
        return None;
    };
    draft
        .batch_reads
        .0
        .iter()
        .map(|(name, below)| {
            let is_flat = below == &KeyTree::default();
            let item = block.items.iter().find_map(|item| match item {
                Item::Named {
                    name: key,
                    value: Expr::Path(path),
                } if *key.text == **name => Some(path),
                _ => None,
            });
            item.filter(|_| is_flat).and_then(keys)
        })
        .collect()
}

/// Reports a `groupBy` that is more than keys and their paths.
pub(super) fn check(draft: &ConnectDraft, schema: &Schema, problems: &mut Problems<'_>) {
    let Some(mapping) = &draft.group_by else { return };
    let named = draft.field.as_ref().map(|field| field.ty.inner_named_type());
    let is_leaf = |name| {
        matches!(
            schema.types.get(name),
            Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_))
        )
    };
    if let Some(name) = named.filter(|name| is_leaf(*name)) {
        problems
            .error(
                Code::InvalidSelection,
                &mapping.place,
                format!("`groupBy` groups objects by a key in them, and `{name}` is no object"),
            )
            .hint(
                "make the field's type an object with that value in it, or use a batched `@connect` on the parent type",
            );
        return;
    }
    if paths(draft).is_some() {
        return;
    }
    let names: Vec<&str> = draft.batch_reads.0.iter().map(|(name, _)| &**name).collect();
    problems
        .error(
            Code::InvalidSelection,
            &mapping.place,
            format!(
                "`groupBy` must say for each key of `$batch` ({}) which key of an item holds it",
                names.join(", ")
            ),
        )
        .hint("write `parentKey: itemKey` pairs, e.g. `groupBy: \"id: userId\"`");
}

fn keys(path: &Path) -> Option<Vec<Arc<str>>> {
    let mut keys = match &path.head {
        Head::Key(key) => vec![Arc::from(key.text.as_str())],
        Head::Root | Head::At => Vec::new(),
        Head::Variable(_) | Head::Expr(_) => return None,
    };
    for step in &path.steps {
        match step {
            Step::Key(key) => keys.push(Arc::from(key.text.as_str())),
            Step::Optional(_) => {}
            Step::Method { .. } | Step::Select(_) => return None,
        }
    }
    (!keys.is_empty()).then_some(keys)
}
