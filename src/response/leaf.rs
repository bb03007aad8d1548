//! Result coercion of scalars and enums, from spans to the answer.
//!
//! <https://spec.graphql.org/September2025/#sec-Scalars.Result-Coercion-and-Serialization>; where the specification
//! leaves a choice (numeric text for `Int`, numbers for `Boolean`), as the reference implementation has it.

use std::sync::Arc;

use super::copy;
use crate::{
    mapping::{Layouts, Node, NodeKind, Table, text},
    plan::ValueShape,
    schema::model::Scalar,
};

/// Why a value does not fit its type; in words for the client, without the value.
pub(super) type Misfit = &'static str;

/// Appends a scalar or enum value that is neither null nor missing.
pub(super) fn write(table: &Table, node: &Node, shape: &ValueShape, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match shape {
        ValueShape::Scalar(Scalar::String) => string(table, node, out),
        ValueShape::Scalar(Scalar::Int) => int(table, node, out),
        ValueShape::Scalar(Scalar::Id) => id(table, node, out),
        ValueShape::Scalar(Scalar::Float) => float(table, node, out),
        ValueShape::Scalar(Scalar::Boolean) => boolean(table, node, out),
        ValueShape::Scalar(Scalar::Custom) => {
            table.write_json(node, &Layouts::default(), None, out);
            Ok(())
        }
        ValueShape::Enum(values) => enumeration(table, node, values, out),
        ValueShape::Object(_) => Err("A scalar was expected."),
    }
}

/// Appends a scalar whose source wrote it just as its type wants it, which most do. Otherwise nothing is appended, and
/// [`write`] has the say.
#[inline]
pub(super) fn plain(table: &Table, node: &Node, scalar: Scalar, out: &mut Vec<u8>) -> bool {
    match (node.kind, scalar) {
        (NodeKind::String, Scalar::String | Scalar::Id) => {
            copy::span(table, node, out);
            true
        }
        (NodeKind::Number, Scalar::Int | Scalar::Float) if is_short_whole(table, node) => {
            copy::span(table, node, out);
            true
        }
        (NodeKind::Number, Scalar::Id) if is_short_whole(table, node) => {
            out.push(b'"');
            copy::span(table, node, out);
            out.push(b'"');
            true
        }
        (NodeKind::Text, Scalar::String | Scalar::Id) if text::plain_length(table.bytes(node)) == node.len as usize => {
            out.push(b'"');
            copy::span(table, node, out);
            out.push(b'"');
            true
        }
        (NodeKind::Int, Scalar::Int) => match i32::try_from(node.as_bits() as i64) {
            Ok(whole) => {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
                true
            }
            Err(_) => false,
        },
        (NodeKind::True, Scalar::Boolean) => {
            out.extend_from_slice(b"true");
            true
        }
        (NodeKind::False, Scalar::Boolean) => {
            out.extend_from_slice(b"false");
            true
        }
        _ => false,
    }
}

/// Up to nine digits: fits every numeric type, and is canonical unless it starts with a zero, which JSON allows for 0 only.
#[inline]
fn is_short_whole(table: &Table, node: &Node) -> bool {
    node.len < 10 && table.bytes(node).iter().all(u8::is_ascii_digit)
}

/// A number by value, however the source wrote it.
enum Number {
    Whole(i64),
    Real(f64),
}

// === impl Number ===

impl Number {
    fn is_finite(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Real(real) => real.is_finite(),
        }
    }
}

fn number(table: &Table, node: &Node) -> Option<Number> {
    match node.kind {
        NodeKind::Number => parse(table.bytes(node)),
        NodeKind::String => {
            let quoted = table.bytes(node);
            let mut plain = Vec::new();
            text::unescape_into(&quoted[1..quoted.len() - 1], &mut plain);
            parse_text(&plain)
        }
        NodeKind::Text => parse_text(table.bytes(node)),
        NodeKind::Int | NodeKind::IntText => Some(Number::Whole(node.as_bits() as i64)),
        NodeKind::Uint | NodeKind::UintText => {
            let value = node.as_bits();
            Some(i64::try_from(value).map_or(Number::Real(value as f64), Number::Whole))
        }
        NodeKind::Double => Some(Number::Real(f64::from_bits(node.as_bits()))),
        NodeKind::Float => Some(Number::Real(f64::from(f32::from_bits(node.start)))),
        NodeKind::True => Some(Number::Whole(1)),
        NodeKind::False => Some(Number::Whole(0)),
        _ => None,
    }
}

fn parse_text(text: &[u8]) -> Option<Number> {
    let text = text.trim_ascii();
    // Rust also reads "inf" and "nan"; JSON numbers have neither letters nor a leading plus.
    if text.is_empty()
        || !text
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    parse(text)
}

fn parse(text: &[u8]) -> Option<Number> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(whole) = text.parse() {
        return Some(Number::Whole(whole));
    }
    text.parse().ok().map(Number::Real)
}

fn int(table: &Table, node: &Node, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if node.kind == NodeKind::Number && is_short_whole(table, node) {
        out.extend_from_slice(table.bytes(node));
        return Ok(());
    }
    let whole = match number(table, node) {
        Some(Number::Whole(whole)) => whole,
        Some(Number::Real(real)) if real.is_finite() && real == real.trunc() => real as i64,
        _ => return Err("Int cannot represent non-integer value."),
    };
    if i32::try_from(whole).is_err() {
        return Err("Int cannot represent non 32-bit signed integer value.");
    }
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    Ok(())
}

fn float(table: &Table, node: &Node, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let misfit = "Float cannot represent non numeric value.";
    if node.kind == NodeKind::Number {
        let bytes = table.bytes(node);
        let can_overflow = bytes.len() > 300 || bytes.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if can_overflow && !matches!(parse(bytes), Some(Number::Real(real)) if real.is_finite()) {
            return Err(misfit);
        }
        out.extend_from_slice(bytes);
        return Ok(());
    }
    match number(table, node) {
        Some(Number::Whole(whole)) => out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes()),
        Some(Number::Real(real)) if real.is_finite() => match node.kind {
            NodeKind::Float => text::write_float(f32::from_bits(node.start), out),
            _ => text::write_double(real, out),
        },
        _ => return Err(misfit),
    }
    Ok(())
}

fn string(table: &Table, node: &Node, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match node.kind {
        NodeKind::String | NodeKind::Text | NodeKind::IntText | NodeKind::UintText => table.write_scalar(node, out),
        NodeKind::True => out.extend_from_slice(b"\"true\""),
        NodeKind::False => out.extend_from_slice(b"\"false\""),
        NodeKind::Number | NodeKind::Int | NodeKind::Uint | NodeKind::Double | NodeKind::Float
            if number(table, node).is_some_and(|number| number.is_finite()) =>
        {
            number_text(table, node, out);
        }
        _ => return Err("String cannot represent value."),
    }
    Ok(())
}

fn id(table: &Table, node: &Node, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match node.kind {
        NodeKind::String | NodeKind::Text | NodeKind::IntText | NodeKind::UintText => {
            table.write_scalar(node, out);
            return Ok(());
        }
        NodeKind::Number | NodeKind::Int | NodeKind::Uint | NodeKind::Double | NodeKind::Float => {}
        _ => return Err("ID cannot represent value."),
    }
    match number(table, node) {
        Some(Number::Whole(_)) => {}
        Some(Number::Real(real)) if real.is_finite() && real == real.trunc() => {}
        _ => return Err("ID cannot represent value."),
    }
    number_text(table, node, out);
    Ok(())
}

/// Appends a finite number as text: an integer as its source wrote it, however many digits it has, all others as JavaScript would.
fn number_text(table: &Table, node: &Node, out: &mut Vec<u8>) {
    out.push(b'"');
    let is_whole = node.kind == NodeKind::Number
        && table
            .bytes(node)
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'-');
    match number(table, node) {
        Some(Number::Whole(0)) => out.push(b'0'),
        Some(Number::Real(real)) if !is_whole && node.kind != NodeKind::Float => write_real(real, out),
        _ => table.write_scalar(node, out),
    }
    out.push(b'"');
}

/// <https://tc39.es/ecma262/#sec-numeric-types-number-tostring>
fn write_real(real: f64, out: &mut Vec<u8>) {
    match real.abs() {
        0.0 => out.push(b'0'),
        // Digits up to there, whatever they are worth.
        size if size == size.trunc() && size < 1e21 => out.extend_from_slice(real.to_string().as_bytes()),
        _ => text::write_double(real, out),
    }
}

fn boolean(table: &Table, node: &Node, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let value = match node.kind {
        NodeKind::True => true,
        NodeKind::False => false,
        NodeKind::Number | NodeKind::Int | NodeKind::Uint | NodeKind::Double | NodeKind::Float => {
            match number(table, node) {
                Some(Number::Whole(whole)) => whole != 0,
                Some(Number::Real(real)) if real.is_finite() => real != 0.0,
                _ => return Err("Boolean cannot represent a non boolean value."),
            }
        }
        _ => return Err("Boolean cannot represent a non boolean value."),
    };
    out.extend_from_slice(if value { b"true" } else { b"false" });
    Ok(())
}

fn enumeration(table: &Table, node: &Node, values: &[Arc<str>], out: &mut Vec<u8>) -> Result<(), Misfit> {
    let bytes = match node.kind {
        NodeKind::Text => table.bytes(node),
        NodeKind::String => {
            let quoted = table.bytes(node);
            &quoted[1..quoted.len() - 1]
        }
        _ => return Err("The value is none of the enum's."),
    };
    let mut plain = Vec::new();
    text::unescape_into(bytes, &mut plain);
    let Some(value) = values.iter().find(|value| value.as_bytes() == plain) else {
        return Err("The value is none of the enum's.");
    };
    text::write_string(value, out);
    Ok(())
}
