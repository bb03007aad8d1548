//! What a local connector sends and reads, compared with the mounted schema (DIALECT §3.1).

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};

use super::{
    LocalArgument,
    types::{LocalTypes, is_required},
};
use crate::{
    mapping::{self, Block, Expr, Head, Item, Path, Selection, Step},
    schema::{
        connect::ConnectDraft,
        literal::Text,
        mappings,
        model::{ConnectRequest, Mapping},
        part::{Part, Scope},
        problem::{Code, Problems},
        shape::Kinds,
        suggest,
    },
};

/// The names in `args:` are arguments of the field, their values can be of its types, and none is missing that must be there.
pub(super) fn check_args(
    args: &Mapping,
    text: &Text,
    field: &str,
    arguments: &[(std::sync::Arc<str>, LocalArgument)],
    scope: &Scope<'_>,
    problems: &mut Problems<'_>,
) {
    let made = mapping::output(&args.selection);
    for given in &made.fields {
        if arguments.iter().any(|(name, _)| *name == given.name) {
            continue;
        }
        let place = given
            .spans
            .first()
            .map_or_else(|| text.place.clone(), |span| text.span(span));
        let names = || arguments.iter().map(|(name, _)| &**name);
        problems
            .error(
                Code::InvalidBody,
                &place,
                format!("`{field}` of the mounted schema has no argument `{}`", given.name),
            )
            .maybe_hint(suggest::did_you_mean(&given.name, names()));
    }
    for (name, argument) in arguments {
        let is_given = made.is_opaque || made.fields.iter().any(|given| given.name == *name);
        if argument.is_required && !is_given {
            problems
                .error(
                    Code::InvalidBody,
                    &text.place,
                    format!("`{field}` needs the argument `{name}: {}`", argument.text),
                )
                .hint(format!("add: {name}: …"));
        }
    }
    let shape = mappings::shape_of(&args.selection, text, Part::Args, scope, problems);
    for given in shape.made_keys() {
        let Some((_, argument)) = arguments.iter().find(|(known, _)| **known == *given.name) else {
            continue;
        };
        if given.shape.kinds.never_serves(argument.accepts()) {
            let kinds = given.shape.kinds.describe();
            problems.error(
                Code::InvalidBody,
                &text.span(&given.span),
                format!("`{}: {}` cannot be {kinds}", given.name, argument.text),
            );
        }
    }
}

impl LocalArgument {
    /// The kinds of values that it takes. A single value is taken for a list of one.
    fn accepts(&self) -> Kinds {
        let ty = &*self.text;
        let null = if ty.ends_with('!') { None } else { Some(Kinds::NULL) };
        let named = ty.trim_matches(['[', ']', '!']);
        let kinds = match named {
            "Int" | "Float" | "String" | "ID" => Kinds::NUMBER | Kinds::TEXT,
            "Boolean" => Kinds::BOOL,
            _ => Kinds::ANY,
        };
        let list = if ty.starts_with('[') { Some(Kinds::ARRAY) } else { None };
        [null, list].into_iter().flatten().fold(kinds, |all, kind| all | kind)
    }
}

/// Checks what the local connectors among all read.
pub(crate) fn check(drafts: &[ConnectDraft], schema: &Schema, problems: &mut Problems<'_>) {
    for draft in drafts {
        let Some(ConnectRequest::Local { field, .. }) = &draft.request else {
            continue;
        };
        let (Some(types), Some((mapping, text))) = (field.types.as_deref(), &draft.selection) else {
            continue;
        };
        let Some(answer) = types.root_field(field.operation, &field.name) else {
            continue;
        };
        let mut reader = Reader {
            types,
            schema,
            text,
            problems,
        };
        let value = Value::of(&answer.ty);
        // An answer for many parents is shared out first: its lists say nothing about the field.
        let outer = match &draft.field {
            Some(own) if draft.group_by.is_none() => {
                Outer::Field(own.ty.clone(), format!("{}: {}", draft.coordinate, own.ty))
            }
            Some(own) => Outer::Object(own.ty.inner_named_type().to_string()),
            None => Outer::Object(draft.type_name.to_string()),
        };
        match &*mapping.selection {
            Selection::Value(expr) => {
                let found = reader.expr(expr, &value, &value, outer.object());
                if let Expr::Path(path) = expr {
                    reader.compare(&found, path, &outer, &text.span(&path.span));
                }
            }
            Selection::Fields(block) => {
                reader.block(block, &value, &value, outer.object());
                let found = Value { named: None, ..value };
                let place = text.place.clone();
                reader.compare_lists(&found, &outer, &place);
            }
        }
    }
}

/// What a path has come to.
#[derive(Debug, Clone)]
struct Value {
    /// The named type; `None`: not known.
    named: Option<String>,
    /// Whether lists are around it; `None`: not known.
    is_list: Option<bool>,
}

/// What a value is for.
#[derive(Debug, Clone)]
enum Outer {
    /// The value of a field: its type, and how messages write it.
    Field(Type, String),
    /// Objects of this type, however many.
    Object(String),
}

/// Follows the paths of a selection through the types of a schema.
struct Reader<'r, 'f> {
    types: &'r LocalTypes,
    /// The schema that is served.
    schema: &'r Schema,
    text: &'r Text,
    problems: &'r mut Problems<'f>,
}

// === impl Value ===

impl Value {
    const UNKNOWN: Self = Self {
        named: None,
        is_list: None,
    };

    fn of(ty: &Type) -> Self {
        Self {
            named: Some(ty.inner_named_type().to_string()),
            is_list: Some(ty.is_list()),
        }
    }
}

// === impl Outer ===

impl Outer {
    fn object(&self) -> Option<&str> {
        Some(match self {
            Self::Field(ty, _) => ty.inner_named_type().as_str(),
            Self::Object(name) => name,
        })
    }
}

// === impl Reader ===

impl Reader<'_, '_> {
    fn block(&mut self, block: &Block, root: &Value, at: &Value, outer: Option<&str>) {
        for item in &block.items {
            match item {
                Item::Spread { value, .. } => {
                    self.expr(value, root, at, outer);
                }
                Item::Named { name, value } => {
                    let field = outer.and_then(|outer| self.outer_field(outer, &name.text));
                    let meant = field.map(|(ty, written)| Outer::Field(ty, written));
                    let found = self.expr(value, root, at, meant.as_ref().and_then(Outer::object));
                    if let (Some(meant), Expr::Path(path)) = (&meant, value) {
                        let place = self.text.span(&path.span);
                        // Lists around the object are around each of its fields.
                        let is_list = if root.is_list == Some(true) {
                            self.own_list(path, root)
                        } else {
                            found.is_list
                        };
                        self.compare(&Value { is_list, ..found }, path, meant, &place);
                    }
                }
            }
        }
    }

    /// Whether a path meets a list of its own, below the object it starts at.
    fn own_list(&mut self, path: &Path, root: &Value) -> Option<bool> {
        let mut named = root.named.clone()?;
        let head = match &path.head {
            Head::Root => None,
            Head::Key(key) => Some(key),
            _ => return None,
        };
        let mut is_list = false;
        let keys = path.steps.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key),
            _ => None,
        });
        for key in head.into_iter().chain(keys) {
            let ty = self.types.key(&named, &key.text)?.ty();
            is_list |= ty.is_list();
            named = ty.inner_named_type().to_string();
        }
        let has_method = path.steps.iter().any(|step| matches!(step, Step::Method { .. }));
        (!has_method).then_some(is_list)
    }

    fn outer_field(&self, object: &str, name: &str) -> Option<(Type, String)> {
        let field: &FieldDefinition = match self.schema.types.get(object)? {
            ExtendedType::Object(object) => object.fields.get(name)?,
            ExtendedType::Interface(interface) => interface.fields.get(name)?,
            _ => return None,
        };
        Some((field.ty.clone(), format!("{object}.{name}: {}", field.ty)))
    }

    fn expr(&mut self, expr: &Expr, root: &Value, at: &Value, outer: Option<&str>) -> Value {
        match expr {
            Expr::Literal(..) => Value::UNKNOWN,
            Expr::Array(values, _) | Expr::Chain(_, values, _) => {
                for value in values {
                    self.expr(value, root, at, outer);
                }
                Value::UNKNOWN
            }
            Expr::Object(block) => {
                self.block(block, root, at, outer);
                Value::UNKNOWN
            }
            Expr::Path(path) => self.path(path, root, at, outer),
        }
    }

    fn path(&mut self, path: &Path, root: &Value, at: &Value, outer: Option<&str>) -> Value {
        let mut value = match &path.head {
            Head::Root => root.clone(),
            Head::At => at.clone(),
            Head::Key(key) => self.key(key, root),
            Head::Variable(_) => Value::UNKNOWN,
            Head::Expr(expr) => self.expr(expr, root, at, outer),
        };
        for step in &path.steps {
            value = match step {
                Step::Key(key) => self.key(key, &value),
                Step::Optional(_) => value,
                Step::Select(block) => {
                    if let Some(scalar) = value.named.as_deref().filter(|named| !self.types.is_composite(named)) {
                        self.problems.error(
                            Code::InvalidSelection,
                            &self.text.span(&block.span),
                            format!("{scalar} of the mounted schema has no fields to select"),
                        );
                        return Value::UNKNOWN;
                    }
                    self.block(block, &value, &value, outer);
                    Value { named: None, ..value }
                }
                Step::Method { name, args, .. } => {
                    let args = args.as_deref().unwrap_or_default();
                    let item = Value {
                        is_list: Some(false),
                        ..value.clone()
                    };
                    let is_each = matches!(name.text.as_str(), "map" | "filter" | "find");
                    for arg in args {
                        self.expr(arg, root, if is_each { &item } else { &value }, None);
                    }
                    match name.text.as_str() {
                        "filter" | "slice" | "as" | "withError" | "withWarning" => value,
                        "first" | "last" | "find" if value.is_list == Some(true) => item,
                        _ => Value::UNKNOWN,
                    }
                }
            };
        }
        value
    }

    fn key(&mut self, key: &mapping::Key, value: &Value) -> Value {
        let Some(named) = &value.named else {
            return Value::UNKNOWN;
        };
        let place = self.text.span(&key.span);
        if !self.types.is_composite(named) {
            self.problems.error(
                Code::InvalidSelection,
                &place,
                format!(
                    "`{}` is read from {named} of the mounted schema, which has no fields",
                    key.text
                ),
            );
            return Value::UNKNOWN;
        }
        let Some(found) = self.types.key(named, &key.text) else {
            let names = self.types.key_names(named);
            self.problems
                .error(
                    Code::InvalidSelection,
                    &place,
                    format!("`{named}` of the mounted schema has no field `{}`", key.text),
                )
                .maybe_hint(suggest::did_you_mean(&key.text, names.iter().map(String::as_str)));
            return Value::UNKNOWN;
        };
        if let super::types::Key::Field(field) = &found
            && let Some(argument) = field.arguments.iter().find(|argument| is_required(argument))
        {
            self.problems
                .error(
                    Code::InvalidSelection,
                    &place,
                    format!(
                        "`{named}.{}` of the mounted schema needs the argument `{}`, and a selection has none to give",
                        key.text, argument.name
                    ),
                )
                .hint("ask for it by a connector of its own, or give the argument a default");
        }
        let ty = found.ty();
        Value {
            named: Some(ty.inner_named_type().to_string()),
            is_list: value.is_list.map(|is_list| is_list || ty.is_list()),
        }
    }

    /// Compares what a path gives with what it is for.
    fn compare(&mut self, found: &Value, path: &Path, outer: &Outer, place: &crate::schema::model::Place) {
        self.compare_lists(found, outer, place);
        let ends_in_value = !matches!(path.steps.last(), Some(Step::Select(_) | Step::Method { .. }));
        let (Some(named), Outer::Field(ty, written), true) = (&found.named, outer, ends_in_value) else {
            return;
        };
        let inner = self.kinds(self.types.is_enum(named), named);
        let wanted = ty.inner_named_type().as_str();
        let is_enum = matches!(self.schema.types.get(wanted), Some(ExtendedType::Enum(_)));
        let wants = match wanted {
            // What result coercion takes for each.
            "String" => Kinds::SCALAR,
            "ID" => Kinds::TEXT | Kinds::NUMBER,
            "Int" | "Float" => Kinds::NUMBER | Kinds::TEXT | Kinds::BOOL,
            "Boolean" => Kinds::BOOL | Kinds::NUMBER,
            _ if is_enum => Kinds::TEXT,
            _ => Kinds::ANY,
        };
        let is_name_for_number = self.types.is_enum(named) && matches!(wanted, "Int" | "Float");
        if inner.never_fits(wants) || is_name_for_number {
            self.problems.error(
                Code::InvalidSelection,
                place,
                format!("`{written}` can never be {named} of the mounted schema"),
            );
        }
    }

    fn kinds(&self, is_enum: bool, named: &str) -> Kinds {
        match named {
            "String" => Kinds::TEXT,
            "ID" => Kinds::TEXT | Kinds::NUMBER,
            "Int" | "Float" => Kinds::NUMBER,
            "Boolean" => Kinds::BOOL,
            _ if is_enum => Kinds::TEXT,
            _ => Kinds::ANY,
        }
    }

    fn compare_lists(&mut self, found: &Value, outer: &Outer, place: &crate::schema::model::Place) {
        let (Some(is_list), Outer::Field(ty, written)) = (found.is_list, outer) else {
            return;
        };
        let is_free = !matches!(
            self.schema.types.get(ty.inner_named_type()),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_) | ExtendedType::Enum(_))
        ) && !ty.inner_named_type().is_built_in();
        if is_free || is_list == ty.is_list() {
            return;
        }
        let (has, wants) = if is_list {
            ("a list", "single")
        } else {
            ("a single value", "a list")
        };
        self.problems
            .error(
                Code::InvalidSelection,
                place,
                format!("the selection reads {has}, but `{written}` is {wants}"),
            )
            .hint(if is_list {
                "take one: `->first`, or share the list out: `batch: { groupBy: … }`"
            } else {
                "read a list of the mounted schema"
            });
    }
}

/// Names that need no definition.
trait BuiltIn {
    fn is_built_in(&self) -> bool;
}

impl BuiltIn for apollo_compiler::Name {
    fn is_built_in(&self) -> bool {
        matches!(self.as_str(), "Int" | "Float" | "String" | "Boolean" | "ID")
    }
}
