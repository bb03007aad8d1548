//! Counts what a document asks for, in linear time and before it is validated.
//!
//! Each fragment is counted once, whatever spreads it; sums saturate.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{self, Definition, Selection};

use super::{
    Limits, RequestError, RequestErrorKind,
    error::{Exceeded, LimitKind},
    limits::within,
};

/// Levels below `__schema`: what tools send has some 15, types of types of types included.
const INTROSPECTION_DEPTH_MAX: u64 = 20;

/// Fields below `__schema` and `__type`: what tools send has some 250, fragments expanded.
const INTROSPECTION_FIELDS_MAX: u64 = 500;

/// Levels of selections with fragments expanded, whatever else is allowed: later stages walk them recursively on a stack
/// of 2 MiB.
const NESTING_MAX: u64 = 250;

/// Characters of the name of an operation.
const NAME_MAX: usize = 128;

/// Selections with fragments expanded, whatever else is allowed: a plan walks them all.
const SELECTIONS_MAX: u64 = 1_000_000;

/// What one selection set comes to, fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    selections: u64,
    aliases: u64,
    depth: u64,
    /// Levels below `__schema` and `__type`, which have a bound of their own.
    introspection_depth: u64,
    /// Fields there.
    introspection_fields: u64,
    /// Times that `__schema` is asked for: the answer may be the whole schema.
    schemas: u64,
    /// Levels of everything: fields, inline fragments, spreads.
    nesting: u64,
}

/// Fragments by name.
pub(super) type Fragments<'a> = HashMap<&'a str, &'a ast::FragmentDefinition>;

struct Counter<'a> {
    fragments: Fragments<'a>,
    counted: HashMap<&'a str, Counts>,
    /// Spreads within spreads on the way down: each takes stack.
    spreads: u64,
}

/// Checks a parsed document: what it exceeds where limits are only measured.
pub(super) fn check_document(document: &ast::Document, limits: &Limits) -> Result<Exceeded, RequestError> {
    let mut counter = Counter {
        fragments: fragments(document),
        counted: HashMap::new(),
        spreads: 0,
    };
    let mut exceeded = Exceeded::default();
    let mut directives = 0;
    for definition in &document.definitions {
        directives += count_directives(definition);
        if let Definition::OperationDefinition(operation) = definition {
            let counts = counter.set(&operation.selection_set);
            exceeded = exceeded.and(check_counts(&counts, limits)?);
        }
    }
    match within("directives", directives, limits.directives, LimitKind::Directives) {
        Ok(()) => Ok(exceeded),
        Err(error) => Ok(exceeded.and(limits.over(error)?)),
    }
}

/// Checks how long operations are called: their names go to logs, and into messages.
pub(super) fn check_names(document: &ast::Document) -> Result<(), RequestError> {
    for definition in &document.definitions {
        if let Definition::OperationDefinition(operation) = definition
            && let Some(name) = &operation.name
            && name.len() > NAME_MAX
        {
            let message = format!(
                "The name of an operation has {} characters; at most {NAME_MAX} are allowed.",
                name.len()
            );
            return Err(RequestError::new(RequestErrorKind::Validation, message));
        }
    }
    Ok(())
}

/// Whether `__schema` or `__type` is asked for anywhere.
pub(super) fn introspects(document: &ast::Document) -> bool {
    fn set(selections: &[Selection]) -> bool {
        selections.iter().any(|selection| match selection {
            Selection::Field(field) => {
                matches!(field.name.as_str(), "__schema" | "__type") || set(&field.selection_set)
            }
            Selection::InlineFragment(fragment) => set(&fragment.selection_set),
            Selection::FragmentSpread(_) => false,
        })
    }
    document.definitions.iter().any(|definition| match definition {
        Definition::OperationDefinition(operation) => set(&operation.selection_set),
        Definition::FragmentDefinition(fragment) => set(&fragment.selection_set),
        _ => false,
    })
}

/// Checks the root fields of each operation. The walk is as long as that of [`super::overlap`], which comes before and has a bound.
pub(super) fn check_roots(document: &ast::Document, limits: &Limits) -> Result<Exceeded, RequestError> {
    let fragments = fragments(document);
    let mut exceeded = Exceeded::default();
    for definition in &document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            let roots = root_fields(&fragments, &operation.selection_set);
            if let Err(error) = within("root fields", roots, limits.root_fields, LimitKind::RootFields) {
                exceeded = exceeded.and(limits.over(error)?);
            }
        }
    }
    Ok(exceeded)
}

/// Response keys of the root: the same one twice is one field.
fn root_fields(fragments: &Fragments<'_>, selections: &[Selection]) -> u64 {
    let mut keys = HashSet::new();
    let mut seen = HashSet::new();
    let mut sets = vec![selections];
    while let Some(set) = sets.pop() {
        for selection in set {
            match selection {
                Selection::Field(field) => {
                    keys.insert(field.alias.as_ref().unwrap_or(&field.name).as_str());
                }
                Selection::InlineFragment(fragment) => sets.push(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    if seen.insert(name)
                        && let Some(fragment) = fragments.get(name)
                    {
                        sets.push(&fragment.selection_set);
                    }
                }
            }
        }
    }
    keys.len() as u64
}

/// The fragments of a document by name.
pub(super) fn fragments(document: &ast::Document) -> Fragments<'_> {
    let fragments = document.definitions.iter().filter_map(|definition| match definition {
        Definition::FragmentDefinition(fragment) => Some((fragment.name.as_str(), &**fragment)),
        _ => None,
    });
    fragments.collect()
}

fn check_counts(counts: &Counts, limits: &Limits) -> Result<Exceeded, RequestError> {
    // These hold in any mode: beyond them the server would be the one that suffers.
    for (what, count, limit, kind) in [
        (
            "levels of introspection",
            counts.introspection_depth,
            INTROSPECTION_DEPTH_MAX,
            LimitKind::Depth,
        ),
        (
            "levels of selections, fragments expanded",
            counts.nesting,
            NESTING_MAX,
            LimitKind::Depth,
        ),
        ("selections of `__schema`", counts.schemas, 1, LimitKind::RootFields),
        (
            "fields of introspection",
            counts.introspection_fields,
            INTROSPECTION_FIELDS_MAX,
            LimitKind::Expansion,
        ),
        (
            "selections, fragments expanded",
            counts.selections,
            match limits.expanded_selections {
                0 => SELECTIONS_MAX,
                limit => limit.min(SELECTIONS_MAX),
            },
            LimitKind::Expansion,
        ),
    ] {
        within(what, count, limit, kind)?;
    }
    let mut exceeded = Exceeded::default();
    for (what, count, limit, kind) in [
        ("levels of fields", counts.depth, limits.depth, LimitKind::Depth),
        ("aliases", counts.aliases, limits.aliases, LimitKind::Aliases),
    ] {
        if let Err(error) = within(what, count, limit, kind) {
            exceeded = exceeded.and(limits.over(error)?);
        }
    }
    Ok(exceeded)
}

fn count_directives(definition: &Definition) -> u64 {
    fn set(selections: &[Selection]) -> u64 {
        selections
            .iter()
            .map(|selection| match selection {
                Selection::Field(field) => field.directives.len() as u64 + set(&field.selection_set),
                Selection::FragmentSpread(spread) => spread.directives.len() as u64,
                Selection::InlineFragment(fragment) => fragment.directives.len() as u64 + set(&fragment.selection_set),
            })
            .sum()
    }
    match definition {
        Definition::OperationDefinition(operation) => {
            let variables: usize = operation
                .variables
                .iter()
                .map(|variable| variable.directives.len())
                .sum();
            (operation.directives.len() + variables) as u64 + set(&operation.selection_set)
        }
        Definition::FragmentDefinition(fragment) => fragment.directives.len() as u64 + set(&fragment.selection_set),
        _ => 0,
    }
}

// === impl Counter ===

impl<'a> Counter<'a> {
    fn set(&mut self, selections: &'a [Selection]) -> Counts {
        let mut total = Counts::default();
        for selection in selections {
            let counts = match selection {
                Selection::Field(field) => {
                    let below = self.set(&field.selection_set);
                    let introspects = matches!(field.name.as_str(), "__schema" | "__type");
                    Counts {
                        selections: below.selections.saturating_add(1),
                        aliases: below.aliases.saturating_add(u64::from(field.alias.is_some())),
                        depth: if introspects { 1 } else { below.depth.saturating_add(1) },
                        introspection_depth: if introspects {
                            below.depth
                        } else {
                            below.introspection_depth
                        },
                        introspection_fields: if introspects {
                            below.selections
                        } else {
                            below.introspection_fields
                        },
                        schemas: below.schemas.saturating_add(u64::from(field.name == "__schema")),
                        nesting: below.nesting,
                    }
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name),
            };
            total.selections = total.selections.saturating_add(counts.selections);
            total.aliases = total.aliases.saturating_add(counts.aliases);
            total.depth = total.depth.max(counts.depth);
            total.introspection_depth = total.introspection_depth.max(counts.introspection_depth);
            total.introspection_fields = total.introspection_fields.saturating_add(counts.introspection_fields);
            total.schemas = total.schemas.saturating_add(counts.schemas);
            total.nesting = total.nesting.max(counts.nesting.saturating_add(1));
        }
        total
    }

    fn fragment(&mut self, name: &'a str) -> Counts {
        if let Some(counts) = self.counted.get(name) {
            return *counts;
        }
        // A fragment that spreads itself counts as nothing here: validation refuses it.
        self.counted.insert(name, Counts::default());
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Counts::default();
        };
        if self.spreads >= NESTING_MAX {
            return Counts {
                nesting: u64::MAX,
                ..Counts::default()
            };
        }
        self.spreads += 1;
        let counts = self.set(&fragment.selection_set);
        self.spreads -= 1;
        self.counted.insert(name, counts);
        counts
    }
}
