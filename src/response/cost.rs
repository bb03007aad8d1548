//! `extensions.cost` of an answer, and what an answer really cost. Only for those who ask: it is read again for that.

use serde_json::{Map, Value};

use super::Assembled;
use crate::{
    operation::OperationKind,
    plan::{FieldShape, Plan, Shape, ShapeId, ValueShape, cost::MUTATION_WEIGHT, weight_at},
    schema::Surface,
};

/// Bytes of an answer that is read again: a tree of values takes ten times the memory, and it is clients who ask for it.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What an answer weighs: as the estimate, with the lists that there were and without the weights of arguments. `None` for an
/// answer that is too large or nested too deeply to be read again.
#[must_use]
pub fn actual(surface: &Surface, plan: &Plan, answer: &Assembled) -> Option<u64> {
    if answer.body.len() > ANSWER_BYTES_MAX {
        return None;
    }
    let body: Map<String, Value> = serde_json::from_slice(&answer.body).ok()?;
    Some(match body.get("data") {
        Some(Value::Object(data)) => {
            let changes = match plan.kind {
                OperationKind::Mutation => MUTATION_WEIGHT.saturating_mul(data.len() as u64),
                OperationKind::Query => 0,
            };
            object(surface, plan, plan.root, data).saturating_add(changes)
        }
        _ => 0,
    })
}

/// Puts `extensions.cost` into an answer. What is there already stays as it is, byte for byte.
pub fn add(answer: &mut Assembled, cost: &Value) {
    let Assembled {
        body, has_extensions, ..
    } = answer;
    let (ends, start) = match has_extensions {
        true => ("}}", ",\"cost\":"),
        false => ("}", ",\"extensions\":{\"cost\":"),
    };
    body.truncate(body.len() - ends.len());
    body.extend_from_slice(format!("{start}{cost}}}}}").as_bytes());
    *has_extensions = true;
}

fn object(surface: &Surface, plan: &Plan, shape: ShapeId, value: &Map<String, Value>) -> u64 {
    match &plan.shapes[usize::from(shape.0)] {
        Shape::One(fields) => self::fields(surface, plan, fields, value),
        Shape::Behind { shape, .. } => object(surface, plan, *shape, value),
        // The answer need not say of which type an object is: the dearest of those that have all of its fields.
        Shape::ByType { variants, .. } => {
            let fits = |fields: &&Vec<FieldShape>| {
                fields.len() == value.len() && fields.iter().all(|field| value.contains_key(&*field.response_key))
            };
            let variants = variants.iter().map(|(_, fields)| fields).filter(fits);
            let costs = variants.map(|fields| self::fields(surface, plan, fields, value));
            costs.max().unwrap_or(0)
        }
    }
}

fn fields(surface: &Surface, plan: &Plan, fields: &[FieldShape], value: &Map<String, Value>) -> u64 {
    fields
        .iter()
        .fold(0, |sum, field| match value.get(&*field.response_key) {
            Some(value) => sum.saturating_add(values(
                surface,
                plan,
                field,
                weight_at(surface, &field.coordinate),
                value,
            )),
            None => sum,
        })
}

fn values(surface: &Surface, plan: &Plan, field: &FieldShape, weight: u64, value: &Value) -> u64 {
    match (value, &field.value) {
        (Value::Null, _) => 0,
        (Value::Array(items), _) if field.non_null.len() > 1 => items.iter().fold(0, |sum, item| {
            sum.saturating_add(values(surface, plan, field, weight, item))
        }),
        (Value::Object(members), ValueShape::Object(shape)) => {
            weight.saturating_add(object(surface, plan, *shape, members))
        }
        _ => weight,
    }
}
