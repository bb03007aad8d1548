//! Binds a projection's keys to the fields of a message type.

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};

use super::{Start, Use, WireField, WireKind, WireMessage, WireProjection};
use crate::mapping::project::{KeyRule, Projection, Root};

struct Compiler<'a> {
    projection: &'a Projection,
    messages: Vec<WireMessage>,
    names: Vec<u8>,
}

// === impl WireProjection ===

impl WireProjection {
    /// Binds `projection` to `message`; `None` when answers have to be read as JSON.
    #[must_use]
    pub fn compile(projection: &Projection, message: &MessageDescriptor) -> Option<Self> {
        let Root::At { keys, level } = &projection.root else {
            return None;
        };
        let mut compiler = Compiler {
            projection,
            messages: Vec::new(),
            names: Vec::new(),
        };
        let root = match (&keys[..], level) {
            ([], Some(level)) => Start::Row(compiler.level(*level, message)?),
            ([], None) => return None,
            (keys, level) => Start::Slot(compiler.path(keys, *level, message)?),
        };
        Some(Self {
            messages: compiler.messages,
            root,
            names: compiler.names.into(),
        })
    }
}

// === impl Compiler ===

impl Compiler<'_> {
    fn level(&mut self, number: u16, message: &MessageDescriptor) -> Option<usize> {
        let projection = self.projection;
        let level = &projection.levels[usize::from(number)];
        // A slot that wants the whole message as it came would need its JSON text.
        if level.whole.is_some() || is_well_known(message) {
            return None;
        }
        let at = self.messages.len();
        self.messages.push(WireMessage {
            level: Some(number),
            fields: Vec::new(),
        });
        self.messages[at].fields = self.fields(&level.keys, message)?;
        Some(at)
    }

    /// The path of keys to the output, as rules for a row of one slot.
    fn path(&mut self, keys: &[Box<str>], level: Option<u16>, message: &MessageDescriptor) -> Option<usize> {
        let (first, rest) = keys.split_first()?;
        let at = self.messages.len();
        self.messages.push(WireMessage::default());
        let Some(field) = message.get_field_by_json_name(first) else {
            return Some(at);
        };
        let last = match (rest, level) {
            ([], None) => Use::Raw(0),
            ([], Some(level)) => Use::Rows {
                slot: 0,
                message: self.level(level, &message_of(&field)?)?,
            },
            (rest, level) if !field.is_list() => Use::Path(self.path(rest, level, &message_of(&field)?)?),
            _ => return None,
        };
        self.messages[at].fields = vec![self.field(&field, vec![last])?];
        Some(at)
    }

    fn fields(&mut self, rules: &[KeyRule], message: &MessageDescriptor) -> Option<Vec<WireField>> {
        let mut fields = Vec::with_capacity(rules.len());
        for rule in rules {
            let name = std::str::from_utf8(&rule.key).ok()?;
            let Some(field) = message.get_field_by_json_name(name) else {
                continue;
            };
            let mut uses: Vec<Use> = rule.raw.iter().map(|slot| Use::Raw(*slot)).collect();
            for (slot, level) in &rule.levels {
                uses.push(Use::Rows {
                    slot: *slot,
                    message: self.level(*level, &message_of(&field)?)?,
                });
            }
            if !rule.path.is_empty() {
                if field.is_list() {
                    return None;
                }
                let inner = message_of(&field)?;
                let at = self.messages.len();
                self.messages.push(WireMessage::default());
                self.messages[at].fields = self.fields(&rule.path, &inner)?;
                uses.push(Use::Path(at));
            }
            fields.push(self.field(&field, uses)?);
        }
        Some(fields)
    }

    fn field(&mut self, field: &FieldDescriptor, uses: Vec<Use>) -> Option<WireField> {
        if field.is_map() || field.is_group() {
            return None;
        }
        let wants_whole = uses.iter().any(|wanted| matches!(wanted, Use::Raw(_)));
        // One message read in two ways: rare enough to leave to the JSON reader.
        if wants_whole && uses.len() > 1 && matches!(field.kind(), Kind::Message(_)) {
            return None;
        }
        let kind = self.kind(field, wants_whole);
        let has_default = !field.supports_presence() && field.cardinality() != Cardinality::Required;
        Some(WireField {
            number: field.number(),
            kind,
            is_list: field.is_list(),
            has_default,
            uses,
        })
    }

    fn kind(&mut self, field: &FieldDescriptor, wants_whole: bool) -> WireKind {
        match field.kind() {
            Kind::Double => WireKind::Double,
            Kind::Float => WireKind::Float,
            Kind::Int32 => WireKind::Int32,
            Kind::Int64 => WireKind::Int64,
            Kind::Uint32 => WireKind::Uint32,
            Kind::Uint64 => WireKind::Uint64,
            Kind::Sint32 => WireKind::Sint32,
            Kind::Sint64 => WireKind::Sint64,
            Kind::Fixed32 => WireKind::Fixed32,
            Kind::Fixed64 => WireKind::Fixed64,
            Kind::Sfixed32 => WireKind::Sfixed32,
            Kind::Sfixed64 => WireKind::Sfixed64,
            Kind::Bool => WireKind::Bool,
            Kind::String => WireKind::String,
            Kind::Bytes => WireKind::Bytes,
            Kind::Enum(values) => {
                let names = values.values().map(|value| {
                    let start = self.names.len() as u32;
                    self.names.extend_from_slice(value.name().as_bytes());
                    (value.number(), start, value.name().len() as u32)
                });
                WireKind::Enum(names.collect())
            }
            Kind::Message(message) if wants_whole => WireKind::Whole(message),
            Kind::Message(_) => WireKind::Message,
        }
    }
}

/// The message type of a field; `None` for scalars, and for types that ProtoJSON writes in their own way.
fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !is_well_known(&message) => Some(message),
        _ => None,
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}
