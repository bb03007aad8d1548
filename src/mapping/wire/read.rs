//! Reads one message.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use switchboard_clients::proto::{self, DecodeLimits, MessageDescriptor};

use super::{
    Start, Use, WireField, WireKind, WireProjection,
    value::{self, Raw},
};
use crate::mapping::{
    Context, ScanLimits,
    project::Projection,
    scan::PendingRow,
    table::{NONE, Node, NodeKind, Table},
    text,
};

/// Why a message was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// The bytes are no such message.
    Malformed,
    /// A list is longer than it may be.
    ListTooLong,
    /// In order, but in a form that this reader leaves to the JSON reader.
    Unusual,
}

struct Reader<'a> {
    plan: &'a WireProjection,
    projection: &'a Projection,
    table: &'a mut Table,
    body: &'a [u8],
    number: u16,
    names: u16,
    limits: ScanLimits,
    pending: Vec<PendingRow>,
}

type Read<T> = Result<T, WireError>;

// === impl WireProjection ===

impl WireProjection {
    /// Reads `body` into `table` and returns the output.
    ///
    /// # Errors
    /// See [`WireError`]; what the table holds of the message then is garbage, though in bounds.
    pub fn read(
        &self,
        projection: &Projection,
        body: &Bytes,
        limits: ScanLimits,
        context: &mut Context<'_>,
        table: &mut Table,
    ) -> Result<Node, WireError> {
        let number = table.add_body(body.clone());
        let names = table.add_body(self.names.clone());
        let mut reader = Reader {
            plan: self,
            projection,
            table,
            body,
            number,
            names,
            limits,
            pending: Vec::new(),
        };
        let node = match self.root {
            Start::Row(message) => reader.row(message, 0, body.len())?,
            Start::Slot(message) => {
                let row = reader.table.nodes.len() as u32;
                reader.table.nodes.push(Node::of(NodeKind::Missing));
                reader.message(message, row, 0, body.len())?;
                *reader.table.node(row)
            }
        };
        let pending = reader.pending;
        for row in pending {
            projection.compute(row, context, table);
        }
        Ok(node)
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn row(&mut self, message: usize, from: usize, to: usize) -> Read<Node> {
        let number = self.plan.messages[message].level.expect("rows have a level");
        let level = &self.projection.levels[usize::from(number)];
        let row = level.new_row(self.table);
        self.message(message, row.start, from, to)?;
        if level.always_computed {
            self.pending.push(PendingRow {
                row: row.start,
                level: number,
                met_array: false,
            });
        }
        Ok(row)
    }

    /// Reads a message's fields into the slots of the row at `row`.
    fn message(&mut self, message: usize, row: u32, from: usize, to: usize) -> Read<()> {
        let plan = self.plan;
        let fields = &plan.messages[message].fields;
        for field in fields.iter().filter(|field| field.has_default) {
            let node = self.default(field);
            for wanted in &field.uses {
                if let Use::Raw(slot) | Use::Rows { slot, .. } = wanted {
                    self.table.nodes[row as usize + usize::from(*slot)] = node;
                }
            }
        }
        let (mut at, mut hint, mut seen_paths) = (from, 0, 0_u64);
        while at < to {
            let (number, value, next) = value::field(self.body, at, to)?;
            at = next;
            let same = |field: &WireField| field.number == number;
            let (before, after) = fields.split_at(hint);
            let found = after
                .iter()
                .position(same)
                .map(|found| found + hint)
                .or_else(|| before.iter().position(same));
            if let Some(found) = found {
                // Senders write fields in order, so the next one is looked for from here; lists repeat the same.
                hint = found;
                if fields[found].uses.iter().any(|wanted| matches!(wanted, Use::Path(_))) {
                    // A message sent in two parts is to be merged.
                    let bit = 1_u64.checked_shl(found as u32).ok_or(WireError::Unusual)?;
                    if seen_paths & bit != 0 {
                        return Err(WireError::Unusual);
                    }
                    seen_paths |= bit;
                }
                self.apply(&fields[found], &value, row)?;
            }
        }
        Ok(())
    }

    fn default(&self, field: &WireField) -> Node {
        if field.is_list {
            return Node {
                kind: NodeKind::List,
                body: 0,
                start: NONE,
                len: 0,
                next: NONE,
            };
        }
        match &field.kind {
            WireKind::Double => Node::bits(NodeKind::Double, 0),
            WireKind::Float => Node::bits(NodeKind::Float, 0),
            WireKind::Int32 | WireKind::Sint32 | WireKind::Sfixed32 => Node::bits(NodeKind::Int, 0),
            WireKind::Uint32 | WireKind::Fixed32 => Node::bits(NodeKind::Uint, 0),
            WireKind::Int64 | WireKind::Sint64 | WireKind::Sfixed64 => Node::bits(NodeKind::IntText, 0),
            WireKind::Uint64 | WireKind::Fixed64 => Node::bits(NodeKind::UintText, 0),
            WireKind::Bool => Node::of(NodeKind::False),
            WireKind::String | WireKind::Bytes => Node::span(NodeKind::Text, 0, 0, 0),
            WireKind::Enum(values) => self.enum_name(values, 0).unwrap_or(Node::of(NodeKind::Missing)),
            WireKind::Message | WireKind::Whole(_) => Node::of(NodeKind::Missing),
        }
    }

    fn apply(&mut self, field: &WireField, value: &Raw, row: u32) -> Read<()> {
        for wanted in &field.uses {
            match (wanted, value) {
                (Use::Path(message), Raw::Bytes(from, to)) => self.message(*message, row, *from, *to)?,
                (Use::Rows { slot, message }, Raw::Bytes(from, to)) => {
                    let node = self.row(*message, *from, *to)?;
                    self.put(field, row, *slot, node)?;
                }
                (Use::Raw(slot), Raw::Bytes(from, to)) if field.is_list && field.kind.is_packable() => {
                    let (mut at, to) = (*from, *to);
                    while at < to {
                        let (value, next) = value::value(self.body, field.kind.wire_type(), at, to)?;
                        at = next;
                        let node = self.scalar(&field.kind, &value)?;
                        self.put(field, row, *slot, node)?;
                    }
                }
                (Use::Raw(slot), value) => {
                    let node = self.scalar(&field.kind, value)?;
                    self.put(field, row, *slot, node)?;
                }
                _ => return Err(WireError::Malformed),
            }
        }
        Ok(())
    }

    /// Sets a slot, or appends to the list in it. A list's own `next` holds its last item while it grows: slots are in
    /// no list themselves.
    fn put(&mut self, field: &WireField, row: u32, slot: u16, node: Node) -> Read<()> {
        let place = row as usize + usize::from(slot);
        if !field.is_list {
            let is_message = matches!(field.kind, WireKind::Message | WireKind::Whole(_));
            // A message sent in two parts is to be merged.
            if is_message && self.table.nodes[place].kind != NodeKind::Missing {
                return Err(WireError::Unusual);
            }
            self.table.nodes[place] = node;
            return Ok(());
        }
        let index = self.table.nodes.len() as u32;
        self.table.nodes.push(node);
        let list = self.table.nodes[place];
        if list.len >= self.limits.list {
            return Err(WireError::ListTooLong);
        }
        match list.len {
            0 => self.table.nodes[place].start = index,
            _ => self.table.nodes[list.next as usize].next = index,
        }
        let list = &mut self.table.nodes[place];
        list.next = index;
        list.len += 1;
        Ok(())
    }

    fn scalar(&mut self, kind: &WireKind, value: &Raw) -> Read<Node> {
        let node = match (kind, value) {
            (WireKind::String, Raw::Bytes(from, to)) => {
                simdutf8::basic::from_utf8(&self.body[*from..*to]).map_err(|_| WireError::Malformed)?;
                Node::span(NodeKind::Text, self.number, *from as u32, (to - from) as u32)
            }
            (WireKind::Bytes, Raw::Bytes(from, to)) => {
                let encoded = BASE64_STANDARD.encode(&self.body[*from..*to]);
                self.table.own(NodeKind::Text, encoded.as_bytes())
            }
            (WireKind::Whole(message), Raw::Bytes(from, to)) => return self.whole(message, *from, *to),
            (WireKind::Enum(values), Raw::Varint(bits)) => {
                let number = *bits as i32;
                self.enum_name(values, number)
                    .unwrap_or(Node::bits(NodeKind::Int, i64::from(number) as u64))
            }
            (kind, value) => value::number(kind, value).ok_or(WireError::Malformed)?,
        };
        Ok(node)
    }

    /// A message that is wanted whole, as ProtoJSON text.
    fn whole(&mut self, message: &MessageDescriptor, from: usize, to: usize) -> Read<Node> {
        let limits = DecodeLimits {
            depth: self.limits.depth as usize,
            list: self.limits.list as usize,
            values: 1_000_000,
        };
        let value = proto::decode_to_json(message, &self.body[from..to], limits).map_err(|_| WireError::Malformed)?;
        let kind = match &value {
            serde_json::Value::Null => NodeKind::Null,
            serde_json::Value::Bool(true) => NodeKind::True,
            serde_json::Value::Bool(false) => NodeKind::False,
            serde_json::Value::Number(_) => NodeKind::Number,
            serde_json::Value::String(_) => NodeKind::String,
            serde_json::Value::Array(_) => NodeKind::RawArray,
            serde_json::Value::Object(_) => NodeKind::RawObject,
        };
        let mut json = Vec::new();
        text::write_value(&value, &mut json);
        Ok(self.table.own(kind, &json))
    }

    fn enum_name(&self, values: &[(i32, u32, u32)], number: i32) -> Option<Node> {
        let (_, start, length) = values.iter().find(|(known, ..)| *known == number)?;
        Some(Node::span(NodeKind::Text, self.names, *start, *length))
    }
}
