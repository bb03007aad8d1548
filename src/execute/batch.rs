//! The calls of one wave of a keyed fetch: keys split by `maxSize`, replies matched to keys by value.

use std::sync::{Arc, Mutex, atomic::Ordering::Relaxed};

use futures_util::{StreamExt, stream};

use super::{
    Failure, FailureKind, Scope,
    backends::Needs,
    interner::Interner,
    job::Job,
    keys::{Keys, part_text},
    lifetime::{Keep, Outside},
    reply,
    stale::Stale,
};
use crate::{
    mapping::{Declared, NONE, Node, NodeKind, Table},
    plan::{Align, FetchId},
    schema::model::{ConnectRequest, Connector, Kind},
};

/// Calls that one wave has in flight at a time. With the default of 256 calls in flight to a source, one operation
/// cannot take them all.
const CALLS_IN_FLIGHT_MAX: usize = 32;

/// What one wave fetched.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) tables: Vec<Arc<Table>>,
    /// What there is for each key that was asked for, once.
    pub(super) found: Vec<(u32, Found)>,
    pub(super) declared: Vec<Declared>,
    /// Tables in which single values failed, with their failures.
    pub(super) failed_values: Vec<(u32, Vec<Arc<Failure>>)>,
    /// How long all of it is good.
    pub(super) keep: Keep,
    /// Tables of older answers.
    pub(super) stale: Vec<(u32, Stale)>,
    /// How long it may be kept outside.
    pub(super) outside: Outside,
}

/// What there is for a key.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// A node of one of the batch's tables.
    Value { table: u32, node: u32 },
    /// No such object.
    Nothing,
    /// The call failed.
    Failed(Arc<Failure>),
}

/// What one call brought.
pub(super) struct Chunk {
    pub(super) table: Table,
    pub(super) found: Vec<(u32, Option<u32>)>,
    pub(super) declared: Vec<Declared>,
    /// Why single values of the table are not there.
    pub(super) failed_values: Vec<Arc<Failure>>,
    pub(super) keep: Keep,
    /// Why it is an older answer, if it is.
    pub(super) stale: Option<Stale>,
    pub(super) outside: Outside,
}

/// Has what is kept for some keys of a fetch, makes the calls for the others, and reads what they bring. Without keys for a
/// root field.
///
/// # Cancel safety
/// Dropping the future drops its calls.
pub(super) async fn run(scope: Arc<Scope>, fetch: FetchId, numbers: Vec<u32>, keys: Arc<Mutex<Keys>>) -> Batch {
    let mut job = Job {
        scope,
        fetch,
        numbers,
        keys,
        takes_kept: true,
    };
    if let Some(batch) = constant(&job) {
        return batch;
    }
    let absent = job.parts().1.not_found_is_error.then(|| {
        let failure = Failure::new(FailureKind::NotFound, "There is no such object.");
        reply::signed(&job.scope, job.parts().1, failure)
    });
    let mut batch = Batch::default();
    if let Some((numbers, kept)) = job.take_kept() {
        batch.add(&numbers, Ok(kept), absent.as_ref());
        if job.numbers.is_empty() {
            return batch;
        }
    }
    let size = chunk_size(job.parts().1, job.numbers.len());
    if job.numbers.len() <= size {
        let result = job.chunk().await;
        batch.add_or_stale(&job, result, absent.as_ref());
        return batch;
    }
    let calls = job.numbers.chunks(size).map(|part| {
        let part = job.of(part.to_vec());
        async move {
            let result = part.chunk().await;
            (part, result)
        }
    });
    let calls: Vec<_> = calls.collect();
    let results: Vec<_> = stream::iter(calls).buffered(CALLS_IN_FLIGHT_MAX).collect().await;
    for (part, result) in results {
        batch.add_or_stale(&part, result, absent.as_ref());
    }
    batch
}

/// What a root field has whose mapping reads nothing and calls nobody: evaluated once for its plan.
fn constant(job: &Job) -> Option<Batch> {
    let (fetch, connector, compiled) = job.parts();
    let is_constant = matches!(connector.request, ConnectRequest::None) && compiled.reply == Needs::default();
    if !is_constant || compiled.is_off.load(Relaxed) || !job.numbers.is_empty() || !matches!(fetch.align, Align::Whole)
    {
        return None;
    }
    let table = match fetch.constant.get() {
        Some(table) => table.clone(),
        None => {
            let chunk = job.read(None, (Keep::Always, Outside::ANY)).ok()?;
            if !chunk.declared.is_empty() {
                return None;
            }
            fetch.constant.get_or_init(|| Arc::new(chunk.table)).clone()
        }
    };
    let node = table.nodes.len() as u32 - 1;
    Some(Batch {
        tables: vec![table],
        found: vec![(0, Found::Value { table: 0, node })],
        ..Batch::default()
    })
}

/// Keys that go into one call.
fn chunk_size(connector: &Connector, keys: usize) -> usize {
    match connector.kind {
        Kind::Batch | Kind::FieldBatch => connector.max_size.map_or(keys, |size| size as usize).max(1),
        _ => 1,
    }
}

/// Matches the items of an answer to keys. The first item for a key wins; with `many`, all of them in their order.
pub(super) fn align(
    table: &mut Table,
    output: &Node,
    parts: &[Vec<u16>],
    many: bool,
    numbers: &[u32],
    keys: &Keys,
) -> Vec<(u32, Option<u32>)> {
    let (texts, text_of) = key_texts(numbers, keys);
    let mut text = Vec::with_capacity(24);
    let mut groups: Vec<Group> = (0..texts.len()).map(|_| Group::default()).collect();
    let mut items = Vec::new();
    flatten(table, output, &mut items);
    for item in items {
        text.clear();
        if !item_text(table, item, parts, &mut text) {
            continue;
        }
        if let Some(number) = texts.find(&text) {
            groups[number as usize].add(table, item, many);
        }
    }
    let find = |(number, text): (&u32, &u32)| (*number, groups[*text as usize].node(table, many));
    numbers.iter().zip(&text_of).map(find).collect()
}

/// The distinct texts of keys, and by key the number of its text: keys that differ as JSON may be equal as text.
fn key_texts(numbers: &[u32], keys: &Keys) -> (Interner, Vec<u32>) {
    let mut texts = Interner::with_capacity(numbers.len());
    let mut text_of = Vec::with_capacity(numbers.len());
    let mut text = Vec::with_capacity(24);
    for number in numbers {
        text.clear();
        for part in keys.parts(*number) {
            part_text(part, &mut text);
        }
        text_of.push(texts.number(&text));
    }
    (texts, text_of)
}

/// By key, the positions of its items in an answer of `count` items; `None` when that is not what the answer is.
pub(super) fn items_by_key(
    table: &mut Table,
    output: &Node,
    parts: &[Vec<u16>],
    numbers: &[u32],
    keys: &Keys,
    count: usize,
) -> Option<Vec<Vec<usize>>> {
    let mut items = Vec::new();
    flatten(table, output, &mut items);
    if items.len() != count || output.kind != NodeKind::List {
        return None;
    }
    let (texts, text_of) = key_texts(numbers, keys);
    let mut by_text = vec![Vec::new(); texts.len()];
    let mut text = Vec::with_capacity(24);
    for (position, item) in items.into_iter().enumerate() {
        text.clear();
        if item_text(table, item, parts, &mut text)
            && let Some(number) = texts.find(&text)
        {
            by_text[number as usize].push(position);
        }
    }
    Some(text_of.iter().map(|text| by_text[*text as usize].clone()).collect())
}

/// Items that belong to one key.
#[derive(Debug)]
struct Group {
    first: u32,
    last: u32,
    count: u32,
    list: u32,
}

// === impl Group ===

impl Default for Group {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
            count: 0,
            list: NONE,
        }
    }
}

impl Group {
    fn add(&mut self, table: &mut Table, item: u32, many: bool) {
        if self.count == 0 {
            self.first = item;
        } else if many {
            table.nodes[self.last as usize].next = item;
        } else {
            return;
        }
        table.nodes[item as usize].next = NONE;
        self.last = item;
        self.count += 1;
    }

    /// The node that answers the key: its item, or a list of its items, maybe empty.
    fn node(&mut self, table: &mut Table, many: bool) -> Option<u32> {
        if !many {
            return (self.count > 0).then_some(self.first);
        }
        if self.list == NONE {
            table.nodes.push(Node {
                kind: NodeKind::List,
                body: 0,
                start: self.first,
                len: self.count,
                next: NONE,
            });
            self.list = (table.nodes.len() - 1) as u32;
        }
        Some(self.list)
    }
}

/// Rows of an answer in order, lists within lists walked.
fn flatten(table: &mut Table, output: &Node, items: &mut Vec<u32>) {
    match output.kind {
        NodeKind::List => {
            let inner: Vec<(u32, Node)> = table.items(output).map(|(index, node)| (index, *node)).collect();
            for (index, node) in inner {
                match node.kind {
                    NodeKind::Row => items.push(index),
                    NodeKind::List => flatten(table, &node, items),
                    _ => {}
                }
            }
        }
        NodeKind::Row => {
            table.nodes.push(*output);
            items.push((table.nodes.len() - 1) as u32);
        }
        _ => {}
    }
}

/// Appends what an item of an answer is compared by, as [`part_text`] does for keys. `false` when a part is not there.
fn item_text(table: &Table, item: u32, parts: &[Vec<u16>], out: &mut Vec<u8>) -> bool {
    parts.iter().all(|slots| {
        let mut node = table.node(item);
        for slot in slots {
            if node.kind != NodeKind::Row {
                return false;
            }
            node = table.slot(node, *slot);
        }
        let is_there = table.write_key_text(node, out);
        out.push(0);
        is_there
    })
}

// === impl Batch ===

impl Batch {
    /// Adds what one call brought; where it failed, what is kept of its keys.
    fn add_or_stale(&mut self, job: &Job, result: Result<Chunk, Arc<Failure>>, absent: Option<&Arc<Failure>>) {
        let asked = if job.numbers.is_empty() { &[0] } else { &job.numbers[..] };
        let failure = match result {
            Ok(chunk) => return self.add(asked, Ok(chunk), absent),
            Err(failure) => failure,
        };
        match job.stale_items(&failure) {
            Some((kept, chunk, missing)) => {
                self.add(&kept, Ok(chunk), absent);
                self.add(&missing, Err(failure), absent);
            }
            None => self.add(asked, Err(failure), absent),
        }
    }

    /// Adds what one call brought. `absent`: what a key without an object is, if not null.
    fn add(&mut self, numbers: &[u32], result: Result<Chunk, Arc<Failure>>, absent: Option<&Arc<Failure>>) {
        match result {
            Ok(chunk) => {
                let table = self.tables.len() as u32;
                self.tables.push(Arc::new(chunk.table));
                self.stale.extend(chunk.stale.map(|stale| (table, stale)));
                self.declared.extend(chunk.declared);
                if !chunk.failed_values.is_empty() {
                    self.failed_values.push((table, chunk.failed_values));
                }
                self.keep = self.keep.and(chunk.keep);
                self.outside = self.outside.and(chunk.outside);
                self.found.extend(chunk.found.into_iter().map(|(number, node)| {
                    let found = match (node, absent) {
                        (Some(node), _) => Found::Value { table, node },
                        (None, Some(failure)) => Found::Failed(failure.clone()),
                        (None, None) => Found::Nothing,
                    };
                    (number, found)
                }));
            }
            Err(failure) => {
                self.keep = Keep::Not;
                self.outside = Outside::Not;
                let failed = |number: &u32| (*number, Found::Failed(failure.clone()));
                self.found.extend(numbers.iter().map(failed));
            }
        }
    }
}
