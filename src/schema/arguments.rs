//! Reads arguments of directives and members of input objects.
//!
//! Values of a wrong type are left out here: validation by the rules of GraphQL reports them.

use apollo_compiler::{
    Name, Node,
    ast::{self, Value},
};

use super::{files::Files, literal::Text, model::Place};

/// The arguments of a directive, or the members of an object among them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arguments<'d> {
    Directive(&'d ast::Directive),
    Object(&'d [(Name, Node<Value>)]),
}

// === impl Arguments ===

impl<'d> Arguments<'d> {
    /// A value that is given and not null.
    pub(crate) fn get(self, name: &str) -> Option<&'d Node<Value>> {
        match self {
            Self::Directive(directive) => directive.specified_argument_by_name(name),
            Self::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
        }
        .filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(self, files: &Files, name: &str) -> Option<Text> {
        self.get(name).and_then(|value| Text::new(files, value))
    }

    /// The members of an object.
    pub(crate) fn object(self, name: &str) -> Option<Arguments<'d>> {
        self.get(name).and_then(object)
    }

    /// The entries of a list; a single value is a list of one.
    pub(crate) fn list(self, name: &str) -> &'d [Node<Value>] {
        match self.get(name) {
            None => &[],
            Some(value) => match &**value {
                Value::List(entries) => entries,
                _ => std::slice::from_ref(value),
            },
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(self, files: &Files, name: &str) -> Vec<Text> {
        self.list(name)
            .iter()
            .filter_map(|value| Text::new(files, value))
            .collect()
    }

    /// true or false.
    pub(crate) fn boolean(self, name: &str) -> Option<bool> {
        self.get(name).and_then(|value| value.to_bool())
    }

    /// A whole number, with its place.
    pub(crate) fn integer(self, files: &Files, name: &str) -> Option<(i32, Place)> {
        let value = self.get(name)?;
        Some((value.to_i32()?, files.place(value.location())))
    }

    /// Where an argument stands, name and value.
    pub(crate) fn argument_place(self, files: &Files, name: &str) -> Option<Place> {
        let Self::Directive(directive) = self else {
            return self.place(files, name);
        };
        let argument = directive.arguments.iter().find(|argument| argument.name == name)?;
        Some(files.place(argument.location()))
    }

    /// Where a value stands.
    pub(crate) fn place(self, files: &Files, name: &str) -> Option<Place> {
        self.get(name).map(|value| files.place(value.location()))
    }
}

/// The members of an object.
pub(crate) fn object(value: &Node<Value>) -> Option<Arguments<'_>> {
    match &**value {
        Value::Object(members) => Some(Arguments::Object(members)),
        _ => None,
    }
}
