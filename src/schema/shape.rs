//! What values an expression can have: kinds, and the keys of objects as far as the schema knows them (DIALECT §1.10).
//!
//! Only what can never fit is a problem, so [`Shape::any`] is always a safe answer. [`eval`] follows expressions, [`variable`]
//! says what each variable is.

pub(crate) mod eval;
mod kinds;
mod variable;

use std::rc::Rc;

use apollo_compiler::{Schema, ast::Type, schema::ExtendedType};

use super::members::Members;
use crate::mapping::Span;

pub(crate) use kinds::Kinds;

/// Alternatives of which the keys are told apart; more of them may have any.
const ALTERNATIVES_MAX: usize = 16;

/// What a value can be.
#[derive(Debug, Clone)]
pub(crate) struct Shape<'a> {
    /// The kinds it can be of.
    pub kinds: Kinds,
    /// What it has when it is an object; how messages call it when it is a scalar.
    keys: Keys<'a>,
    /// What it holds when it is a list; `None`: anything.
    element: Option<Rc<Shape<'a>>>,
}

/// The keys of an object.
#[derive(Debug, Clone)]
enum Keys<'a> {
    /// Nobody knows.
    Any,
    /// Those of a GraphQL type, or of an argument list.
    Of(&'a Schema, Members<'a>),
    /// Those of a union, which depend on the value.
    OfUnion(&'a str),
    /// Of a variable that is no GraphQL value: how it is called, and what it has.
    Fixed(&'static str, Rc<[(&'static str, Shape<'a>)]>),
    /// Any key has this.
    Each(Rc<Shape<'a>>),
    /// Written out in the mapping.
    Made(Rc<[MadeKey<'a>]>),
    /// One of these.
    Either(Rc<[Keys<'a>]>),
}

/// A key that a mapping writes out.
#[derive(Debug, Clone)]
pub(crate) struct MadeKey<'a> {
    pub name: String,
    pub shape: Shape<'a>,
    /// Where its value is written.
    pub span: Span,
}

/// What is found under a key.
pub(crate) enum Found<'a> {
    Shape(Shape<'a>),
    /// There can never be such a key.
    Nothing(Nothing<'a>),
}

/// Why there can never be such a key.
#[derive(Debug, Clone)]
pub(crate) enum Nothing<'a> {
    /// These members have no such name.
    Of(Members<'a>),
    /// A variable with these fields.
    OfFixed(&'static str, Vec<&'static str>),
    /// The fields of a union are known only when there is a value.
    OfUnion(&'a str),
    /// The mapping itself makes the object, without that key.
    Made(Vec<String>),
    /// Kinds without keys.
    Scalar(Kinds),
}

// === impl Shape ===

impl<'a> Shape<'a> {
    /// Anything.
    pub(crate) fn any() -> Self {
        Self::of_kinds(Kinds::ANY)
    }

    /// Anything of these kinds.
    pub(crate) fn of_kinds(kinds: Kinds) -> Self {
        Self {
            kinds,
            keys: Keys::Any,
            element: None,
        }
    }

    /// A list.
    pub(crate) fn list(element: Self) -> Self {
        Self {
            kinds: Kinds::ARRAY,
            keys: Keys::Any,
            element: Some(Rc::new(element)),
        }
    }

    /// An object with exactly these keys.
    pub(crate) fn made(keys: Vec<MadeKey<'a>>) -> Self {
        Self::object(Keys::Made(keys.into()))
    }

    /// An object that has any keys.
    pub(crate) fn some_object() -> Self {
        Self::object(Keys::Any)
    }

    fn object(keys: Keys<'a>) -> Self {
        Self {
            kinds: Kinds::OBJECT,
            keys,
            element: None,
        }
    }

    /// A value of a GraphQL type.
    fn of_type(schema: &'a Schema, ty: &'a Type) -> Self {
        let shape = match ty {
            Type::List(inner) | Type::NonNullList(inner) => Self::list(Self::of_type(schema, inner)),
            Type::Named(name) | Type::NonNullNamed(name) => Self::of_named(schema, name),
        };
        if ty.is_non_null() { shape } else { shape.or_null() }
    }

    /// A value of a named type.
    fn of_named(schema: &'a Schema, name: &'a str) -> Self {
        let scalar = |kinds| Self {
            kinds,
            keys: Keys::Of(schema, Members::of(schema, name)),
            element: None,
        };
        match (schema.types.get(name), name) {
            (_, "Int" | "Float") => scalar(Kinds::NUMBER),
            (_, "String") => scalar(Kinds::TEXT),
            // Towards sources an ID keeps the kind it came with.
            (_, "ID") => scalar(Kinds::TEXT | Kinds::NUMBER),
            (_, "Boolean") => scalar(Kinds::BOOL),
            (Some(ExtendedType::Enum(_)), _) => scalar(Kinds::TEXT),
            (Some(ExtendedType::Scalar(_)) | None, _) => Self::any(),
            (Some(ExtendedType::Union(_)), _) => Self::object(Keys::OfUnion(name)),
            (Some(_), _) => Self::object(Keys::Of(schema, Members::of(schema, name))),
        }
    }

    /// The same, or null.
    pub(crate) fn or_null(mut self) -> Self {
        self.kinds = self.kinds | Kinds::NULL;
        self
    }

    /// The same, but never null.
    pub(crate) fn not_null(mut self) -> Self {
        if self.kinds != Kinds::NULL {
            self.kinds = self.kinds.without(Kinds::NULL);
        }
        self
    }

    /// One of two.
    pub(crate) fn or(self, other: Self) -> Self {
        let keys = match (
            self.kinds.never_fits(Kinds::OBJECT),
            other.kinds.never_fits(Kinds::OBJECT),
        ) {
            (false, true) => self.keys,
            (true, false) => other.keys,
            (true, true) => Keys::Any,
            (false, false) => self.keys.or(other.keys),
        };
        let element = match (
            self.kinds.never_fits(Kinds::ARRAY),
            other.kinds.never_fits(Kinds::ARRAY),
        ) {
            (false, true) => self.element,
            (true, false) => other.element,
            (true, true) => None,
            (false, false) => match (self.element, other.element) {
                (Some(left), Some(right)) if Rc::ptr_eq(&left, &right) => Some(left),
                (Some(left), Some(right)) => Some(Rc::new((*left).clone().or((*right).clone()))),
                _ => None,
            },
        };
        Self {
            kinds: self.kinds | other.kinds,
            keys,
            element,
        }
    }

    /// What a list of it holds; a value that is no list is a list of itself.
    pub(crate) fn element(&self) -> Self {
        if self.kinds.never_fits(Kinds::ARRAY) {
            return self.clone();
        }
        let element = self.element.as_deref().cloned().unwrap_or_else(Self::any);
        if self.kinds.without(Kinds::NULL) == Kinds::ARRAY {
            return element;
        }
        Self {
            kinds: self.kinds.without(Kinds::ARRAY),
            keys: self.keys.clone(),
            element: None,
        }
        .or(element)
    }

    /// The keys that a mapping writes out, if it is that.
    pub(crate) fn made_keys(&self) -> &[MadeKey<'a>] {
        match &self.keys {
            Keys::Made(keys) if self.kinds == Kinds::OBJECT => keys,
            _ => &[],
        }
    }

    /// What is under a key; lists are looked through.
    pub(crate) fn key(&self, key: &str) -> Found<'a> {
        if self.kinds == Kinds::ANY && self.element.is_none() && matches!(self.keys, Keys::Any) {
            return Found::Shape(Self::any());
        }
        let mut found: Option<Self> = None;
        let mut nothing = None;
        if !self.kinds.never_fits(Kinds::ARRAY) {
            match self
                .element
                .as_deref()
                .map_or(Found::Shape(Self::any()), |element| element.key(key))
            {
                Found::Shape(shape) => found = Some(Self::list(shape)),
                Found::Nothing(why) => nothing = Some(why),
            }
        }
        if !self.kinds.never_fits(Kinds::OBJECT) {
            match self.keys.key(key) {
                Found::Shape(shape) => {
                    found = Some(match found {
                        Some(other) => other.or(shape),
                        None => shape,
                    });
                }
                Found::Nothing(why) => nothing = Some(why),
            }
        }
        match (found, nothing) {
            (Some(shape), _) => Found::Shape(if self.kinds.never_fits(Kinds::NULL) {
                shape
            } else {
                shape.or_null()
            }),
            (None, Some(why)) => Found::Nothing(why),
            (None, None) => Found::Nothing(match &self.keys {
                Keys::Of(_, members @ Members::None(_)) => Nothing::Of(*members),
                _ => Nothing::Scalar(self.kinds.without(Kinds::NULL)),
            }),
        }
    }
}

// === impl Keys ===

impl<'a> Keys<'a> {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (left, right) => {
                let alternatives: Vec<Self> = left.alternatives().chain(right.alternatives()).cloned().collect();
                if alternatives.len() > ALTERNATIVES_MAX {
                    Self::Any
                } else {
                    Self::Either(alternatives.into())
                }
            }
        }
    }

    fn alternatives(&self) -> std::slice::Iter<'_, Self> {
        match self {
            Self::Either(alternatives) => alternatives.iter(),
            _ => std::slice::from_ref(self).iter(),
        }
    }

    fn key(&self, key: &str) -> Found<'a> {
        match self {
            Self::Any => Found::Shape(Shape::any()),
            Self::Each(shape) => Found::Shape((**shape).clone()),
            Self::OfUnion(name) => Found::Nothing(Nothing::OfUnion(name)),
            Self::Fixed(name, keys) => match keys.iter().find(|(known, _)| *known == key) {
                Some((_, shape)) => Found::Shape(shape.clone()),
                None => Found::Nothing(Nothing::OfFixed(name, keys.iter().map(|(known, _)| *known).collect())),
            },
            Self::Made(keys) => match keys.iter().find(|known| known.name == key) {
                Some(known) => Found::Shape(known.shape.clone()),
                None => Found::Nothing(Nothing::Made(keys.iter().map(|known| known.name.clone()).collect())),
            },
            Self::Of(schema, members) => match (members.find_type(key), members.find(key)) {
                (Some(ty), _) => Found::Shape(Shape::of_type(schema, ty)),
                (None, Some(Some(name))) => Found::Shape(Shape::of_named(schema, name)),
                (None, Some(None)) => Found::Shape(Shape::any()),
                (None, None) => Found::Nothing(Nothing::Of(*members)),
            },
            Self::Either(alternatives) => {
                let mut found: Option<Shape<'a>> = None;
                let mut nothing = None;
                for alternative in alternatives.iter() {
                    match alternative.key(key) {
                        Found::Shape(shape) => {
                            found = Some(match found {
                                Some(other) => other.or(shape),
                                None => shape,
                            });
                        }
                        Found::Nothing(why) => nothing = Some(why),
                    }
                }
                match (found, nothing) {
                    (Some(shape), _) => Found::Shape(shape),
                    (None, Some(why)) => Found::Nothing(why),
                    (None, None) => Found::Shape(Shape::any()),
                }
            }
        }
    }
}
