//! What a plan asks of connectors: type connectors that fill objects, keys, fetches and their steps.

use std::sync::Arc;

use super::{
    Align, FetchId, Hop, KeyPart, Parent, Step, StepId, align,
    build::{Draft, Planner},
    group::{Group, Rows},
    supply::Supply,
};
use crate::{
    mapping::{LayoutId, Layouts},
    operation::{Argument, OperationKind},
    schema::model::{Connector, ConnectorId, KeyTree, Kind, Site, TypeId, TypeKind},
};

// === impl Planner ===

impl<'a> Planner<'a> {
    // --- type connectors ---

    /// Adds steps until every name of `names` has a supplier, or no connector of the type helps.
    pub(super) fn supply(&mut self, group: &mut Group<'a>, names: &[Arc<str>]) {
        let mut tried: Vec<ConnectorId> = Vec::new();
        while group.base.is_some() {
            let missing: Vec<&Arc<str>> = names.iter().filter(|name| group.supplier(name).is_none()).collect();
            if missing.is_empty() {
                return;
            }
            let Some(id) = self.best_supplier(group, &missing, &tried) else {
                return;
            };
            tried.push(id);
            self.supply_by(group, id);
        }
    }

    fn supply_by(&mut self, group: &mut Group<'a>, id: ConnectorId) {
        let Some(base) = group.base else { return };
        let connector = self.connector(id);
        let tree = self.key_tree(connector);
        // While its key is looked for, it cannot be the one that supplies it.
        self.resolving.push(id);
        let key = self.key(group, &tree);
        self.resolving.pop();
        let fetch = self.fetch(id, &[], true, group.root_field, Some(&tree));
        let path = format!("{}+{}", group.response_path, connector.coordinate);
        let step = self.step(group, fetch, Some((base, key)), path);
        let rows = Rows {
            step,
            fetch,
            layout: LayoutId(0),
            supply: Supply::Names(&connector.output),
        };
        group.others.push((step, rows));
    }

    /// The connector of a type that supplies most of the missing names and whose key can be had.
    fn best_supplier(&self, group: &Group<'a>, missing: &[&Arc<str>], tried: &[ConnectorId]) -> Option<ConnectorId> {
        let mut best = None;
        for id in &self.ty(group.ty).suppliers {
            if tried.contains(id) || self.resolving.contains(id) {
                continue;
            }
            let supply = Supply::Names(&self.connector(*id).output);
            let cover = missing.iter().filter(|name| supply.get(name).is_some()).count();
            if cover > best.map_or(0, |(_, cover)| cover) && self.is_reachable(group, *id) {
                best = Some((*id, cover));
            }
        }
        best.map(|(id, _)| id)
    }

    /// Whether the key of a type connector can be had for the objects of a group, maybe by way of other connectors of
    /// their type: those are added one after the other until none is left whose key is there.
    fn is_reachable(&self, group: &Group<'a>, wanted: ConnectorId) -> bool {
        let mut added: Vec<ConnectorId> = Vec::new();
        let has = |added: &[ConnectorId], name: &str, below: &KeyTree| {
            let supplies = |id: &ConnectorId| Supply::Names(&self.connector(*id).output).get(name).is_some();
            group.supplier(name).is_some()
                || added.iter().any(supplies)
                || self.own_connector(group.ty, name, below).is_some()
        };
        let is_keyed = |added: &[ConnectorId], id: ConnectorId| {
            let key = self.key_tree(self.connector(id));
            key.0.iter().all(|(name, below)| has(added, name, below))
        };
        loop {
            if is_keyed(&added, wanted) {
                return true;
            }
            let next = self.ty(group.ty).suppliers.iter().copied().find(|id| {
                *id != wanted && !self.resolving.contains(id) && !added.contains(id) && is_keyed(&added, *id)
            });
            let Some(next) = next else { return false };
            added.push(next);
        }
    }

    // --- keys ---

    /// Where each part of a key is read, made available first if it has to be.
    pub(super) fn key(&mut self, group: &mut Group<'a>, reads: &KeyTree) -> Vec<KeyPart> {
        let mut parts = Vec::new();
        for (name, below) in &reads.0 {
            self.supply(group, std::slice::from_ref(name));
            if group.supplier(name).is_none()
                && let Some(rows) = self.field_rows(group, name, below)
            {
                match &below.0[..] {
                    [] => parts.push(KeyPart {
                        via: Some(rows.step),
                        slots: Vec::new(),
                    }),
                    // The object that its connector brings.
                    all => {
                        for (name, below) in all {
                            self.key_parts(rows, Some(rows.step), name, below, &mut Vec::new(), &mut parts);
                        }
                    }
                }
                continue;
            }
            // Start-up checks find keys that nobody supplies; what slips through reads as null.
            let Some((via, rows)) = group.supplier(name).or(group.base.map(|base| (None, base))) else {
                continue;
            };
            self.key_parts(rows, via, name, below, &mut Vec::new(), &mut parts);
        }
        parts
    }

    /// The connector of a sibling field that has its own, and of whose value `below` is read.
    fn own_connector(&self, ty: TypeId, name: &str, below: &KeyTree) -> Option<ConnectorId> {
        let (_, field) = self.field(ty, name)?;
        let id = *field.connectors.first()?;
        // Of an object a part is read: a key is made of scalars.
        let is_readable = self.leaf(&field.ty).is_some() == below.0.is_empty();
        (is_readable && !self.resolving.contains(&id)).then_some(id)
    }

    /// A step for a sibling field that has its own connector, because its value is part of a key.
    fn field_rows(&mut self, group: &mut Group<'a>, name: &str, below: &KeyTree) -> Option<Rows<'a>> {
        let base = group.base?;
        let id = self.own_connector(group.ty, name, below)?;
        let connector = self.connector(id);
        let reads = self.key_tree(connector);
        self.resolving.push(id);
        let key = self.key(group, &reads);
        self.resolving.pop();
        let fetch = self.fetch(id, &[], !below.0.is_empty(), group.root_field, Some(&reads));
        let path = format!("{}.{name}", group.response_path);
        let step = self.step(group, fetch, Some((base, key)), path);
        Some(Rows {
            step,
            fetch,
            layout: LayoutId(0),
            supply: Supply::Names(&connector.output),
        })
    }

    pub(super) fn key_parts(
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
            parts.push(KeyPart {
                via,
                slots: slots.clone(),
            });
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

    pub(super) fn layouts(&mut self, fetch: FetchId) -> &mut Layouts {
        &mut self.fetches[usize::from(fetch.0)].layouts
    }

    /// The fetch of a connector with these arguments, and what it is keyed by; keyed ones are shared by all places that ask the same.
    pub(super) fn fetch(
        &mut self,
        id: ConnectorId,
        arguments: &[(Arc<str>, Argument)],
        is_object: bool,
        root_field: u16,
        key: Option<&KeyTree>,
    ) -> FetchId {
        let keyed = key.is_some();
        let mut key_names = Vec::new();
        if let Some(key) = key {
            align::tree_paths(key, &mut Vec::new(), &mut key_names);
        }
        let root_field = (self.kind == OperationKind::Mutation).then_some(root_field);
        let same = |draft: &Draft| {
            draft.connector == id
                && draft.root_field == root_field
                && draft.arguments == arguments
                && draft.key_names == key_names
        };
        if keyed && let Some(known) = self.fetches.iter().position(|draft| draft.keyed && same(draft)) {
            return FetchId(known as u16);
        }
        let mut layouts = Layouts::default();
        if is_object {
            layouts.add();
        }
        let connector = self.connector(id);
        let align = if keyed && is_object {
            align::align(self.surface, connector, &mut layouts)
        } else {
            Align::Whole
        };
        self.fetches.push(Draft {
            connector: id,
            arguments: arguments.to_vec(),
            layouts,
            align,
            key_names,
            keyed,
            root_field,
        });
        FetchId((self.fetches.len() - 1) as u16)
    }

    pub(super) fn step(
        &mut self,
        group: &Group<'a>,
        fetch: FetchId,
        keyed: Option<(Rows<'a>, Vec<KeyPart>)>,
        path: String,
    ) -> StepId {
        let (parent, key, level) = match keyed {
            None => (None, Vec::new(), 0),
            Some((base, key)) => {
                let level = |step: StepId| self.steps[usize::from(step.0)].level;
                let above = key
                    .iter()
                    .filter_map(|part| part.via)
                    .chain(group.path.iter().flat_map(|hop| self.guard_steps(hop)))
                    .map(level)
                    .max()
                    .unwrap_or(0)
                    .max(level(base.step));
                (
                    Some(Parent {
                        step: base.step,
                        path: group.path.clone(),
                    }),
                    key,
                    above + 1,
                )
            }
        };
        self.steps.push(Step {
            fetch,
            parent,
            level,
            key,
            path: path.into(),
            objects: group.objects,
            root_field: group.root_field,
            stand_bys: Vec::new(),
            is_critical: false,
        });
        StepId((self.steps.len() - 1) as u16)
    }

    /// The steps that a guard on the way looks at.
    fn guard_steps(&self, hop: &Hop) -> Vec<StepId> {
        match hop {
            Hop::Guard(guard) => {
                let parts = self.guards[usize::from(guard.0)].parts.iter();
                parts.filter_map(|part| part.via).collect()
            }
            Hop::Slot(_) | Hop::OfType(..) => Vec::new(),
        }
    }

    /// The key of a type connector: paths of `$batch`, of `$this`, or the arguments of an entity resolver.
    pub(super) fn key_tree(&self, connector: &Connector) -> KeyTree {
        match (connector.kind, connector.site) {
            (Kind::Batch | Kind::FieldBatch, _) => connector.batch_reads.clone(),
            (Kind::EntityField, Site::Field(ty, index)) => {
                let (TypeKind::Object(fields) | TypeKind::Interface(fields)) = &self.ty(ty).kind else {
                    return KeyTree::default();
                };
                let arguments = fields[index as usize].arguments.iter();
                KeyTree(arguments.map(|name| (name.clone(), KeyTree::default())).collect())
            }
            (_, Site::Field(ty, _) | Site::Type(ty)) => self.up_to_lists(&connector.this_reads, ty),
        }
    }

    /// What is read below a list is read of the list as a whole: a key part is one value.
    pub(super) fn up_to_lists(&self, tree: &KeyTree, ty: TypeId) -> KeyTree {
        let parts = tree.0.iter().map(|(name, below)| match self.field(ty, name) {
            Some((_, field)) if field.ty.non_null.len() > 1 => (name.clone(), KeyTree::default()),
            Some((_, field)) => (name.clone(), self.up_to_lists(below, field.ty.named)),
            None => (name.clone(), below.clone()),
        });
        KeyTree(parts.collect())
    }
}
