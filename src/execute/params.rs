//! Query parameters that are keys or constants, written without evaluating anything.
//!
//! `queryParams: "id: $batch.id limit: 5"` is what most batched connectors send; its text can be put together from the
//! keys as they were gathered. Everything else goes through the evaluator.

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, value::RawValue};

use super::{
    Failure, FailureKind,
    keys::Keys,
    url::{DATA, text_of},
};
use crate::{
    mapping::{Expr, Head, Item, Selection, Step, text},
    schema::model::{Connector, Kind, Mapping},
};

/// One parameter.
#[derive(Debug)]
pub(super) struct Param {
    /// Its name, encoded.
    name: String,
    value: ParamValue,
}

#[derive(Debug)]
enum ParamValue {
    /// A part of each key.
    Key(usize),
    /// Already encoded.
    Constant(String),
}

/// The parameters of a mapping, if all of them are keys or constants.
pub(super) fn compile(connector: &Connector, mapping: &Mapping) -> Option<Vec<Param>> {
    let Selection::Fields(block) = &*mapping.selection else {
        return None;
    };
    block.items.iter().map(|item| param(connector, item)).collect()
}

fn param(connector: &Connector, item: &Item) -> Option<Param> {
    let Item::Named { name, value } = item else { return None };
    let value = match value {
        Expr::Literal(Value::Null, _) => return None,
        Expr::Literal(value, _) => ParamValue::Constant(utf8_percent_encode(&text_of(value)?, DATA).to_string()),
        Expr::Path(path) => {
            let (Head::Variable(variable), [Step::Key(key)]) = (&path.head, &path.steps[..]) else {
                return None;
            };
            let (keys, wanted) = match connector.kind {
                Kind::Batch | Kind::FieldBatch => (&connector.batch_reads, "batch"),
                _ => (&connector.this_reads, "this"),
            };
            // A nested key has several parts of its own.
            let is_flat = keys.0.iter().all(|(_, below)| below.0.is_empty());
            let position = keys.0.iter().position(|(name, _)| **name == *key.text)?;
            if !is_flat || variable.text != wanted {
                return None;
            }
            ParamValue::Key(position)
        }
        _ => return None,
    };
    Some(Param {
        name: utf8_percent_encode(&name.text, DATA).to_string(),
        value,
    })
}

/// Appends `name=value` pairs; a parameter of several keys is repeated, null is left out.
///
/// # Errors
/// A key that is an object or a list.
pub(super) fn write(params: &[Param], numbers: &[u32], keys: &Keys, query: &mut String) -> Result<(), Failure> {
    for param in params {
        match &param.value {
            ParamValue::Constant(value) => pair(query, &param.name, |query| query.push_str(value)),
            ParamValue::Key(part) => {
                for number in numbers {
                    key(param, keys.part(*number, *part), query)?;
                }
            }
        }
    }
    Ok(())
}

fn key(param: &Param, json: &[u8], query: &mut String) -> Result<(), Failure> {
    match json {
        b"null" => {}
        [b'"', inside @ .., b'"'] => {
            let mut plain = Vec::with_capacity(inside.len());
            text::unescape_into(inside, &mut plain);
            let plain = String::from_utf8_lossy(&plain);
            pair(query, &param.name, |query| {
                query.extend(utf8_percent_encode(&plain, DATA))
            });
        }
        [b'[', ..] => {
            let items: Vec<&RawValue> = serde_json::from_slice(json).unwrap_or_default();
            for item in items {
                match item.get().as_bytes() {
                    [b'[', ..] => return Err(not_a_scalar(param)),
                    scalar => key(param, scalar, query)?,
                }
            }
        }
        [b'{', ..] => {
            return Err(not_a_scalar(param));
        }
        scalar => {
            let scalar = String::from_utf8_lossy(scalar);
            pair(query, &param.name, |query| {
                query.extend(utf8_percent_encode(&scalar, DATA))
            });
        }
    }
    Ok(())
}

fn not_a_scalar(param: &Param) -> Failure {
    Failure::new(
        FailureKind::BadInput,
        format!("The query parameter {:?} is not a scalar.", param.name),
    )
}

fn pair(query: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    value(query);
}
