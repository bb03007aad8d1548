//! What is right but could be better: calls for each object that could be one call, lists of unknown length, what is never used.
//!
//! Last of all checks, on the finished surface. One warning a place; nothing here is an error.

mod batching;
mod lists;

use super::{
    model::{Connector, Kind, Site, Surface, TypeKind},
    problem::{Code, Problems},
};
use crate::mapping::OutputTree;

/// Everything.
pub(crate) fn check(surface: &Surface, problems: &mut Problems<'_>) {
    batching::check(surface, problems);
    lists::check(surface, problems);
    check_sources(surface, problems);
    check_cover(surface, problems);
}

/// Sources that no connector names.
fn check_sources(surface: &Surface, problems: &mut Problems<'_>) {
    for (index, source) in surface.sources.iter().enumerate() {
        let is_used = surface
            .connectors
            .iter()
            .any(|connector| connector.source.is_some_and(|id| id.0 as usize == index));
        if !is_used {
            problems
                .advice(
                    Code::UnusedSource,
                    &source.place,
                    format!("no connector calls the source `{}`", source.name),
                )
                .hint("take it out, or move it to the file of the surface that uses it");
        }
    }
}

/// Connectors that are never chosen: one that stands before supplies exactly the same (DIALECT §2.2).
pub(crate) fn check_cover(surface: &Surface, problems: &mut Problems<'_>) {
    for (index, connector) in surface.connectors.iter().enumerate() {
        let earlier = surface.connectors[..index]
            .iter()
            .find(|earlier| is_equal(surface, earlier, connector));
        if let Some(earlier) = earlier {
            problems
                .advice(
                    Code::EqualCover,
                    &connector.place,
                    format!(
                        "`{}` is never called: `{}` stands before it and supplies the same",
                        connector.coordinate, earlier.coordinate
                    ),
                )
                .hint("keep one of them, or put the better one first");
        }
    }
}

fn is_equal(surface: &Surface, left: &Connector, right: &Connector) -> bool {
    let is_leaf = match left.site {
        Site::Type(_) => false,
        Site::Field(ty, field) => {
            let named = lists::fields(surface, ty)[field as usize].ty.named;
            !matches!(
                surface.types[named.0 as usize].kind,
                TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union
            )
        }
    };
    let same_key = |left: &Connector, right: &Connector| {
        let keys = |connector: &Connector| {
            let mut names: Vec<_> = connector
                .this_reads
                .0
                .iter()
                .chain(&connector.batch_reads.0)
                .cloned()
                .map(|(name, _)| name)
                .collect();
            names.sort();
            names
        };
        keys(left) == keys(right)
    };
    left.site == right.site
        && same_key(left, right)
        && left.kind != Kind::EntityField
        && (is_leaf || same_names(&left.output, &right.output))
}

/// Whether two trees name exactly the same, and nothing that is not named.
fn same_names(left: &OutputTree, right: &OutputTree) -> bool {
    let within = |left: &OutputTree, right: &OutputTree| {
        left.fields.iter().all(|field| {
            right
                .field(&field.name)
                .is_some_and(|other| field.tree.fields.is_empty() == other.tree.fields.is_empty())
        })
    };
    let is_known = |tree: &OutputTree| !tree.is_opaque && tree.is_object && tree.variants.is_empty();
    is_known(left)
        && is_known(right)
        && left.fields.len() == right.fields.len()
        && within(left, right)
        && left.fields.iter().all(|field| {
            let other = right.field(&field.name);
            field.tree.fields.is_empty() || other.is_some_and(|other| same_names(&field.tree, &other.tree))
        })
}
