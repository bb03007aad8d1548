//! Input coercion: values of requests and literals of documents → what arguments hold.
//!
//! <https://spec.graphql.org/September2025/#sec-Scalars.Input-Coercion>

use std::sync::Arc;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{self, Type},
    schema::{ExtendedType, InputObjectType, InputValueDefinition},
};
use serde_json::{Map, Value};

use super::Argument;

/// A variable as its operation declares it.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Its number.
    pub index: u16,
    /// Whether it is not null unless null is what a request gives it.
    pub is_never_null: bool,
}

/// Whether an input object takes exactly one of its fields.
///
/// <https://spec.graphql.org/September2025/#sec-OneOf-Input-Objects>
pub(super) fn is_one_of(definition: &InputObjectType) -> bool {
    definition.directives.has("oneOf")
}

/// Coerces a value of a request. The error says what is wrong, with the path inside the value in front.
///
/// # Errors
/// The value does not fit the type.
pub fn coerce_value(schema: &Schema, ty: &Type, value: &Value, path: &str) -> Result<Value, String> {
    if value.is_null() {
        return match ty {
            Type::NonNullNamed(_) | Type::NonNullList(_) => {
                Err(format!("{path}: expected a non-null value of type {ty}"))
            }
            _ => Ok(Value::Null),
        };
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| coerce_value(schema, item, value, &format!("{path}[{index}]")))
                .collect(),
            single => Ok(Value::Array(vec![coerce_value(schema, item, single, path)?])),
        },
        Type::Named(name) | Type::NonNullNamed(name) => coerce_named(schema, name, value, path),
    }
}

fn coerce_named(schema: &Schema, name: &str, value: &Value, path: &str) -> Result<Value, String> {
    match schema.types.get(name) {
        Some(ExtendedType::Enum(definition)) => match value.as_str() {
            Some(text) if definition.values.contains_key(text) => Ok(value.clone()),
            Some(text) => Err(format!("{path}: {text:?} is not a value of enum {name}")),
            None => Err(format!("{path}: enum {name} takes text")),
        },
        Some(ExtendedType::InputObject(definition)) => coerce_object(schema, definition, value, path),
        _ => coerce_scalar(name, value).ok_or_else(|| format!("{path}: expected a value of type {name}")),
    }
}

fn coerce_scalar(name: &str, value: &Value) -> Option<Value> {
    match name {
        "Int" => whole(value)
            .and_then(|number| i32::try_from(number).ok())
            .map(Value::from),
        "Float" => value.is_number().then(|| value.clone()),
        "String" => value.is_string().then(|| value.clone()),
        "Boolean" => value.is_boolean().then(|| value.clone()),
        "ID" => match value {
            Value::String(_) => Some(value.clone()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(Value::String(number.to_string())),
            _ => whole(value).map(|number| Value::String(number.to_string())),
        },
        _ => Some(value.clone()),
    }
}

/// The integer that a number stands for, also when written as `1.0`.
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        number
            .as_f64()
            .filter(|float| float.trunc() == *float && float.abs() < 9e15)
            .map(|float| float as i64)
    })
}

fn coerce_object(schema: &Schema, definition: &InputObjectType, value: &Value, path: &str) -> Result<Value, String> {
    let name = &definition.name;
    let Value::Object(given) = value else {
        return Err(format!("{path}: expected an object of type {name}"));
    };
    if let Some(unknown) = given.keys().find(|key| !definition.fields.contains_key(key.as_str())) {
        return Err(format!("{path}: type {name} has no field {unknown:?}"));
    }
    let mut object = Map::new();
    for (key, field) in &definition.fields {
        match given.get(key.as_str()) {
            Some(value) => {
                object.insert(
                    key.to_string(),
                    coerce_value(schema, &field.ty, value, &format!("{path}.{key}"))?,
                );
            }
            None => match &field.default_value {
                Some(default) => {
                    object.insert(key.to_string(), constant(schema, &field.ty, default)?);
                }
                None if field.is_required() => return Err(format!("{path}: field {key:?} of type {name} is required")),
                None => {}
            },
        }
    }
    if is_one_of(definition) && (object.len() != 1 || object.values().any(Value::is_null)) {
        return Err(format!(
            "{path}: exactly one field of {name} must be given, and not null"
        ));
    }
    Ok(Value::Object(object))
}

/// The value of a literal that has no variables, coerced to its type.
///
/// # Errors
/// The literal does not fit; validation has refused such documents.
pub fn constant(schema: &Schema, ty: &Type, literal: &ast::Value) -> Result<Value, String> {
    match coerce_literal(schema, ty, literal, &|_| None)? {
        Argument::Constant(value) => Ok(value),
        _ => Err("a default value cannot hold variables".to_owned()),
    }
}

/// Arguments of a field, coerced as far as they can be without the request.
///
/// <https://spec.graphql.org/September2025/#CoerceArgumentValues()>
///
/// # Errors
/// A literal does not fit its type; validation refuses most of those.
pub fn coerce_arguments(
    schema: &Schema,
    definitions: &[Node<InputValueDefinition>],
    given: &[Node<ast::Argument>],
    variable: &dyn Fn(&str) -> Option<Declared>,
) -> Result<Vec<(Arc<str>, Argument)>, String> {
    let mut arguments = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let default = definition
            .default_value
            .as_deref()
            .map(|value| constant(schema, &definition.ty, value))
            .transpose()?;
        let argument = match given.iter().find(|argument| argument.name == definition.name) {
            None => default.map(Argument::Constant),
            Some(argument) => match coerce_literal(schema, &definition.ty, &argument.value, variable)? {
                Argument::Variable { variable, non_null, .. } => Some(Argument::Variable {
                    variable,
                    default,
                    non_null,
                }),
                argument => Some(argument),
            },
        };
        if let Some(argument) = argument {
            arguments.push((Arc::from(definition.name.as_str()), argument));
        }
    }
    Ok(arguments)
}

fn coerce_literal(
    schema: &Schema,
    ty: &Type,
    literal: &ast::Value,
    variable: &dyn Fn(&str) -> Option<Declared>,
) -> Result<Argument, String> {
    if let ast::Value::Variable(name) = literal {
        let declared = variable(name).ok_or_else(|| format!("variable ${name} is not defined"))?;
        return Ok(Argument::Variable {
            variable: declared.index,
            default: None,
            non_null: ty.is_non_null(),
        });
    }
    if matches!(literal, ast::Value::Null) {
        return if ty.is_non_null() {
            Err(format!("null for type {ty}"))
        } else {
            Ok(Argument::Constant(Value::Null))
        };
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => {
            let items = match literal {
                ast::Value::List(items) => &items[..],
                _ => {
                    let single = coerce_literal(schema, item, literal, variable)?;
                    return fold_list([Ok(single)].into_iter());
                }
            };
            fold_list(
                items
                    .iter()
                    .map(|literal| coerce_literal(schema, item, literal, variable)),
            )
        }
        Type::Named(name) | Type::NonNullNamed(name) => match (schema.types.get(name), literal) {
            (Some(ExtendedType::InputObject(definition)), ast::Value::Object(given)) => {
                literal_object(schema, definition, given, variable)
            }
            (Some(ExtendedType::InputObject(_)), _) => Err(format!("expected an object of type {name}")),
            // Its digits, however many: as a number it would have to fit 64 bits.
            (_, ast::Value::Int(number)) if name == "ID" => Ok(Argument::Constant(Value::from(number.as_str()))),
            _ => {
                let value = untyped(literal, variable)?;
                match value {
                    Argument::Constant(value) => coerce_named(schema, name, &value, name).map(Argument::Constant),
                    open => Ok(open),
                }
            }
        },
    }
}

fn literal_object(
    schema: &Schema,
    definition: &InputObjectType,
    given: &[(Name, Node<ast::Value>)],
    variable: &dyn Fn(&str) -> Option<Declared>,
) -> Result<Argument, String> {
    if is_one_of(definition) {
        check_one_of(&definition.name, given, variable)?;
    }
    let mut fields = Vec::with_capacity(given.len());
    for (name, field) in &definition.fields {
        let default = field
            .default_value
            .as_deref()
            .map(|value| constant(schema, &field.ty, value))
            .transpose()?;
        let value = match given.iter().find(|(key, _)| key == name) {
            None => default.map(Argument::Constant),
            Some((_, literal)) => match coerce_literal(schema, &field.ty, literal, variable)? {
                Argument::Variable { variable, non_null, .. } => Some(Argument::Variable {
                    variable,
                    default,
                    non_null: non_null || is_one_of(definition),
                }),
                argument => Some(argument),
            },
        };
        match value {
            Some(value) => fields.push(Ok((name.as_str(), value))),
            None if field.is_required() => return Err(format!("field {name} of type {} is required", definition.name)),
            None => {}
        }
    }
    fold_object(fields.into_iter())
}

/// One field, which cannot be null, whatever the request holds.
fn check_one_of(
    object: &str,
    given: &[(Name, Node<ast::Value>)],
    variable: &dyn Fn(&str) -> Option<Declared>,
) -> Result<(), String> {
    match given {
        [(_, value)] if matches!(**value, ast::Value::Null) => {}
        [(_, value)] => match &**value {
            ast::Value::Variable(name) if variable(name).is_some_and(|declared| !declared.is_never_null) => {
                return Err(format!(
                    "variable ${name} must be of a non-null type where it is the one field of {object}"
                ));
            }
            _ => return Ok(()),
        },
        _ => {}
    }
    Err(format!("exactly one field of {object} must be given, and not null"))
}

/// A literal for a custom scalar: taken as it is.
fn untyped(literal: &ast::Value, variable: &dyn Fn(&str) -> Option<Declared>) -> Result<Argument, String> {
    let value = match literal {
        ast::Value::Null => Value::Null,
        ast::Value::Enum(name) => Value::from(name.as_str()),
        ast::Value::String(text) => Value::from(text.as_str()),
        ast::Value::Boolean(value) => Value::from(*value),
        ast::Value::Int(number) => number_literal(number.as_str())?,
        ast::Value::Float(number) => number_literal(number.as_str())?,
        ast::Value::Variable(name) => {
            let declared = variable(name).ok_or_else(|| format!("variable ${name} is not defined"))?;
            return Ok(Argument::Variable {
                variable: declared.index,
                default: None,
                non_null: false,
            });
        }
        ast::Value::List(items) => {
            return fold_list(items.iter().map(|item| untyped(item, variable)));
        }
        ast::Value::Object(fields) => {
            let fields = fields.iter();
            return fold_object(fields.map(|(name, value)| Ok((name.as_str(), untyped(value, variable)?))));
        }
    };
    Ok(Argument::Constant(value))
}

fn number_literal(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|_| format!("{text} is not a number that can be held"))
}

/// Values as long as all are known; what they are made of is never there twice.
fn fold_list(mut items: impl ExactSizeIterator<Item = Result<Argument, String>>) -> Result<Argument, String> {
    let mut values = Vec::with_capacity(items.len());
    while let Some(item) = items.next() {
        match item? {
            Argument::Constant(value) => values.push(value),
            open => {
                let mut all: Vec<Argument> = values.into_iter().map(Argument::Constant).collect();
                all.push(open);
                for item in items {
                    all.push(item?);
                }
                return Ok(Argument::List(all));
            }
        }
    }
    Ok(Argument::Constant(Value::Array(values)))
}

fn fold_object<'n>(mut fields: impl Iterator<Item = Result<(&'n str, Argument), String>>) -> Result<Argument, String> {
    let mut values = Map::new();
    while let Some(field) = fields.next() {
        match field? {
            (name, Argument::Constant(value)) => {
                values.insert(name.to_owned(), value);
            }
            (name, open) => {
                let known = values.into_iter();
                let mut all: Vec<(Arc<str>, Argument)> = known
                    .map(|(name, value)| (Arc::from(name), Argument::Constant(value)))
                    .collect();
                all.push((Arc::from(name), open));
                for field in fields {
                    let (name, value) = field?;
                    all.push((Arc::from(name), value));
                }
                return Ok(Argument::Object(all));
            }
        }
    }
    Ok(Argument::Constant(Value::Object(values)))
}
