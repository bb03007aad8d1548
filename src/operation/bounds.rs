//! How large the values of a request may be: lists and strings in variables and arguments.

use serde_json::{Map, Value};

use super::{
    Argument, Limits, Operation, RequestError, RequestErrorKind,
    check::Located,
    error::{Exceeded, LimitKind},
};

/// Checks the values that a request gives to variables, before they are coerced.
///
/// # Errors
/// A list or a string is too long.
pub fn check_variables(
    operation: &Operation,
    given: Option<&Map<String, Value>>,
    limits: &Limits,
) -> Result<Exceeded, RequestError> {
    let Some(given) = given else {
        return Ok(Exceeded::default());
    };
    let mut exceeded = Exceeded::default();
    let located = Located::new(&operation.document);
    for definition in &operation.variables {
        let name = definition.name.as_str();
        if let Some(value) = given.get(name)
            && let Err(excess) = check_value(value, limits)
        {
            let location = located.at(definition.location());
            exceeded = exceeded.and(limits.over(excess.of(&format!("variable ${name}"), location))?);
        }
    }
    Ok(exceeded)
}

/// Too long a list or string.
pub(super) struct Excess {
    kind: LimitKind,
    length: usize,
    most: usize,
}

/// Checks a value and all within it.
pub(super) fn check_value(value: &Value, limits: &Limits) -> Result<(), Excess> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => within(LimitKind::StringBytes, text.len(), limits.string_bytes),
        Value::Array(items) => {
            within(LimitKind::InputList, items.len(), limits.input_list)?;
            items.iter().try_for_each(|item| check_value(item, limits))
        }
        Value::Object(members) => members.values().try_for_each(|value| check_value(value, limits)),
    }
}

/// Checks what a document says an argument is.
pub(super) fn check_argument(argument: &Argument, limits: &Limits) -> Result<(), Excess> {
    match argument {
        Argument::Constant(value) => check_value(value, limits),
        Argument::Variable { .. } => Ok(()),
        Argument::List(items) => {
            within(LimitKind::InputList, items.len(), limits.input_list)?;
            items.iter().try_for_each(|item| check_argument(item, limits))
        }
        Argument::Object(members) => members
            .iter()
            .try_for_each(|(_, member)| check_argument(member, limits)),
    }
}

fn within(kind: LimitKind, length: usize, most: usize) -> Result<(), Excess> {
    if most == 0 || length <= most {
        Ok(())
    } else {
        Err(Excess { kind, length, most })
    }
}

// === impl Excess ===

impl Excess {
    /// The error, of the argument or variable that it is in.
    pub(super) fn of(&self, what: &str, location: Option<(u32, u32)>) -> RequestError {
        let Self { kind, length, most } = self;
        let message = match kind {
            LimitKind::StringBytes => format!("{what}: a string has {length} bytes; at most {most} are allowed"),
            _ => format!("{what}: a list has {length} elements; at most {most} are allowed"),
        };
        RequestError::at(RequestErrorKind::Limit(*kind), message, location)
    }
}
