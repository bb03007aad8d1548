//! What changed between two schemas, as their clients see them.
//!
//! Kinds and texts of breaking and dangerous changes are those of graphql-js (`findBreakingChanges`, `findDangerousChanges`), whose users know
//! them; some that it does not look for are added and say so. A breaking change can refuse or falsify what a client sends or gets today, a dangerous one
//! may surprise it, a safe one does neither.

mod arguments;
mod directives;
mod members;
mod types;

use std::collections::BTreeMap;

use apollo_compiler::{
    Node, Schema,
    ast::{Document, Value},
    schema::ExtendedType,
    validation::Valid,
};

use super::{SourceFile, annotations, files::Files, graphql, link::Links, problem::Problem, problem::Problems};

/// A schema as clients see it. It may lack everything that is needed to serve it.
#[derive(Debug)]
pub struct PublicSchema {
    /// The schema.
    pub schema: Valid<Schema>,
}

/// How a change concerns clients. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can break them.
    Breaking,
    /// It may surprise them.
    Dangerous,
    /// It does neither.
    Safe,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How it concerns clients.
    pub severity: Severity,
    /// `FIELD_REMOVED` …
    pub kind: &'static str,
    /// Where: `Type.field(argument:)`.
    pub coordinate: String,
    /// In words.
    pub message: String,
    /// What an operation that it concerns uses, all of it: see [`use_of_type`] and its like.
    pub touches: Vec<String>,
}

/// The changes that were found.
#[derive(Debug, Default)]
struct Changes(Vec<Change>);

// === impl Severity ===

impl Severity {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Dangerous => "dangerous",
            Self::Safe => "safe",
        }
    }
}

/// Reads the files of one schema for what clients see of it: SDL, with or without the directives of the dialect, whose mistakes do not matter
/// here.
///
/// # Errors
/// They are no schema.
pub fn read_public(files: &[SourceFile]) -> Result<PublicSchema, Vec<Problem>> {
    let mut files = Files::new(files);
    let parsed = graphql::parse(&mut files);
    let mut problems = Problems::new(&files);
    graphql::report_syntax(&parsed, &mut problems);
    if problems.any_error() {
        return Err(problems.into_sorted());
    }
    let mut ignored = Problems::new(&files);
    let mut links = Links::read(&parsed.documents, &mut ignored);
    let mut public = annotations::separate(&parsed.documents, &mut links, &mut ignored).public;
    let defines = |document: &Document| {
        let mut definitions = document.definitions.iter();
        definitions.any(|one| one.as_directive_definition().is_some_and(|one| one.name == "oneOf"))
    };
    if !public.iter().any(defines) {
        // Of GraphQL itself since 2025, which the library does not know yet.
        let text = "directive @oneOf on INPUT_OBJECT";
        public.push(Document::parse(text, "oneOf").expect("a definition"));
    }
    match graphql::build_public(&public, &mut problems) {
        Some(schema) => Ok(PublicSchema { schema }),
        None => Err(problems.into_sorted()),
    }
}

/// Every change from one schema to another: breaking ones first, then by place.
#[must_use]
pub fn compare(old: &PublicSchema, new: &PublicSchema) -> Vec<Change> {
    let mut changes = Changes::default();
    roots(&old.schema, &new.schema, &mut changes);
    types::compare(&old.schema, &new.schema, &mut changes);
    directives::compare(&old.schema, &new.schema, &mut changes);
    let mut changes = changes.0;
    changes.sort_by(|one, other| {
        (one.severity, &one.coordinate, one.kind).cmp(&(other.severity, &other.coordinate, other.kind))
    });
    changes
}

/// Root types that are others now. Added: the reference looks at types only.
fn roots(old: &Schema, new: &Schema, changes: &mut Changes) {
    let (before, after) = (&old.schema_definition, &new.schema_definition);
    let roots = [
        ("query", &before.query, &after.query),
        ("mutation", &before.mutation, &after.mutation),
        ("subscription", &before.subscription, &after.subscription),
    ];
    for (word, before, after) in roots {
        let Some(was) = before else { continue };
        let is = after.as_ref().map(|name| name.name.as_str());
        // A type that is gone is told as such.
        if is != Some(was.name.as_str()) && new.types.contains_key(&was.name) {
            let now = is.unwrap_or("nothing");
            changes.breaking(
                "ROOT_TYPE_CHANGED",
                was.name.as_str(),
                format!("The {word} type changed from {} to {now}.", was.name),
                [use_of_type(&was.name)],
            );
        }
    }
}

// --- what operations use ---

/// An operation uses a type: as a condition, as the type of a variable, or by a field that gives it.
#[must_use]
pub fn use_of_type(name: &str) -> String {
    name.to_owned()
}

/// It has a fragment on a type.
#[must_use]
pub fn use_of_condition(name: &str) -> String {
    format!("... on {name}")
}

/// It sends values of an input type or enum, in its text or by variables.
#[must_use]
pub fn use_of_input(name: &str) -> String {
    format!("${name}")
}

/// It selects a field, or gives a field of an input object.
#[must_use]
pub fn use_of_member(parent: &str, name: &str) -> String {
    format!("{parent}.{name}")
}

/// It gives an argument.
#[must_use]
pub fn use_of_argument(parent: &str, field: &str, name: &str) -> String {
    format!("{parent}.{field}({name}:)")
}

/// It has a directive.
#[must_use]
pub fn use_of_directive(name: &str) -> String {
    format!("@{name}")
}

// === impl Changes ===

impl Changes {
    fn breaking<const N: usize>(
        &mut self,
        kind: &'static str,
        at: impl Into<String>,
        message: String,
        touches: [String; N],
    ) {
        self.0.push(Change {
            severity: Severity::Breaking,
            kind,
            coordinate: at.into(),
            message,
            touches: touches.into(),
        });
    }

    fn dangerous(&mut self, kind: &'static str, at: impl Into<String>, message: String) {
        self.other(Severity::Dangerous, kind, at.into(), message);
    }

    fn safe(&mut self, kind: &'static str, at: impl Into<String>, message: String) {
        self.other(Severity::Safe, kind, at.into(), message);
    }

    fn other(&mut self, severity: Severity, kind: &'static str, coordinate: String, message: String) {
        self.0.push(Change {
            severity,
            kind,
            coordinate,
            message,
            touches: Vec::new(),
        });
    }

    /// A description that is another now.
    fn description(&mut self, at: &str, old: Option<&Node<str>>, new: Option<&Node<str>>) {
        if old != new {
            let message = format!("Description of {at} has changed.");
            self.safe("DESCRIPTION_CHANGED", at, message);
        }
    }

    /// A deprecation that came or went.
    fn deprecation(&mut self, at: &str, was: bool, is: bool) {
        match (was, is) {
            (false, true) => self.safe("DEPRECATION_ADDED", at, format!("{at} was deprecated.")),
            (true, false) => self.safe("DEPRECATION_REMOVED", at, format!("{at} is deprecated no longer.")),
            _ => {}
        }
    }
}

/// Types that clients know, without those of GraphQL itself.
fn own_types(schema: &Schema) -> impl Iterator<Item = (&str, &ExtendedType)> {
    schema
        .types
        .iter()
        .filter(|(_, ty)| !ty.is_built_in())
        .map(|(name, ty)| (name.as_str(), ty))
}

/// A constant as text, the same for two that are equal whatever the order of their fields.
fn constant(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| constant(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), constant(value)))
                .collect();
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}
