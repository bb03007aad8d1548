//! Walks shapes and tables together and writes the answer.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use foldhash::fast::RandomState;
use serde_json::{Map, Value};

use super::{OnError, Settings, contract::StandsIn, copy, degraded::Report, error, leaf, path::Segment};
use crate::{
    execute::{Detail, Failure, FailureKind, Link, Outcome},
    mapping::{Node, NodeKind, Table, text},
    plan::{FieldShape, FieldSource, Plan, Shape, ShapeId, StepId, ValueShape},
    schema::access::Decision,
};

/// Errors of one failure that are listed; the rest are counted in `extensions.omittedErrors`.
const ERRORS_PER_FAILURE_MAX: u32 = 100;

/// Errors of one answer that are listed; the rest are counted in the same place. No reader wants more, and one bad field of
/// a long list must not make an answer many times its size.
const ERRORS_MAX: u32 = 1_000;

/// A value that may not be null is: the nearest nullable parent becomes null. The error is already noted.
pub(super) struct Propagate;

pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) outcome: &'a Outcome,
    introspection: Option<&'a Map<String, Value>>,
    settings: &'a Settings,
    pub(super) out: Vec<u8>,
    pub(super) errors: Vec<u8>,
    pub(super) error_count: u32,
    pub(super) omitted: u32,
    pub(super) path: Vec<Segment<'a>>,
    pub(super) per_failure: Vec<(u32, Vec<Segment<'a>>)>,
    /// Where in `out` a value that several objects lead to was written, by its shape, table and node.
    pub(super) written: HashMap<(ShapeId, u32, u32), Range<usize>, RandomState>,
    pub(super) stopped: bool,
    pub(super) degraded: Report,
    /// A critical field has failed: how long to wait before asking again.
    pub(super) critical: Option<Duration>,
}

/// A row with the table it is in.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) number: u32,
    pub(super) table: &'a Table,
    pub(super) node: Node,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        outcome: &'a Outcome,
        introspection: Option<&'a Map<String, Value>>,
        settings: &'a Settings,
    ) -> Self {
        Self {
            plan,
            outcome,
            introspection,
            settings,
            out: Vec::with_capacity(plan.answer_hint.load(Relaxed)),
            errors: Vec::new(),
            error_count: 0,
            omitted: 0,
            path: Vec::new(),
            per_failure: vec![(0, Vec::new()); outcome.failures.len()],
            written: HashMap::default(),
            stopped: false,
            degraded: Report::default(),
            critical: None,
        }
    }

    /// Writes `{"data":…}`.
    pub(super) fn data(&mut self) {
        const START: &[u8] = b"{\"data\":";
        self.out.extend_from_slice(START);
        let done = self.object(self.plan.root, None);
        if done.is_err() || self.stopped {
            self.out.truncate(START.len());
            self.out.extend_from_slice(b"null");
        }
        self.out.push(b'}');
    }

    /// <https://spec.graphql.org/September2025/#sec-Executing-Selection-Sets>
    fn object(&mut self, shape: ShapeId, at: Option<(&'a FieldShape, Row<'a>)>) -> Result<(), Propagate> {
        let plan = self.plan;
        let fields = match &plan.shapes[usize::from(shape.0)] {
            Shape::One(fields) => fields,
            Shape::Behind { entry, shape } => {
                let (field, row) = at.expect("nothing stands before a root type");
                self.enter(field, *entry, row)?;
                return self.object(*shape, at);
            }
            Shape::ByType {
                slot,
                name,
                variants,
                entries,
            } => {
                let (field, row) = at.expect("root types are not abstract");
                let type_name = row.table.slot(&row.node, *slot);
                for (name, entry) in entries {
                    if crate::execute::is_type(row.table, type_name, name) {
                        self.enter(field, *entry, row)?;
                    }
                }
                match variants
                    .iter()
                    .find(|(name, _)| crate::execute::is_type(row.table, type_name, name))
                {
                    Some((_, fields)) => fields,
                    None => {
                        let coordinate = &field.coordinate;
                        self.misfit(
                            field,
                            &format!(
                                "Abstract type {name} must resolve to one of its object types for field {coordinate}."
                            ),
                        );
                        return Err(Propagate);
                    }
                }
            }
        };
        if fields.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let start = self.out.len();
        let mut reported = Vec::new();
        for field in fields {
            copy::key(&field.key, &mut self.out);
            if self.plain_leaf(field, at.as_ref().map(|(_, row)| row)) {
                continue;
            }
            self.path.push(Segment::Key(&field.response_key));
            let row = at.map(|(_, row)| row);
            let done = if field.is_critical {
                let mark = self.mark();
                let done = self.field(field, row, &mut reported);
                self.check_critical(field, row, &mark, done)
            } else {
                self.field(field, row, &mut reported)
            };
            self.path.pop();
            done?;
            if self.stopped || self.is_too_large() {
                return Err(Propagate);
            }
        }
        // Every key comes with the comma before it.
        self.out[start] = b'{';
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the field if it is a scalar of the row that needs no more than copying; most are.
    #[inline]
    fn plain_leaf(&mut self, field: &FieldShape, row: Option<&Row<'a>>) -> bool {
        let (FieldSource::Slot { via: None, slot }, ValueShape::Scalar(scalar), Some(row)) =
            (&field.source, &field.value, row)
        else {
            return false;
        };
        field.non_null.len() == 1
            && self.out.len() <= self.settings.bytes_max
            && leaf::plain(row.table, row.table.slot(&row.node, *slot), *scalar, &mut self.out)
    }

    fn field(
        &mut self,
        field: &'a FieldShape,
        row: Option<Row<'a>>,
        reported: &mut Vec<StepId>,
    ) -> Result<(), Propagate> {
        self.placed(field, &field.source, row, reported)
    }

    /// A field whose value is there.
    fn placed(
        &mut self,
        field: &'a FieldShape,
        source: &'a FieldSource,
        row: Option<Row<'a>>,
        reported: &mut Vec<StepId>,
    ) -> Result<(), Propagate> {
        match source {
            FieldSource::Constant(json) => {
                self.out.extend_from_slice(json);
                Ok(())
            }
            FieldSource::Nobody => self.nothing(field, field.non_null[0]),
            FieldSource::Refused { is_absent } => self.refuse(field, *is_absent),
            FieldSource::Guarded(guard, source) => match self.decide(*guard, row) {
                Decision::Allowed => self.placed(field, source, row, reported),
                Decision::Refused { is_absent: true } => self.refuse(field, true),
                Decision::Refused { .. } | Decision::ByObject => self.refuse(field, false),
            },
            FieldSource::Introspection => {
                let value = self
                    .introspection
                    .and_then(|map| map.get(&*field.response_key))
                    .unwrap_or(&Value::Null);
                text::write_value(value, &mut self.out);
                Ok(())
            }
            FieldSource::Step(step) => match self.link(*step, row) {
                Link::Value { table, node } => match self.note_stand_in(field, table) {
                    StandsIn::No | StandsIn::Lacks(_) => self.linked(field, *step, table, node),
                    StandsIn::Fallback(failure) => {
                        self.complete_fallback(field, *step, failure, |writer| writer.linked(field, *step, table, node))
                    }
                },
                Link::Nothing => self.nothing(field, field.non_null[0]),
                Link::Failed(failure) => {
                    self.failed(failure, field, Some(*step));
                    self.null(field.non_null[0])
                }
            },
            FieldSource::Slot { via: None, slot } => {
                let row = row.expect("only objects have slots");
                let node = *row.table.slot(&row.node, *slot);
                self.value(field, &field.non_null, Row { node, ..row })
            }
            FieldSource::Slot { via: Some(step), slot } => self.other_row(field, *step, *slot, row, reported),
        }
    }

    /// A value that a step has for the object. Many objects may lead to the same one (authors of posts): then its text is
    /// copied from where it was written first, unless there is an error in it, which each place must tell.
    fn linked(&mut self, field: &'a FieldShape, step: StepId, table: u32, node: u32) -> Result<(), Propagate> {
        let row = self.row(table, node);
        let shape = match &field.value {
            ValueShape::Object(shape) if self.outcome.steps[usize::from(step.0)].repeats => *shape,
            _ => return self.value(field, &field.non_null, row),
        };
        let key = (shape, table, node);
        if let Some(text) = self.written.get(&key) {
            self.out.extend_from_within(text.clone());
            return Ok(());
        }
        let (start, errors) = (self.out.len(), self.error_count + self.omitted);
        self.value(field, &field.non_null, row)?;
        if errors == self.error_count + self.omitted {
            self.written.insert(key, start..self.out.len());
        }
        Ok(())
    }

    /// A field that another step has for the object. If that failed, the object's place gets the error, once.
    fn other_row(
        &mut self,
        field: &'a FieldShape,
        step: StepId,
        slot: u16,
        row: Option<Row<'a>>,
        reported: &mut Vec<StepId>,
    ) -> Result<(), Propagate> {
        match self.link(step, row) {
            Link::Value { table, node } => {
                let other = self.row(table, node);
                if other.node.kind != NodeKind::Row {
                    return self.nothing(field, field.non_null[0]);
                }
                let stands_in = match self.outcome.stand_ins.is_empty() {
                    true => StandsIn::No,
                    false => self.at_object(|writer| writer.note_stand_in(field, table)),
                };
                let node = *other.table.slot(&other.node, slot);
                let at = Row { node, ..other };
                match stands_in {
                    StandsIn::No => self.value(field, &field.non_null, at),
                    StandsIn::Fallback(failure) => {
                        self.complete_fallback(field, step, failure, |writer| writer.value(field, &field.non_null, at))
                    }
                    // Whether a critical field is lacking is seen where it is written: others may have what they need.
                    StandsIn::Lacks(failure) => self.failed_row(field, None, (step, failure), reported),
                }
            }
            Link::Nothing => self.nothing(field, field.non_null[0]),
            Link::Failed(failure) => self.failed_row(field, Some(step), (step, failure), reported),
        }
    }

    fn failed_row(
        &mut self,
        field: &'a FieldShape,
        critical: Option<StepId>,
        (step, failure): (StepId, u32),
        reported: &mut Vec<StepId>,
    ) -> Result<(), Propagate> {
        if !reported.contains(&step) {
            reported.push(step);
            self.at_object(|writer| writer.failed(failure, field, critical));
        }
        self.null(field.non_null[0])
    }

    /// Does something with the path of the object that a field is of.
    fn at_object<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let own = self.path.pop();
        let done = act(self);
        self.path.extend(own);
        done
    }

    pub(super) fn link(&self, step: StepId, row: Option<Row<'a>>) -> Link {
        let outcome = &self.outcome.steps[usize::from(step.0)];
        match row {
            Some(row) => outcome.link(row.number, row.node.len),
            None => outcome.root,
        }
    }

    fn row(&self, number: u32, node: u32) -> Row<'a> {
        let table: &'a Table = &self.outcome.tables[number as usize];
        Row {
            number,
            table,
            node: *table.node(node),
        }
    }

    /// <https://spec.graphql.org/September2025/#CompleteValue()>
    pub(super) fn value(&mut self, field: &'a FieldShape, levels: &[bool], at: Row<'a>) -> Result<(), Propagate> {
        let (non_null, below) = levels.split_first().expect("a type has a level for itself");
        if at.node.is_nothing() {
            if at.node.kind == NodeKind::Failed
                && let Some(failure) = self.outcome.failure_at(at.number, &at.node)
            {
                self.failed(failure, field, None);
                return self.null(*non_null);
            }
            return self.nothing(field, *non_null);
        }
        let start = self.out.len();
        let done = match (below, &field.value) {
            ([], ValueShape::Object(shape)) => match at.node.kind {
                NodeKind::Row => self.object(*shape, Some((field, at))),
                // A list where an object should be, or the reverse, is null and nothing more.
                NodeKind::List | NodeKind::RawArray => return self.nothing(field, *non_null),
                _ => {
                    self.misfit(field, "An object was expected.");
                    Err(Propagate)
                }
            },
            ([], shape) => leaf::write(at.table, &at.node, shape, &mut self.out).map_err(|why| {
                self.misfit(field, why);
                Propagate
            }),
            (below, _) => match at.node.kind {
                NodeKind::List | NodeKind::RawArray => self.list(field, below, at),
                NodeKind::Row | NodeKind::RawObject => return self.nothing(field, *non_null),
                _ => {
                    self.misfit(field, "A list was expected.");
                    Err(Propagate)
                }
            },
        };
        match done {
            Ok(()) => Ok(()),
            Err(Propagate) => {
                self.out.truncate(start);
                self.written.clear();
                self.null(*non_null)
            }
        }
    }

    // --- null and errors ---

    /// There is no value: null, or an error where null is not allowed.
    pub(super) fn nothing(&mut self, field: &FieldShape, non_null: bool) -> Result<(), Propagate> {
        if non_null {
            let message = format!("Cannot return null for non-nullable field {}.", field.coordinate);
            self.error(
                &message,
                FailureKind::BadResponse,
                field.service.as_ref(),
                Some(field.location),
            );
        }
        self.null(non_null)
    }

    /// Null after an error was noted.
    pub(super) fn null(&mut self, non_null: bool) -> Result<(), Propagate> {
        if non_null && self.settings.on_error != OnError::Null {
            return Err(Propagate);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn misfit(&mut self, field: &FieldShape, why: &str) {
        self.error(
            why,
            FailureKind::BadResponse,
            field.service.as_ref(),
            Some(field.location),
        );
    }

    pub(super) fn tell_failed(&mut self, number: u32, field: &FieldShape) {
        let failure: &Failure = &self.outcome.failures[number as usize];
        let (count, last) = &mut self.per_failure[number as usize];
        // What has failed for an object and for the key of something else of it is one failure there.
        if *count > 0 && *last == self.path {
            return;
        }
        last.clone_from(&self.path);
        *count += 1;
        if *count > ERRORS_PER_FAILURE_MAX {
            self.omitted += 1;
            return self.note_halt();
        }
        let extensions = error::extensions(failure, self.settings.detail);
        self.push_error(&failure.message, &extensions, Some(field.location));
    }

    pub(super) fn error(
        &mut self,
        message: &str,
        kind: FailureKind,
        service: Option<&Arc<str>>,
        location: Option<(u32, u32)>,
    ) {
        let mut extensions = Map::new();
        extensions.insert("code".to_owned(), Value::from(error::failure_code(kind)));
        if let Some(service) = service.filter(|_| self.settings.detail != Detail::Terse) {
            extensions.insert("service".to_owned(), Value::from(&**service));
        }
        self.push_error(message, &extensions, location);
    }

    /// Whether it has grown beyond its limit.
    pub(super) fn has_outgrown(&self) -> bool {
        self.out.len() > self.settings.bytes_max
    }

    /// Ends the answer when it has grown beyond its limit: there is no `data` then.
    #[inline]
    pub(super) fn is_too_large(&mut self) -> bool {
        self.has_outgrown() && self.stop_too_large()
    }

    #[cold]
    fn stop_too_large(&mut self) -> bool {
        if !self.stopped {
            self.stopped = true;
            self.path.clear();
            self.error(
                "The answer is larger than it may be.",
                FailureKind::RequestLimit,
                None,
                None,
            );
        }
        true
    }

    fn push_error(&mut self, message: &str, extensions: &Map<String, Value>, location: Option<(u32, u32)>) {
        if self.error_count >= ERRORS_MAX {
            self.omitted += 1;
            return self.note_halt();
        }
        if self.error_count > 0 {
            self.errors.push(b',');
        }
        self.error_count += 1;
        let path = self.path.iter().map(|segment| match segment {
            Segment::Key(key) => Value::from(*key),
            Segment::Index(index) => Value::from(*index),
        });
        error::write(message, location, Some(path.collect()), extensions, &mut self.errors);
        self.note_halt();
    }

    fn note_halt(&mut self) {
        self.stopped |= self.settings.on_error == OnError::Halt;
    }
}
