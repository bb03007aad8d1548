//! How much a document may ask for, counted in linear time before it is validated.

use std::collections::HashMap;

use apollo_compiler::ast::{self, Definition, Selection};

use super::{RequestError, RequestErrorKind, error::LimitKind};

/// Levels below `__schema`: what tools send has some 15, types of types of types included.
const INTROSPECTION_DEPTH_MAX: u64 = 20;

/// Levels of selections with fragments expanded, whatever else is allowed: later stages walk them recursively on a stack
/// of 2 MiB.
const NESTING_MAX: u64 = 250;

/// How many errors of one document are told.
pub const ERRORS_MAX: usize = 20;

/// Bounds on a document (see `limits` in switchboard.yaml). 0 switches one off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a document.
    pub document_bytes: usize,
    /// Tokens of a document.
    pub tokens: usize,
    /// Nesting at parse: braces, brackets and parentheses within each other.
    pub nesting: usize,
    /// Fields within each other.
    pub depth: u64,
    /// Aliases, fragments expanded.
    pub aliases: u64,
    /// Fields of the operation's root, fragments expanded.
    pub root_fields: u64,
    /// Directives in the document.
    pub directives: u64,
    /// Selections, fragments expanded.
    pub expanded_selections: u64,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
}

/// What one selection set comes to, fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    selections: u64,
    aliases: u64,
    root_fields: u64,
    depth: u64,
    /// Levels below `__schema` and `__type`, which have a bound of their own.
    introspection_depth: u64,
    /// Levels of everything: fields, inline fragments, spreads.
    nesting: u64,
}

struct Counter<'a> {
    fragments: HashMap<&'a str, &'a ast::FragmentDefinition>,
    counted: HashMap<&'a str, Counts>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 64 * 1024,
            tokens: 5_000,
            nesting: 64,
            depth: 15,
            aliases: 50,
            root_fields: 20,
            directives: 20,
            expanded_selections: 10_000,
            introspection: true,
        }
    }
}

/// Checks what can be checked before parsing.
pub(super) fn check_text(text: &str, limits: &Limits) -> Result<(), RequestError> {
    if limits.document_bytes > 0 && text.len() > limits.document_bytes {
        let message = format!(
            "The document has {} bytes; at most {} are allowed.",
            text.len(),
            limits.document_bytes
        );
        return Err(RequestError::new(RequestErrorKind::Limit(LimitKind::Size), message));
    }
    Ok(())
}

/// Checks a parsed document. Each fragment is counted once, whatever spreads it; sums saturate.
pub(super) fn check_document(document: &ast::Document, limits: &Limits) -> Result<(), RequestError> {
    let fragments = document.definitions.iter().filter_map(|definition| match definition {
        Definition::FragmentDefinition(fragment) => Some((fragment.name.as_str(), &**fragment)),
        _ => None,
    });
    let mut counter = Counter {
        fragments: fragments.collect(),
        counted: HashMap::new(),
    };
    let mut directives = 0;
    for definition in &document.definitions {
        directives += count_directives(definition);
        let Definition::OperationDefinition(operation) = definition else {
            continue;
        };
        let counts = counter.set(&operation.selection_set);
        exceeded("levels of fields", counts.depth, limits.depth, LimitKind::Depth)?;
        exceeded(
            "levels of introspection",
            counts.introspection_depth,
            INTROSPECTION_DEPTH_MAX,
            LimitKind::Depth,
        )?;
        exceeded(
            "levels of selections, fragments expanded",
            counts.nesting,
            NESTING_MAX,
            LimitKind::Depth,
        )?;
        exceeded("aliases", counts.aliases, limits.aliases, LimitKind::Aliases)?;
        exceeded(
            "root fields",
            counts.root_fields,
            limits.root_fields,
            LimitKind::RootFields,
        )?;
        exceeded(
            "selections, fragments expanded",
            counts.selections,
            limits.expanded_selections,
            LimitKind::Expansion,
        )?;
    }
    exceeded("directives", directives, limits.directives, LimitKind::Directives)
}

fn exceeded(what: &str, count: u64, limit: u64, kind: LimitKind) -> Result<(), RequestError> {
    if limit == 0 || count <= limit {
        return Ok(());
    }
    Err(RequestError::new(
        RequestErrorKind::Limit(kind),
        format!("The operation has {count} {what}; at most {limit} are allowed."),
    ))
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
                        root_fields: 1,
                        depth: if introspects { 1 } else { below.depth.saturating_add(1) },
                        introspection_depth: if introspects {
                            below.depth
                        } else {
                            below.introspection_depth
                        },
                        nesting: below.nesting,
                    }
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name),
            };
            total.selections = total.selections.saturating_add(counts.selections);
            total.aliases = total.aliases.saturating_add(counts.aliases);
            total.root_fields = total.root_fields.saturating_add(counts.root_fields);
            total.depth = total.depth.max(counts.depth);
            total.introspection_depth = total.introspection_depth.max(counts.introspection_depth);
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
        let counts = self.set(&fragment.selection_set);
        self.counted.insert(name, counts);
        counts
    }
}
