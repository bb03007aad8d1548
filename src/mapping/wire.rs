//! Reads a protobuf message by descriptor straight into a table, without a JSON text or a message object.
//!
//! The same [`Projection`] that notes spans of JSON bodies notes fields of messages here; values are as ProtoJSON shows
//! them (64-bit integers are text, enums names). What a projection wants of a message in a form that this reader does not
//! know (maps, well-known types inside paths) is left to the JSON reader: [`WireProjection::compile`] says so.

mod compile;
mod read;
mod value;

pub use read::WireError;

use bytes::Bytes;
use prost_reflect::MessageDescriptor;

/// A projection bound to a message type.
#[derive(Debug)]
pub struct WireProjection {
    messages: Vec<WireMessage>,
    root: Start,
    /// Names of enum values, one after the other: a body that spans point into.
    names: Bytes,
}

/// Where reading starts.
#[derive(Debug)]
enum Start {
    /// The message is an object of this level: index of its message.
    Row(usize),
    /// The output is one slot, filled by this message's rules.
    Slot(usize),
}

/// What is read of one message type at one place.
#[derive(Debug, Default)]
struct WireMessage {
    /// The level whose rows it fills; `None` when it fills slots of the row it is in.
    level: Option<u16>,
    fields: Vec<WireField>,
}

#[derive(Debug)]
struct WireField {
    number: u32,
    kind: WireKind,
    is_list: bool,
    /// Whether an absent value is the type's default rather than missing.
    has_default: bool,
    uses: Vec<Use>,
}

/// What is done with a field's value.
#[derive(Debug)]
enum Use {
    /// Its value goes to a slot.
    Raw(u16),
    /// Its messages become rows, in a slot.
    Rows { slot: u16, message: usize },
    /// Its message has values for the same row.
    Path(usize),
}

#[derive(Debug)]
enum WireKind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    /// Value → span of its name in [`WireProjection::names`].
    Enum(Vec<(i32, u32, u32)>),
    /// A message that is read by its own rules.
    Message,
    /// A message that is wanted whole, as ProtoJSON.
    Whole(MessageDescriptor),
}
