//! What keys a value has: arguments of a field, fields of a type, parts of a variable.

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};

/// The keys of a value as far as the schema knows them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Members<'a> {
    /// The arguments of a field.
    Arguments(&'a FieldDefinition),
    /// The fields of a type.
    Fields(&'a ExtendedType),
    /// None: a scalar, called so in messages.
    None(&'a str),
    /// Anything: a custom scalar.
    Any,
}

// === impl Members ===

impl<'a> Members<'a> {
    /// The members of a named type.
    pub(crate) fn of(schema: &'a Schema, name: &'a str) -> Self {
        match (schema.types.get(name), name) {
            (_, "Int" | "Float" | "String" | "Boolean" | "ID") => Self::None(name),
            (Some(ExtendedType::Enum(_)), _) => Self::None(name),
            (Some(ExtendedType::Scalar(_)) | None, _) => Self::Any,
            (Some(ty), _) => Self::Fields(ty),
        }
    }

    /// Whether there is such a key: the name of its type, or `Some(None)` where nothing is known of it.
    pub(crate) fn find(&self, key: &str) -> Option<Option<&'a str>> {
        match self {
            Self::Any => Some(None),
            Self::None(_) => None,
            Self::Fields(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
                if key == "__typename" =>
            {
                Some(Some("String"))
            }
            // The fields of a union's members are not known before a value is.
            Self::Fields(ExtendedType::Union(_)) => Some(None),
            Self::Arguments(_) | Self::Fields(_) => self.find_type(key).map(|ty| Some(ty.inner_named_type().as_str())),
        }
    }

    /// The type of a key of an argument list or a GraphQL type.
    pub(crate) fn find_type(&self, key: &str) -> Option<&'a Type> {
        match self {
            Self::Arguments(field) => field
                .arguments
                .iter()
                .find(|argument| argument.name == key)
                .map(|argument| &*argument.ty),
            Self::Fields(ExtendedType::Object(object)) => object.fields.get(key).map(|field| &field.ty),
            Self::Fields(ExtendedType::Interface(interface)) => interface.fields.get(key).map(|field| &field.ty),
            Self::Fields(ExtendedType::InputObject(input)) => input.fields.get(key).map(|field| &*field.ty),
            _ => None,
        }
    }

    /// All keys, for suggestions.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        match self {
            Self::Arguments(field) => field.arguments.iter().map(|argument| argument.name.as_str()).collect(),
            Self::Fields(ExtendedType::Object(object)) => object.fields.keys().map(|name| name.as_str()).collect(),
            Self::Fields(ExtendedType::Interface(interface)) => {
                interface.fields.keys().map(|name| name.as_str()).collect()
            }
            Self::Fields(ExtendedType::InputObject(input)) => input.fields.keys().map(|name| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// How messages call what has these keys.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Arguments(field) => format!("field `{}`", field.name),
            Self::Fields(ty) => format!("`{}`", ty.name()),
            Self::None(name) => format!("{name} is a scalar and"),
            Self::Any => "the value".to_owned(),
        }
    }
}
