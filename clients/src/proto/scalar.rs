//! Plain values: JSON to what a field of a kind holds, and back.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::EnumDescriptor;
use serde_json::{Number, Value};

use super::method::{hint, nearest};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

// Beyond it not every whole number is a float, so a float does not say which one was meant.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

// === JSON to values ===

/// A whole number of any 64-bit kind, given as a number (`3`, `3.0`) or as text (`"3"`).
pub(super) fn integer<T: TryFrom<i128>>(value: &Value) -> Result<T, String> {
    let number = match value {
        Value::Number(number) => whole(number),
        Value::String(text) => text.parse().ok().or_else(|| text.parse().ok().and_then(whole_float)),
        _ => return Err(unlike("a whole number", value)),
    };
    let number = number.ok_or_else(|| unlike("a whole number", value))?;
    T::try_from(number).map_err(|_| format!("{number} is out of range"))
}

fn whole(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
        .or_else(|| number.as_f64().and_then(whole_float))
}

fn whole_float(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i128)
}

/// A number, given as a number or as text, `"NaN"`, `"Infinity"` and `"-Infinity"` included.
pub(super) fn double(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // Rust reads "inf" and "nan" too, ProtoJSON does not.
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    };
    number.ok_or_else(|| unlike("a number", value))
}

/// As [`double`], within the range of 32 bits.
pub(super) fn float(value: &Value) -> Result<f32, String> {
    let wide = double(value)?;
    let narrow = wide as f32;
    if wide.is_finite() && narrow.is_infinite() {
        return Err(format!("{wide} is out of range"));
    }
    Ok(narrow)
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| unlike("true or false", value))
}

pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| unlike("text", value))
}

/// Base64, of either alphabet, padded or not.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    let text = value.as_str().ok_or_else(|| unlike("base64 text", value))?;
    BASE64
        .decode(text)
        .or_else(|_| BASE64_URL.decode(text))
        .map_err(|_| "is not base64".to_owned())
}

/// The number of an enum value, given by name or by number, known or not.
pub(super) fn enum_number(value: &Value, of: &EnumDescriptor) -> Result<i32, String> {
    let Some(name) = value.as_str() else {
        return integer(value).map_err(|_| unlike(&format!("a value of {}", of.full_name()), value));
    };
    of.get_value_by_name(name).map(|found| found.number()).ok_or_else(|| {
        let values: Vec<_> = of.values().collect();
        let suggestion = nearest(name, values.iter().map(|value| value.name()));
        format!("\"{name}\" is not a value of {}{}", of.full_name(), hint(suggestion))
    })
}

/// "must be …, is …", with no more of a text value than its kind: it may be anybody's.
pub(super) fn unlike(wanted: &str, value: &Value) -> String {
    let kind: Cow<'_, str> = match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(number) => number.to_string().into(),
        Value::String(_) => "text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    };
    format!("must be {wanted}, is {kind}")
}

// === values to JSON ===

pub(super) fn from_double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::from(not_finite(number)), Value::Number)
}

/// The shortest decimal that reads as this float: `0.1`, not `0.10000000149011612`.
pub(super) fn from_float(number: f32) -> Value {
    let shortest = if number.is_finite() {
        number.to_string().parse().ok()
    } else {
        None
    };
    from_double(shortest.unwrap_or(f64::from(number)))
}

fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

pub(super) fn from_bytes(bytes: &[u8]) -> Value {
    Value::from(base64::prelude::BASE64_STANDARD.encode(bytes))
}

/// By name if the number has one.
pub(super) fn from_enum(number: i32, of: &EnumDescriptor) -> Value {
    if of.full_name() == "google.protobuf.NullValue" {
        return Value::Null;
    }
    of.get_value(number)
        .map_or_else(|| Value::from(number), |value| Value::from(value.name()))
}
