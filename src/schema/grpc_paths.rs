//! What a gRPC connector sends and reads, compared with its message types (DIALECT §3).
//!
//! Reading is followed through every path of a selection: a field that does not exist is told with the most similar one there
//! is, and what is a list on one side and single on the other at whatever depth. Unlike with REST, both sides are known.

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};
use switchboard_clients::proto::{FieldDescriptor, Kind as FieldKind, MessageDescriptor};

use super::{
    connect::ConnectDraft,
    literal::Text,
    members::Members,
    model::ConnectRequest,
    problem::{Code, Problems},
    suggest,
};
use crate::mapping::{Block, Expr, Head, Item, Key, Path, Selection, Span, Step};

mod message;

/// Checks the gRPC connectors among all.
pub(crate) fn check(drafts: &[ConnectDraft], schema: &Schema, problems: &mut Problems<'_>) {
    for draft in drafts {
        let Some(ConnectRequest::Grpc { method, message, .. }) = &draft.request else {
            continue;
        };
        if let Some((mapping, text)) = message.as_ref().zip(draft.message.as_ref()) {
            message::check(mapping, text, &method.input, (draft, schema), problems);
        }
        let Some((mapping, text)) = &draft.selection else {
            continue;
        };
        let answer = Value::single(What::Message(method.output.clone()));
        let target = match &draft.field {
            Some(field) => field.ty.inner_named_type().as_str(),
            None => draft.type_name.as_str(),
        };
        let mut reader = Reader { text, schema, problems };
        match &*mapping.selection {
            Selection::Value(expr) => {
                let value = reader.expr(expr, &answer, &answer, Some(target));
                // A batch answers for many parents: its list is no sign of the field's own.
                if let Some(field) = draft.field.as_ref().filter(|_| draft.group_by.is_none()) {
                    reader.compare(&value, field, span_of(expr));
                }
            }
            Selection::Fields(block) => reader.block(block, &answer, &answer, Some(target)),
        }
    }
}

/// What a path has come to.
#[derive(Debug, Clone)]
struct Value {
    what: What,
    /// How many lists it is in.
    lists: usize,
}

#[derive(Debug, Clone)]
enum What {
    Message(MessageDescriptor),
    /// A map, by the field of its entries that holds the value.
    Map(FieldDescriptor),
    /// A scalar, or a message that ProtoJSON writes as one; as messages call it.
    Scalar(String),
    /// An object that `{ }` made.
    Made,
    /// Anything: free-form messages, results of methods.
    Unknown,
}

/// Follows the paths of a selection through the response message.
struct Reader<'r, 'f> {
    text: &'r Text,
    schema: &'r Schema,
    problems: &'r mut Problems<'f>,
}

// === impl Value ===

impl Value {
    const UNKNOWN: Self = Self::single(What::Unknown);

    const fn single(what: What) -> Self {
        Self { what, lists: 0 }
    }

    /// The same, in other lists.
    fn within(self, lists: usize) -> Self {
        Self { lists, ..self }
    }

    fn is_known(&self) -> bool {
        !matches!(self.what, What::Unknown)
    }
}

// === impl Reader ===

impl Reader<'_, '_> {
    /// `target`: the GraphQL type that the object is for.
    fn block(&mut self, block: &Block, root: &Value, at: &Value, target: Option<&str>) {
        for item in &block.items {
            match item {
                Item::Spread { value, .. } => {
                    self.expr(value, root, at, target);
                }
                Item::Named { name, value } => {
                    let field = target.and_then(|target| field_of(self.schema, target, &name.text));
                    let inner = field.map(|field| field.ty.inner_named_type().as_str());
                    let value_of = self.expr(value, root, at, inner);
                    if let Some(field) = field {
                        self.compare(&value_of, field, span_of(value));
                    }
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr, root: &Value, at: &Value, target: Option<&str>) -> Value {
        match expr {
            Expr::Literal(..) => Value::UNKNOWN,
            Expr::Array(values, _) | Expr::Chain(_, values, _) => {
                for value in values {
                    self.expr(value, root, at, target);
                }
                Value::UNKNOWN
            }
            Expr::Object(block) => {
                self.block(block, root, at, target);
                Value::single(What::Made)
            }
            Expr::Path(path) => self.path(path, root, at, target),
        }
    }

    fn path(&mut self, path: &Path, root: &Value, at: &Value, target: Option<&str>) -> Value {
        let mut value = match &path.head {
            Head::Root => root.clone(),
            Head::At => at.clone(),
            Head::Key(key) => self.key(key, root),
            Head::Variable(_) => Value::UNKNOWN,
            Head::Expr(expr) => self.expr(expr, root, at, None),
        };
        for step in &path.steps {
            value = match step {
                Step::Key(key) => self.key(key, &value),
                Step::Optional(_) => value,
                Step::Select(block) => {
                    let each = value.clone().within(0);
                    self.block(block, &each, &each, target);
                    let what = if value.is_known() { What::Made } else { What::Unknown };
                    Value { what, ..value }
                }
                Step::Method { name, args, .. } => {
                    self.method(&name.text, args.as_deref().unwrap_or_default(), &value, root, target)
                }
            };
        }
        value
    }

    fn method(&mut self, name: &str, args: &[Expr], value: &Value, root: &Value, target: Option<&str>) -> Value {
        let is_each = matches!(name, "map" | "filter" | "find");
        let at = if is_each {
            value.clone().within(value.lists.saturating_sub(1))
        } else {
            value.clone()
        };
        let mut last = Value::UNKNOWN;
        for arg in args {
            last = self.expr(arg, root, &at, target);
        }
        match (name, value.lists) {
            ("as" | "withError" | "withWarning", _) => value.clone(),
            ("filter" | "slice", 1..) => value.clone(),
            ("first" | "last" | "find" | "get", lists @ 1..) => value.clone().within(lists - 1),
            ("map", 1..) if last.is_known() => {
                let lists = last.lists + 1;
                last.within(lists)
            }
            _ => Value::UNKNOWN,
        }
    }

    fn key(&mut self, key: &Key, value: &Value) -> Value {
        let place = self.text.span(&key.span);
        let found = match &value.what {
            What::Unknown | What::Made => return Value::UNKNOWN,
            What::Map(of) => Some(value_of(of)),
            What::Message(message) => find(message, &key.text).map(|field| value_of(&field)),
            What::Scalar(kind) => {
                self.problems.error(
                    Code::InvalidSelection,
                    &place,
                    format!("`{}` is read from {kind}, which has no fields", key.text),
                );
                return Value::UNKNOWN;
            }
        };
        if let Some(found) = found {
            let lists = value.lists + found.lists;
            return found.within(lists);
        }
        if let What::Message(message) = &value.what {
            let names = json_names(message);
            self.problems
                .error(
                    Code::InvalidSelection,
                    &place,
                    format!("message `{}` has no field `{}`", message.full_name(), key.text),
                )
                .maybe_hint(suggest::did_you_mean(&key.text, names.iter().map(String::as_str)));
        }
        Value::UNKNOWN
    }

    /// A list field gets a repeated field, a single one a single one.
    fn compare(&mut self, value: &Value, field: &FieldDefinition, span: &Span) {
        let wanted = lists_of(&field.ty);
        // A custom scalar takes anything, and an object made of a map is for its own checks.
        let is_free = matches!(Members::of(self.schema, field.ty.inner_named_type()), Members::Any);
        if is_free || value.lists == wanted || matches!(value.what, What::Unknown | What::Map(_)) {
            return;
        }
        let called = |lists: usize| match lists {
            0 => "a single value".to_owned(),
            1 => "a list".to_owned(),
            lists => format!("{lists} lists in each other"),
        };
        let wants = if wanted == 0 {
            "single".to_owned()
        } else {
            called(wanted)
        };
        self.problems
            .error(
                Code::InvalidSelection,
                &self.text.span(span),
                format!(
                    "the selection reads {}, but `{}: {}` is {wants}",
                    called(value.lists),
                    field.name,
                    field.ty
                ),
            )
            .hint(if value.lists > wanted {
                "take one: `->first`"
            } else {
                "read a repeated field"
            });
    }
}

fn span_of(expr: &Expr) -> &Span {
    match expr {
        Expr::Literal(_, span) | Expr::Array(_, span) | Expr::Chain(_, _, span) => span,
        Expr::Object(block) => &block.span,
        Expr::Path(path) => &path.span,
    }
}

fn field_of<'s>(schema: &'s Schema, target: &str, name: &str) -> Option<&'s FieldDefinition> {
    match schema.types.get(target)? {
        ExtendedType::Object(object) => object.fields.get(name).map(|field| &***field),
        ExtendedType::Interface(interface) => interface.fields.get(name).map(|field| &***field),
        _ => None,
    }
}

/// How many lists a type has in each other.
fn lists_of(ty: &Type) -> usize {
    match ty {
        Type::Named(_) | Type::NonNullNamed(_) => 0,
        Type::List(inner) | Type::NonNullList(inner) => 1 + lists_of(inner),
    }
}

/// A field by its ProtoJSON name or its original one.
fn find(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(name)
        .or_else(|| message.get_field_by_name(name))
}

fn json_names(message: &MessageDescriptor) -> Vec<String> {
    message.fields().map(|field| field.json_name().to_owned()).collect()
}

/// What a field holds, as ProtoJSON shows it.
fn value_of(field: &FieldDescriptor) -> Value {
    let lists = usize::from(field.is_list());
    let what = match field.kind() {
        FieldKind::Message(entry) if field.is_map() => What::Map(entry.map_entry_value_field()),
        FieldKind::Message(message) => match message.full_name().strip_prefix("google.protobuf.") {
            // Forms of their own: with any fields, or without.
            Some("Struct" | "Value" | "ListValue" | "Any") => What::Unknown,
            Some("Timestamp" | "Duration" | "FieldMask") => What::Scalar(format!("text (a `{}`)", message.full_name())),
            Some(name) if name.ends_with("Value") => {
                What::Scalar(format!("a plain value (a `{}`)", message.full_name()))
            }
            Some(_) | None => What::Message(message),
        },
        FieldKind::Enum(kind) => What::Scalar(format!("enum `{}`", kind.name())),
        kind => What::Scalar(format!("a {}", format!("{kind:?}").to_lowercase())),
    };
    Value { what, lists }
}
