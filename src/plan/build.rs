//! Walks an operation against the schema and decides who supplies each field.
//!
//! The rules are DIALECT §1.9 and §2.1: a field comes from the selection that made its object if that names it, else
//! from its own connector, else from a connector of its type whose key is at hand.

use std::sync::Arc;

use super::{
    Align, Fetch, FetchId, FieldShape, FieldSource, Hop, KeyPart, Parent, Plan, Shape, ShapeId, Step, StepId, ValueShape, Wave,
    collect::{Collected, collect_fields},
    group::{Group, Rows},
    size,
    supply::Supply,
};
use crate::{
    mapping::{LayoutId, Layouts, Projection, WireProjection},
    operation::{Argument, FieldNode, Operation, OperationKind, Selected},
    schema::{
        Surface,
        model::{ConnectRequest, Connector, ConnectorId, Field, FieldType, Kind, KeyTree, Site, Type, TypeId, TypeKind},
    },
};

/// Makes the plan of an operation for one combination of its conditions.
///
/// # Errors
/// Abstract types multiply the selections beyond [`FIELDS_MAX`].
pub fn build(surface: &Surface, operation: &Operation, bits: u64) -> Result<Plan, TooLarge> {
    let root_type = match operation.kind {
        OperationKind::Query => surface.query,
        OperationKind::Mutation => surface.mutation.unwrap_or(surface.query),
    };
    let mut planner = Planner {
        surface,
        bits,
        kind: operation.kind,
        fetches: Vec::new(),
        steps: Vec::new(),
        shapes: Vec::new(),
        fields: 0,
        cost: 0,
    };
    let group =
        Group { ty: root_type, base: None, others: Vec::new(), path: Vec::new(), objects: 1, response_path: String::new(), root_field: 0 };
    let root = planner.object(group, root_type, &[operation.selections.clone()]);
    if planner.fields > FIELDS_MAX { Err(TooLarge) } else { Ok(planner.finish(root, operation)) }
}

/// Fields of all shapes of a plan. A selection on an abstract type is planned once for each of its object types, so
/// nested ones multiply; steps and layouts are numbered in 16 bits.
pub const FIELDS_MAX: usize = 20_000;

/// The plan of an operation would have more than [`FIELDS_MAX`] fields.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operation asks for more than {FIELDS_MAX} fields, counted for each possible type")]
pub struct TooLarge;

/// A fetch while its layouts grow.
struct Draft {
    connector: ConnectorId,
    arguments: Vec<(Arc<str>, Argument)>,
    layouts: Layouts,
    align: Align,
    key_names: Vec<Vec<Arc<str>>>,
    /// Whether it is made for keys, so that several places can share it.
    keyed: bool,
    /// Mutations do not share fetches between root fields: the second must see what the first did.
    root_field: Option<u16>,
}

struct Planner<'a> {
    surface: &'a Surface,
    bits: u64,
    kind: OperationKind,
    fetches: Vec<Draft>,
    steps: Vec<Step>,
    shapes: Vec<Shape>,
    fields: usize,
    cost: u64,
}

// === impl Planner ===

impl<'a> Planner<'a> {
    fn ty(&self, id: TypeId) -> &'a Type {
        &self.surface.types[id.0 as usize]
    }

    fn connector(&self, id: ConnectorId) -> &'a Connector {
        &self.surface.connectors[id.0 as usize]
    }

    fn finish(self, root: ShapeId, operation: &Operation) -> Plan {
        let surface = self.surface;
        let waves = waves(&self.steps);
        let fetches = self.fetches.into_iter().map(|draft| {
            let connector = &surface.connectors[draft.connector.0 as usize];
            let mapping = &connector.selection;
            let projection = Projection::compile(&mapping.selection, mapping.spec, draft.layouts);
            let wire = match &connector.request {
                ConnectRequest::Grpc { method, .. } => WireProjection::compile(&projection, &method.output),
                ConnectRequest::Http { .. } | ConnectRequest::None => None,
            };
            Fetch {
                connector: draft.connector,
                arguments: draft.arguments,
                projection,
                wire,
                align: draft.align,
                key_names: draft.key_names,
            }
        });
        Plan {
            kind: self.kind,
            fetches: fetches.collect(),
            steps: self.steps,
            waves,
            shapes: self.shapes,
            root,
            introspection: operation.has_introspection(),
            cost: self.cost,
        }
    }

    // --- objects ---

    /// Plans the selection sets of the objects of a group; their static type may be abstract.
    fn object(&mut self, group: Group<'a>, ty: TypeId, sets: &[Arc<[Selected]>]) -> ShapeId {
        let definition = self.ty(ty);
        let shape = match (&definition.kind, group.base) {
            (TypeKind::Interface(_) | TypeKind::Union, Some(base)) => {
                let slot = self.layouts(base.fetch).leaf(base.layout, &Arc::from("__typename"));
                let variants = definition.possible.iter().map(|concrete| {
                    let name = self.ty(*concrete).name.clone();
                    let mut group = group.clone();
                    group.path.push(Hop::OfType(slot, name.clone()));
                    (name, self.fields(group, *concrete, sets))
                });
                Shape::ByType { slot, name: definition.name.clone(), variants: variants.collect() }
            }
            _ => Shape::One(self.fields(group, ty, sets)),
        };
        self.shapes.push(shape);
        ShapeId((self.shapes.len() - 1) as u16)
    }

    fn fields(&mut self, mut group: Group<'a>, ty: TypeId, sets: &[Arc<[Selected]>]) -> Vec<FieldShape> {
        let collected = collect_fields(self.surface, ty, sets, self.bits);
        self.fields += collected.len() + 1;
        if self.fields > FIELDS_MAX {
            return Vec::new();
        }
        group.ty = ty;
        group.base = group.base.map(|rows| Rows { supply: rows.supply.of_type(&self.ty(ty).name), ..rows });
        let missing: Vec<Arc<str>> = collected
            .iter()
            .filter(|collected| self.field(ty, &collected.first().name).is_some_and(|(_, field)| field.connectors.is_empty()))
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

    fn field(&self, ty: TypeId, name: &str) -> Option<(u32, &'a Field)> {
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
            key: format!("{}:", serde_json::Value::from(&*node.response_key)).into_bytes().into(),
            response_key: node.response_key.clone(),
            coordinate: format!("{name}.{}", node.name).into(),
            non_null: vec![false],
            source: FieldSource::Nobody,
            value: ValueShape::Scalar(crate::schema::model::Scalar::Custom),
            location: node.location,
            service: None,
        };
        match (&*node.name, self.field(ty, &node.name)) {
            ("__typename", _) => shape.source = FieldSource::Constant(format!("\"{name}\"").into_bytes().into()),
            (_, Some((_, field))) => {
                shape.non_null.clone_from(&field.ty.non_null);
                self.cost = self.cost.saturating_add(self.weight(group, field, node));
                (shape.source, shape.value) = self.place(group, field, collected);
                shape.service = self.service(group, &shape.source);
            }
            _ => shape.source = FieldSource::Introspection,
        }
        shape
    }

    /// What a field adds to the estimated cost.
    fn weight(&self, group: &Group<'a>, field: &Field, node: &FieldNode) -> u64 {
        let objects = match self.leaf(&field.ty) {
            Some(_) => 0,
            None => size::list_size(field, &node.arguments),
        };
        let each = field.cost.map_or(objects, u64::from);
        let mutation = u64::from(group.base.is_none() && self.kind == OperationKind::Mutation) * 10;
        group.objects.saturating_mul(each).saturating_add(mutation)
    }

    /// Name of the source that a field's value comes from.
    fn service(&self, group: &Group<'a>, source: &FieldSource) -> Option<Arc<str>> {
        let step = match source {
            FieldSource::Step(step) => *step,
            FieldSource::Slot { via, .. } => via.or(group.base.map(|base| base.step))?,
            FieldSource::Constant(_) | FieldSource::Introspection | FieldSource::Nobody => return None,
        };
        let fetch = &self.fetches[usize::from(self.steps[usize::from(step.0)].fetch.0)];
        let source = self.connector(fetch.connector).source?;
        Some(self.surface.sources[source.0 as usize].name.clone())
    }

    /// Decides where a field's value comes from and plans what is below it.
    fn place(&mut self, group: &mut Group<'a>, field: &'a Field, collected: &Collected) -> (FieldSource, ValueShape) {
        let named = field.arguments.is_empty() && group.is_named(&field.name);
        if !named && let Some(connector) = self.choose(field, collected) {
            return self.connect(group, field, connector, collected);
        }
        let Some((via, rows)) = group.supplier(&field.name) else {
            let value = self.leaf(&field.ty).unwrap_or(ValueShape::Scalar(crate::schema::model::Scalar::Custom));
            return (FieldSource::Nobody, value);
        };
        if let Some(value) = self.leaf(&field.ty) {
            let slot = self.layouts(rows.fetch).leaf(rows.layout, &field.name);
            return (FieldSource::Slot { via, slot }, value);
        }
        let (slot, layout) = self.layouts(rows.fetch).object(rows.layout, &field.name);
        let supply = rows.supply.get(&field.name).unwrap_or(Supply::Anything);
        let objects = group.objects.saturating_mul(size::list_size(field, &collected.first().arguments));
        let mut path = if via.is_none() { group.path.clone() } else { Vec::new() };
        path.push(Hop::Slot(slot));
        let below = Group {
            ty: field.ty.named,
            base: Some(Rows { layout, supply, ..rows }),
            others: Vec::new(),
            path,
            objects,
            response_path: join(&group.response_path, &collected.first().response_key, &field.ty),
            root_field: group.root_field,
        };
        let shape = self.object(below, field.ty.named, &collected.selections());
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
    fn connect(&mut self, group: &mut Group<'a>, field: &'a Field, id: ConnectorId, collected: &Collected) -> (FieldSource, ValueShape) {
        let connector = self.connector(id);
        let node = collected.first();
        let path = join(&group.response_path, &node.response_key, &field.ty);
        let leaf = self.leaf(&field.ty);
        let keyed = match group.base {
            Some(base) => {
                let reads = if connector.kind == Kind::FieldBatch { &connector.batch_reads } else { &connector.this_reads };
                Some((base, self.key(group, reads)))
            }
            None => None,
        };
        let is_object = leaf.is_none();
        let fetch = self.fetch(id, &node.arguments, is_object, group.root_field, keyed.is_some());
        let step = self.step(group, fetch, keyed, path.clone());
        let source = FieldSource::Step(step);
        if let Some(value) = leaf {
            return (source, value);
        }
        let rows = Rows { step, fetch, layout: LayoutId(0), supply: Supply::Names(&connector.output) };
        let below = Group {
            ty: field.ty.named,
            base: Some(rows),
            others: Vec::new(),
            path: Vec::new(),
            objects: group.objects.saturating_mul(size::list_size(field, &node.arguments)),
            response_path: path,
            root_field: group.root_field,
        };
        let shape = self.object(below, field.ty.named, &collected.selections());
        (source, ValueShape::Object(shape))
    }

    fn leaf(&self, ty: &FieldType) -> Option<ValueShape> {
        match &self.ty(ty.named).kind {
            TypeKind::Scalar(scalar) => Some(ValueShape::Scalar(*scalar)),
            TypeKind::Enum(values) => Some(ValueShape::Enum(values.as_slice().into())),
            _ => None,
        }
    }

    // --- type connectors ---

    /// Adds steps until every name of `names` has a supplier, or no connector of the type helps.
    fn supply(&mut self, group: &mut Group<'a>, names: &[Arc<str>]) {
        let mut tried: Vec<ConnectorId> = Vec::new();
        while group.base.is_some() {
            let missing: Vec<&Arc<str>> = names.iter().filter(|name| group.supplier(name).is_none()).collect();
            if missing.is_empty() {
                return;
            }
            let Some(id) = self.best_supplier(group, &missing, &tried) else { return };
            tried.push(id);
            self.supply_by(group, id);
        }
    }

    fn supply_by(&mut self, group: &mut Group<'a>, id: ConnectorId) {
        let Some(base) = group.base else { return };
        let connector = self.connector(id);
        let tree = self.key_tree(connector);
        let key = self.key(group, &tree);
        let fetch = self.fetch(id, &[], true, group.root_field, true);
        let path = format!("{}+{}", group.response_path, connector.coordinate);
        let step = self.step(group, fetch, Some((base, key)), path);
        let rows = Rows { step, fetch, layout: LayoutId(0), supply: Supply::Names(&connector.output) };
        group.others.push((step, rows));
    }

    /// The connector of a type that supplies most of the missing names and whose key can be had.
    fn best_supplier(&self, group: &Group<'a>, missing: &[&Arc<str>], tried: &[ConnectorId]) -> Option<ConnectorId> {
        let mut best = None;
        for id in self.ty(group.ty).suppliers.iter().filter(|id| !tried.contains(id)) {
            let connector = self.connector(*id);
            let supply = Supply::Names(&connector.output);
            let cover = missing.iter().filter(|name| supply.get(name).is_some()).count();
            let reachable = self.key_tree(connector).0.iter().all(|(name, _)| self.is_reachable(group, name, &mut vec![*id]));
            if cover > best.map_or(0, |(_, cover)| cover) && reachable {
                best = Some((*id, cover));
            }
        }
        best.map(|(id, _)| id)
    }

    /// Whether a name can be had for the objects of a group, maybe by way of another connector of their type.
    fn is_reachable(&self, group: &Group<'a>, name: &str, above: &mut Vec<ConnectorId>) -> bool {
        if group.supplier(name).is_some() {
            return true;
        }
        self.ty(group.ty).suppliers.iter().any(|id| {
            let connector = self.connector(*id);
            if above.contains(id) || Supply::Names(&connector.output).get(name).is_none() {
                return false;
            }
            above.push(*id);
            let reachable = self.key_tree(connector).0.iter().all(|(name, _)| self.is_reachable(group, name, above));
            above.pop();
            reachable
        })
    }

    // --- keys ---

    /// Where each part of a key is read, made available first if it has to be.
    fn key(&mut self, group: &mut Group<'a>, reads: &KeyTree) -> Vec<KeyPart> {
        let mut parts = Vec::new();
        for (name, below) in &reads.0 {
            self.supply(group, std::slice::from_ref(name));
            // Start-up checks find keys that nobody supplies; what slips through reads as null.
            let Some((via, rows)) = group.supplier(name).or(group.base.map(|base| (None, base))) else { continue };
            self.key_parts(rows, via, name, below, &mut Vec::new(), &mut parts);
        }
        parts
    }

    fn key_parts(
        &mut self,
        rows: Rows<'a>,
        via: Option<StepId>,
        name: &Arc<str>,
        below: &KeyTree,
        slots: &mut Vec<u16>,
        parts: &mut Vec<KeyPart>,
    ) {
        if below.0.is_empty() {
            slots.push(self.layouts(rows.fetch).leaf(rows.layout, name));
            parts.push(KeyPart { via, slots: slots.clone() });
        } else {
            let (slot, layout) = self.layouts(rows.fetch).object(rows.layout, name);
            slots.push(slot);
            for (name, below) in &below.0 {
                self.key_parts(Rows { layout, ..rows }, via, name, below, slots, parts);
            }
        }
        slots.pop();
    }

    // --- fetches and steps ---

    fn layouts(&mut self, fetch: FetchId) -> &mut Layouts {
        &mut self.fetches[usize::from(fetch.0)].layouts
    }

    /// The fetch of a connector with these arguments; keyed ones are shared by all places that ask the same.
    fn fetch(&mut self, id: ConnectorId, arguments: &[(Arc<str>, Argument)], is_object: bool, root_field: u16, keyed: bool) -> FetchId {
        let root_field = (self.kind == OperationKind::Mutation).then_some(root_field);
        let same = |draft: &Draft| draft.connector == id && draft.root_field == root_field && draft.arguments == arguments;
        if keyed && let Some(known) = self.fetches.iter().position(|draft| draft.keyed && same(draft)) {
            return FetchId(known as u16);
        }
        let mut layouts = Layouts::default();
        if is_object {
            layouts.add();
        }
        let connector = self.connector(id);
        let align = if keyed && is_object { align(self.surface, connector, &mut layouts) } else { Align::Whole };
        let mut key_names = Vec::new();
        if keyed {
            tree_paths(&self.key_tree(connector), &mut Vec::new(), &mut key_names);
        }
        self.fetches.push(Draft { connector: id, arguments: arguments.to_vec(), layouts, align, key_names, keyed, root_field });
        FetchId((self.fetches.len() - 1) as u16)
    }

    fn step(&mut self, group: &Group<'a>, fetch: FetchId, keyed: Option<(Rows<'a>, Vec<KeyPart>)>, path: String) -> StepId {
        let (parent, key, level) = match keyed {
            None => (None, Vec::new(), 0),
            Some((base, key)) => {
                let level = |step: StepId| self.steps[usize::from(step.0)].level;
                let above = key.iter().filter_map(|part| part.via).map(level).max().unwrap_or(0).max(level(base.step));
                (Some(Parent { step: base.step, path: group.path.clone() }), key, above + 1)
            }
        };
        self.steps.push(Step { fetch, parent, level, key, path: path.into(), objects: group.objects, root_field: group.root_field });
        StepId((self.steps.len() - 1) as u16)
    }

    /// The key of a type connector: paths of `$batch`, of `$this`, or the arguments of an entity resolver.
    fn key_tree(&self, connector: &Connector) -> KeyTree {
        match (connector.kind, connector.site) {
            (Kind::Batch | Kind::FieldBatch, _) => connector.batch_reads.clone(),
            (Kind::EntityField, Site::Field(ty, index)) => {
                let (TypeKind::Object(fields) | TypeKind::Interface(fields)) = &self.ty(ty).kind else {
                    return KeyTree::default();
                };
                let arguments = fields[index as usize].arguments.iter();
                KeyTree(arguments.map(|name| (name.clone(), KeyTree::default())).collect())
            }
            _ => connector.this_reads.clone(),
        }
    }
}

/// How the replies of a keyed connector are matched to its keys; asks for the slots that takes.
fn align(surface: &Surface, connector: &Connector, layouts: &mut Layouts) -> Align {
    let root = LayoutId(0);
    match (connector.kind, connector.site) {
        (Kind::Batch, _) => {
            let mut parts = Vec::new();
            tree_slots(&connector.batch_reads, root, layouts, &mut Vec::new(), &mut parts);
            Align::Items { parts, many: false }
        }
        (Kind::FieldBatch, Site::Field(ty, index)) => {
            let many = match &surface.types[ty.0 as usize].kind {
                TypeKind::Object(fields) | TypeKind::Interface(fields) => fields[index as usize].ty.non_null.len() > 1,
                _ => false,
            };
            let parts = connector.group_by_paths.iter().map(|path| path_slots(path, root, layouts));
            Align::Items { parts: parts.collect(), many }
        }
        _ => Align::Whole,
    }
}

fn tree_slots(tree: &KeyTree, layout: LayoutId, layouts: &mut Layouts, above: &mut Vec<u16>, parts: &mut Vec<Vec<u16>>) {
    for (name, below) in &tree.0 {
        if below.0.is_empty() {
            above.push(layouts.leaf(layout, name));
            parts.push(above.clone());
        } else {
            let (slot, child) = layouts.object(layout, name);
            above.push(slot);
            tree_slots(below, child, layouts, above, parts);
        }
        above.pop();
    }
}

fn tree_paths(tree: &KeyTree, above: &mut Vec<Arc<str>>, paths: &mut Vec<Vec<Arc<str>>>) {
    for (name, below) in &tree.0 {
        above.push(name.clone());
        if below.0.is_empty() {
            paths.push(above.clone());
        } else {
            tree_paths(below, above, paths);
        }
        above.pop();
    }
}

fn path_slots(path: &[Arc<str>], mut layout: LayoutId, layouts: &mut Layouts) -> Vec<u16> {
    let (last, above) = path.split_last().expect("a groupBy path names a key");
    let mut slots = Vec::with_capacity(path.len());
    for name in above {
        let (slot, child) = layouts.object(layout, name);
        slots.push(slot);
        layout = child;
    }
    slots.push(layouts.leaf(layout, last));
    slots
}

fn join(path: &str, key: &str, ty: &FieldType) -> String {
    let lists = "[]".repeat(ty.non_null.len() - 1);
    if path.is_empty() { format!("{key}{lists}") } else { format!("{path}.{key}{lists}") }
}

/// Groups the steps of a fetch that are at the same level.
fn waves(steps: &[Step]) -> Vec<Wave> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|step| steps[*step].level);
    let mut waves: Vec<Wave> = Vec::new();
    for step in order {
        let id = StepId(step as u16);
        let known = waves.iter_mut().find(|wave| {
            let first = &steps[usize::from(wave.steps[0].0)];
            wave.fetch == steps[step].fetch && first.level == steps[step].level
        });
        match known {
            Some(wave) => wave.steps.push(id),
            None => waves.push(Wave { fetch: steps[step].fetch, steps: vec![id], after: Vec::new() }),
        }
    }
    let wave_of = |id: StepId| waves.iter().position(|wave| wave.steps.contains(&id)).map(|wave| wave as u16);
    let after: Vec<Vec<u16>> = waves.iter().map(|wave| {
        let needs = wave.steps.iter().flat_map(|id| {
            let step = &steps[usize::from(id.0)];
            step.parent.iter().map(|parent| parent.step).chain(step.key.iter().filter_map(|part| part.via))
        });
        let mut after: Vec<u16> = needs.filter_map(wave_of).collect();
        after.sort_unstable();
        after.dedup();
        after
    }).collect();
    for (wave, after) in waves.iter_mut().zip(after) {
        wave.after = after;
    }
    waves
}
