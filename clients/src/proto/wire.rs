//! The wire format: what a message has, sorted by field.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encoded_len_varint, skip_field};
use prost_reflect::Kind;
use serde_json::Value;
use smallvec::SmallVec;

use super::{
    decode::{Budget, DecodeError},
    layout::{Field, Layout, Shape},
    scalar,
};

/// The encodings of one message. Nearly always one; further ones for the same field are merged into it.
pub(super) type Chunks<'a> = SmallVec<[&'a [u8]; 1]>;

/// What is on the wire of one field.
#[derive(Debug, Clone, Default)]
pub(super) enum Slot<'a> {
    #[default]
    Empty,
    Scalar(Value),
    Message(Chunks<'a>),
    Scalars(Vec<Value>),
    /// Items of a list, or entries of a map.
    Messages(Vec<&'a [u8]>),
}

/// A value before its kind is known.
enum Raw<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Group(&'a [u8]),
}

/// Reads the fields of a message, in the order of `layout`. Unknown ones are passed over; of several values for a single
/// field the last one counts, and the last member of a oneof.
pub(super) fn sort<'a>(
    layout: &Layout,
    chunks: &[&'a [u8]],
    budget: &mut Budget,
) -> Result<Vec<Slot<'a>>, DecodeError> {
    let mut slots = vec![Slot::Empty; layout.fields.len()];
    let mut members = SmallVec::<[Option<usize>; 4]>::from_elem(None, layout.oneofs);
    let mut guess = 0;
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            let (number, wire_type) = decode_key(&mut rest)?;
            let Some(index) = layout.find(number, guess) else {
                skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
                continue;
            };
            guess = index;
            let field = &layout.fields[index];
            let raw = Raw::read(wire_type, number, &mut rest)?;
            if let Some(oneof) = field.oneof
                && let Some(previous) = members[oneof].replace(index)
                && previous != index
            {
                slots[previous] = Slot::Empty;
            }
            put(field, raw, &mut slots[index], budget)?;
        }
    }
    Ok(slots)
}

fn put<'a>(field: &Field, raw: Raw<'a>, slot: &mut Slot<'a>, budget: &mut Budget) -> Result<(), DecodeError> {
    match (field.shape, &field.kind) {
        (Shape::Single, Kind::Message(_)) => match slot {
            Slot::Message(chunks) => chunks.push(raw.bytes(field)?),
            slot => *slot = Slot::Message(Chunks::from_elem(raw.bytes(field)?, 1)),
        },
        (Shape::Single, _) => *slot = Slot::Scalar(raw.value(field)?),
        (_, Kind::Message(_)) => {
            let bytes = raw.bytes(field)?;
            let Slot::Messages(items) = slot else {
                *slot = Slot::Messages(vec![bytes]);
                return budget.spend(1);
            };
            items.push(bytes);
            budget.list(items.len())?;
            budget.spend(1)?;
        }
        (_, kind) => {
            if !matches!(slot, Slot::Scalars(_)) {
                *slot = Slot::Scalars(Vec::new());
            }
            let Slot::Scalars(items) = slot else {
                unreachable!("just set")
            };
            match raw {
                Raw::Bytes(packed) if !matches!(kind, Kind::String | Kind::Bytes) => {
                    unpack(field, packed, items, budget)?;
                }
                raw => {
                    items.push(raw.value(field)?);
                    budget.list(items.len())?;
                    budget.spend(1)?;
                }
            }
        }
    }
    Ok(())
}

fn unpack(field: &Field, mut packed: &[u8], items: &mut Vec<Value>, budget: &mut Budget) -> Result<(), DecodeError> {
    let wire_type = field.kind.wire_type();
    while !packed.is_empty() {
        items.push(Raw::read(wire_type, field.number, &mut packed)?.value(field)?);
        budget.list(items.len())?;
        budget.spend(1)?;
    }
    Ok(())
}

// === impl Raw ===

impl<'a> Raw<'a> {
    fn read(wire_type: WireType, number: u32, from: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(match wire_type {
            WireType::Varint => Self::Varint(decode_varint(from)?),
            WireType::ThirtyTwoBit => Self::Fixed32(fixed(from)?),
            WireType::SixtyFourBit => Self::Fixed64(fixed(from)?),
            WireType::LengthDelimited => {
                let len = usize::try_from(decode_varint(from)?).unwrap_or(usize::MAX);
                Self::Bytes(from.split_off(..len).ok_or_else(cut_off)?)
            }
            WireType::StartGroup => {
                let start = *from;
                skip_field(wire_type, number, from, DecodeContext::default())?;
                let end_key = encoded_len_varint(u64::from(number) << 3);
                Self::Group(&start[..(start.len() - from.len()).saturating_sub(end_key)])
            }
            WireType::EndGroup => {
                return Err(DecodeError::Malformed("a group ends that did not begin".to_owned()));
            }
        })
    }

    fn bytes(self, field: &Field) -> Result<&'a [u8], DecodeError> {
        match self {
            Self::Bytes(bytes) if !field.is_group => Ok(bytes),
            Self::Group(bytes) if field.is_group => Ok(bytes),
            _ => Err(misfit(field)),
        }
    }

    /// As JSON. Numbers wider than their field are cut, as the protocol has it.
    fn value(self, field: &Field) -> Result<Value, DecodeError> {
        Ok(match (&field.kind, self) {
            (Kind::Int32, Self::Varint(n)) => Value::from(n as i32),
            (Kind::Int64, Self::Varint(n)) => Value::from((n as i64).to_string()),
            (Kind::Uint32, Self::Varint(n)) => Value::from(n as u32),
            (Kind::Uint64, Self::Varint(n)) => Value::from(n.to_string()),
            (Kind::Sint32, Self::Varint(n)) => Value::from(unzigzag(u64::from(n as u32)) as i32),
            (Kind::Sint64, Self::Varint(n)) => Value::from(unzigzag(n).to_string()),
            (Kind::Bool, Self::Varint(n)) => Value::from(n != 0),
            (Kind::Enum(of), Self::Varint(n)) => scalar::from_enum(n as i32, of),
            (Kind::Fixed32, Self::Fixed32(n)) => Value::from(u32::from_le_bytes(n)),
            (Kind::Sfixed32, Self::Fixed32(n)) => Value::from(i32::from_le_bytes(n)),
            (Kind::Float, Self::Fixed32(n)) => scalar::from_float(f32::from_le_bytes(n)),
            (Kind::Fixed64, Self::Fixed64(n)) => Value::from(u64::from_le_bytes(n).to_string()),
            (Kind::Sfixed64, Self::Fixed64(n)) => Value::from(i64::from_le_bytes(n).to_string()),
            (Kind::Double, Self::Fixed64(n)) => scalar::from_double(f64::from_le_bytes(n)),
            (Kind::Bytes, Self::Bytes(bytes)) => scalar::from_bytes(bytes),
            (Kind::String, Self::Bytes(bytes)) => Value::from(
                str::from_utf8(bytes).map_err(|_| DecodeError::Malformed(format!("{} is not UTF-8", field.name)))?,
            ),
            _ => return Err(misfit(field)),
        })
    }
}

fn fixed<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (bytes, rest) = from.split_first_chunk().ok_or_else(cut_off)?;
    *from = rest;
    Ok(*bytes)
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn cut_off() -> DecodeError {
    DecodeError::Malformed("the message is cut off".to_owned())
}

fn misfit(field: &Field) -> DecodeError {
    DecodeError::Malformed(format!("{} has another wire type", field.name))
}
