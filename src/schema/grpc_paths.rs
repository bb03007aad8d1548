//! What a gRPC connector sends and reads, compared with its message types (DIALECT §3).

use apollo_compiler::ast::FieldDefinition;
use switchboard_clients::proto::{FieldDescriptor, Kind as FieldKind, MessageDescriptor};

use super::{
    connect::ConnectDraft,
    literal::Text,
    model::{ConnectRequest, Mapping},
    problem::{Code, Problems},
    suggest,
};
use crate::mapping::{self, Block, Expr, Head, Item, Key, OutputTree, Path, Selection, Step};

/// Checks the gRPC connectors among all.
pub(crate) fn check(drafts: &[ConnectDraft], problems: &mut Problems<'_>) {
    for draft in drafts {
        let Some(ConnectRequest::Grpc { method, message, .. }) = &draft.request else {
            continue;
        };
        if let Some((mapping, text)) = message.as_ref().zip(draft.message.as_ref()) {
            check_message(mapping, text, &method.input, problems);
        }
        if let Some((mapping, text)) = &draft.selection {
            let answer = Value::Message(method.output.clone());
            // A batch answers for many parents: its list is no sign of the field's own.
            if let Some(field) = draft.field.as_ref().filter(|_| draft.group_by.is_none()) {
                check_list(mapping, text, &method.output, field, problems);
            }
            let mut reader = Reader { text, problems };
            match &*mapping.selection {
                Selection::Value(expr) => {
                    reader.expr(expr, &answer, &answer);
                }
                Selection::Fields(block) => reader.block(block, &answer, &answer),
            }
        }
    }
}

/// The keys of `message:` are fields of the request message.
fn check_message(mapping: &Mapping, text: &Text, message: &MessageDescriptor, problems: &mut Problems<'_>) {
    check_tree(&mapping::output(&mapping.selection), text, message, problems);
}

fn check_tree(tree: &OutputTree, text: &Text, message: &MessageDescriptor, problems: &mut Problems<'_>) {
    for made in &tree.fields {
        let place = made
            .spans
            .first()
            .map_or_else(|| text.place.clone(), |span| text.span(span));
        let Some(field) = find(message, &made.name) else {
            let names = json_names(message);
            problems
                .error(
                    Code::InvalidBody,
                    &place,
                    format!("message `{}` has no field `{}`", message.full_name(), made.name),
                )
                .maybe_hint(suggest::did_you_mean(&made.name, names.iter().map(String::as_str)));
            continue;
        };
        let is_object = made.tree.is_object || !made.tree.fields.is_empty();
        match value_of(&field) {
            Value::Message(inner) => check_tree(&made.tree, text, &inner, problems),
            Value::Scalar(kind) if is_object => {
                problems.error(
                    Code::InvalidBody,
                    &place,
                    format!(
                        "`{}.{}` is {kind}, not a message",
                        message.full_name(),
                        field.json_name()
                    ),
                );
            }
            _ => {}
        }
    }
}

/// A list field gets a repeated field, a single one a single one, where the selection is a path of plain keys.
fn check_list(
    mapping: &Mapping,
    text: &Text,
    answer: &MessageDescriptor,
    field: &FieldDefinition,
    problems: &mut Problems<'_>,
) {
    let Selection::Value(Expr::Path(path)) = &*mapping.selection else {
        return;
    };
    let head = match &path.head {
        Head::Root => None,
        Head::Key(key) => Some(key),
        _ => return,
    };
    let mut message = answer.clone();
    let mut is_repeated = false;
    let mut keys = head.into_iter().chain(path.steps.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key),
        _ => None,
    }));
    if path.steps.iter().any(|step| matches!(step, Step::Method { .. })) {
        return;
    }
    let is_known = keys.all(|key| {
        let Some(found) = find(&message, &key.text) else {
            return false;
        };
        is_repeated |= found.is_list();
        match value_of(&found) {
            Value::Message(inner) => message = inner,
            // Lists inside free-form values are not known.
            Value::Unknown => return false,
            Value::Scalar(_) => {}
        }
        true
    });
    if is_known && is_repeated != field.ty.is_list() {
        let (has, wants) = if is_repeated {
            ("a list", "single")
        } else {
            ("a single value", "a list")
        };
        problems
            .error(
                Code::InvalidSelection,
                &text.span(&path.span),
                format!(
                    "the selection reads {has}, but `{}: {}` is {wants}",
                    field.name, field.ty
                ),
            )
            .hint(if is_repeated {
                "take one: `->first`"
            } else {
                "read a repeated field"
            });
    }
}

/// What a path has come to.
#[derive(Debug, Clone)]
enum Value {
    /// A message, or a list of them.
    Message(MessageDescriptor),
    /// A scalar or a list of them, by its kind.
    Scalar(String),
    /// Anything: maps, free-form messages, results of methods.
    Unknown,
}

/// Follows the paths of a selection through the response message.
struct Reader<'r, 'f> {
    text: &'r Text,
    problems: &'r mut Problems<'f>,
}

// === impl Reader ===

impl Reader<'_, '_> {
    fn block(&mut self, block: &Block, root: &Value, at: &Value) {
        for item in &block.items {
            let (Item::Named { value, .. } | Item::Spread { value, .. }) = item;
            self.expr(value, root, at);
        }
    }

    fn expr(&mut self, expr: &Expr, root: &Value, at: &Value) -> Value {
        match expr {
            Expr::Literal(..) => Value::Unknown,
            Expr::Array(values, _) | Expr::Chain(_, values, _) => {
                for value in values {
                    self.expr(value, root, at);
                }
                Value::Unknown
            }
            Expr::Object(block) => {
                self.block(block, root, at);
                Value::Unknown
            }
            Expr::Path(path) => self.path(path, root, at),
        }
    }

    fn path(&mut self, path: &Path, root: &Value, at: &Value) -> Value {
        let mut value = match &path.head {
            Head::Root => root.clone(),
            Head::At => at.clone(),
            Head::Key(key) => self.key(key, root),
            Head::Variable(_) => Value::Unknown,
            Head::Expr(expr) => self.expr(expr, root, at),
        };
        for step in &path.steps {
            value = match step {
                Step::Key(key) => self.key(key, &value),
                Step::Optional(_) => value,
                Step::Select(block) => {
                    self.block(block, &value, &value);
                    Value::Unknown
                }
                Step::Method { name, args, .. } => {
                    let args = args.as_deref().unwrap_or_default();
                    for arg in args {
                        self.expr(arg, root, &value);
                    }
                    match name.text.as_str() {
                        "first" | "last" | "find" | "filter" | "slice" | "as" | "withError" | "withWarning" => value,
                        _ => Value::Unknown,
                    }
                }
            };
        }
        value
    }

    fn key(&mut self, key: &Key, value: &Value) -> Value {
        let place = self.text.span(&key.span);
        match value {
            Value::Unknown => Value::Unknown,
            Value::Scalar(kind) => {
                self.problems.error(
                    Code::InvalidSelection,
                    &place,
                    format!("`{}` is read from {kind}, which has no fields", key.text),
                );
                Value::Unknown
            }
            Value::Message(message) => match find(message, &key.text) {
                Some(field) => value_of(&field),
                None => {
                    let names = json_names(message);
                    self.problems
                        .error(
                            Code::InvalidSelection,
                            &place,
                            format!("message `{}` has no field `{}`", message.full_name(), key.text),
                        )
                        .maybe_hint(suggest::did_you_mean(&key.text, names.iter().map(String::as_str)));
                    Value::Unknown
                }
            },
        }
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

fn value_of(field: &FieldDescriptor) -> Value {
    if field.is_map() {
        return Value::Unknown;
    }
    match field.kind() {
        // Well-known types have a JSON form of their own: text, a number, or anything.
        FieldKind::Message(message) if message.full_name().starts_with("google.protobuf.") => Value::Unknown,
        FieldKind::Message(message) => Value::Message(message),
        FieldKind::Enum(kind) => Value::Scalar(format!("enum `{}`", kind.name())),
        kind => Value::Scalar(format!("a {}", format!("{kind:?}").to_lowercase())),
    }
}
