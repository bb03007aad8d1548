//! What `message:` makes, compared with the request message.

use apollo_compiler::{Schema, ast::Type, schema::ExtendedType};
use switchboard_clients::proto::MessageDescriptor;

use super::{What, field_of, find, json_names, lists_of, value_of};
use crate::{
    mapping::{self, Block, Expr, Head, Item, OutputTree, Path, Selection, Step},
    schema::{
        connect::ConnectDraft,
        literal::Text,
        model::Mapping,
        problem::{Code, Problems},
        suggest,
    },
};

/// The keys of `message:` are fields of the request message, and what is known to be a list is for a repeated one.
pub(super) fn check(
    mapping: &Mapping,
    text: &Text,
    message: &MessageDescriptor,
    (draft, schema): (&ConnectDraft, &Schema),
    problems: &mut Problems<'_>,
) {
    check_tree(&mapping::output(&mapping.selection), text, message, problems);
    let mut lists = Lists {
        text,
        draft,
        schema,
        problems,
    };
    match &*mapping.selection {
        Selection::Fields(block) | Selection::Value(Expr::Object(block)) => lists.block(block, message),
        Selection::Value(_) => {}
    }
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
        match value_of(&field).what {
            What::Message(inner) => check_tree(&made.tree, text, &inner, problems),
            What::Map(of) => {
                if let What::Message(inner) = value_of(&of).what {
                    for entry in &made.tree.fields {
                        check_tree(&entry.tree, text, &inner, problems);
                    }
                }
            }
            What::Scalar(kind) if is_object => {
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
            What::Scalar(_) | What::Made | What::Unknown => {}
        }
    }
}

/// Compares lists, where the mapping says what is one.
struct Lists<'l, 'f> {
    text: &'l Text,
    draft: &'l ConnectDraft,
    schema: &'l Schema,
    problems: &'l mut Problems<'f>,
}

// === impl Lists ===

impl Lists<'_, '_> {
    fn block(&mut self, block: &Block, message: &MessageDescriptor) {
        for item in &block.items {
            let Item::Named { name, value } = item else { continue };
            let Some(field) = find(message, &name.text) else {
                continue;
            };
            let wanted = value_of(&field);
            match (&wanted.what, inner_block(value)) {
                (What::Message(inner), Some(block)) => self.block(block, inner),
                (What::Scalar(_) | What::Message(_), _) => {}
                (What::Map(_) | What::Made | What::Unknown, _) => continue,
            }
            let Some(given) = self.lists(value).filter(|given| *given != wanted.lists) else {
                continue;
            };
            let place = self.text.span(super::span_of(value));
            let (is, gets) = if wanted.lists == 0 {
                ("single", "a list")
            } else {
                (
                    "repeated",
                    if given == 0 {
                        "a single value"
                    } else {
                        "lists in a list"
                    },
                )
            };
            self.problems
                .error(
                    Code::InvalidBody,
                    &place,
                    format!(
                        "`{}.{}` is {is}, but gets {gets}",
                        message.full_name(),
                        field.json_name()
                    ),
                )
                .hint(match (wanted.lists, given) {
                    (0, _) => "take one: `->first`",
                    (_, 0) => "make a list of it: `$([ … ])`",
                    _ => "leave out one of the lists",
                });
        }
    }

    /// How many lists a value is in; `None` if that is not known before there is one.
    fn lists(&self, value: &Expr) -> Option<usize> {
        match value {
            Expr::Literal(value, _) => (!value.is_null() && !value.is_array()).then_some(0),
            Expr::Object(_) => Some(0),
            Expr::Array(items, _) => match items.first() {
                Some(first) => Some(1 + self.lists(first)?),
                None => Some(1),
            },
            Expr::Chain(..) => None,
            Expr::Path(path) => self.path(path),
        }
    }

    /// Of a path of keys from `$args`, `$this` or `$batch`, by the GraphQL types on its way.
    fn path(&self, path: &Path) -> Option<usize> {
        let variable = match &path.head {
            Head::Variable(variable) => variable.text.as_str(),
            Head::Expr(expr) if path.steps.is_empty() => return self.lists(expr),
            _ => return None,
        };
        let mut keys = Vec::new();
        for step in &path.steps {
            match step {
                Step::Key(key) => keys.push(key.text.as_str()),
                Step::Optional(_) | Step::Select(_) => {}
                Step::Method { .. } => return None,
            }
        }
        let Some((first, rest)) = keys.split_first() else {
            return (variable == "batch").then_some(1);
        };
        let (ty, mut lists) = match variable {
            "args" => {
                let field = self.draft.field.as_ref()?;
                let argument = field.arguments.iter().find(|argument| argument.name == *first)?;
                (&*argument.ty, 0)
            }
            "this" => (&field_of(self.schema, &self.draft.type_name, first)?.ty, 0),
            "batch" => (&field_of(self.schema, &self.draft.type_name, first)?.ty, 1),
            _ => return None,
        };
        let mut ty = ty;
        lists += lists_of(ty);
        for key in rest {
            ty = self.member(ty, key)?;
            lists += lists_of(ty);
        }
        // A custom scalar may hold lists of its own.
        let is_scalar = matches!(
            self.schema.types.get(ty.inner_named_type()),
            Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in()
        );
        (!is_scalar).then_some(lists)
    }

    fn member<'t>(&'t self, ty: &Type, key: &str) -> Option<&'t Type> {
        let name = ty.inner_named_type();
        match self.schema.types.get(name)? {
            ExtendedType::InputObject(input) => Some(&input.fields.get(key)?.ty),
            _ => Some(&field_of(self.schema, name, key)?.ty),
        }
    }
}

fn inner_block(value: &Expr) -> Option<&Block> {
    match value {
        Expr::Object(block) => Some(block),
        Expr::Path(path) => match path.steps.last()? {
            Step::Select(block) => Some(block),
            _ => None,
        },
        _ => None,
    }
}
