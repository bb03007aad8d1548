//! Walks an operation against the schema and decides who supplies each field.
//!
//! The rules are DIALECT §1.9 and §2.1: a field comes from the selection that made its object if that names it, else
//! from its own connector, else from a connector of its type whose key is at hand.

use std::sync::{Arc, OnceLock, atomic::AtomicUsize};

use super::{
    Align, Costs, Count, Entry, Fetch, FetchId, FieldShape, FieldSource, Guard, Hop, KeyText, Plan, Shape, ShapeId,
    Step, ValueShape,
    answer::AnswerHints,
    asked,
    collect::{Collected, collect_fields},
    cost,
    group::{Group, Rows},
    supply::Supply,
    waves,
    weights::{self, Below},
};
use crate::{
    mapping::{LayoutId, Layouts, Projection, WireProjection},
    operation::{Argument, Operation, OperationKind, Selected, Verdict},
    schema::{
        Surface,
        access::Decision,
        model::{ConnectRequest, Connector, ConnectorId, Field, FieldType, KeyTree, Kind, Type, TypeId, TypeKind},
    },
};

/// Makes the plan of an operation for one combination of its conditions, and one verdict on what its caller may have.
///
/// # Errors
/// Abstract types multiply the selections beyond [`FIELDS_MAX`].
pub fn build(surface: &Surface, operation: &Operation, bits: u64, verdict: &Verdict) -> Result<Plan, TooLarge> {
    let root_type = match operation.kind {
        OperationKind::Query => surface.query,
        OperationKind::Mutation => surface.mutation.unwrap_or(surface.query),
    };
    let mut planner = Planner {
        surface,
        operation,
        verdict,
        bits,
        kind: operation.kind,
        guards: Vec::new(),
        refused: Vec::new(),
        fetches: Vec::new(),
        steps: Vec::new(),
        shapes: Vec::new(),
        fields: 0,
        costs: cost::Builder::new(),
        hints: AnswerHints::default(),
        introspects: false,
        resolving: Vec::new(),
    };
    let group = Group {
        ty: root_type,
        base: None,
        others: Vec::new(),
        path: Vec::new(),
        objects: Count::ONE,
        sized: Vec::new(),
        response_path: String::new(),
        root_field: 0,
    };
    let root = planner.object(group, root_type, std::slice::from_ref(&operation.selections));
    if planner.fields > FIELDS_MAX {
        Err(TooLarge)
    } else {
        Ok(planner.finish(root))
    }
}

/// Fields of all shapes of a plan. A selection on an abstract type is planned once for each of its object types, so
/// nested ones multiply; steps and layouts are numbered in 16 bits.
pub const FIELDS_MAX: usize = 20_000;

/// The plan of an operation would have more than [`FIELDS_MAX`] fields.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operation asks for more than {FIELDS_MAX} fields, counted for each possible type")]
pub struct TooLarge;

/// A fetch while its layouts grow.
pub(super) struct Draft {
    pub(super) connector: ConnectorId,
    pub(super) arguments: Vec<(Arc<str>, Argument)>,
    pub(super) layouts: Layouts,
    pub(super) align: Align,
    pub(super) key_names: Vec<Vec<Arc<str>>>,
    /// Whether it is made for keys, so that several places can share it.
    pub(super) keyed: bool,
    /// Mutations do not share fetches between root fields: the second must see what the first did.
    pub(super) root_field: Option<u16>,
}

/// A plan in the making.
pub(super) struct Planner<'a> {
    pub(super) surface: &'a Surface,
    pub(super) operation: &'a Operation,
    pub(super) verdict: &'a Verdict,
    pub(super) guards: Vec<Guard>,
    pub(super) refused: Vec<Arc<str>>,
    bits: u64,
    pub(super) kind: OperationKind,
    pub(super) fetches: Vec<Draft>,
    pub(super) steps: Vec<Step>,
    shapes: Vec<Shape>,
    fields: usize,
    pub(super) costs: cost::Builder,
    hints: AnswerHints,
    introspects: bool,
    /// Type connectors whose keys are being looked for.
    pub(super) resolving: Vec<ConnectorId>,
}

// === impl Planner ===

impl<'a> Planner<'a> {
    pub(super) fn ty(&self, id: TypeId) -> &'a Type {
        &self.surface.types[id.0 as usize]
    }

    pub(super) fn connector(&self, id: ConnectorId) -> &'a Connector {
        &self.surface.connectors[id.0 as usize]
    }

    fn finish(self, root: ShapeId) -> Plan {
        let surface = self.surface;
        let waves = waves::waves(&self.steps, &self.guards);
        let fetches = self.fetches.into_iter().enumerate().map(|(number, draft)| {
            let number = FetchId(number as u16);
            let connector = &surface.connectors[draft.connector.0 as usize];
            let mapping = &connector.selection;
            let asked = asked::asked(surface, connector, &draft.layouts);
            let projection = Projection::compile(&mapping.selection, mapping.spec, draft.layouts);
            let wire = match &connector.request {
                ConnectRequest::Grpc { method, .. } => WireProjection::compile(&projection, &method.output),
                ConnectRequest::Http { .. } | ConnectRequest::Local { .. } | ConnectRequest::None => None,
            };
            Fetch {
                connector: draft.connector,
                arguments: draft.arguments,
                projection,
                wire,
                asked,
                align: draft.align,
                waves: waves.iter().filter(|wave| wave.fetch == number).count() as u16,
                nodes_hint: AtomicUsize::new(16),
                constant: OnceLock::new(),
                key_names: draft.key_names,
            }
        });
        let fetches = fetches.collect();
        let mut plan = Plan {
            kind: self.kind,
            fetches,
            steps: self.steps,
            waves,
            shapes: self.shapes,
            guards: self.guards,
            refused: self.refused,
            root,
            introspection: self.introspects,
            tells_degraded: surface.has_additions,
            fields: self.fields,
            sharing: OnceLock::new(),
            answer_hint: AtomicUsize::new(256),
            constant: OnceLock::new(),
            costs: Costs::default(),
            policy: self.hints.policy(self.kind),
            notices: self.hints.notices(),
        };
        plan.costs = self.costs.finish(surface, &plan);
        plan
    }

    // --- objects ---

    /// Plans the selection sets of the objects of a group; their static type may be abstract.
    fn object(&mut self, group: Group<'a>, ty: TypeId, sets: &[Arc<[Selected]>]) -> ShapeId {
        let definition = self.ty(ty);
        let shape = match (&definition.kind, group.base) {
            (TypeKind::Interface(_) | TypeKind::Union, Some(base)) => {
                let slot = self.layouts(base.fetch).leaf(base.layout, &Arc::from("__typename"));
                let before = self.costs.take(group.objects);
                let mut most = 0;
                let mut variants = Vec::with_capacity(definition.possible.len());
                let mut entries = Vec::new();
                for concrete in &definition.possible {
                    let name = self.ty(*concrete).name.clone();
                    let mut group = group.clone();
                    group.path.push(Hop::OfType(slot, name.clone()));
                    group.ty = *concrete;
                    let entry = self.entry(&mut group, *concrete);
                    entries.extend(entry.map(|entry| (name.clone(), entry)));
                    if matches!(entry, Some(Entry::Refused { .. })) {
                        continue;
                    }
                    variants.push((name, self.fields(group.clone(), *concrete, sets)));
                    // Each object is of one type only: the dearest.
                    most = self.costs.take(group.objects).max(most);
                }
                self.costs.give(group.objects, before.saturating_add(most));
                Shape::ByType {
                    slot,
                    name: definition.name.clone(),
                    variants,
                    entries,
                }
            }
            _ => return self.one(group, ty, sets),
        };
        self.shape(shape)
    }

    /// Plans the objects of one type.
    fn one(&mut self, mut group: Group<'a>, ty: TypeId, sets: &[Arc<[Selected]>]) -> ShapeId {
        let entry = self.entry(&mut group, ty);
        let fields = match entry {
            Some(Entry::Refused { .. }) => Vec::new(),
            Some(Entry::Guarded(_)) | None => self.fields(group, ty, sets),
        };
        let shape = self.shape(Shape::One(fields));
        match entry {
            Some(entry) => self.shape(Shape::Behind { entry, shape }),
            None => shape,
        }
    }

    fn shape(&mut self, shape: Shape) -> ShapeId {
        self.shapes.push(shape);
        ShapeId((self.shapes.len() - 1) as u16)
    }

    fn fields(&mut self, mut group: Group<'a>, ty: TypeId, sets: &[Arc<[Selected]>]) -> Vec<FieldShape> {
        let collected = collect_fields(self.surface, ty, sets, self.bits);
        self.fields += collected.len() + 1;
        if self.steps.len() > FIELDS_MAX {
            // Steps are numbered in 16 bits, and a field can take several.
            self.fields = FIELDS_MAX + 1;
        }
        if self.fields > FIELDS_MAX {
            return Vec::new();
        }
        group.ty = ty;
        group.base = group.base.map(|rows| Rows {
            supply: rows.supply.of_type(&self.ty(ty).name),
            ..rows
        });
        let missing: Vec<Arc<str>> = collected
            .iter()
            .filter(|collected| {
                let node = collected.first();
                self.field(ty, &node.name).is_some_and(|(_, field)| {
                    let decided = || self.of_field(field, &node.arguments);
                    field.connectors.is_empty() && !matches!(decided(), Decision::Refused { .. })
                })
            })
            .map(|collected| collected.first().name.clone())
            .collect();
        self.supply(&mut group, &missing);
        let is_root = group.base.is_none();
        let fields = collected.iter().enumerate().map(|(position, collected)| {
            if is_root {
                group.root_field = position as u16;
            }
            self.field_shape(&mut group, ty, collected)
        });
        fields.collect()
    }

    pub(super) fn field(&self, ty: TypeId, name: &str) -> Option<(u32, &'a Field)> {
        match &self.ty(ty).kind {
            TypeKind::Object(fields) | TypeKind::Interface(fields) => {
                let index = fields.iter().position(|field| &*field.name == name)?;
                Some((index as u32, &fields[index]))
            }
            _ => None,
        }
    }

    fn field_shape(&mut self, group: &mut Group<'a>, ty: TypeId, collected: &Collected) -> FieldShape {
        let node = collected.first();
        let name = &self.ty(ty).name;
        let mut shape = FieldShape {
            key: KeyText::new(&node.response_key),
            response_key: node.response_key.clone(),
            coordinate: format!("{name}.{}", node.name).into(),
            non_null: vec![false],
            source: FieldSource::Nobody,
            value: ValueShape::Scalar(crate::schema::model::Scalar::Custom),
            location: node.location,
            service: None,
            stand_by: None,
            is_critical: false,
            weight: 0,
        };
        match (&*node.name, self.field(ty, &node.name)) {
            ("__typename", _) => shape.source = FieldSource::Constant(format!("\"{name}\"").into_bytes().into()),
            (_, Some((_, field))) => {
                shape.non_null.clone_from(&field.ty.non_null);
                shape.weight = u32::try_from(weights::weight(self.surface, field)).unwrap_or(u32::MAX);
                let of_type = self.leaf(&field.ty).is_none().then(|| &self.ty(field.ty.named).cache);
                self.hints.add(field, of_type, node, group.base.is_none());
                self.decided(group, ty, (field, collected), &mut shape);
            }
            _ => {
                self.costs
                    .add(Count::ONE, weights::introspection(&collected.selections()));
                self.introspects = true;
                self.hints.add_introspection();
                shape.source = FieldSource::Introspection;
            }
        }
        shape
    }

    /// Plans a field as far as its caller may have it.
    fn decided(
        &mut self,
        group: &mut Group<'a>,
        ty: TypeId,
        (field, collected): (&'a Field, &Collected),
        shape: &mut FieldShape,
    ) {
        let node = collected.first();
        let decision = self.of_field(field, &node.arguments);
        if let Decision::Refused { is_absent } = decision {
            self.refused.push(shape.coordinate.clone());
            shape.source = FieldSource::Refused { is_absent };
            return;
        }
        let guard = match (decision, field.access, group.base) {
            (Decision::ByObject, Some(access), Some(_)) => Some(self.guard(group, access, &node.arguments)),
            _ => None,
        };
        group.path.extend(guard.map(Hop::Guard));
        let below = self.count(group, ty, field, node);
        (shape.source, shape.value) = self.place(group, field, collected, below);
        shape.service = self.service(group, &shape.source);
        if field.is_critical || field.fallback.is_some() {
            self.contract(group, field, shape);
        }
        if let Some(guard) = guard {
            group.path.pop();
            let source = std::mem::replace(&mut shape.source, FieldSource::Nobody);
            shape.source = Self::guarded(guard, source);
        }
    }

    /// Name of the source that a field's value comes from.
    fn service(&self, group: &Group<'a>, source: &FieldSource) -> Option<Arc<str>> {
        let step = match source {
            FieldSource::Step(step) => *step,
            FieldSource::Slot { via, .. } => via.or(group.base.map(|base| base.step))?,
            FieldSource::Constant(_)
            | FieldSource::Introspection
            | FieldSource::Nobody
            | FieldSource::Refused { .. }
            | FieldSource::Guarded(..) => return None,
        };
        let fetch = &self.fetches[usize::from(self.steps[usize::from(step.0)].fetch.0)];
        let source = self.connector(fetch.connector).source?;
        Some(self.surface.sources[source.0 as usize].name.clone())
    }

    /// Decides where a field's value comes from and plans what is below it.
    fn place(
        &mut self,
        group: &mut Group<'a>,
        field: &'a Field,
        collected: &Collected,
        below: Below,
    ) -> (FieldSource, ValueShape) {
        let named = field.arguments.is_empty() && group.is_named(&field.name);
        if !named && let Some(connector) = self.choose(field, collected) {
            return self.connect(group, field, connector, collected, below);
        }
        let Some((via, rows)) = group.supplier(&field.name) else {
            let value = self
                .leaf(&field.ty)
                .unwrap_or(ValueShape::Scalar(crate::schema::model::Scalar::Custom));
            return (FieldSource::Nobody, value);
        };
        if let Some(value) = self.leaf(&field.ty) {
            let slot = self.layouts(rows.fetch).leaf(rows.layout, &field.name);
            return (FieldSource::Slot { via, slot }, value);
        }
        let (slot, layout) = self.layouts(rows.fetch).object(rows.layout, &field.name);
        let supply = rows.supply.get(&field.name).unwrap_or(Supply::Anything);
        let mut path = if via.is_none() { group.path.clone() } else { Vec::new() };
        path.push(Hop::Slot(slot));
        let group = Group {
            ty: field.ty.named,
            base: Some(Rows { layout, supply, ..rows }),
            others: Vec::new(),
            path,
            objects: below.objects,
            sized: below.sized,
            response_path: join(&group.response_path, &collected.first().response_key, &field.ty),
            root_field: group.root_field,
        };
        let shape = self.object(group, field.ty.named, &collected.selections());
        (FieldSource::Slot { via, slot }, ValueShape::Object(shape))
    }

    /// The connector of a field: of several, the one that supplies most of what is asked for.
    fn choose(&self, field: &Field, collected: &Collected) -> Option<ConnectorId> {
        let (first, rest) = field.connectors.split_first()?;
        if rest.is_empty() {
            return Some(*first);
        }
        let wanted = self.wanted_names(field.ty.named, collected);
        let cover = |id: &ConnectorId| {
            let supply = Supply::Names(&self.connector(*id).output);
            wanted.iter().filter(|name| supply.get(name).is_some()).count()
        };
        // The first of those with equal cover.
        field.connectors.iter().rev().max_by_key(|id| cover(id)).copied()
    }

    fn wanted_names(&self, ty: TypeId, collected: &Collected) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for concrete in &self.ty(ty).possible {
            for below in collect_fields(self.surface, *concrete, &collected.selections(), self.bits) {
                if !names.contains(&below.first().name) {
                    names.push(below.first().name.clone());
                }
            }
        }
        names
    }

    /// Plans a field that has its own connector.
    fn connect(
        &mut self,
        group: &mut Group<'a>,
        field: &'a Field,
        id: ConnectorId,
        collected: &Collected,
        below: Below,
    ) -> (FieldSource, ValueShape) {
        let connector = self.connector(id);
        let node = collected.first();
        let path = join(&group.response_path, &node.response_key, &field.ty);
        let leaf = self.leaf(&field.ty);
        let reads = match connector.kind {
            // Asked for by its name, within a payload: its arguments are given.
            Kind::EntityField => KeyTree::default(),
            _ => self.key_tree(connector),
        };
        let keyed = group.base.map(|base| (base, self.key(group, &reads)));
        let is_object = leaf.is_none();
        let key = keyed.is_some().then_some(&reads);
        let fetch = self.fetch(id, &node.arguments, is_object, group.root_field, key);
        let step = self.step(group, fetch, keyed, path.clone());
        let source = FieldSource::Step(step);
        if let Some(value) = leaf {
            return (source, value);
        }
        let rows = Rows {
            step,
            fetch,
            layout: LayoutId(0),
            supply: Supply::Names(&connector.output),
        };
        let group = Group {
            ty: field.ty.named,
            base: Some(rows),
            others: Vec::new(),
            path: Vec::new(),
            objects: below.objects,
            sized: below.sized,
            response_path: path,
            root_field: group.root_field,
        };
        let shape = self.object(group, field.ty.named, &collected.selections());
        (source, ValueShape::Object(shape))
    }

    pub(super) fn leaf(&self, ty: &FieldType) -> Option<ValueShape> {
        match &self.ty(ty.named).kind {
            TypeKind::Scalar(scalar) => Some(ValueShape::Scalar(*scalar)),
            TypeKind::Enum(values) => Some(ValueShape::Enum(values.as_slice().into())),
            _ => None,
        }
    }
}

fn join(path: &str, key: &str, ty: &FieldType) -> String {
    let lists = "[]".repeat(ty.non_null.len() - 1);
    if path.is_empty() {
        format!("{key}{lists}")
    } else {
        format!("{path}.{key}{lists}")
    }
}
