//! Walks the rows that a step is for and gathers their keys.

use super::{
    Link, Outcome, Scope, Used, guard,
    keys::{KeyBuffer, Keys},
};
use crate::{
    mapping::{Layouts, Node, NodeKind, Table, text},
    plan::{Align, Hop, KeyPart, Parent, Step},
    schema::{
        access::Decision,
        model::{ConnectRequest, Kind},
    },
};

/// A row that a step is for, with what it asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) table: u32,
    pub(super) ordinal: u32,
    pub(super) asks: Asks,
}

/// What is asked for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// The key of this number.
    Key(u32),
    /// Nothing: a part of the key is null.
    Nobody,
    /// Nothing: a part of the key could not be had. Index into [`Outcome::failures`].
    Failed(u32),
}

/// Gathers the keys of all rows of a step, in document order.
pub(super) fn gather(scope: &Scope, step: &Step, outcome: &Outcome, keys: &mut Keys) -> Vec<Wanted> {
    let Some(parent) = &step.parent else { return Vec::new() };
    let fetch = &scope.plan.fetches[usize::from(step.fetch.0)];
    let connector = &scope.surface.connectors[fetch.connector.0 as usize];
    let mut gatherer = Gatherer {
        scope,
        parts: &step.key,
        kind: connector.kind,
        is_called: !matches!(connector.request, ConnectRequest::None),
        by_text: matches!(fetch.align, Align::Items { .. }),
        outcome,
        keys,
        buffer: KeyBuffer::default(),
        failed: None,
        wanted: Vec::new(),
    };
    gatherer.all(parent);
    gatherer.wanted
}

/// The values of some parts at all rows of a step, in the same order as [`gather`] has them.
pub(super) fn gather_parts(
    scope: &Scope,
    step: &Step,
    parts: &[KeyPart],
    outcome: &Outcome,
    keys: &mut Keys,
) -> Vec<Wanted> {
    let Some(parent) = &step.parent else { return Vec::new() };
    let mut gatherer = Gatherer {
        scope,
        parts,
        kind: Kind::Field,
        is_called: true,
        by_text: false,
        outcome,
        keys,
        buffer: KeyBuffer::default(),
        failed: None,
        wanted: Vec::new(),
    };
    gatherer.all(parent);
    gatherer.wanted
}

struct Gatherer<'a> {
    scope: &'a Scope,
    parts: &'a [KeyPart],
    kind: Kind,
    /// Whether somebody is called. A mapping may make something of null.
    is_called: bool,
    /// Whether items of an answer are matched to keys, which makes those one key that look alike.
    by_text: bool,
    outcome: &'a Outcome,
    keys: &'a mut Keys,
    buffer: KeyBuffer,
    /// Why a part of the key could not be had.
    failed: Option<u32>,
    wanted: Vec<Wanted>,
}

// === impl Gatherer ===

impl<'a> Gatherer<'a> {
    fn all(&mut self, parent: &Parent) {
        let outcome = self.outcome;
        for link in &outcome.steps[usize::from(parent.step.0)].live {
            if let Link::Value { table, node } = *link {
                self.walk(table, outcome.tables[table as usize].node(node), &parent.path);
            }
        }
    }

    fn walk(&mut self, number: u32, node: &Node, path: &[Hop]) {
        let table: &'a Table = &self.outcome.tables[number as usize];
        match node.kind {
            NodeKind::List => {
                if path.is_empty() {
                    self.wanted.reserve(node.len as usize);
                }
                for (_, item) in table.items(node) {
                    match (item.kind, path) {
                        (NodeKind::Row, []) => self.row(number, table, item),
                        _ => self.walk(number, item, path),
                    }
                }
            }
            NodeKind::Row => match path.split_first() {
                None => self.row(number, table, node),
                Some((Hop::Slot(slot), rest)) => self.walk(number, table.slot(node, *slot), rest),
                Some((Hop::OfType(slot, name), rest)) => {
                    if is_type(table, table.slot(node, *slot), name) {
                        self.walk(number, node, rest);
                    }
                }
                Some((Hop::Guard(id), rest)) => {
                    if guard::decide(self.scope, self.outcome, *id, number, table, node) == Decision::Allowed {
                        self.walk(number, node, rest);
                    }
                }
            },
            _ => {}
        }
    }

    fn row(&mut self, number: u32, table: &Table, row: &Node) {
        self.buffer.clear();
        self.failed = None;
        let mut nulls = 0;
        for part in self.parts {
            let (buffer, failed) = (&mut self.buffer, &mut self.failed);
            nulls += usize::from(!add_part(self.outcome, number, table, row, part, buffer, failed));
            self.buffer.end_part();
        }
        let parts = self.parts.len();
        let nobody = match self.kind {
            _ if !self.is_called => false,
            Kind::Field => parts > 0 && nulls == parts,
            _ => nulls > 0,
        };
        let asks = match self.failed {
            Some(failure) => Asks::Failed(failure),
            None if nobody => Asks::Nobody,
            None if self.by_text => Asks::Key(self.keys.number_by_text(&self.buffer)),
            None => Asks::Key(self.keys.number(&self.buffer)),
        };
        self.wanted.push(Wanted {
            table: number,
            ordinal: row.len,
            asks,
        });
    }
}

/// Appends a part of a row's key. `false` when there is nothing.
pub(super) fn add_part(
    outcome: &Outcome,
    number: u32,
    table: &Table,
    row: &Node,
    part: &KeyPart,
    buffer: &mut KeyBuffer,
    failed: &mut Option<u32>,
) -> bool {
    let Some(via) = part.via else {
        return add_value(table, row, part, buffer);
    };
    match outcome.steps[usize::from(via.0)].link(number, row.len) {
        Link::Value { table, node } => {
            let other: &Table = &outcome.tables[table as usize];
            let is_there = add_value(other, other.node(node), part, buffer);
            // Of a failed row only fields with a fallback are there.
            if !is_there
                && let Some(stand_in) = outcome.stand_in(table)
                && matches!(stand_in.used, Used::Fallback { .. })
            {
                *failed = Some(stand_in.failure);
            }
            is_there
        }
        link => {
            if let Link::Failed(failure) = link {
                *failed = Some(failure);
            }
            buffer.json.extend_from_slice(b"null");
            false
        }
    }
}

fn add_value(table: &Table, row: &Node, part: &KeyPart, buffer: &mut KeyBuffer) -> bool {
    let mut node = row;
    for slot in &part.slots {
        if node.kind != NodeKind::Row {
            buffer.json.extend_from_slice(b"null");
            return false;
        }
        node = table.slot(node, *slot);
    }
    match node.kind {
        NodeKind::Number | NodeKind::String => buffer.json.extend_from_slice(table.bytes(node)),
        _ => table.write_json(node, &Layouts::default(), None, &mut buffer.json),
    }
    !node.is_nothing()
}

/// Whether a `__typename` node holds a name.
pub(crate) fn is_type(table: &Table, node: &Node, name: &str) -> bool {
    match node.kind {
        NodeKind::Text => table.bytes(node) == name.as_bytes(),
        NodeKind::String => {
            let quoted = table.bytes(node);
            let inside = &quoted[1..quoted.len() - 1];
            inside == name.as_bytes() || inside.contains(&b'\\') && unescaped(inside) == name.as_bytes()
        }
        _ => false,
    }
}

fn unescaped(inside: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(inside.len());
    text::unescape_into(inside, &mut plain);
    plain
}
