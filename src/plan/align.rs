//! Where the items of a batch's answer hold the parts of their keys.

use std::sync::Arc;

use super::Align;
use crate::{
    mapping::{LayoutId, Layouts},
    schema::{
        Surface,
        model::{Connector, KeyTree, Kind, Site, TypeKind},
    },
};

/// How the replies of a keyed connector are matched to its keys; asks for the slots that takes.
pub(super) fn align(surface: &Surface, connector: &Connector, layouts: &mut Layouts) -> Align {
    let root = LayoutId(0);
    match (connector.kind, connector.site) {
        (Kind::Batch, _) => {
            let mut parts = Vec::new();
            tree_slots(&connector.batch_reads, root, layouts, &mut Vec::new(), &mut parts);
            Align::Items { parts, many: false }
        }
        (Kind::FieldBatch, Site::Field(ty, index)) => {
            let many = match &surface.types[ty.0 as usize].kind {
                TypeKind::Object(fields) | TypeKind::Interface(fields) => fields[index as usize].ty.non_null.len() > 1,
                _ => false,
            };
            let parts = connector.group_by_paths.iter().map(|path| path_slots(path, root, layouts));
            Align::Items { parts: parts.collect(), many }
        }
        _ => Align::Whole,
    }
}

fn tree_slots(tree: &KeyTree, layout: LayoutId, layouts: &mut Layouts, above: &mut Vec<u16>, parts: &mut Vec<Vec<u16>>) {
    for (name, below) in &tree.0 {
        if below.0.is_empty() {
            above.push(layouts.leaf(layout, name));
            parts.push(above.clone());
        } else {
            let (slot, child) = layouts.object(layout, name);
            above.push(slot);
            tree_slots(below, child, layouts, above, parts);
        }
        above.pop();
    }
}

/// The leaves of a key, each by its path of names.
pub(super) fn tree_paths(tree: &KeyTree, above: &mut Vec<Arc<str>>, paths: &mut Vec<Vec<Arc<str>>>) {
    for (name, below) in &tree.0 {
        above.push(name.clone());
        if below.0.is_empty() {
            paths.push(above.clone());
        } else {
            tree_paths(below, above, paths);
        }
        above.pop();
    }
}

fn path_slots(path: &[Arc<str>], mut layout: LayoutId, layouts: &mut Layouts) -> Vec<u16> {
    let (last, above) = path.split_last().expect("a groupBy path names a key");
    let mut slots = Vec::with_capacity(path.len());
    for name in above {
        let (slot, child) = layouts.object(layout, name);
        slots.push(slot);
        layout = child;
    }
    slots.push(layouts.leaf(layout, last));
    slots
}
