//! What a selection makes, compared with the type that it fills.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Schema,
    ast::Type,
    schema::{ExtendedType, ObjectType},
};

use super::{
    connect::ConnectDraft,
    literal::Text,
    members::Members,
    model::{ConnectRequest, Kind, Mapping, Place},
    problem::{Code, Problems},
    source::Context,
    suggest, visit,
};
use crate::mapping::{self, Expr, Head, Item, KeyTree, OutputField, OutputTree, Path, Selection, Span, Spec, Step};

/// Checks the selection of every connector. Returns the types of which fields are selected that do not exist.
pub(crate) fn check(drafts: &[ConnectDraft], context: Context<'_>, problems: &mut Problems<'_>) -> HashSet<Name> {
    let mut misspelt = HashSet::new();
    for draft in drafts {
        let Some((mapping, text)) = &draft.selection else {
            continue;
        };
        let is_requestless = matches!(draft.request, Some(ConnectRequest::None));
        if is_requestless && mapping::reads(&mapping.selection).input().is_some() {
            // It reads what it does not have, which was reported.
            continue;
        }
        let tree = mapping::output(&mapping.selection);
        let type_name = match &draft.field {
            Some(field) => field.ty.inner_named_type(),
            None => &draft.type_name,
        };
        let extra = draft
            .group_by
            .as_ref()
            .and_then(|group_by| mapping::reads(&group_by.selection).input());
        let mut checker = Checker {
            schema: context.schema,
            has_abstract: context.spec >= Spec::V0_4,
            portable: context.options.portable,
            text,
            plain: plain_paths(&mapping.selection),
            extra: extra.unwrap_or_default(),
            open: Vec::new(),
            coordinate: &draft.coordinate,
            misspelt: Vec::new(),
        };
        let whole = text.place(&(0..text.value.len()));
        let is_plain = matches!(&*mapping.selection, Selection::Value(Expr::Path(path)) if is_plain(path));
        checker.value(&tree, type_name, &whole, is_plain, problems);
        check_batch(draft, &tree, &whole, context.schema, problems);
        check_batch_origin(draft, &tree, &mapping.selection, text, problems);
        misspelt.extend(checker.misspelt);
    }
    misspelt
}

/// Checks what a mapping that is no connector's makes against the type of its field.
pub(crate) fn check_made(
    mapping: &Mapping,
    text: &Text,
    ty: &Type,
    coordinate: &str,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) {
    let mut checker = Checker {
        schema: context.schema,
        has_abstract: context.spec >= Spec::V0_4,
        portable: false,
        text,
        plain: Vec::new(),
        extra: KeyTree::default(),
        open: Vec::new(),
        coordinate,
        misspelt: Vec::new(),
    };
    let whole = text.place(&(0..text.value.len()));
    let tree = mapping::output(&mapping.selection);
    checker.value(&tree, ty.inner_named_type(), &whole, false, problems);
}

/// The elements of a batch say which key they answer.
fn check_batch(draft: &ConnectDraft, tree: &OutputTree, whole: &Place, schema: &Schema, problems: &mut Problems<'_>) {
    // A key that the type does not have was reported.
    let exists = |key: &str| Members::of(schema, &draft.type_name).find(key).is_some();
    let missing = |keys: &KeyTree, made: &OutputTree| {
        let named = keys.0.iter().map(|(key, _)| key.clone());
        let missing: Vec<_> = named
            .filter(|key| !made.is_opaque && made.field(key).is_none())
            .collect();
        missing
    };
    match (draft.kind, &draft.group_by) {
        (Kind::Batch, _) => {
            for key in missing(&draft.batch_reads, tree).iter().filter(|key| exists(key)) {
                problems
                    .error(
                        Code::ConnectorsBatchKeyNotInSelection,
                        whole,
                        format!("the request reads `$batch.{key}`, but the selection does not make `{key}`: nothing says which element is which"),
                    )
                    .hint(format!("add `{key}` to the selection"));
            }
        }
        (Kind::FieldBatch, Some(group_by)) => {
            for key in missing(&draft.batch_reads, &mapping::output(&group_by.selection)) {
                problems
                    .error(
                        Code::ConnectorsBatchKeyNotInSelection,
                        &group_by.place,
                        format!("the request reads `$batch.{key}`, but `groupBy` does not make `{key}`"),
                    )
                    .hint(format!("add `{key}: …`, the key of an item's parent"));
            }
            let reads = mapping::reads(&group_by.selection).input().unwrap_or_default();
            for key in missing(&reads, tree) {
                problems
                    .error(
                        Code::ConnectorsBatchKeyNotInSelection,
                        &group_by.place,
                        format!("`groupBy` reads `{key}` of an item, but the selection does not make it"),
                    )
                    .hint(format!(
                        "add `{key}` to the selection; it is dropped after grouping if the type lacks it"
                    ));
            }
        }
        _ => {}
    }
}

/// What the elements say of themselves is what the source said of them, not what it was asked.
fn check_batch_origin(
    draft: &ConnectDraft,
    tree: &OutputTree,
    selection: &Selection,
    text: &Text,
    problems: &mut Problems<'_>,
) {
    if draft.kind != Kind::Batch {
        return;
    }
    let keys = draft.batch_reads.0.iter().filter_map(|(key, _)| tree.field(key));
    let names: Vec<&Span> = keys.flat_map(|key| &key.spans).collect();
    visit::items(selection, &mut |item| {
        let Item::Named {
            name,
            value: Expr::Path(path),
        } = item
        else {
            return;
        };
        if names.contains(&&name.span) && matches!(&path.head, Head::Variable(variable) if variable.text == "batch") {
            problems
                .error(
                    Code::ConnectorsBatchKeyNotInSelection,
                    &text.span(&path.span),
                    format!("`{}` is what was asked for, not what the answer says", name.text),
                )
                .hint("take it from the answer: it says which element is which");
        }
    });
}

struct Checker<'c> {
    schema: &'c Schema,
    /// Whether the version has interfaces and unions; where not, the types themselves were reported.
    has_abstract: bool,
    portable: bool,
    text: &'c Text,
    /// Names whose value is a path to the end, without methods: no object comes out of them in parts.
    plain: Vec<Span>,
    /// Keys that only `groupBy` needs.
    extra: KeyTree,
    /// Types that are being filled, outermost first.
    open: Vec<&'c str>,
    coordinate: &'c str,
    /// Types of which fields are selected that do not exist.
    misspelt: Vec<Name>,
}

// === impl Checker ===

impl<'c> Checker<'c> {
    /// Compares what is made with the named type it is made for.
    fn value(
        &mut self,
        tree: &OutputTree,
        type_name: &'c str,
        place: &Place,
        is_plain: bool,
        problems: &mut Problems<'_>,
    ) {
        let schema = self.schema;
        let Some(ty) = schema.types.get(type_name) else {
            return;
        };
        match ty {
            ExtendedType::Object(object) => {
                self.required(tree, type_name, place, is_plain, problems);
                self.object(tree, object, place, problems);
            }
            ExtendedType::Interface(_) | ExtendedType::Union(_) => {
                self.required(tree, type_name, place, is_plain, problems);
                if self.portable && !self.open.is_empty() {
                    let what = format!("`{type_name}` is abstract, and is made within the selection of another type");
                    not_everywhere(what, place, problems);
                }
                self.abstract_type(tree, ty, place, problems);
            }
            ExtendedType::Scalar(scalar) if !scalar.is_built_in() && (!self.portable || !makes_object(tree)) => {}
            ExtendedType::Scalar(scalar) if !scalar.is_built_in() => {
                let what = format!("an object is made for the scalar `{type_name}`");
                not_everywhere(what, place, problems);
            }
            _ if makes_object(tree) => {
                problems
                    .error(
                        Code::GroupSelectionIsNotObject,
                        place,
                        format!("an object is made for `{type_name}`, which has no fields"),
                    )
                    .hint("leave out `{ … }`, or choose one key");
            }
            _ => {}
        }
    }

    fn required(&self, tree: &OutputTree, type_name: &str, place: &Place, is_plain: bool, problems: &mut Problems<'_>) {
        if is_plain && !tree.is_object && tree.fields.is_empty() {
            problems
                .error(
                    Code::GroupSelectionRequiredForObject,
                    place,
                    format!("`{type_name}` is an object, but nothing says which fields it gets"),
                )
                .hint("add `{ … }` with its fields");
        }
    }

    fn object(&mut self, tree: &OutputTree, object: &'c ObjectType, place: &Place, problems: &mut Problems<'_>) {
        if !tree.is_object && tree.fields.is_empty() {
            return;
        }
        if self.portable && self.open.contains(&object.name.as_str()) {
            problems
                .error(
                    Code::CircularReference,
                    place,
                    format!(
                        "the selection of `{}` fills `{}` inside itself",
                        self.coordinate, object.name
                    ),
                )
                .hint("works here, but not everywhere");
        }
        self.open.push(&object.name);
        for field in &tree.fields {
            self.field(field, object, problems);
        }
        self.open.pop();
    }

    fn field(&mut self, made: &OutputField, object: &'c ObjectType, problems: &mut Problems<'_>) {
        if &*made.name == "__typename" || (self.open.len() == 1 && self.extra.get(&made.name).is_some()) {
            return;
        }
        let place = made
            .spans
            .first()
            .map_or_else(|| self.text.place.clone(), |span| self.text.span(span));
        let Some(field) = object.fields.get(&*made.name) else {
            let names = object.fields.keys().map(|name| name.as_str());
            self.misspelt.push(object.name.clone());
            problems
                .error(
                    Code::SelectedFieldNotFound,
                    &place,
                    format!("`{}` has no field `{}`", object.name, made.name),
                )
                .maybe_hint(suggest::did_you_mean(&made.name, names));
            return;
        };
        if !field.arguments.is_empty() {
            problems
                .error(
                    Code::ConnectorsFieldWithArguments,
                    &place,
                    format!(
                        "`{}.{}` has arguments, which a selection cannot know",
                        object.name, field.name
                    ),
                )
                .hint("give the field its own `@connect`");
            return;
        }
        let is_plain = !made.spans.is_empty() && made.spans.iter().all(|span| self.plain.contains(span));
        self.value(&made.tree, field.ty.inner_named_type(), &place, is_plain, problems);
    }

    /// Every alternative names its type with a literal.
    fn abstract_type(&mut self, tree: &OutputTree, ty: &ExtendedType, place: &Place, problems: &mut Problems<'_>) {
        let schema = self.schema;
        if let Some(name) = tree.typename()
            && let Some(object) = schema.get_object(name)
            && schema.is_subtype(ty.name(), name)
        {
            return self.object(tree, object, place, problems);
        }
        if tree.variants.is_empty() {
            if tree.is_object && !(tree.is_opaque && tree.fields.is_empty()) {
                // Objects of any of its types may be meant.
                let possible = schema.types.keys().filter(|name| schema.is_subtype(ty.name(), name));
                self.misspelt.extend(possible.cloned());
                if !self.has_abstract {
                    return;
                }
                problems
                    .error(
                        Code::ConnectorsUnsupportedAbstractType,
                        place,
                        format!(
                            "`{}` is abstract, but the selection does not say which type an object is of",
                            ty.name()
                        ),
                    )
                    .hint(
                        "add a literal `__typename`, e.g. `...kind->match([\"book\", { __typename: \"Book\" title }])`",
                    );
            }
            return;
        }
        for variant in &tree.variants {
            match schema.types.get(&*variant.typename) {
                Some(ExtendedType::Object(object)) if schema.is_subtype(ty.name(), &object.name) => {
                    self.object(&variant.tree, object, place, problems);
                }
                _ => {
                    let names: Vec<&str> = schema
                        .types
                        .keys()
                        .map(|name| name.as_str())
                        .filter(|name| schema.is_subtype(ty.name(), name))
                        .collect();
                    problems
                        .error(
                            Code::SelectedFieldNotFound,
                            place,
                            format!("`__typename` is \"{}\", which is no `{}`", variant.typename, ty.name()),
                        )
                        .maybe_hint(
                            suggest::did_you_mean(&variant.typename, names.iter().copied())
                                .or_else(|| Some(format!("possible are {}", suggest::list(names)))),
                        );
                }
            }
        }
    }
}

/// Whether keys are given names.
fn makes_object(tree: &OutputTree) -> bool {
    tree.is_object || !tree.fields.is_empty()
}

/// Reports a group of fields that only some readers of the language take.
fn not_everywhere(what: String, place: &Place, problems: &mut Problems<'_>) {
    problems
        .error(Code::GroupSelectionIsNotObject, place, what)
        .hint("works here, but not everywhere");
}

/// Spans of the names that get the value of a path without methods or `{ }`.
fn plain_paths(selection: &Selection) -> Vec<Span> {
    let mut spans = Vec::new();
    visit::items(selection, &mut |item| {
        if let Item::Named {
            name,
            value: Expr::Path(path),
        } = item
            && is_plain(path)
        {
            spans.push(name.span.clone());
        }
    });
    spans
}

fn is_plain(path: &Path) -> bool {
    matches!(path.head, Head::Root | Head::Key(_) | Head::At)
        && path
            .steps
            .iter()
            .all(|step| matches!(step, Step::Key(_) | Step::Optional(_)))
}

/// The keys of a type that a tree has for sure, or may have.
pub(crate) fn covers(tree: &OutputTree, keys: &KeyTree) -> bool {
    tree.is_opaque
        || keys.0.iter().all(|(key, below)| {
            tree.field(key)
                .is_some_and(|field| below.is_whole() || covers(&field.tree, below))
        })
}

/// Whether a type has fields to be filled.
pub(crate) fn is_composite(schema: &Schema, type_name: &str) -> bool {
    matches!(Members::of(schema, type_name), Members::Fields(_))
}
