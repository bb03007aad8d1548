//! Where the spans of an answer are noted: rows of slots over bodies that stay bytes.
//!
//! A source's body is never made into a tree of values. Scanning it ([`super::scan`], [`super::wire`]) leaves one
//! [`Node`] for each value that an operation asked for; the answer is later copied from the spans that nodes point at.

use bytes::Bytes;
use serde_json::Value;

use super::{layout::LayoutId, text};

/// One value: 16 bytes, no owned data.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Which body its span is in; 0 is [`Table::owned`].
    pub body: u16,
    /// Span kinds: first byte. Row: index of its first slot. List: index of its first item. 64-bit numbers: low half.
    pub start: u32,
    /// Span kinds: length in bytes. Row: its ordinal among the rows of its layout. List: number of items. 64-bit numbers: high half.
    pub len: u32,
    /// Next item of the list that this node is in; [`NONE`] at the end.
    pub next: u32,
}

/// No node.
pub const NONE: u32 = u32::MAX;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// The source had no such key.
    Missing,
    /// null.
    Null,
    /// null, and the source said why: `start` is the number of its error.
    Failed,
    /// true.
    True,
    /// false.
    False,
    /// Span of a JSON number.
    Number,
    /// Span of a JSON string, with its quotes.
    String,
    /// Span of a JSON object that was not looked into.
    RawObject,
    /// Span of a JSON array that was not looked into.
    RawArray,
    /// Span of plain UTF-8, to be escaped when written.
    Text,
    /// A number by value.
    Int,
    /// A number by value.
    Uint,
    /// A 64-bit integer that counts as text in JSON.
    IntText,
    /// A 64-bit integer that counts as text in JSON.
    UintText,
    /// A double by its bits.
    Double,
    /// A float by its bits.
    Float,
    /// Nodes linked by `next`.
    List,
    /// An object with a slot for each field of its layout.
    Row,
}

/// The values of one or several bodies.
#[derive(Debug, Default)]
pub struct Table {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Text that stands in no body: results of expressions.
    pub owned: Vec<u8>,
    /// The bodies; body number n is `bodies[n - 1]`.
    pub bodies: Vec<Bytes>,
    /// Number of rows made so far, by layout.
    pub rows: Vec<u32>,
    /// Where the first body has a `null` that stands for an error, in order: the errors are numbered by it. Only schemas in this
    /// process say so much.
    pub errors_at: Vec<u32>,
}

// === impl Node ===

impl Node {
    /// A node without a span.
    #[must_use]
    pub const fn of(kind: NodeKind) -> Self {
        Self {
            kind,
            body: 0,
            start: 0,
            len: 0,
            next: NONE,
        }
    }

    /// A node with a span.
    #[must_use]
    pub const fn span(kind: NodeKind, body: u16, start: u32, len: u32) -> Self {
        Self {
            kind,
            body,
            start,
            len,
            next: NONE,
        }
    }

    /// A node with 64 bits of its own.
    #[must_use]
    pub const fn bits(kind: NodeKind, bits: u64) -> Self {
        Self {
            kind,
            body: 0,
            start: bits as u32,
            len: (bits >> 32) as u32,
            next: NONE,
        }
    }

    /// The 64 bits of a node made by [`Self::bits`].
    #[must_use]
    pub const fn as_bits(&self) -> u64 {
        self.start as u64 | (self.len as u64) << 32
    }

    /// Whether there is nothing: null or no such key.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        matches!(self.kind, NodeKind::Missing | NodeKind::Null | NodeKind::Failed)
    }
}

// === impl Table ===

impl Table {
    /// An empty table for layouts numbered below `layouts`.
    #[must_use]
    pub fn new(layouts: usize) -> Self {
        Self {
            rows: vec![0; layouts],
            ..Self::default()
        }
    }

    /// Adds a body and returns its number.
    ///
    /// # Panics
    /// With more than 65,535 bodies: the request limit of an operation is far below.
    pub fn add_body(&mut self, body: Bytes) -> u16 {
        self.bodies.push(body);
        u16::try_from(self.bodies.len()).expect("an operation makes fewer calls")
    }

    /// The bytes of a node with a span.
    #[must_use]
    #[inline]
    pub fn bytes(&self, node: &Node) -> &[u8] {
        &self.body(node)[node.start as usize..(node.start + node.len) as usize]
    }

    /// The bytes that a node's span is in.
    #[must_use]
    #[inline]
    pub fn body(&self, node: &Node) -> &[u8] {
        match node.body {
            0 => &self.owned,
            n => &self.bodies[usize::from(n) - 1],
        }
    }

    /// The node at an index.
    #[must_use]
    pub fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// A slot of a row.
    #[must_use]
    pub fn slot(&self, row: &Node, slot: u16) -> &Node {
        &self.nodes[row.start as usize + usize::from(slot)]
    }

    /// Items of a list, in order.
    pub fn items<'a>(&'a self, list: &Node) -> impl Iterator<Item = (u32, &'a Node)> + use<'a> {
        let mut at = if list.len == 0 { NONE } else { list.start };
        std::iter::from_fn(move || {
            let index = at;
            let node = self.nodes.get(index as usize)?;
            at = node.next;
            Some((index, node))
        })
    }

    /// Makes a row with `slots` missing slots and gives its node, which is not yet anybody's.
    pub fn new_row(&mut self, layout: LayoutId, slots: usize) -> Node {
        let start = self.nodes.len() as u32;
        self.nodes.resize(self.nodes.len() + slots, Node::of(NodeKind::Missing));
        self.row_at(layout, start)
    }

    /// The same over slots that are there already, from `start` on.
    pub fn row_at(&mut self, layout: LayoutId, start: u32) -> Node {
        let ordinal = &mut self.rows[usize::from(layout.0)];
        let row = Node {
            kind: NodeKind::Row,
            body: 0,
            start,
            len: *ordinal,
            next: NONE,
        };
        *ordinal += 1;
        row
    }

    /// Appends text that stands in no body, as a span of `kind`.
    pub fn own(&mut self, kind: NodeKind, text: &[u8]) -> Node {
        let start = self.owned.len() as u32;
        self.owned.extend_from_slice(text);
        Node::span(kind, 0, start, text.len() as u32)
    }

    /// The error that a span of the first body is, or has in it: its number.
    #[must_use]
    pub fn error_within(&self, node: &Node) -> Option<u32> {
        if self.errors_at.is_empty() || node.body != 1 {
            return None;
        }
        let first = self.errors_at.partition_point(|at| *at < node.start);
        let at = self.errors_at.get(first)?;
        (*at < node.start + node.len).then_some(first as u32)
    }

    /// Appends the JSON text of a node to `out`. Rows are written with the names given by `layouts`; only rows that
    /// a layout describes can be written.
    pub fn write_json(&self, node: &Node, layouts: &super::Layouts, layout: Option<LayoutId>, out: &mut Vec<u8>) {
        match node.kind {
            NodeKind::List => {
                out.push(b'[');
                for (position, (_, item)) in self.items(node).enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    self.write_json(item, layouts, layout, out);
                }
                out.push(b']');
            }
            NodeKind::Row => self.write_row(node, layouts, layout, out),
            _ => self.write_scalar(node, out),
        }
    }

    fn write_row(&self, row: &Node, layouts: &super::Layouts, layout: Option<LayoutId>, out: &mut Vec<u8>) {
        out.push(b'{');
        let fields = layout.map_or(&[][..], |id| &layouts.get(id).fields);
        let mut first = true;
        for (slot, field) in fields.iter().enumerate() {
            let node = self.slot(row, slot as u16);
            if node.kind == NodeKind::Missing {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            text::write_string(&field.name, out);
            out.push(b':');
            self.write_json(node, layouts, field.child, out);
        }
        out.push(b'}');
    }

    /// Appends the JSON text of a node that is neither a row nor a list.
    pub fn write_scalar(&self, node: &Node, out: &mut Vec<u8>) {
        match node.kind {
            NodeKind::Missing | NodeKind::Null | NodeKind::Failed | NodeKind::List | NodeKind::Row => {
                out.extend_from_slice(b"null");
            }
            NodeKind::True => out.extend_from_slice(b"true"),
            NodeKind::False => out.extend_from_slice(b"false"),
            NodeKind::Number | NodeKind::String | NodeKind::RawObject | NodeKind::RawArray => {
                out.extend_from_slice(self.bytes(node));
            }
            NodeKind::Text => text::write_string_bytes(self.bytes(node), out),
            NodeKind::Int => out.extend_from_slice(itoa::Buffer::new().format(node.as_bits() as i64).as_bytes()),
            NodeKind::Uint => out.extend_from_slice(itoa::Buffer::new().format(node.as_bits()).as_bytes()),
            NodeKind::IntText => {
                out.push(b'"');
                out.extend_from_slice(itoa::Buffer::new().format(node.as_bits() as i64).as_bytes());
                out.push(b'"');
            }
            NodeKind::UintText => {
                out.push(b'"');
                out.extend_from_slice(itoa::Buffer::new().format(node.as_bits()).as_bytes());
                out.push(b'"');
            }
            NodeKind::Double => text::write_double(f64::from_bits(node.as_bits()), out),
            NodeKind::Float => text::write_float(f32::from_bits(node.start), out),
        }
    }

    /// The value of a node, owned. Missing is `None`.
    #[must_use]
    pub fn value(&self, node: &Node, layouts: &super::Layouts, layout: Option<LayoutId>) -> Option<Value> {
        match node.kind {
            NodeKind::Missing => None,
            NodeKind::Null | NodeKind::Failed => Some(Value::Null),
            NodeKind::True => Some(Value::Bool(true)),
            NodeKind::False => Some(Value::Bool(false)),
            NodeKind::Text => Some(Value::String(String::from_utf8_lossy(self.bytes(node)).into_owned())),
            NodeKind::Int => Some(Value::from(node.as_bits() as i64)),
            NodeKind::Uint => Some(Value::from(node.as_bits())),
            NodeKind::IntText => Some(Value::String((node.as_bits() as i64).to_string())),
            NodeKind::UintText => Some(Value::String(node.as_bits().to_string())),
            _ => {
                let mut json = Vec::new();
                self.write_json(node, layouts, layout, &mut json);
                let value = text::parse_value(&json).ok();
                match (node.kind, value.as_ref().and_then(Value::as_f64)) {
                    // A whole one is written without a point, and is a float all the same.
                    (NodeKind::Double | NodeKind::Float, Some(float)) => Some(Value::from(float)),
                    _ => value,
                }
            }
        }
    }

    /// Appends a scalar's plain text (strings without quotes and escapes), by which keys are compared. `false` for
    /// null, missing and anything that is not a scalar.
    pub fn write_key_text(&self, node: &Node, out: &mut Vec<u8>) -> bool {
        match node.kind {
            NodeKind::Missing
            | NodeKind::Null
            | NodeKind::Failed
            | NodeKind::List
            | NodeKind::Row
            | NodeKind::RawObject
            | NodeKind::RawArray => false,
            NodeKind::String => {
                let quoted = self.bytes(node);
                text::unescape_into(&quoted[1..quoted.len() - 1], out);
                true
            }
            NodeKind::Text | NodeKind::Number => {
                out.extend_from_slice(self.bytes(node));
                true
            }
            NodeKind::IntText => {
                out.extend_from_slice(itoa::Buffer::new().format(node.as_bits() as i64).as_bytes());
                true
            }
            NodeKind::UintText => {
                out.extend_from_slice(itoa::Buffer::new().format(node.as_bits()).as_bytes());
                true
            }
            _ => {
                self.write_scalar(node, out);
                true
            }
        }
    }
}
