//! What a document says of values and the library does not check: variables within lists and input objects, input fields that stand twice, and input objects
//! that take one field.
//!
//! After the library's own validation, so that all names are known. Each fragment is walked once; what it uses is then held against every operation that
//! spreads it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{self, DirectiveList, Type, Value, VariableDefinition},
    executable::{Selection, SelectionSet},
    parser::SourceSpan,
    schema::ExtendedType,
};

use super::{RequestError, RequestErrorKind, error::RequestErrorDetail, input::is_one_of, places::Places};

/// Checks the values of a document that is valid as far as the library knows.
///
/// <https://spec.graphql.org/September2025/#sec-All-Variable-Usages-Are-Allowed>,
/// <https://spec.graphql.org/September2025/#sec-Input-Object-Field-Uniqueness>,
/// <https://spec.graphql.org/September2025/#sec-OneOf-Input-Objects>
///
/// # Errors
/// What is wrong, up to `errors_max`.
pub(super) fn check(
    schema: &Schema,
    document: &ExecutableDocument,
    text: &str,
    errors_max: usize,
) -> Result<(), RequestError> {
    let mut walker = Walker {
        schema,
        wrong: Vec::new(),
        wrong_max: errors_max.max(1),
    };
    let fragments = document.fragments.iter().map(|(name, fragment)| {
        let mut found = Found::default();
        walker.directives(&fragment.directives, &mut found);
        walker.set(&fragment.selection_set, &mut found);
        (name, found)
    });
    let fragments: HashMap<&Name, Found<'_>> = fragments.collect();
    for operation in document.operations.iter() {
        let mut found = Found::default();
        walker.directives(&operation.directives, &mut found);
        for variable in &operation.variables {
            walker.directives(&variable.directives, &mut found);
            if let Some(default) = &variable.default_value {
                walker.value(Place::of(&variable.ty, false), default, &mut found);
            }
        }
        walker.set(&operation.selection_set, &mut found);
        walker.uses(&operation.variables, found, &fragments);
    }
    if walker.wrong.is_empty() {
        return Ok(());
    }
    let places = Places::of(text);
    let errors = walker.wrong.into_iter().map(|(message, span)| RequestErrorDetail {
        message,
        location: span.map(|span| places.at(span.offset())),
    });
    Err(RequestError {
        kind: RequestErrorKind::Validation,
        errors: errors.collect(),
    })
}

/// What an operation or fragment uses.
#[derive(Default)]
struct Found<'a> {
    variables: Vec<Use<'a>>,
    spreads: Vec<&'a Name>,
}

/// A variable where a value is expected.
struct Use<'a> {
    variable: &'a Name,
    place: Place<'a>,
    span: Option<SourceSpan>,
}

/// What is expected of a value.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// `None`: nothing, it is part of a custom scalar.
    ty: Option<&'a Type>,
    /// Whether something stands in for a value that is not given.
    has_default: bool,
    /// The input object whose one field it is.
    one_of: Option<&'a Name>,
}

struct Walker<'a> {
    schema: &'a Schema,
    wrong: Vec<(String, Option<SourceSpan>)>,
    /// More is not even put into words: a fragment may be wrong in each operation that spreads it.
    wrong_max: usize,
}

// === impl Walker ===

impl<'a> Walker<'a> {
    fn set(&mut self, set: &'a SelectionSet, found: &mut Found<'a>) {
        for selection in &set.selections {
            self.directives(selection.directives(), found);
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        let definition = field.definition.argument_by_name(&argument.name);
                        self.value(Place::defined(definition), &argument.value, found);
                    }
                    self.set(&field.selection_set, found);
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set, found),
                Selection::FragmentSpread(spread) => found.spreads.push(&spread.fragment_name),
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList, found: &mut Found<'a>) {
        for directive in directives.iter() {
            let definition = self.schema.directive_definitions.get(&directive.name);
            for argument in &directive.arguments {
                let definition = definition.and_then(|definition| definition.argument_by_name(&argument.name));
                self.value(Place::defined(definition), &argument.value, found);
            }
        }
    }

    fn value(&mut self, place: Place<'a>, value: &'a Node<Value>, found: &mut Found<'a>) {
        match &**value {
            Value::Variable(variable) => found.variables.push(Use {
                variable,
                place,
                span: value.location(),
            }),
            Value::List(items) => {
                let item = place.item();
                items.iter().for_each(|value| self.value(item, value, found));
            }
            Value::Object(fields) => self.object(place, (fields, value.location()), found),
            _ => {}
        }
    }

    fn object(
        &mut self,
        place: Place<'a>,
        (fields, span): (&'a [(Name, Node<Value>)], Option<SourceSpan>),
        found: &mut Found<'a>,
    ) {
        let mut names = HashSet::with_capacity(fields.len());
        for (name, _) in fields.iter().filter(|(name, _)| !names.insert(name)) {
            let message = format_args!("There can be only one input field named {:?}.", name.as_str());
            self.complain(name.location(), message);
        }
        let named = place.ty.map(Type::inner_named_type);
        let input = match named.and_then(|name| self.schema.types.get(name)) {
            Some(ExtendedType::InputObject(input)) => Some(input),
            _ => None,
        };
        let one_of = input.filter(|input| is_one_of(input)).map(|input| &input.name);
        if let Some(object) = one_of
            && !matches!(fields, [(_, value)] if !value.is_null())
        {
            self.complain(
                span,
                format_args!("Exactly one field of {object} must be given, and not null."),
            );
        }
        for (name, value) in fields {
            let field = input.and_then(|input| input.fields.get(name));
            let place = Place::defined(field.map(|field| &field.node));
            self.value(Place { one_of, ..place }, value, found);
        }
    }

    /// Holds what is used against the variables of an operation.
    fn uses(
        &mut self,
        variables: &[Node<VariableDefinition>],
        found: Found<'a>,
        fragments: &HashMap<&'a Name, Found<'a>>,
    ) {
        let declared: HashMap<&Name, &VariableDefinition> =
            variables.iter().map(|variable| (&variable.name, &**variable)).collect();
        for used in &found.variables {
            self.used(used, &declared);
        }
        let mut seen = HashSet::new();
        let mut spreads = found.spreads;
        while let Some(name) = spreads.pop() {
            if let Some(fragment) = fragments.get(name).filter(|_| seen.insert(name)) {
                for used in &fragment.variables {
                    self.used(used, &declared);
                }
                spreads.extend(&fragment.spreads);
            }
        }
    }

    fn used(&mut self, used: &Use<'_>, declared: &HashMap<&Name, &VariableDefinition>) {
        let Use { variable, place, span } = used;
        let Some(definition) = declared.get(variable) else {
            return self.complain(*span, format_args!("variable ${variable} is not defined"));
        };
        let ty = &definition.ty;
        if let Some(object) = place.one_of
            && !is_never_null(definition)
        {
            let what = "must be of a non-null type where it is the one field of";
            self.complain(*span, format_args!("variable ${variable} {what} {object}"));
        } else if let Some(expected) = place.ty
            && !place.takes(definition)
        {
            self.complain(
                *span,
                format_args!("variable ${variable} of type {ty} cannot be used where {expected} is expected"),
            );
        }
    }

    fn complain(&mut self, span: Option<SourceSpan>, message: fmt::Arguments<'_>) {
        if self.wrong.len() < self.wrong_max {
            self.wrong.push((message.to_string(), span));
        }
    }
}

// === impl Place ===

impl<'a> Place<'a> {
    fn of(ty: &'a Type, has_default: bool) -> Self {
        Self {
            ty: Some(ty),
            has_default,
            one_of: None,
        }
    }

    /// That of an argument or input field; nothing is expected of one that is not defined.
    fn defined(definition: Option<&'a Node<ast::InputValueDefinition>>) -> Self {
        let Some(definition) = definition else {
            return Self {
                ty: None,
                has_default: false,
                one_of: None,
            };
        };
        Self::of(&definition.ty, definition.default_value.is_some())
    }

    /// That of the items of a list here.
    fn item(self) -> Self {
        let item = match self.ty {
            Some(Type::List(item) | Type::NonNullList(item)) => Some(&**item),
            _ => None,
        };
        Self {
            ty: item,
            has_default: false,
            one_of: None,
        }
    }

    /// <https://spec.graphql.org/September2025/#IsVariableUsageAllowed()>
    fn takes(self, variable: &VariableDefinition) -> bool {
        let Some(expected) = self.ty else { return true };
        fits(&variable.ty, expected, is_never_null(variable) || self.has_default)
    }
}

/// Whether a variable is not null unless null is what a request gives it.
pub(super) fn is_never_null(variable: &VariableDefinition) -> bool {
    let default = variable.default_value.as_ref();
    variable.ty.is_non_null() || default.is_some_and(|default| !default.is_null())
}

/// Whether values of one type are values of the other. `may_be_null`: also if only one of them can be null.
///
/// <https://spec.graphql.org/September2025/#AreTypesCompatible()>
fn fits(given: &Type, expected: &Type, may_be_null: bool) -> bool {
    if expected.is_non_null() && !given.is_non_null() && !may_be_null {
        return false;
    }
    match (given, expected) {
        (Type::Named(given) | Type::NonNullNamed(given), Type::Named(expected) | Type::NonNullNamed(expected)) => {
            given == expected
        }
        (Type::List(given) | Type::NonNullList(given), Type::List(expected) | Type::NonNullList(expected)) => {
            fits(given, expected, false)
        }
        _ => false,
    }
}
