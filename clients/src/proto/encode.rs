//! A ProtoJSON value to the bytes of a message, by descriptor.

use std::fmt;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::{
    method::{hint, nearest},
    scalar, well_known,
};

// As deep as decoders of protobuf commonly follow.
const DEPTH_MAX: usize = 100;

/// A value that does not fit its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    /// Where in the value: `lines[2].product.id`, empty for the value itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Encodes `value` as a message of type `message`.
///
/// Fields go by their JSON name (`productId`) or their own (`product_id`). Null is unset, except where the message says
/// that null is a value (`google.protobuf.Value`). Whole numbers may be text, enum values names or numbers, bytes are
/// base64, well-known types as ProtoJSON writes them. A plain scalar that has its default value is left out, as the
/// protocol has it.
///
/// # Errors
/// For the first field that `message` does not have, or whose value does not fit.
pub fn encode(message: &MessageDescriptor, value: &Value) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(64);
    encode_message(message, value, DEPTH_MAX, &mut out)?;
    Ok(Bytes::from(out))
}

/// Appends the fields of a message, without key and length.
fn encode_message(of: &MessageDescriptor, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if depth == 0 {
        return Err(EncodeError::new("is nested too deeply"));
    }
    if well_known::of(of).is_some() {
        return well_known::encode(of, value, out).map_err(EncodeError::new);
    }
    let Value::Object(object) = value else {
        return Err(EncodeError::new(scalar::unlike(
            &format!("an object of {}", of.full_name()),
            value,
        )));
    };
    let mut seen = Seen::default();
    for (name, value) in object {
        let field = of
            .get_field_by_json_name(name)
            .or_else(|| of.get_field_by_name(name))
            .ok_or_else(|| unknown(of, name).at(name))?;
        if value.is_null() && !well_known::takes_null(&field) {
            continue;
        }
        seen.add(&field).map_err(|error| error.at(name))?;
        encode_field(&field, value, depth, out).map_err(|error| error.at(name))?;
    }
    Ok(())
}

fn unknown(of: &MessageDescriptor, name: &str) -> EncodeError {
    let fields: Vec<_> = of.fields().collect();
    let suggestion = nearest(name, fields.iter().map(|field| field.json_name()));
    EncodeError::new(format!("is not a field of {}{}", of.full_name(), hint(suggestion)))
}

fn encode_field(field: &FieldDescriptor, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if field.is_map() {
        let Value::Object(entries) = value else {
            return Err(EncodeError::new(scalar::unlike("an object", value)));
        };
        return encode_map(field, entries, depth, out);
    }
    let kind = field.kind();
    if field.is_list() {
        let Value::Array(items) = value else {
            return Err(EncodeError::new(scalar::unlike("a list", value)));
        };
        return encode_list(field, &kind, items, depth, out);
    }
    let start = out.len();
    encode_single(field, &kind, value, depth, out)?;
    if !field.supports_presence() && is_default(&kind, &out[start..]) {
        out.truncate(start);
    }
    Ok(())
}

/// Whether a field just written, of a kind without presence, holds zero, false, or nothing.
fn is_default(kind: &Kind, written: &[u8]) -> bool {
    match kind {
        Kind::Message(_) => false,
        // After the key: zeros. Keys are never followed by padding, so the value is what the wire type says.
        _ => {
            let key_len = written
                .iter()
                .position(|byte| byte & 0x80 == 0)
                .map_or(0, |last| last + 1);
            written[key_len..].iter().all(|byte| *byte == 0)
        }
    }
}

fn encode_list(
    field: &FieldDescriptor,
    kind: &Kind,
    items: &[Value],
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if field.is_packed() {
        if items.is_empty() {
            return Ok(());
        }
        encode_key(field.number(), WireType::LengthDelimited, out);
        return prefixed(out, |out| {
            items.iter().enumerate().try_for_each(|(index, item)| {
                encode_scalar(kind, item, out).map_err(|message| EncodeError::new(message).at_index(index))
            })
        });
    }
    items.iter().enumerate().try_for_each(|(index, item)| {
        encode_single(field, kind, item, depth, out).map_err(|error| error.at_index(index))
    })
}

/// Each entry is a message with the key as field 1 and the value as field 2.
fn encode_map(
    field: &FieldDescriptor,
    entries: &Map<String, Value>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let Kind::Message(entry) = field.kind() else {
        return Err(EncodeError::new("is not a map"));
    };
    let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
    let (key_kind, value_kind) = (key_field.kind(), value_field.kind());
    for (key, value) in entries {
        encode_key(field.number(), WireType::LengthDelimited, out);
        prefixed(out, |out| {
            let key = map_key(&key_kind, key);
            encode_single(&key_field, &key_kind, &key, depth, out)?;
            encode_single(&value_field, &value_kind, value, depth, out)
        })
        .map_err(|error| error.at(key))?;
    }
    Ok(())
}

/// Keys of JSON objects are text, whatever kind they stand for.
fn map_key(kind: &Kind, key: &str) -> Value {
    match (kind, key) {
        (Kind::Bool, "true") => Value::Bool(true),
        (Kind::Bool, "false") => Value::Bool(false),
        _ => Value::from(key),
    }
}

/// Writes one value with its key.
fn encode_single(
    field: &FieldDescriptor,
    kind: &Kind,
    value: &Value,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match kind {
        Kind::Message(message) if field.is_group() => {
            encode_key(field.number(), WireType::StartGroup, out);
            encode_message(message, value, depth - 1, out)?;
            encode_key(field.number(), WireType::EndGroup, out);
            Ok(())
        }
        Kind::Message(message) => {
            encode_key(field.number(), WireType::LengthDelimited, out);
            prefixed(out, |out| encode_message(message, value, depth - 1, out))
        }
        _ => {
            encode_key(field.number(), kind.wire_type(), out);
            encode_scalar(kind, value, out).map_err(EncodeError::new)
        }
    }
}

/// Writes a scalar as its kind is on the wire, without a key.
fn encode_scalar(kind: &Kind, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match kind {
        Kind::Double => out.extend_from_slice(&scalar::double(value)?.to_le_bytes()),
        Kind::Float => out.extend_from_slice(&scalar::float(value)?.to_le_bytes()),
        Kind::Int32 => encode_varint(i64::from(scalar::integer::<i32>(value)?) as u64, out),
        Kind::Int64 => encode_varint(scalar::integer::<i64>(value)? as u64, out),
        Kind::Uint32 => encode_varint(u64::from(scalar::integer::<u32>(value)?), out),
        Kind::Uint64 => encode_varint(scalar::integer(value)?, out),
        Kind::Sint32 => encode_varint(zigzag(scalar::integer::<i32>(value)?.into()), out),
        Kind::Sint64 => encode_varint(zigzag(scalar::integer(value)?), out),
        Kind::Fixed32 => out.extend_from_slice(&scalar::integer::<u32>(value)?.to_le_bytes()),
        Kind::Fixed64 => out.extend_from_slice(&scalar::integer::<u64>(value)?.to_le_bytes()),
        Kind::Sfixed32 => out.extend_from_slice(&scalar::integer::<i32>(value)?.to_le_bytes()),
        Kind::Sfixed64 => out.extend_from_slice(&scalar::integer::<i64>(value)?.to_le_bytes()),
        Kind::Bool => out.push(u8::from(scalar::boolean(value)?)),
        Kind::String => delimited(scalar::text(value)?.as_bytes(), out),
        Kind::Bytes => delimited(&scalar::bytes(value)?, out),
        Kind::Enum(of) if value.is_null() && well_known::is_null_value(of) => out.push(0),
        Kind::Enum(of) => encode_varint(i64::from(scalar::enum_number(value, of)?) as u64, out),
        Kind::Message(of) => return Err(format!("{} is not a scalar", of.full_name())),
    }
    Ok(())
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn delimited(bytes: &[u8], out: &mut Vec<u8>) {
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Writes what `body` writes, behind its length. One byte is kept for the length, which is enough for 127; what is
/// longer is moved up.
fn prefixed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) -> Result<(), EncodeError> {
    let start = out.len();
    out.push(0);
    body(out)?;
    let len = out.len() - start - 1;
    if let Ok(byte @ 0..0x80) = u8::try_from(len) {
        out[start] = byte;
        return Ok(());
    }
    let mut prefix = SmallVec::<[u8; 10]>::new();
    let mut rest = len;
    while rest >= 0x80 {
        prefix.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    prefix.push(rest as u8);
    out.splice(start..=start, prefix);
    Ok(())
}

/// The fields of one message that have been written, to refuse a second value for one of them, or for its oneof.
#[derive(Default)]
struct Seen {
    fields: SmallVec<[u32; 16]>,
    oneofs: SmallVec<[(String, String); 2]>,
}

// === impl Seen ===

impl Seen {
    fn add(&mut self, field: &FieldDescriptor) -> Result<(), EncodeError> {
        if self.fields.contains(&field.number()) {
            return Err(EncodeError::new("is given twice"));
        }
        self.fields.push(field.number());
        if let Some(oneof) = field.containing_oneof() {
            if let Some((_, other)) = self.oneofs.iter().find(|(name, _)| name == oneof.name()) {
                return Err(EncodeError::new(format!("cannot be given together with \"{other}\"")));
            }
            self.oneofs
                .push((oneof.name().to_owned(), field.json_name().to_owned()));
        }
        Ok(())
    }
}

// === impl EncodeError ===

impl EncodeError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            message: message.into(),
        }
    }

    /// The same error, seen from one level further out.
    fn at(mut self, name: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{name}{joint}{}", self.path);
        self
    }

    fn at_index(mut self, index: usize) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("[{index}]{joint}{}", self.path);
        self
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() {
            "the message"
        } else {
            &self.path
        };
        write!(f, "{place}: {}", self.message)
    }
}

impl std::error::Error for EncodeError {}
