//! Reads a JSON body once: checks all of it, notes the spans that a [`Projection`] asks for.

mod gaps;
mod token;

use std::ops::Range;

use serde_json::Value;
use smallvec::SmallVec;

use self::gaps::{GAPS_MAX, Gap, Gaps};
use super::{
    layout::Layouts,
    project::{KeyRule, Level, OneUse, Projection},
    table::{NONE, Node, NodeKind, Table},
    text,
};

/// Bounds on one body. Beyond them nothing of it is used.
#[derive(Debug, Clone, Copy)]
pub struct ScanLimits {
    /// Objects and arrays within each other.
    pub depth: u32,
    /// Items of one array.
    pub list: u32,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            depth: 64,
            list: 10_000,
        }
    }
}

/// Why a body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not JSON.
    #[error("not JSON at byte {0}")]
    Syntax(usize),
    /// Nested too deeply.
    #[error("nested too deeply at byte {0}")]
    TooDeep(usize),
    /// An array with too many items.
    #[error("an array has too many items at byte {0}")]
    ListTooLong(usize),
}

/// A row whose expressions are still to be evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingRow {
    /// Index of its first slot.
    pub(super) row: u32,
    /// Its level.
    pub(super) level: u16,
    /// Whether a path met an array, so that the general evaluator has to walk it.
    pub(super) met_array: bool,
}

pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    limits: ScanLimits,
    body: u16,
    projection: &'a Projection,
    table: &'a mut Table,
    gaps: Gaps,
    /// Makes rows of what is no object, for levels that can.
    bare: Option<Bare<'a>>,
    /// Why the scan stopped.
    pub(super) error: ScanError,
    pub(super) pending: Vec<PendingRow>,
}

/// The body cannot be used; [`Scanner::error`] knows why. Nothing but a flag, so that results stay in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop;

type Scanned<T> = Result<T, Stop>;

/// Puts what a level makes of a value that is no object into a table.
type Bare<'a> = &'a mut dyn FnMut(&Level, &Value, &mut Table) -> Node;

/// What was met on the way through an object.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    /// An array on a path.
    array: bool,
    /// Null where an object was to be merged in.
    null: bool,
}

// === impl Scanner ===

impl<'a> Scanner<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        body: u16,
        projection: &'a Projection,
        limits: ScanLimits,
        table: &'a mut Table,
    ) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            limits,
            body,
            projection,
            table,
            gaps: Gaps::default(),
            bare: None,
            error: ScanError::Syntax(0),
            pending: Vec::new(),
        }
    }

    /// The same, with what makes rows of values that are no objects.
    pub(super) fn with_bare(self, bare: Bare<'a>) -> Self {
        Self {
            bare: Some(bare),
            ..self
        }
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Scanned<()> {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    /// Walks down `keys`, then reads the value there by `level`, or notes its span. `Err(())` inside means that an
    /// array was met on the way.
    pub(super) fn navigate(&mut self, keys: &[Box<str>], level: Option<u16>) -> Scanned<Result<Node, ()>> {
        self.space();
        let Some((key, rest)) = keys.split_first() else {
            return Ok(Ok(match level {
                Some(level) => self.value(level)?,
                None => self.skip()?,
            }));
        };
        match self.peek() {
            Some(b'{') => {
                let mut found = Ok(Node::of(NodeKind::Missing));
                self.object(|scanner, name, escaped| {
                    if !same_key(name, escaped, key.as_bytes()) {
                        return scanner.skip().map(drop);
                    }
                    found = scanner.navigate(rest, level)?;
                    Ok(())
                })?;
                Ok(found)
            }
            Some(b'[') => self.skip().map(|_| Err(())),
            _ => self.skip().map(|_| Ok(Node::of(NodeKind::Missing))),
        }
    }

    /// Walks down `keys` and notes the span of each item of the array there; `None` when there is none, or an item is no object.
    pub(super) fn item_spans(&mut self, keys: &[Box<str>]) -> Scanned<Option<Vec<Range<usize>>>> {
        self.space();
        if let Some((key, rest)) = keys.split_first() {
            let mut found = None;
            if self.peek() != Some(b'{') {
                return Ok(None);
            }
            self.object(|scanner, name, escaped| {
                if !same_key(name, escaped, key.as_bytes()) {
                    return scanner.skip().map(drop);
                }
                found = scanner.item_spans(rest)?;
                Ok(())
            })?;
            return Ok(found);
        }
        if self.peek() != Some(b'[') {
            self.skip()?;
            return Ok(None);
        }
        let mut spans = Vec::new();
        let mut are_objects = true;
        self.array(|scanner| {
            scanner.space();
            let start = scanner.at;
            are_objects &= scanner.skip()?.kind == NodeKind::RawObject;
            spans.push(start..scanner.at);
            Ok(())
        })?;
        Ok(are_objects.then_some(spans))
    }

    /// Reads the value here by a level: objects become rows, arrays lists, the rest spans.
    fn value(&mut self, level: u16) -> Scanned<Node> {
        self.value_in(level, false)
    }

    /// The same, with whether the value is an item of a list.
    fn value_in(&mut self, level: u16, is_item: bool) -> Scanned<Node> {
        self.space();
        match self.peek() {
            Some(b'{') => self.row(level),
            Some(b'[') => {
                let (mut first, mut last, mut count) = (NONE, NONE, 0);
                self.array(|scanner| {
                    let item = scanner.value_in(level, true)?;
                    let index = scanner.table.nodes.len() as u32;
                    scanner.table.nodes.push(item);
                    match last {
                        NONE => first = index,
                        _ => scanner.table.nodes[last as usize].next = index,
                    }
                    last = index;
                    count += 1;
                    Ok(())
                })?;
                Ok(Node {
                    kind: NodeKind::List,
                    body: 0,
                    start: first,
                    len: count,
                    next: NONE,
                })
            }
            _ => self.scalar(level, is_item),
        }
    }

    fn scalar(&mut self, level: u16, is_item: bool) -> Scanned<Node> {
        let node = self.skip()?;
        let level = &self.projection.levels[usize::from(level)];
        let (Some(_), Some(bare)) = (&level.bare, &mut self.bare) else {
            return Ok(node);
        };
        if node.kind == NodeKind::Null && level.drops_null && !is_item {
            return Ok(node);
        }
        // The table has this body by now.
        let value = self.table.value(&node, &Layouts::default(), None);
        Ok(bare(level, &value.unwrap_or_default(), self.table))
    }

    fn row(&mut self, number: u16) -> Scanned<Node> {
        let projection = self.projection;
        let level = &projection.levels[usize::from(number)];
        let row = level.new_row(self.table);
        let start = self.at;
        let met = self.keys(&level.keys, row.start, Some(number))?;
        if met.null {
            return Ok(Node::of(NodeKind::Null));
        }
        if let Some(slot) = level.whole {
            self.set(
                row.start,
                slot,
                Node::span(NodeKind::RawObject, self.body, start as u32, (self.at - start) as u32),
            );
        }
        if level.always_computed || met.array {
            self.pending.push(PendingRow {
                row: row.start,
                level: number,
                met_array: met.array,
            });
        }
        Ok(row)
    }

    /// Reads an object's keys into the slots of the row at `row`.
    ///
    /// `level`: whose rows are many and alike, so that what stands between their values is learned from the first.
    fn keys(&mut self, rules: &'a [KeyRule], row: u32, level: Option<u16>) -> Scanned<Met> {
        let mut guess = self.guess(level);
        let mut learned = SmallVec::<[Gap; 16]>::new();
        let mut hint = 0;
        let mut met = Met::default();
        self.enter()?;
        let mut is_first = true;
        loop {
            let (gap, is_known) = match self.follow(&mut guess) {
                Some(gap) => (gap, true),
                None => (self.gap(rules, &mut hint, is_first)?, false),
            };
            if !is_known && learned.len() < GAPS_MAX {
                learned.push(gap);
            }
            is_first = false;
            match gap.leads_to {
                Gap::END => break,
                Gap::UNUSED => drop(self.skip()?),
                rule => met.add(self.apply(&rules[rule as usize], row)?),
            }
        }
        self.depth -= 1;
        if let Some(level) = level.filter(|_| !learned.is_empty()) {
            self.learn(level, &learned);
        }
        Ok(met)
    }

    /// Reads from the brace or the last value up to the next value, or past the end of the object.
    fn gap(&mut self, rules: &[KeyRule], hint: &mut usize, is_first: bool) -> Scanned<Gap> {
        let start = self.at;
        self.space();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(self.gap_to(start, Gap::END));
            }
            Some(b',') if !is_first => {
                self.at += 1;
                self.space();
            }
            _ if is_first => {}
            _ => return Err(self.syntax()),
        }
        let (name, escaped) = self.key()?;
        let leads_to = match find_rule(rules, *hint, name, escaped) {
            Some(found) => {
                *hint = found + 1;
                found as u32
            }
            None => Gap::UNUSED,
        };
        Ok(self.gap_to(start, leads_to))
    }

    fn apply(&mut self, rule: &'a KeyRule, row: u32) -> Scanned<Met> {
        match rule.one {
            Some(OneUse::Raw(slot)) => {
                let node = self.skip()?;
                self.set(row, slot, node);
                Ok(Met::default())
            }
            Some(OneUse::Level(slot, level)) => {
                let node = self.value(level)?;
                self.set(row, slot, node);
                Ok(Met::default())
            }
            None => self.apply_all(rule, row),
        }
    }

    /// A key with several uses: its value is read once for each.
    fn apply_all(&mut self, rule: &'a KeyRule, row: u32) -> Scanned<Met> {
        // A gap that was learned may end before white space that its first object did not have.
        self.space();
        let start = self.at;
        let node = self.skip()?;
        let end = self.at;
        for slot in &rule.raw {
            self.set(row, *slot, node);
        }
        for (slot, level) in &rule.levels {
            self.at = start;
            let node = self.value(*level)?;
            self.set(row, *slot, node);
        }
        let mut met = Met {
            array: false,
            null: rule.is_merged && node.kind == NodeKind::Null,
        };
        if !rule.path.is_empty() {
            self.at = start;
            match self.peek() {
                Some(b'{') => met = self.keys(&rule.path, row, None)?,
                Some(b'[') => met.array = true,
                _ => {}
            }
        }
        self.at = end;
        Ok(met)
    }

    fn set(&mut self, row: u32, slot: u16, node: Node) {
        self.table.nodes[row as usize + usize::from(slot)] = node;
    }
}

// === impl Met ===

impl Met {
    fn add(&mut self, more: Self) {
        self.array |= more.array;
        self.null |= more.null;
    }
}

/// The rule of a key. Sources repeat their key order, so the search starts where the last one ended.
#[inline]
fn find_rule(rules: &[KeyRule], hint: usize, name: &[u8], escaped: bool) -> Option<usize> {
    let (before, after) = rules.split_at(hint.min(rules.len()));
    let matches = |rule: &KeyRule| same_key(name, escaped, &rule.key);
    after
        .iter()
        .position(matches)
        .map(|found| found + before.len())
        .or_else(|| before.iter().position(matches))
}

#[inline]
fn same_key(name: &[u8], escaped: bool, key: &[u8]) -> bool {
    if !escaped {
        return name == key;
    }
    let mut plain = Vec::with_capacity(name.len());
    text::unescape_into(name, &mut plain);
    plain == key
}
