//! How much work it is to tell that overlapping fields can be merged, bounded before it is done.
//!
//! The rule compares the fields that share a response key once for each object type that they may be of, and does the same with
//! what is below them. Where fields of abstract types stand beside fields of their object types, the sets to be compared
//! multiply with every level, so that a few thousand tokens can ask for years. Here the same sets are walked without
//! comparing anything, and the walk ends when it has met too many fields.
//!
//! <https://spec.graphql.org/September2025/#FieldsInSetCanMerge()>

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{self, Definition, Selection};

use super::{
    RequestError, RequestErrorKind,
    count::{self, Fragments},
    error::LimitKind,
};
use crate::schema::{
    Surface,
    model::{Type, TypeId, TypeKind},
};

/// Fields in all sets that are compared, beyond those that the document has anyway.
const FIELDS_MAX: usize = 10_000;

/// Levels that are walked; `limits` bounds them elsewhere.
const LEVELS_MAX: usize = 128;

/// A field with the type that it is selected on.
type Selected<'a> = (TypeId, &'a ast::Field);

struct Walk<'a> {
    surface: &'a Surface,
    fragments: Fragments<'a>,
    left: usize,
}

/// There is too much to compare.
struct TooMuch;

/// Checks every operation of a document.
///
/// # Errors
/// Its fields overlap too much.
pub(super) fn check_document(surface: &Surface, document: &ast::Document) -> Result<(), RequestError> {
    let mut walk = Walk {
        surface,
        fragments: count::fragments(document),
        left: document.definitions.iter().map(selections).sum::<usize>() + FIELDS_MAX,
    };
    for definition in &document.definitions {
        let Definition::OperationDefinition(operation) = definition else {
            continue;
        };
        let root = match operation.operation_type {
            ast::OperationType::Mutation => surface.mutation.unwrap_or(surface.query),
            _ => surface.query,
        };
        if walk.fields(&[(root, &operation.selection_set)], 0).is_err() {
            return Err(RequestError::new(
                RequestErrorKind::Limit(LimitKind::Expansion),
                format!("The operation's fields overlap in more than {FIELDS_MAX} ways."),
            ));
        }
    }
    Ok(())
}

/// Selections in the text of a definition.
fn selections(definition: &Definition) -> usize {
    fn set(selections: &[Selection]) -> usize {
        let below = selections.iter().map(|selection| match selection {
            Selection::Field(field) => set(&field.selection_set),
            Selection::InlineFragment(fragment) => set(&fragment.selection_set),
            Selection::FragmentSpread(_) => 0,
        });
        selections.len() + below.sum::<usize>()
    }
    match definition {
        Definition::OperationDefinition(operation) => set(&operation.selection_set),
        Definition::FragmentDefinition(fragment) => set(&fragment.selection_set),
        _ => 0,
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Walks the merged fields of selection sets, each with its type.
    fn fields(&mut self, sets: &[(TypeId, &'a [Selection])], level: usize) -> Result<(), TooMuch> {
        let mut fields: Vec<Selected<'a>> = Vec::new();
        let mut seen = HashSet::new();
        for (ty, set) in sets {
            self.expand(*ty, set, &mut seen, &mut fields)?;
        }
        let mut by_key: HashMap<&str, Vec<Selected<'a>>> = HashMap::new();
        for field in fields {
            let key = field.1.alias.as_ref().unwrap_or(&field.1.name);
            by_key.entry(key.as_str()).or_default().push(field);
        }
        for same in by_key.values() {
            for group in self.by_object(same)? {
                let below: Vec<(TypeId, &[Selection])> = group
                    .iter()
                    .filter(|(_, field)| !field.selection_set.is_empty())
                    .filter_map(|(parent, field)| Some((self.type_of(*parent, &field.name)?, &*field.selection_set)))
                    .collect();
                if !below.is_empty() && level < LEVELS_MAX {
                    self.fields(&below, level + 1)?;
                }
            }
        }
        Ok(())
    }

    fn expand(
        &mut self,
        ty: TypeId,
        set: &'a [Selection],
        seen: &mut HashSet<&'a str>,
        fields: &mut Vec<Selected<'a>>,
    ) -> Result<(), TooMuch> {
        for selection in set {
            self.left = self.left.checked_sub(1).ok_or(TooMuch)?;
            match selection {
                Selection::Field(field) => fields.push((ty, field)),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.type_condition.as_ref().and_then(|name| self.named(name));
                    self.expand(on.unwrap_or(ty), &fragment.selection_set, seen, fields)?;
                }
                Selection::FragmentSpread(spread) => {
                    if seen.insert(spread.fragment_name.as_str())
                        && let Some(fragment) = self.fragments.get(spread.fragment_name.as_str()).copied()
                    {
                        let on = self.named(&fragment.type_condition);
                        self.expand(on.unwrap_or(ty), &fragment.selection_set, seen, fields)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Fields that one object may have: those of each object type together with those of all abstract types.
    fn by_object(&mut self, fields: &[Selected<'a>]) -> Result<Vec<Vec<Selected<'a>>>, TooMuch> {
        let surface = self.surface;
        let is_abstract = |id: TypeId| {
            matches!(
                surface.types[id.0 as usize].kind,
                TypeKind::Interface(_) | TypeKind::Union
            )
        };
        let shared: Vec<Selected<'a>> = fields.iter().copied().filter(|(ty, _)| is_abstract(*ty)).collect();
        let mut groups: HashMap<TypeId, Vec<Selected<'a>>> = HashMap::new();
        for (ty, field) in fields.iter().filter(|(ty, _)| !is_abstract(*ty)) {
            groups.entry(*ty).or_default().push((*ty, field));
        }
        if groups.is_empty() {
            return Ok(vec![shared]);
        }
        let copies = groups.len().saturating_mul(shared.len());
        self.left = self.left.checked_sub(copies).ok_or(TooMuch)?;
        let groups = groups.into_values().map(|mut group| {
            group.extend_from_slice(&shared);
            group
        });
        Ok(groups.collect())
    }

    fn named(&self, name: &str) -> Option<TypeId> {
        self.surface.type_ids.get(name).copied()
    }

    fn ty(&self, id: TypeId) -> &'a Type {
        &self.surface.types[id.0 as usize]
    }

    /// The type below a field; `None` for fields that there are not, and those of introspection.
    fn type_of(&self, parent: TypeId, name: &str) -> Option<TypeId> {
        match &self.ty(parent).kind {
            TypeKind::Object(fields) | TypeKind::Interface(fields) => fields
                .iter()
                .find(|field| *field.name == *name)
                .map(|field| field.ty.named),
            _ => None,
        }
    }
}
