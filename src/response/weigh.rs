//! What an operation really cost: as it is estimated, with the lists that there were. Without a look at the answer's text.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{raw, write::Row};
use crate::{
    execute::{Link, Outcome, is_type},
    mapping::NodeKind,
    operation::OperationKind,
    plan::{FieldShape, FieldSource, Plan, Shape, ShapeId, StepId, ValueShape, cost::MUTATION_WEIGHT},
};

/// What was found out while weighing.
struct Scale<'a> {
    plan: &'a Plan,
    outcome: &'a Outcome,
    /// Values that many objects lead to.
    known: HashMap<(ShapeId, u32, u32), u64, RandomState>,
}

/// The weights of all objects that were had for an operation. What an error or a rule then kept out of the answer is counted: it was had.
pub(super) fn weigh(plan: &Plan, outcome: &Outcome) -> u64 {
    let mut scale = Scale {
        plan,
        outcome,
        known: HashMap::default(),
    };
    let changes = match (plan.kind, &plan.shapes[usize::from(plan.root.0)]) {
        (OperationKind::Mutation, Shape::One(fields)) => MUTATION_WEIGHT.saturating_mul(fields.len() as u64),
        _ => 0,
    };
    scale.object(plan.root, None).saturating_add(changes)
}

// === impl Scale ===

impl<'a> Scale<'a> {
    fn object(&mut self, shape: ShapeId, row: Option<Row<'a>>) -> u64 {
        let plan = self.plan;
        let fields = match &plan.shapes[usize::from(shape.0)] {
            Shape::One(fields) => fields,
            Shape::Behind { shape, .. } => return self.object(*shape, row),
            Shape::ByType { slot, variants, .. } => {
                let Some(row) = row else { return 0 };
                let type_name = row.table.slot(&row.node, *slot);
                let found = variants.iter().find(|(name, _)| is_type(row.table, type_name, name));
                let Some((_, fields)) = found else { return 0 };
                fields
            }
        };
        fields
            .iter()
            // Most are scalars, which weigh nothing.
            .filter(|field| field.weight > 0 || matches!(field.value, ValueShape::Object(_)))
            .fold(0, |sum, field| {
                sum.saturating_add(self.field(field, &field.source, row))
            })
    }

    fn field(&mut self, field: &'a FieldShape, source: &'a FieldSource, row: Option<Row<'a>>) -> u64 {
        match source {
            FieldSource::Guarded(_, source) => self.field(field, source, row),
            FieldSource::Step(step) => match self.link(*step, row) {
                Link::Value { table, node } => self.linked(field, *step, (table, node)),
                Link::Nothing | Link::Failed(_) => 0,
            },
            FieldSource::Slot { via: None, slot } => row.map_or(0, |row| self.slot(field, *slot, row)),
            FieldSource::Slot { via: Some(step), slot } => match self.link(*step, row) {
                Link::Value { table, node } => self.slot(field, *slot, self.row(table, node)),
                Link::Nothing | Link::Failed(_) => 0,
            },
            FieldSource::Constant(_)
            | FieldSource::Nobody
            | FieldSource::Refused { .. }
            | FieldSource::Introspection => 0,
        }
    }

    fn slot(&mut self, field: &'a FieldShape, slot: u16, row: Row<'a>) -> u64 {
        if row.node.kind != NodeKind::Row {
            return 0;
        }
        let node = *row.table.slot(&row.node, slot);
        self.value(field, field.non_null.len() - 1, Row { node, ..row })
    }

    fn linked(&mut self, field: &'a FieldShape, step: StepId, (table, node): (u32, u32)) -> u64 {
        let lists = field.non_null.len() - 1;
        let key = match &field.value {
            ValueShape::Object(shape) if self.outcome.steps[usize::from(step.0)].repeats => (*shape, table, node),
            _ => return self.value(field, lists, self.row(table, node)),
        };
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let weight = self.value(field, lists, self.row(table, node));
        self.known.insert(key, weight);
        weight
    }

    /// A value below so many levels of lists.
    fn value(&mut self, field: &'a FieldShape, lists: usize, at: Row<'a>) -> u64 {
        match (at.node.kind, &field.value) {
            _ if at.node.is_nothing() => 0,
            (NodeKind::List, _) if lists > 0 => at.table.items(&at.node).fold(0, |sum, (_, node)| {
                let item = Row { node: *node, ..at };
                sum.saturating_add(self.value(field, lists - 1, item))
            }),
            (NodeKind::RawArray, _) if lists > 0 => raw::items(at.table, &at.node).fold(0, |sum, node| {
                let item = Row { node, ..at };
                sum.saturating_add(self.value(field, lists - 1, item))
            }),
            (NodeKind::Row, ValueShape::Object(shape)) => {
                u64::from(field.weight).saturating_add(self.object(*shape, Some(at)))
            }
            (_, ValueShape::Object(_)) => 0,
            _ => u64::from(field.weight),
        }
    }

    fn link(&self, step: StepId, row: Option<Row<'a>>) -> Link {
        let outcome = &self.outcome.steps[usize::from(step.0)];
        match row {
            Some(row) => outcome.link(row.number, row.node.len),
            None => outcome.root,
        }
    }

    fn row(&self, number: u32, node: u32) -> Row<'a> {
        let table = &self.outcome.tables[number as usize];
        Row {
            number,
            table,
            node: *table.node(node),
        }
    }
}
