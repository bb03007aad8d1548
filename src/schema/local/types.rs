//! What is known of a mounted schema: its types, read from its SDL once.

use std::fmt;

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};

use super::{ArgumentKind, LocalArgument, LocalOperation};
use crate::mapping::KeyTree;

/// The types of a schema.
pub struct LocalTypes {
    schema: Schema,
}

// === impl LocalTypes ===

impl LocalTypes {
    /// Reads the SDL of a schema.
    ///
    /// # Errors
    /// It is no SDL, or has no query type: the first reason.
    pub fn parse(sdl: &str) -> Result<Self, String> {
        // Not validated: that is the library's affair whose schema it is, and what it prints for itself need not pass elsewhere.
        let schema = match Schema::parse(sdl, "schema") {
            Ok(schema) => schema,
            Err(refused) if refused.partial.types.is_empty() => return Err(refused.errors.to_string()),
            Err(refused) => refused.partial,
        };
        if schema
            .root_operation(apollo_compiler::ast::OperationType::Query)
            .is_none()
        {
            return Err("it has no query type".to_owned());
        }
        Ok(Self { schema })
    }

    /// The root that is called by its own name.
    pub(super) fn operation(&self, name: &str) -> Option<LocalOperation> {
        let is = |operation: &LocalOperation| self.root(*operation) == Some(name);
        [LocalOperation::Query, LocalOperation::Mutation].into_iter().find(is)
    }

    fn root(&self, operation: LocalOperation) -> Option<&str> {
        let operation = match operation {
            LocalOperation::Query => apollo_compiler::ast::OperationType::Query,
            LocalOperation::Mutation => apollo_compiler::ast::OperationType::Mutation,
        };
        self.schema.root_operation(operation).map(|name| name.as_str())
    }

    /// A root field.
    pub(super) fn root_field(&self, operation: LocalOperation, name: &str) -> Option<&FieldDefinition> {
        self.field(self.root(operation)?, name)
    }

    /// The names of all root fields.
    pub(super) fn root_fields(&self, operation: LocalOperation) -> Vec<String> {
        self.root(operation)
            .map_or_else(Vec::new, |root| self.field_names(root))
    }

    /// A field of an object or interface.
    pub(super) fn field(&self, ty: &str, name: &str) -> Option<&FieldDefinition> {
        match self.schema.types.get(ty)? {
            ExtendedType::Object(object) => object.fields.get(name).map(|field| &***field),
            ExtendedType::Interface(interface) => interface.fields.get(name).map(|field| &***field),
            _ => None,
        }
    }

    /// The type of a key that a selection reads: of a field, of one of the types it may be, of `__typename`.
    pub(super) fn key(&self, ty: &str, name: &str) -> Option<Key<'_>> {
        if name == "__typename" && self.is_composite(ty) {
            return Some(Key::TypeName);
        }
        let own = self.field(ty, name);
        let of_others = || self.possible(ty).into_iter().find_map(|ty| self.field(ty, name));
        own.or_else(of_others).map(Key::Field)
    }

    /// The names that a selection on a type may read.
    pub(super) fn key_names(&self, ty: &str) -> Vec<String> {
        let mut names = self.field_names(ty);
        for possible in self.possible(ty) {
            names.extend(self.field_names(possible));
        }
        names.sort();
        names.dedup();
        names
    }

    fn field_names(&self, ty: &str) -> Vec<String> {
        match self.schema.types.get(ty) {
            Some(ExtendedType::Object(object)) => object.fields.keys().map(ToString::to_string).collect(),
            Some(ExtendedType::Interface(interface)) => interface.fields.keys().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    /// The object types that an abstract type may be.
    fn possible(&self, ty: &str) -> Vec<&str> {
        match self.schema.types.get(ty) {
            Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.as_str()).collect(),
            Some(ExtendedType::Interface(_)) => self.implementers(ty),
            _ => Vec::new(),
        }
    }

    fn implementers(&self, interface: &str) -> Vec<&str> {
        let implements = |ty: &ExtendedType| match ty {
            ExtendedType::Object(object) => object.implements_interfaces.iter().any(|own| own.as_str() == interface),
            _ => false,
        };
        let types = self.schema.types.iter().filter(|(_, ty)| implements(ty));
        types.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a type has fields of its own or of those it may be.
    pub(super) fn is_composite(&self, ty: &str) -> bool {
        matches!(
            self.schema.types.get(ty),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// Whether a type is an enum.
    pub(super) fn is_enum(&self, ty: &str) -> bool {
        matches!(self.schema.types.get(ty), Some(ExtendedType::Enum(_)))
    }

    /// The arguments of a root field; `None` without such a field.
    pub(super) fn arguments(
        &self,
        operation: LocalOperation,
        name: &str,
    ) -> Option<Vec<(std::sync::Arc<str>, LocalArgument)>> {
        let field = self.root_field(operation, name)?;
        let arguments = field.arguments.iter().map(|argument| {
            let kind = match argument.ty.inner_named_type().as_str() {
                "Int" | "Float" => ArgumentKind::Number,
                "String" => ArgumentKind::Text,
                _ => ArgumentKind::Other,
            };
            let read = LocalArgument {
                text: argument.ty.to_string().into(),
                is_required: is_required(argument),
                kind,
            };
            (argument.name.as_str().into(), read)
        });
        Some(arguments.collect())
    }

    /// What has to be asked of a root field so that these keys can be read of its value: a selection with braces, or nothing.
    ///
    /// Of an object that is read as a whole it is what has no fields of its own.
    #[must_use]
    pub fn selection(&self, operation: LocalOperation, name: &str, keys: Option<&KeyTree>) -> String {
        let mut text = String::new();
        if let Some(field) = self.root_field(operation, name) {
            self.write(field.ty.inner_named_type(), keys, &mut text);
        }
        text
    }

    fn write(&self, ty: &str, keys: Option<&KeyTree>, text: &mut String) {
        if !self.is_composite(ty) {
            return;
        }
        text.push('{');
        let start = text.len();
        match keys {
            Some(keys) if keys.is_whole() => self.write_leaves(ty, text),
            Some(keys) => self.write_keys(ty, keys, text),
            None => {}
        }
        if text.len() == start {
            text.push_str("__typename");
        }
        text.push('}');
    }

    fn write_leaves(&self, ty: &str, text: &mut String) {
        for name in self.field_names(ty) {
            if let Some(field) = self.field(ty, &name)
                && !self.is_composite(field.ty.inner_named_type())
                && !field.arguments.iter().any(|argument| is_required(argument))
            {
                separate(text);
                text.push_str(&name);
            }
        }
    }

    fn write_keys(&self, ty: &str, keys: &KeyTree, text: &mut String) {
        let mut others = Vec::new();
        for (name, below) in &keys.0 {
            match self.field(ty, name) {
                Some(field) => {
                    separate(text);
                    text.push_str(name);
                    self.write(field.ty.inner_named_type(), Some(below), text);
                }
                None if &**name == "__typename" => {
                    separate(text);
                    text.push_str(name);
                }
                None => others.push((name.clone(), below.clone())),
            }
        }
        for possible in self.possible(ty) {
            let has = |(name, _): &&(_, _)| self.field(possible, name as &std::sync::Arc<str>).is_some();
            let own: Vec<_> = others.iter().filter(has).cloned().collect();
            if !own.is_empty() {
                text.push_str("...on ");
                text.push_str(possible);
                text.push('{');
                self.write_keys(possible, &KeyTree(own), text);
                text.push('}');
            }
        }
    }
}

/// What a key of an answer is.
pub(super) enum Key<'a> {
    /// The value of a field.
    Field(&'a FieldDefinition),
    /// The name of the object's type.
    TypeName,
}

impl Key<'_> {
    /// Its type; that of `__typename` is text.
    pub(super) fn ty(&self) -> Type {
        match self {
            Self::Field(field) => field.ty.clone(),
            Self::TypeName => Type::NonNullNamed(apollo_compiler::name!("String")),
        }
    }
}

pub(super) fn is_required(argument: &apollo_compiler::ast::InputValueDefinition) -> bool {
    argument.ty.is_non_null() && argument.default_value.is_none()
}

/// Names that follow each other are told apart by a blank.
fn separate(text: &mut String) {
    if text.ends_with(|char: char| char.is_alphanumeric() || char == '_') {
        text.push(' ');
    }
}

impl fmt::Debug for LocalTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalTypes")
    }
}
