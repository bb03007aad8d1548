//! The types of `google/protobuf/*.proto` that ProtoJSON writes in a way of their own.

use prost::Message;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::{Duration, FieldMask, Timestamp};
use serde::de::DeserializeSeed;
use serde_json::Value;

use super::decode::DecodeError;

// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
// 10,000 years.
const DURATION_SECONDS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;

/// Which of them a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WellKnown {
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Value,
    /// A message that is written as the value of its only field: `Struct`, `ListValue`, and those around one scalar.
    Wrapper,
}

/// Whether ProtoJSON writes `message` in a way of its own. `Empty` needs none: it is an object without fields.
pub(super) fn of(message: &MessageDescriptor) -> Option<WellKnown> {
    Some(match message.full_name().strip_prefix("google.protobuf.")? {
        "Any" => WellKnown::Any,
        "Timestamp" => WellKnown::Timestamp,
        "Duration" => WellKnown::Duration,
        "FieldMask" => WellKnown::FieldMask,
        "Value" => WellKnown::Value,
        "Struct" | "ListValue" | "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue" | "Int32Value"
        | "Int64Value" | "StringValue" | "UInt32Value" | "UInt64Value" => WellKnown::Wrapper,
        _ => return None,
    })
}

/// Whether null is a value for `field`, not its absence.
pub(super) fn takes_null(field: &FieldDescriptor) -> bool {
    if field.is_list() || field.is_map() {
        return false;
    }
    match field.kind() {
        Kind::Message(message) => of(&message) == Some(WellKnown::Value),
        Kind::Enum(of) => is_null_value(&of),
        _ => false,
    }
}

pub(super) fn is_null_value(of: &EnumDescriptor) -> bool {
    of.full_name() == "google.protobuf.NullValue"
}

/// Appends the fields of a well-known message. Requests rarely carry one: prost-reflect's own reading of them will do.
pub(super) fn encode(message: &MessageDescriptor, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let message = message.clone().deserialize(value).map_err(|error| error.to_string())?;
    message.encode(out).map_err(|error| error.to_string())
}

/// Reads one that is not made of other fields: a timestamp, a duration, a field mask.
pub(super) fn decode(which: WellKnown, bytes: &[u8]) -> Result<Value, DecodeError> {
    match which {
        WellKnown::Timestamp => timestamp(&Timestamp::decode(bytes)?),
        WellKnown::Duration => duration(&Duration::decode(bytes)?),
        _ => Ok(field_mask(&FieldMask::decode(bytes)?)),
    }
}

fn timestamp(at: &Timestamp) -> Result<Value, DecodeError> {
    if !TIMESTAMP_SECONDS.contains(&at.seconds) || !(0..1_000_000_000).contains(&at.nanos) {
        return Err(DecodeError::OutOfRange("google.protobuf.Timestamp"));
    }
    Ok(Value::from(at.to_string()))
}

fn duration(of: &Duration) -> Result<Value, DecodeError> {
    let signs_agree = of.seconds.signum() * i64::from(of.nanos.signum()) >= 0;
    if !DURATION_SECONDS.contains(&of.seconds) || of.nanos.unsigned_abs() >= 1_000_000_000 || !signs_agree {
        return Err(DecodeError::OutOfRange("google.protobuf.Duration"));
    }
    Ok(Value::from(of.to_string()))
}

/// `user.display_name` becomes `user.displayName`; paths are joined by commas.
fn field_mask(mask: &FieldMask) -> Value {
    let mut text = String::new();
    for path in &mask.paths {
        if !text.is_empty() {
            text.push(',');
        }
        let mut raise = false;
        for letter in path.chars() {
            match letter {
                '_' => raise = true,
                letter if raise => {
                    text.push(letter.to_ascii_uppercase());
                    raise = false;
                }
                letter => text.push(letter),
            }
        }
    }
    Value::from(text)
}
