//! Applies a compiled mapping to one answer of a source: spans first, then what has to be evaluated.

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    evaluate::{self, Declared, Evaluation, Vars},
    layout::{LayoutId, Layouts},
    project::{Computed, Input, Level, Projection, Root},
    scan::{PendingRow, ScanError, ScanLimits, Scanner},
    table::{NONE, Node, NodeKind, Table},
    text,
};

/// What a mapping may use beside the answer, and where it leaves what it declares.
#[derive(Debug)]
pub struct Context<'a> {
    /// Variables by name.
    pub vars: &'a Vars<'a>,
    /// Errors declared by `->withError`.
    pub declared: Vec<Declared>,
}

// === impl Projection ===

impl Projection {
    /// Reads a JSON body into `table` and returns the output.
    ///
    /// # Errors
    /// The body is not JSON or goes beyond `limits`; what is in the table of it then is garbage, though in bounds.
    pub fn read_json(
        &self,
        body: Bytes,
        limits: ScanLimits,
        context: &mut Context<'_>,
        table: &mut Table,
    ) -> Result<Node, ScanError> {
        let number = table.add_body(body.clone());
        if let Err(bad) = simdutf8::compat::from_utf8(&body) {
            return Err(ScanError::Syntax(bad.valid_up_to()));
        }
        let (keys, level) = match &self.root {
            Root::At { keys, level } => (&keys[..], *level),
            Root::Computed => (&[][..], None),
        };
        let mut bare = |level: &Level, value: &Value, table: &mut Table| self.bare(level, value, context, table);
        let mut scanner = Scanner::new(&body, number, self, limits, table).with_bare(&mut bare);
        let found = scanner
            .navigate(keys, level)
            .and_then(|found| scanner.end().map(|()| found));
        let Ok(found) = found else {
            return Err(scanner.error);
        };
        let pending = std::mem::take(&mut scanner.pending);
        match (&self.root, found) {
            (Root::At { .. }, Ok(node)) => {
                for row in pending {
                    self.compute(row, context, table);
                }
                Ok(with_errors(node, table))
            }
            // Evaluated whole: the mapping itself, or a path that met an array on its way.
            _ => {
                let value: Value = text::parse_value(&body).map_err(|error| ScanError::Syntax(error.column()))?;
                let node = self.read_value(Some(&value), context, table);
                Ok(with_errors(node, table))
            }
        }
    }

    /// Whether the output is a list of objects, each read on its own: then some of its items can be read without the others.
    #[must_use]
    pub fn reads_items(&self) -> bool {
        matches!(self.root, Root::At { level: Some(_), .. })
    }

    /// The places of the output's items in a body that [`Self::read_json`] has read; `None` when it is no flat list of objects.
    #[must_use]
    pub fn item_spans(&self, body: &Bytes, limits: ScanLimits) -> Option<Vec<Range<usize>>> {
        let Root::At { keys, level: Some(_) } = &self.root else {
            return None;
        };
        let mut table = Table::new(self.layouts.len());
        let mut scanner = Scanner::new(body, 0, self, limits, &mut table);
        scanner.item_spans(keys).ok().flatten()
    }

    /// Reads a JSON list of items as [`Self::item_spans`] gives them.
    ///
    /// # Errors
    /// As [`Self::read_json`].
    pub fn read_items(
        &self,
        body: Bytes,
        limits: ScanLimits,
        context: &mut Context<'_>,
        table: &mut Table,
    ) -> Result<Node, ScanError> {
        let Root::At { level, .. } = &self.root else {
            return Err(ScanError::Syntax(0));
        };
        let number = table.add_body(body.clone());
        let mut bare = |level: &Level, value: &Value, table: &mut Table| self.bare(level, value, context, table);
        let mut scanner = Scanner::new(&body, number, self, limits, table).with_bare(&mut bare);
        let found = scanner.navigate(&[], *level);
        let Ok(Ok(node)) = found else {
            return Err(scanner.error);
        };
        for row in std::mem::take(&mut scanner.pending) {
            self.compute(row, context, table);
        }
        Ok(node)
    }

    /// Evaluates the whole mapping on a value that is no JSON text: plain text, nothing, an in-process result.
    pub fn read_value(&self, data: Option<&Value>, context: &mut Context<'_>, table: &mut Table) -> Node {
        let evaluation = evaluate::evaluate(
            &self.selection,
            self.spec,
            data,
            context.vars,
            &evaluate::Limits::quiet(),
        );
        let layout = (!self.layouts.is_empty()).then_some(LayoutId(0));
        self.keep(evaluation, layout, context, table)
    }

    /// Puts a value into a table as if the mapping had made it.
    #[must_use]
    pub fn stand_in(&self, value: &Value, table: &mut Table) -> Node {
        let layout = (!self.layouts.is_empty()).then_some(LayoutId(0));
        load(value, &self.layouts, layout, table)
    }

    /// What a level makes of a value that is no object: all of its block, since it matters whether there is anything.
    fn bare(&self, level: &Level, value: &Value, context: &mut Context<'_>, table: &mut Table) -> Node {
        let Some(block) = &level.bare else {
            return load(value, &self.layouts, None, table);
        };
        let limits = evaluate::Limits::quiet();
        let evaluation = evaluate::evaluate_block(block, self.spec, Some(value), context.vars, &limits);
        self.keep(evaluation, Some(level.layout), context, table)
    }

    fn keep(
        &self,
        evaluation: Evaluation,
        layout: Option<LayoutId>,
        context: &mut Context<'_>,
        table: &mut Table,
    ) -> Node {
        context.declared.extend(evaluation.errors);
        match evaluation.value {
            Some(value) => load(&value, &self.layouts, layout, table),
            None => Node::of(NodeKind::Missing),
        }
    }

    pub(super) fn compute(&self, pending: PendingRow, context: &mut Context<'_>, table: &mut Table) {
        for computed in &self.levels[usize::from(pending.level)].computed {
            if computed.only_for_arrays && !pending.met_array {
                continue;
            }
            let Some(input) = input(computed, pending.row, table) else {
                continue;
            };
            let limits = evaluate::Limits::quiet();
            let evaluation = evaluate::evaluate_expr(
                &computed.expr,
                self.spec,
                Some(&input),
                Some(&input),
                context.vars,
                &limits,
            );
            let mut node = self.keep(evaluation, computed.child, context, table);
            if node.is_nothing() && !table.errors_at.is_empty() {
                node = failed_input(computed, pending.row, table).unwrap_or(node);
            }
            table.nodes[pending.row as usize + usize::from(computed.slot)] = node;
        }
    }
}

/// What `$` is for a computed slot of the row at `row`; `None` when there is nothing to evaluate it on.
fn input(computed: &Computed, row: u32, table: &Table) -> Option<Value> {
    let value = |slot: u16| {
        table.value(
            &table.nodes[row as usize + usize::from(slot)],
            &Layouts::default(),
            None,
        )
    };
    match &computed.input {
        Input::Whole(slot) => value(*slot),
        Input::Merged(slot) => value(*slot).filter(Value::is_object),
        Input::Keys(keys) => {
            let entries = keys
                .iter()
                .filter_map(|(key, slot)| Some((key.to_string(), value(*slot)?)));
            Some(Value::Object(entries.collect::<Map<_, _>>()))
        }
    }
}

/// What a computed slot is that came to nothing because what it is made of could not be had.
fn failed_input(computed: &Computed, row: u32, table: &Table) -> Option<Node> {
    let failed = |slot: u16| table.error_within(&table.nodes[row as usize + usize::from(slot)]);
    match &computed.input {
        Input::Whole(slot) | Input::Merged(slot) => failed(*slot),
        Input::Keys(keys) => keys.iter().find_map(|(_, slot)| failed(*slot)),
    }
    .map(failed_by)
}

fn failed_by(error: u32) -> Node {
    Node {
        start: error,
        ..Node::of(NodeKind::Failed)
    }
}

/// Gives every `null` that stands for an error its number. An output that came to nothing has the first.
fn with_errors(output: Node, table: &mut Table) -> Node {
    if table.errors_at.is_empty() {
        return output;
    }
    for index in 0..table.nodes.len() {
        let node = table.nodes[index];
        if node.kind == NodeKind::Null
            && let Some(error) = table.error_within(&node)
        {
            let next = node.next;
            table.nodes[index] = Node {
                next,
                ..failed_by(error)
            };
        }
    }
    match output.kind {
        NodeKind::Missing | NodeKind::Null => failed_by(table.error_within(&output).unwrap_or(0)),
        _ => output,
    }
}

/// Puts an owned value into a table, cut down to a layout.
fn load(value: &Value, layouts: &Layouts, layout: Option<LayoutId>, table: &mut Table) -> Node {
    match (value, layout) {
        (Value::Null, _) => Node::of(NodeKind::Null),
        (Value::Bool(true), _) => Node::of(NodeKind::True),
        (Value::Bool(false), _) => Node::of(NodeKind::False),
        (Value::Number(number), _) => table.own(NodeKind::Number, number.to_string().as_bytes()),
        (Value::String(string), _) => {
            let start = table.owned.len();
            text::write_string(string, &mut table.owned);
            Node::span(NodeKind::String, 0, start as u32, (table.owned.len() - start) as u32)
        }
        (Value::Array(items), Some(_)) => load_list(items, layouts, layout, table),
        (Value::Object(object), Some(id)) => {
            let fields = &layouts.get(id).fields;
            let row = table.new_row(id, fields.len());
            for (slot, field) in fields.iter().enumerate() {
                if let Some(value) = object.get(&*field.name) {
                    let node = load(value, layouts, field.child, table);
                    table.nodes[row.start as usize + slot] = node;
                }
            }
            row
        }
        (Value::Array(_) | Value::Object(_), None) => {
            let kind = if value.is_array() {
                NodeKind::RawArray
            } else {
                NodeKind::RawObject
            };
            let start = table.owned.len();
            serde_json::to_writer(&mut table.owned, value).expect("writing to memory");
            Node::span(kind, 0, start as u32, (table.owned.len() - start) as u32)
        }
    }
}

fn load_list(items: &[Value], layouts: &Layouts, layout: Option<LayoutId>, table: &mut Table) -> Node {
    let (mut first, mut last) = (NONE, NONE);
    for item in items {
        let node = load(item, layouts, layout, table);
        let index = table.nodes.len() as u32;
        table.nodes.push(node);
        match last {
            NONE => first = index,
            _ => table.nodes[last as usize].next = index,
        }
        last = index;
    }
    Node {
        kind: NodeKind::List,
        body: 0,
        start: first,
        len: items.len() as u32,
        next: NONE,
    }
}
