//! The bytes of a message to canonical ProtoJSON, by descriptor.
//!
//! Two passes over each message: `wire.rs` sorts what is on the wire by field, this file puts it in the order of the
//! .proto file and adds what is absent but has a default. Bytes are trusted in nothing.

use std::{borrow::Cow, rc::Rc};

use prost::Message;
use prost_reflect::{Kind, MessageDescriptor};
use prost_types::Any;
use serde_json::{Map, Value};

use super::{
    layout::{Field, Layout, Layouts, Shape},
    scalar,
    well_known::{self, WellKnown},
    wire::{self, Slot},
};

/// How much of an answer is read.
#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// Levels of messages.
    pub depth: usize,
    /// Items of one list, entries of one map.
    pub list: usize,
    /// Values in all, defaults of absent fields included: a message of two bytes may stand for a hundred of them.
    pub values: usize,
}

/// Why bytes are no message of their type, or one too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes break the wire format or do not fit the descriptor.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// A value of a well-known type beyond what it may hold.
    #[error("{0} out of range")]
    OutOfRange(&'static str),
    /// Too many levels.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// [`DecodeLimits::depth`].
        limit: usize,
    },
    /// A list or a map is too long.
    #[error("a list of more than {limit} items")]
    TooLong {
        /// [`DecodeLimits::list`].
        limit: usize,
    },
    /// Too many values in all.
    #[error("more than {limit} values")]
    TooMany {
        /// [`DecodeLimits::values`].
        limit: usize,
    },
}

/// What is left of the limits.
pub(super) struct Budget {
    limits: DecodeLimits,
    values: usize,
}

struct Decoder {
    layouts: Layouts,
    budget: Budget,
}

/// Decodes `bytes` as a message of type `message` into canonical ProtoJSON.
///
/// Names are lowerCamel and stand in the order of the .proto file. 64-bit integers are text, enum values names (numbers
/// if unknown), bytes base64, NaN and infinities text. An absent scalar without presence is there with its default, an
/// absent list or map empty; an absent `optional` or message field is missing. Well-known types are as ProtoJSON writes
/// them; an `Any` of a type that the pool does not know keeps its bytes, as base64 under `value`.
///
/// # Errors
/// When the bytes do not fit `message` or pass a limit. Never panics, whatever the bytes.
pub fn decode_to_json(message: &MessageDescriptor, bytes: &[u8], limits: DecodeLimits) -> Result<Value, DecodeError> {
    let mut decoder = Decoder {
        layouts: Layouts::default(),
        budget: Budget {
            limits,
            values: limits.values,
        },
    };
    let layout = decoder.layouts.get(message);
    decoder.message(&layout, &[bytes], limits.depth)
}

// === impl Decoder ===

impl Decoder {
    fn message(&mut self, layout: &Rc<Layout>, chunks: &[&[u8]], depth: usize) -> Result<Value, DecodeError> {
        match layout.well_known {
            None => self.plain(layout, chunks, depth).map(Value::Object),
            Some(WellKnown::Wrapper) => self.wrapper(layout, chunks, depth),
            Some(WellKnown::Any) => self.any(layout, &whole(chunks), depth),
            Some(WellKnown::Value) => self.dynamic(layout, chunks, depth),
            Some(which) => well_known::decode(which, &whole(chunks)),
        }
    }

    fn plain(
        &mut self,
        layout: &Rc<Layout>,
        chunks: &[&[u8]],
        depth: usize,
    ) -> Result<Map<String, Value>, DecodeError> {
        let depth = self.budget.enter(depth)?;
        let slots = wire::sort(layout, chunks, &mut self.budget)?;
        let mut object = Map::with_capacity(layout.fields.len());
        for (field, slot) in layout.fields.iter().zip(slots) {
            if let Some(value) = self.field(field, slot, depth)? {
                self.budget.spend(1)?;
                object.insert(field.name.clone(), value);
            }
        }
        Ok(object)
    }

    /// `None`: the field is missing from the object.
    fn field(&mut self, field: &Field, slot: Slot<'_>, depth: usize) -> Result<Option<Value>, DecodeError> {
        Ok(Some(match (field.shape, slot) {
            (Shape::Single, Slot::Scalar(value)) => value,
            (Shape::Single, Slot::Message(chunks)) => self.child(field, &chunks, depth)?,
            (Shape::Single, _) if field.has_presence => return Ok(None),
            (Shape::Single, _) => default(&field.kind),
            (Shape::List, Slot::Scalars(values)) => Value::Array(values),
            (Shape::List, Slot::Messages(items)) => {
                let items = items.into_iter().map(|item| self.child(field, &[item], depth));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            (Shape::List, _) => Value::Array(Vec::new()),
            (Shape::Map, Slot::Messages(entries)) => Value::Object(self.map(field, &entries, depth)?),
            (Shape::Map, _) => Value::Object(Map::new()),
        }))
    }

    fn child(&mut self, field: &Field, chunks: &[&[u8]], depth: usize) -> Result<Value, DecodeError> {
        let layout = self.layouts.child(field);
        self.message(&layout, chunks, depth)
    }

    fn map(&mut self, field: &Field, entries: &[&[u8]], depth: usize) -> Result<Map<String, Value>, DecodeError> {
        let layout = self.layouts.child(field);
        let mut map = Map::with_capacity(entries.len());
        for entry in entries {
            let slots = wire::sort(&layout, &[entry], &mut self.budget)?;
            let (mut key, mut value) = (Value::Null, Value::Null);
            for (field, slot) in layout.fields.iter().zip(slots) {
                let place = if field.number == 1 { &mut key } else { &mut value };
                *place = match slot {
                    Slot::Scalar(value) => value,
                    Slot::Message(chunks) => self.child(field, &chunks, depth)?,
                    _ if matches!(field.kind, Kind::Message(_)) => self.child(field, &[], depth)?,
                    _ => default(&field.kind),
                };
            }
            let key = match key {
                Value::String(key) => key,
                key => key.to_string(),
            };
            map.insert(key, value);
        }
        Ok(map)
    }

    fn wrapper(&mut self, layout: &Rc<Layout>, chunks: &[&[u8]], depth: usize) -> Result<Value, DecodeError> {
        let mut object = self.plain(layout, chunks, depth)?;
        Ok(last(&mut object).map(|(_, value)| value).unwrap_or_default())
    }

    /// `google.protobuf.Value`: the member of its oneof that is there.
    fn dynamic(&mut self, layout: &Rc<Layout>, chunks: &[&[u8]], depth: usize) -> Result<Value, DecodeError> {
        let mut object = self.plain(layout, chunks, depth)?;
        match last(&mut object) {
            Some((kind, Value::String(_))) if kind == "numberValue" => {
                Err(DecodeError::OutOfRange("google.protobuf.Value"))
            }
            Some((_, value)) => Ok(value),
            None => Ok(Value::Null),
        }
    }

    fn any(&mut self, layout: &Rc<Layout>, bytes: &[u8], depth: usize) -> Result<Value, DecodeError> {
        let depth = self.budget.enter(depth)?;
        self.budget.spend(2)?;
        let Any { type_url, value } = Any::decode(bytes)?;
        let name = type_url.rsplit('/').next().unwrap_or_default();
        let inner = layout.message.parent_pool().get_message_by_name(name);
        let mut object = Map::new();
        object.insert("@type".to_owned(), Value::from(type_url.as_str()));
        match inner.map(|inner| self.layouts.get(&inner)) {
            None if type_url.is_empty() && value.is_empty() => object.clear(),
            None => {
                object.insert("value".to_owned(), scalar::from_bytes(&value));
            }
            Some(inner) if inner.well_known.is_none() && !inner.is_empty_type() => {
                object.extend(self.plain(&inner, &[&value], depth)?);
            }
            Some(inner) => {
                object.insert("value".to_owned(), self.message(&inner, &[&value], depth)?);
            }
        }
        Ok(Value::Object(object))
    }
}

fn last(object: &mut Map<String, Value>) -> Option<(String, Value)> {
    let name = object.keys().next_back()?.clone();
    object.remove_entry(&name)
}

fn whole<'a>(chunks: &[&'a [u8]]) -> Cow<'a, [u8]> {
    match chunks {
        [] => Cow::Borrowed(&[]),
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.concat()),
    }
}

/// What an absent field without presence holds.
fn default(kind: &Kind) -> Value {
    match kind {
        Kind::Double | Kind::Float => Value::from(0.0),
        Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Fixed32 | Kind::Sfixed32 => Value::from(0),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => Value::from("0"),
        Kind::Bool => Value::from(false),
        Kind::String | Kind::Bytes => Value::from(""),
        Kind::Enum(of) => scalar::from_enum(of.default_value().number(), of),
        Kind::Message(_) => Value::Null,
    }
}

// === impl DecodeLimits ===

impl Default for DecodeLimits {
    /// 64 levels, lists of 10,000, half a million values.
    fn default() -> Self {
        Self {
            depth: 64,
            list: 10_000,
            values: 500_000,
        }
    }
}

// === impl Budget ===

impl Budget {
    /// One level deeper: what is left of `depth`.
    pub(super) fn enter(&self, depth: usize) -> Result<usize, DecodeError> {
        depth.checked_sub(1).ok_or(DecodeError::TooDeep {
            limit: self.limits.depth,
        })
    }

    /// A list may have `len` items.
    pub(super) fn list(&self, len: usize) -> Result<(), DecodeError> {
        if len > self.limits.list {
            return Err(DecodeError::TooLong {
                limit: self.limits.list,
            });
        }
        Ok(())
    }

    /// Takes `values` more.
    pub(super) fn spend(&mut self, values: usize) -> Result<(), DecodeError> {
        self.values = self.values.checked_sub(values).ok_or(DecodeError::TooMany {
            limit: self.limits.values,
        })?;
        Ok(())
    }
}

// === impl DecodeError ===

impl From<prost::DecodeError> for DecodeError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}
