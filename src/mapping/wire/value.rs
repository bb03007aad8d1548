//! The wire format: keys, lengths, numbers. <https://protobuf.dev/programming-guides/encoding/>

use super::{WireError, WireKind};
use crate::mapping::table::{Node, NodeKind};

/// A value as it stands on the wire.
pub(super) enum Raw {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// From, to.
    Bytes(usize, usize),
}

type Read<T> = Result<T, WireError>;

/// The field at `at`: its number, its value, and where the next one begins.
#[inline]
pub(super) fn field(body: &[u8], at: usize, to: usize) -> Read<(u32, Raw, usize)> {
    let (key, at) = varint(body, at, to)?;
    let number = u32::try_from(key >> 3).map_err(|_| WireError::Malformed)?;
    if number == 0 {
        return Err(WireError::Malformed);
    }
    let (value, at) = value(body, (key & 7) as u8, at, to)?;
    Ok((number, value, at))
}

/// A value of a wire type, and where the next thing begins.
#[inline]
pub(super) fn value(body: &[u8], wire_type: u8, at: usize, to: usize) -> Read<(Raw, usize)> {
    match wire_type {
        0 => {
            let (value, at) = varint(body, at, to)?;
            Ok((Raw::Varint(value), at))
        }
        1 => {
            let bytes = body[at..to].first_chunk::<8>().ok_or(WireError::Malformed)?;
            Ok((Raw::Fixed64(u64::from_le_bytes(*bytes)), at + 8))
        }
        2 => {
            let (length, at) = varint(body, at, to)?;
            let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
            let end = end.filter(|end| *end <= to).ok_or(WireError::Malformed)?;
            Ok((Raw::Bytes(at, end), end))
        }
        5 => {
            let bytes = body[at..to].first_chunk::<4>().ok_or(WireError::Malformed)?;
            Ok((Raw::Fixed32(u32::from_le_bytes(*bytes)), at + 4))
        }
        // Groups ended with proto2's first years.
        3 | 4 => Err(WireError::Unusual),
        _ => Err(WireError::Malformed),
    }
}

#[inline]
fn varint(body: &[u8], at: usize, to: usize) -> Read<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in body[at..to].iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, at + index + 1));
        }
    }
    Err(WireError::Malformed)
}

/// A number or boolean as ProtoJSON shows it.
pub(super) fn number(kind: &WireKind, value: &Raw) -> Option<Node> {
    let signed = |value: i64| value as u64;
    Some(match (kind, value) {
        (WireKind::Double, Raw::Fixed64(bits)) => Node::bits(NodeKind::Double, *bits),
        (WireKind::Float, Raw::Fixed32(bits)) => Node::bits(NodeKind::Float, u64::from(*bits)),
        (WireKind::Int32, Raw::Varint(bits)) => Node::bits(NodeKind::Int, signed(i64::from(*bits as i32))),
        (WireKind::Int64, Raw::Varint(bits)) => Node::bits(NodeKind::IntText, *bits),
        (WireKind::Uint32, Raw::Varint(bits)) => Node::bits(NodeKind::Uint, u64::from(*bits as u32)),
        (WireKind::Uint64, Raw::Varint(bits)) => Node::bits(NodeKind::UintText, *bits),
        (WireKind::Sint32, Raw::Varint(bits)) => {
            let bits = *bits as u32;
            Node::bits(
                NodeKind::Int,
                signed(i64::from((bits >> 1) as i32 ^ -((bits & 1) as i32))),
            )
        }
        (WireKind::Sint64, Raw::Varint(bits)) => {
            Node::bits(NodeKind::IntText, signed((bits >> 1) as i64 ^ -((bits & 1) as i64)))
        }
        (WireKind::Fixed32, Raw::Fixed32(bits)) => Node::bits(NodeKind::Uint, u64::from(*bits)),
        (WireKind::Fixed64, Raw::Fixed64(bits)) => Node::bits(NodeKind::UintText, *bits),
        (WireKind::Sfixed32, Raw::Fixed32(bits)) => Node::bits(NodeKind::Int, signed(i64::from(*bits as i32))),
        (WireKind::Sfixed64, Raw::Fixed64(bits)) => Node::bits(NodeKind::IntText, *bits),
        (WireKind::Bool, Raw::Varint(bits)) => Node::of(if *bits == 0 { NodeKind::False } else { NodeKind::True }),
        _ => return None,
    })
}

// === impl WireKind ===

impl WireKind {
    pub(super) fn is_packable(&self) -> bool {
        !matches!(self, Self::String | Self::Bytes | Self::Message | Self::Whole(_))
    }

    /// How single values stand in a packed list.
    pub(super) fn wire_type(&self) -> u8 {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => 1,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => 5,
            Self::String | Self::Bytes | Self::Message | Self::Whole(_) => 2,
            _ => 0,
        }
    }
}
