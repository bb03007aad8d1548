//! How long lists are taken to be, by `@listSize`.

use std::sync::Arc;

use serde_json::Value;

use crate::{operation::Argument, schema::model::Field};

/// A list of which nothing is said.
pub(super) const ASSUMED_LIST_SIZE: u64 = 10;

/// How many values a field has: 1, or the length of its list.
pub(super) fn list_size(field: &Field, arguments: &[(Arc<str>, Argument)]) -> u64 {
    let is_list = field.ty.non_null.len() > 1;
    let Some(size) = &field.list_size else {
        return if is_list { ASSUMED_LIST_SIZE } else { 1 };
    };
    if !is_list {
        return 1;
    }
    let sliced = size
        .slicing_arguments
        .iter()
        .filter_map(|path| argument(arguments, path))
        .max();
    sliced.or(size.assumed_size.map(u64::from)).unwrap_or(ASSUMED_LIST_SIZE)
}

/// The number that a slicing argument is known to have; dotted paths go into input objects.
fn argument(arguments: &[(Arc<str>, Argument)], path: &str) -> Option<u64> {
    let (name, below) = path
        .split_once('.')
        .map_or((path, None), |(name, below)| (name, Some(below)));
    let (_, argument) = arguments.iter().find(|(known, _)| **known == *name)?;
    match (argument, below) {
        (
            Argument::Constant(value)
            | Argument::Variable {
                default: Some(value), ..
            },
            below,
        ) => number(value, below),
        (Argument::Object(fields), Some(below)) => self::argument(fields, below),
        _ => None,
    }
}

fn number(value: &Value, path: Option<&str>) -> Option<u64> {
    match path {
        None => value.as_u64(),
        Some(path) => {
            let (name, below) = path
                .split_once('.')
                .map_or((path, None), |(name, below)| (name, Some(below)));
            number(value.get(name)?, below)
        }
    }
}
