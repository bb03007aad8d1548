//! A request's variable values, coerced.

use apollo_compiler::{Node, ast::VariableDefinition};
use serde_json::{Map, Value};

use super::{Argument, Condition, Operation, RequestError, RequestErrorKind, check::Located, input};
use crate::schema::Surface;

/// Coerced values by index of the operation's variables; `None` = not given.
#[derive(Debug, Clone, Default)]
pub struct Variables(Vec<Option<Value>>);

// === impl Variables ===

impl Variables {
    /// Coerces a request's values to what the operation declares.
    ///
    /// <https://spec.graphql.org/September2025/#CoerceVariableValues()>
    ///
    /// # Errors
    /// A value is missing or does not fit: every such variable is named, up to `errors_max`.
    pub fn coerce(
        surface: &Surface,
        operation: &Operation,
        given: Option<&Map<String, Value>>,
        errors_max: usize,
    ) -> Result<Self, RequestError> {
        let mut values = Vec::with_capacity(operation.variables.len());
        let mut errors = Vec::new();
        let located = Located::new(&operation.document);
        for (index, definition) in operation.variables.iter().enumerate() {
            let name = definition.name.as_str();
            let decides = operation.conditions.contains(&(index as u16));
            let value = match given.and_then(|given| given.get(name)) {
                Some(value) => {
                    input::coerce_value(&surface.schema, &definition.ty, value, &format!("variable ${name}")).map(Some)
                }
                None => match &definition.default_value {
                    Some(default) => input::constant(&surface.schema, &definition.ty, default).map(Some),
                    None if definition.ty.is_non_null() => Err(format!(
                        "variable ${name} of type {} is required and was not given",
                        definition.ty
                    )),
                    None => Ok(None),
                },
            };
            // A nullable variable with a default may stand in `@skip(if:)`; null itself may not.
            let value = value.and_then(|value| match value {
                Some(Value::Null) if decides => Err(format!(
                    "variable ${name} decides @skip or @include and must not be null"
                )),
                value => Ok(value),
            });
            match value {
                Ok(value) => values.push(value),
                Err(message) => {
                    let location = located.at(definition.location());
                    errors.push(super::error::RequestErrorDetail { message, location });
                }
            }
        }
        if errors.is_empty() {
            Ok(Self(values))
        } else {
            errors.truncate(errors_max.max(1));
            Err(RequestError {
                kind: RequestErrorKind::BadInput,
                errors,
            })
        }
    }

    /// What variables are when a request gives none: their defaults.
    #[must_use]
    pub fn defaults(surface: &Surface, operation: &Operation) -> Self {
        let default = |definition: &Node<VariableDefinition>| {
            let value = definition.default_value.as_ref()?;
            input::constant(&surface.schema, &definition.ty, value).ok()
        };
        Self(operation.variables.iter().map(default).collect())
    }

    /// The value of a variable; `None` when it was not given and has no default.
    #[must_use]
    pub fn get(&self, variable: u16) -> Option<&Value> {
        self.0.get(usize::from(variable))?.as_ref()
    }

    /// All values, in the order of the operation's variables; `None` = not given.
    pub fn iter(&self) -> impl Iterator<Item = Option<&Value>> {
        self.0.iter().map(Option::as_ref)
    }

    /// Which of the operation's condition variables are true: bit n for `operation.conditions[n]`.
    #[must_use]
    pub fn condition_bits(&self, operation: &Operation) -> u64 {
        let is_true = |variable: &u16| matches!(self.get(*variable), Some(Value::Bool(true)));
        operation
            .conditions
            .iter()
            .enumerate()
            .filter(|(_, variable)| is_true(variable))
            .fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// An argument's value; `Ok(None)` when it is absent.
    ///
    /// # Errors
    /// Null where the argument's type refuses it.
    pub fn argument(&self, argument: &Argument) -> Result<Option<Value>, NullArgument> {
        match argument {
            Argument::Constant(value) => Ok(Some(value.clone())),
            Argument::Variable {
                variable,
                default,
                non_null,
            } => match self.get(*variable).or(default.as_ref()) {
                Some(Value::Null) if *non_null => Err(NullArgument),
                None if *non_null => Err(NullArgument),
                value => Ok(value.cloned()),
            },
            Argument::List(items) => {
                let values = items.iter().map(|item| Ok(self.argument(item)?.unwrap_or(Value::Null)));
                Ok(Some(Value::Array(values.collect::<Result<_, NullArgument>>()?)))
            }
            Argument::Object(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    if let Some(value) = self.argument(field)? {
                        object.insert(name.to_string(), value);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
        }
    }
}

/// Null for an argument that refuses it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("an argument of a non-null type must not be null")]
pub struct NullArgument;

// === impl Condition ===

impl Condition {
    /// Whether a selection with these conditions counts, given [`Variables::condition_bits`].
    #[must_use]
    pub fn all_hold(conditions: &[Self], bits: u64) -> bool {
        conditions
            .iter()
            .all(|condition| (bits >> condition.variable & 1 == 1) == condition.counts_if)
    }
}
