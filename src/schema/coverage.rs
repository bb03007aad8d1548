//! Whether everything that a query can ask for is supplied by something (DIALECT §1.9).
//!
//! Walks from every connector along what its selection makes. At each object the fields that are there, the fields with
//! a connector of their own and what type connectors can add (when their key is there) must come to all fields.

mod elsewhere;

use std::collections::{BTreeMap, HashSet};

use apollo_compiler::{
    Name, Node, Schema,
    ast::FieldDefinition,
    schema::{ExtendedType, ObjectType},
};

use super::{
    annotations::Use,
    connect::ConnectDraft,
    model::{KeyTree, Kind, Place},
    problem::{Code, Problems},
    select::{covers, is_composite},
    source::Context,
};
use crate::mapping::{self, OutputTree};
use elsewhere::{Elsewhere, hidden_types};

/// Checks that every field can be supplied. Of `misspelt` types a selection names fields that they do not have, so what
/// seems to be missing may be there under a wrong name.
pub(crate) fn check(
    uses: &[Use],
    drafts: &[ConnectDraft],
    misspelt: &HashSet<Name>,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) {
    check_roots(drafts, context, problems);
    let trees: Vec<OutputTree> = drafts
        .iter()
        .map(|draft| match &draft.selection {
            Some((mapping, _)) => mapping::output(&mapping.selection),
            // Reported already: it may have made anything.
            None => OutputTree::opaque(),
        })
        .collect();
    let mut walk = Walk {
        schema: context.schema,
        drafts,
        trees: &trees,
        supplied: HashSet::new(),
        missing: BTreeMap::new(),
        reached: HashSet::new(),
        opaque: HashSet::new(),
        called: HashSet::new(),
    };
    for (draft, tree) in drafts.iter().zip(&trees) {
        match &draft.field {
            Some(field) => walk.value(tree, field.ty.inner_named_type(), &draft.coordinate),
            // The object itself was checked where it was made; what the connector adds below it was not.
            None => {
                walk.below(tree, &draft.type_name, &draft.coordinate);
                if tree.is_opaque {
                    walk.may_have_anything(&draft.type_name);
                }
            }
        }
    }
    let has_query = context.schema.schema_definition.query.is_some();
    if has_query && !context.links.bff {
        walk.orphans(&hidden_types(uses));
    }
    walk.missing.retain(|(type_name, _), _| !misspelt.contains(*type_name));
    let elsewhere = Elsewhere::read(uses, problems);
    walk.missing.retain(|(type_name, field), ways| {
        // Objects that nothing here makes come with their keys.
        !ways.is_empty() || !elsewhere.keys.contains(&((*type_name).to_owned(), (*field).to_owned()))
    });
    walk.report(&elsewhere, context, problems);
}

/// Every field of a root type has a connector.
fn check_roots(drafts: &[ConnectDraft], context: Context<'_>, problems: &mut Problems<'_>) {
    let files = problems.files();
    let definition = &context.schema.schema_definition;
    for root in [&definition.query, &definition.mutation].into_iter().flatten() {
        let Some(object) = context.schema.get_object(&root.name) else {
            continue;
        };
        for field in object.fields.values() {
            if !has_own(drafts, &object.name, &field.name) && !field.name.starts_with("__") {
                problems
                    .error(
                        Code::ConnectorsUnresolvedField,
                        &files.named_place(&field.name, field.location()),
                        format!("`{}.{}` has no `@connect`", object.name, field.name),
                    )
                    .hint("every field of a root type needs one");
            }
        }
    }
}

fn has_own(drafts: &[ConnectDraft], type_name: &Name, field: &Name) -> bool {
    drafts
        .iter()
        .any(|draft| draft.type_name == *type_name && draft.field.as_ref().is_some_and(|own| own.name == *field))
}

/// Type and field, by name.
type Coordinate<'w> = (&'w str, &'w str);

struct Walk<'w> {
    schema: &'w Schema,
    drafts: &'w [ConnectDraft],
    trees: &'w [OutputTree],
    /// Fields that are supplied in at least one way.
    supplied: HashSet<Coordinate<'w>>,
    /// Fields that are missing, and where the object comes from then.
    missing: BTreeMap<Coordinate<'w>, Vec<String>>,
    /// Types of which objects are made.
    reached: HashSet<&'w str>,
    /// Types of which objects may be in what nobody knows.
    opaque: HashSet<&'w str>,
    /// Type connectors whose key is there somewhere.
    called: HashSet<usize>,
}

// === impl Walk ===

impl<'w> Walk<'w> {
    fn value(&mut self, tree: &'w OutputTree, type_name: &'w str, way: &str) {
        let is_made = tree.is_object || tree.is_opaque || !tree.fields.is_empty();
        if !is_made {
            return;
        }
        if tree.is_opaque {
            self.may_have_anything(type_name);
        }
        let schema = self.schema;
        match schema.types.get(type_name) {
            Some(ExtendedType::Object(object)) => self.object(tree, object, way),
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                for variant in &tree.variants {
                    if let Some(object) = schema.get_object(&variant.typename) {
                        self.object(&variant.tree, object, way);
                    }
                }
                if let Some(object) = tree.typename().and_then(|name| schema.get_object(name)) {
                    self.object(tree, object, way);
                }
            }
            _ => {}
        }
    }

    /// An opaque value may hold objects of its type with all their fields, and what is below these. Objects of types that nothing
    /// else makes may come from there.
    fn may_have_anything(&mut self, type_name: &'w str) {
        let schema = self.schema;
        let Some(ty) = schema.types.get(type_name) else { return };
        match ty {
            ExtendedType::Object(object) => {
                let is_new = self.opaque.insert(&object.name);
                for field in object.fields.values().filter(|_| is_new) {
                    self.may_have_anything(field.ty.inner_named_type());
                }
            }
            ExtendedType::Interface(_) | ExtendedType::Union(_) => {
                let names = schema.types.keys().filter(|name| schema.is_subtype(ty.name(), name));
                for name in names {
                    self.may_have_anything(name);
                }
            }
            _ => {}
        }
    }

    /// One object as it is made in one way.
    fn object(&mut self, tree: &'w OutputTree, object: &'w ObjectType, way: &str) {
        self.reached.insert(&object.name);
        let (have, own) = self.closure(tree, object);
        for field in object.fields.values() {
            let coordinate = (object.name.as_str(), field.name.as_str());
            let is_there = own.contains(&field.name.as_str())
                || have
                    .iter()
                    .any(|tree| tree.is_opaque || tree.field(&field.name).is_some());
            if is_there {
                self.supplied.insert(coordinate);
            } else {
                self.missing.entry(coordinate).or_default().push(way.to_owned());
            }
        }
        self.below(tree, &object.name, way);
    }

    /// What a tree holds below an object of a type.
    fn below(&mut self, tree: &'w OutputTree, type_name: &'w str, way: &str) {
        let schema = self.schema;
        let Some(object) = schema.get_object(type_name) else {
            return;
        };
        for made in &tree.fields {
            if let Some(field) = object.fields.get(&*made.name)
                && is_composite(schema, field.ty.inner_named_type())
            {
                self.value(&made.tree, field.ty.inner_named_type(), &format!("{way}.{}", made.name));
            }
        }
    }

    /// Everything that can be had for an object: the trees of the connectors that can be called for it, and the fields
    /// whose own connectors can.
    fn closure(&mut self, tree: &'w OutputTree, object: &'w ObjectType) -> (Vec<&'w OutputTree>, Vec<&'w str>) {
        let mut have = vec![tree];
        let mut own: Vec<&'w str> = Vec::new();
        let mut used: HashSet<usize> = HashSet::new();
        loop {
            let before = used.len();
            for (index, draft) in self.drafts.iter().enumerate() {
                if used.contains(&index) {
                    continue;
                }
                let Some(key) = key_for(draft, object) else {
                    continue;
                };
                let has = |name: &str, below: &KeyTree| {
                    own.contains(&name)
                        || have
                            .iter()
                            .any(|tree| covers(tree, &KeyTree(vec![(name.into(), below.clone())])))
                };
                if key.0.iter().all(|(name, below)| has(name, below)) {
                    used.insert(index);
                    match &draft.field {
                        Some(field) if draft.type_name == object.name => own.push(field.name.as_str()),
                        _ => {
                            self.called.insert(index);
                            have.push(&self.trees[index]);
                        }
                    }
                }
            }
            if used.len() == before {
                return (have, own);
            }
        }
    }

    /// Types of which nothing makes an object: their fields are supplied by nothing but what stands on them.
    fn orphans(&mut self, hidden: &HashSet<&Name>) {
        let definition = &self.schema.schema_definition;
        let roots: Vec<&str> = definition
            .iter_root_operations()
            .map(|(_, name)| name.as_str())
            .collect();
        for (name, ty) in &self.schema.types {
            let ExtendedType::Object(object) = ty else { continue };
            if ty.is_built_in()
                || hidden.contains(name)
                || self.reached.contains(name.as_str())
                || self.opaque.contains(name.as_str())
                || roots.contains(&name.as_str())
            {
                continue;
            }
            let here = || {
                let drafts = self.drafts.iter().zip(self.trees);
                drafts.filter(|(draft, _)| draft.type_name == *name)
            };
            for field in object.fields.values() {
                let is_supplied = here().any(|(draft, tree)| match &draft.field {
                    Some(own) => own.name == field.name,
                    None => {
                        let keys = draft.this_reads.0.iter().chain(&draft.batch_reads.0);
                        tree.is_opaque || tree.field(&field.name).is_some() || {
                            let mut keys = keys.map(|(key, _)| &**key);
                            keys.any(|key| key == field.name.as_str())
                        }
                    }
                });
                if !is_supplied {
                    self.missing.entry((name, &field.name)).or_default();
                }
            }
        }
    }

    /// Whether a field's own connector only waits for keys that are reported themselves.
    fn waits_for_missing(&self, type_name: &str, field: &FieldDefinition) -> bool {
        let own = self.drafts.iter().find(|draft| {
            draft.type_name == type_name && draft.field.as_ref().is_some_and(|own| own.name == field.name)
        });
        own.is_some_and(|draft| {
            let mut keys = draft.this_reads.0.iter().chain(&draft.batch_reads.0);
            keys.any(|(key, _)| {
                self.missing
                    .keys()
                    .any(|missing| *missing == (type_name, &**key) && !self.supplied.contains(missing))
            })
        })
    }

    /// Keys of a field's own connector that nothing supplies.
    fn missing_keys(&self, (type_name, field_name): Coordinate<'w>) -> Vec<Coordinate<'w>> {
        let own = self.drafts.iter().find(|draft| {
            draft.type_name == type_name && draft.field.as_ref().is_some_and(|own| own.name == field_name)
        });
        let Some(draft) = own else { return Vec::new() };
        let is_key = |name: &str| {
            let mut keys = draft.this_reads.0.iter().chain(&draft.batch_reads.0);
            keys.any(|(key, _)| **key == *name)
        };
        let missing = self.missing.keys().copied();
        missing
            .filter(|(of, name)| *of == type_name && is_key(name) && !self.supplied.contains(&(*of, *name)))
            .collect()
    }

    /// Fields that need each other in a circle, from the first by name on; `None` if `start` is not the first of one.
    fn circle(&self, start: Coordinate<'w>) -> Option<Vec<&'w str>> {
        let mut seen: HashSet<Coordinate<'w>> = HashSet::new();
        let mut open: Vec<Vec<Coordinate<'w>>> = vec![vec![start]];
        while let Some(way) = open.pop() {
            let last = *way.last()?;
            for next in self.missing_keys(last) {
                if next == start {
                    return Some(way.iter().map(|(_, field)| *field).collect());
                }
                if next > start && seen.insert(next) {
                    open.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        None
    }

    fn report(self, elsewhere: &Elsewhere, context: Context<'_>, problems: &mut Problems<'_>) {
        let files = problems.files();
        let mut reported: Vec<(Place, String, bool, Coordinate<'_>)> = Vec::new();
        for (coordinate, ways) in &self.missing {
            let (type_name, field_name) = *coordinate;
            let Some(field) = self.schema.type_field(type_name, field_name).ok() else {
                continue;
            };
            let place = files.named_place(&field.name, field.location());
            let nowhere = !self.supplied.contains(coordinate);
            if elsewhere
                .external
                .contains(&(type_name.to_owned(), field_name.to_owned()))
            {
                problems
                    .advice(
                        Code::ConnectorsUnresolvedField,
                        &place,
                        format!(
                            "`{type_name}.{field_name}` is external, and there is no other subgraph here: it is null"
                        ),
                    )
                    .hint("hide it with `@inaccessible`, or give it a `@connect`");
                continue;
            }
            if nowhere && self.waits_for_missing(type_name, field) {
                if let Some(circle) = self.circle(*coordinate) {
                    report_circle(&circle, type_name, &place, problems);
                }
                continue;
            }
            let message = if nowhere {
                format!(
                    "nothing supplies `{type_name}.{field_name}`{}",
                    self.why(type_name, field)
                )
            } else {
                format!(
                    "nothing supplies `{type_name}.{field_name}` where the object comes from `{}`",
                    ways.first().map_or("", String::as_str)
                )
            };
            // In files with our link types may be shared between surfaces, of which one supplies less: null, said aloud.
            let is_shared = context.links.bff && !context.options.portable && !field.ty.is_non_null();
            reported.push((place, message, !nowhere || is_shared, *coordinate));
        }
        for (place, message, is_advice, (type_name, field_name)) in reported {
            let problem = problems.error(Code::ConnectorsUnresolvedField, &place, message);
            problem.hint(format!(
                "select `{field_name}` where `{type_name}` is made, or give it a `@connect`, or give `{type_name}` one whose key is there"
            ));
            if is_advice {
                problem.advice();
            }
        }
        self.report_uncalled(problems);
    }

    /// Type connectors whose key is nowhere.
    fn report_uncalled(&self, problems: &mut Problems<'_>) {
        for (index, draft) in self.drafts.iter().enumerate() {
            let is_type = draft.field.is_none() && matches!(draft.kind, Kind::Entity | Kind::Batch);
            let keys = if draft.kind == Kind::Batch {
                &draft.batch_reads
            } else {
                &draft.this_reads
            };
            if is_type
                && !keys.is_whole()
                && self.reached.contains(draft.type_name.as_str())
                && !self.called.contains(&index)
            {
                problems
                    .error(
                        Code::ConnectorsCannotResolveKey,
                        &draft.place,
                        format!(
                            "the connector of `{}` can never be called: no selection that makes a `{}` has its key",
                            draft.coordinate, draft.type_name
                        ),
                    )
                    .hint(format!(
                        "select {} where the type is made",
                        super::suggest::list(keys.0.iter().map(|(key, _)| &**key))
                    ));
            }
        }
    }

    /// What stands in the way of a field's own connector.
    fn why(&self, type_name: &str, field: &Node<FieldDefinition>) -> String {
        let own = self.drafts.iter().find(|draft| {
            draft.type_name == type_name && draft.field.as_ref().is_some_and(|own| own.name == field.name)
        });
        match own {
            Some(draft) => {
                let keys = if draft.kind == Kind::FieldBatch {
                    &draft.batch_reads
                } else {
                    &draft.this_reads
                };
                let variable = if draft.kind == Kind::FieldBatch {
                    "$batch"
                } else {
                    "$this"
                };
                let names: Vec<String> = keys.0.iter().map(|(key, _)| format!("{variable}.{key}")).collect();
                format!(
                    ": its connector reads {}, which is never there",
                    super::suggest::list(names.iter().map(String::as_str))
                )
            }
            None if !field.arguments.is_empty() => ": it has arguments, so it needs a `@connect` of its own".to_owned(),
            None => String::new(),
        }
    }
}

/// The key by which a connector can be called for an object of a type; `None` when it cannot be at all. Keys that the
/// type does not have were reported and do not count.
fn key_for(draft: &ConnectDraft, object: &ObjectType) -> Option<KeyTree> {
    let mut key = match (draft.kind, &draft.field) {
        // A payload may have the whole query in it.
        (Kind::Root | Kind::EntityField, Some(_)) if draft.type_name == object.name => KeyTree::default(),
        (Kind::Entity | Kind::Field, _) if draft.type_name == object.name => draft.this_reads.clone(),
        (Kind::Batch | Kind::FieldBatch, _) if draft.type_name == object.name => draft.batch_reads.clone(),
        (Kind::EntityField, Some(field)) if *field.ty.inner_named_type() == object.name => KeyTree(
            field
                .arguments
                .iter()
                .map(|argument| (argument.name.as_str().into(), KeyTree::default()))
                .collect(),
        ),
        _ => return None,
    };
    key.0.retain(|(name, _)| object.fields.contains_key(&**name));
    Some(key)
}

/// Fields that need each other: none of them can be had first.
fn report_circle(circle: &[&str], type_name: &str, place: &Place, problems: &mut Problems<'_>) {
    let around = circle.iter().chain(circle.first());
    let needs: Vec<String> = around.map(|field| format!("`{type_name}.{field}`")).collect();
    problems
        .error(
            Code::ConnectorsUnresolvedField,
            place,
            format!("{}: none of them can be had first", needs.join(" needs ")),
        )
        .hint(format!(
            "supply one of them where `{type_name}` is made, or by a connector with another key"
        ));
}
