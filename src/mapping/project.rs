//! A mapping cut down to what an operation needs, compiled for one pass over a body.
//!
//! Keys, aliases, paths and blocks are followed while the body is scanned and cost a note of their span. Everything
//! else (methods, literals, variables …) is *computed* afterwards, per row, from the spans of the keys it reads.

mod bare;

use std::sync::Arc;

use super::{
    ast::{Block, Expr, Head, Item, Path, Selection, Spec, Step},
    layout::{LayoutId, Layouts},
    table::{Node, Table},
    tree,
};

/// A compiled mapping.
#[derive(Debug)]
pub struct Projection {
    /// What is needed of the output.
    pub layouts: Layouts,
    pub(super) spec: Spec,
    pub(super) levels: Vec<Level>,
    pub(super) root: Root,
    pub(super) selection: Arc<Selection>,
}

/// How the output itself is found.
#[derive(Debug)]
pub(super) enum Root {
    /// Below these keys; read by a level, or noted whole.
    At { keys: Vec<Box<str>>, level: Option<u16> },
    /// By evaluating the whole mapping.
    Computed,
}

/// How a row is filled from an object.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) layout: LayoutId,
    /// Fields of the layout, then hidden ones: keys that computed slots read.
    pub(super) slots: usize,
    pub(super) keys: Vec<KeyRule>,
    /// Objects put together from keys of this one, as in `author: { id: authorId }`.
    pub(super) stubs: Vec<Stub>,
    /// Hidden slot of the object itself, when something reads all of it.
    pub(super) whole: Option<u16>,
    pub(super) computed: Vec<Computed>,
    /// Whether `computed` has more than fallbacks for arrays met on paths.
    pub(super) always_computed: bool,
    /// The block, if it may make something of what is no object.
    pub(super) bare: Option<Box<Block>>,
    /// Whether null itself, not as an item of a list, is missing before the block is reached: `x? { … }`.
    pub(super) drops_null: bool,
}

/// An object whose slots are hidden ones of the row it is made in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stub {
    /// The slot that it goes into.
    slot: u16,
    layout: LayoutId,
    /// Its first slot.
    first: u16,
}

/// What is done with the value of one key.
#[derive(Debug, Default)]
pub(super) struct KeyRule {
    pub(super) key: Box<[u8]>,
    /// Slots that take its span.
    pub(super) raw: Vec<u16>,
    /// Slots that take rows made of it.
    pub(super) levels: Vec<(u16, u16)>,
    /// Keys below it that belong to the same row.
    pub(super) path: Vec<KeyRule>,
    /// Whether the object here is merged into the row, so that null in its place makes the row null.
    pub(super) is_merged: bool,
    /// The above, if it comes to one thing.
    pub(super) one: Option<OneUse>,
}

/// The only use of a key's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum OneUse {
    /// Its span goes into a slot.
    Raw(u16),
    /// Rows made of it by a level go into a slot.
    Level(u16, u16),
}

/// A slot whose value is evaluated.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) slot: u16,
    pub(super) expr: Expr,
    pub(super) child: Option<LayoutId>,
    pub(super) input: Input,
    /// Needed only if the path met an array.
    pub(super) only_for_arrays: bool,
}

/// What `$` is for a computed slot.
#[derive(Debug)]
pub(super) enum Input {
    /// An object of these keys, from these hidden slots.
    Keys(Vec<(Box<str>, u16)>),
    /// The whole object.
    Whole(u16),
    /// An object below, whose keys are merged in; what is no object is left out.
    Merged(u16),
}

struct Compiler<'a> {
    layouts: &'a Layouts,
    levels: Vec<Level>,
}

// === impl Projection ===

impl Projection {
    /// Compiles `selection` for the output that `layouts` asks for.
    #[must_use]
    pub fn compile(selection: &Arc<Selection>, spec: Spec, layouts: Layouts) -> Self {
        let mut compiler = Compiler {
            layouts: &layouts,
            levels: Vec::new(),
        };
        let wanted = (!layouts.is_empty()).then_some(LayoutId(0));
        let root = compiler.root(selection, wanted);
        let mut levels = compiler.levels;
        for level in &mut levels {
            level.keys.iter_mut().for_each(KeyRule::settle);
        }
        Self {
            spec,
            levels,
            root,
            selection: selection.clone(),
            layouts,
        }
    }

    /// Whether the output is found by spans alone.
    #[must_use]
    pub fn is_spans_only(&self) -> bool {
        matches!(self.root, Root::At { .. }) && self.levels.iter().all(|level| !level.always_computed)
    }
}

// === impl Level ===

impl Level {
    /// Makes a row with the objects that stand in it.
    #[inline]
    pub(super) fn new_row(&self, table: &mut Table) -> Node {
        let row = table.new_row(self.layout, self.slots);
        for stub in &self.stubs {
            let inner = table.row_at(stub.layout, row.start + u32::from(stub.first));
            table.nodes[row.start as usize + usize::from(stub.slot)] = inner;
        }
        row
    }
}

// === impl KeyRule ===

impl KeyRule {
    /// Works out `one` here and below.
    fn settle(&mut self) {
        self.one = match (&self.raw[..], &self.levels[..], &self.path[..]) {
            _ if self.is_merged => None,
            ([slot], [], []) => Some(OneUse::Raw(*slot)),
            ([], [(slot, level)], []) => Some(OneUse::Level(*slot, *level)),
            _ => None,
        };
        self.path.iter_mut().for_each(Self::settle);
    }
}

// === impl Compiler ===

impl Compiler<'_> {
    fn root(&mut self, selection: &Selection, wanted: Option<LayoutId>) -> Root {
        match (selection, wanted) {
            (Selection::Fields(block), Some(layout)) => match self.block(block, layout) {
                Some(level) => Root::At {
                    keys: Vec::new(),
                    level: Some(level),
                },
                None => Root::Computed,
            },
            (Selection::Value(Expr::Path(path)), _) => self.root_path(path, wanted).unwrap_or(Root::Computed),
            _ => Root::Computed,
        }
    }

    fn root_path(&mut self, path: &Path, wanted: Option<LayoutId>) -> Option<Root> {
        let (keys, block) = plain_path(path)?;
        let keys = keys.into_iter().map(Box::from).collect();
        let level = match (block, wanted) {
            (Some(block), Some(layout)) => Some(self.block_of(path, block, layout)?),
            (None, Some(layout)) => Some(self.identity(layout)),
            (None, None) => None,
            (Some(_), None) => return None,
        };
        Some(Root::At { keys, level })
    }

    /// Compiles a block for a layout; `None` when only evaluating it all can say what comes out.
    fn block(&mut self, block: &Block, layout: LayoutId) -> Option<u16> {
        if !is_plain(block, &mut Vec::new()) {
            return None;
        }
        let number = self.add_level(layout);
        let mut keys = Vec::new();
        self.items(block, number, &mut keys, &mut Vec::new());
        let level = &mut self.levels[usize::from(number)];
        level.keys = keys;
        level.bare = bare::makes_something(block).then(|| Box::new(block.clone()));
        Some(number)
    }

    /// The same for the block at the end of a path.
    fn block_of(&mut self, path: &Path, block: &Block, layout: LayoutId) -> Option<u16> {
        let number = self.block(block, layout)?;
        self.levels[usize::from(number)].drops_null = has_optional_end(path);
        Some(number)
    }

    fn add_level(&mut self, layout: LayoutId) -> u16 {
        let slots = self.layouts.get(layout).fields.len();
        self.levels.push(Level {
            layout,
            slots,
            ..Level::default()
        });
        (self.levels.len() - 1) as u16
    }

    /// A level that takes the needed names as they are.
    fn identity(&mut self, layout: LayoutId) -> u16 {
        let number = self.add_level(layout);
        let mut keys: Vec<KeyRule> = Vec::new();
        for (slot, field) in self.layouts.get(layout).fields.clone().iter().enumerate() {
            let slot = slot as u16;
            match field.child {
                None => rule(&mut keys, &field.name).raw.push(slot),
                Some(child) => {
                    let level = self.identity(child);
                    rule(&mut keys, &field.name).levels.push((slot, level));
                }
            }
        }
        self.levels[usize::from(number)].keys = keys;
        number
    }

    /// Adds the rules of a block's items below `prefix`, the path of a merged-in block.
    fn items(&mut self, block: &Block, level: u16, keys: &mut Vec<KeyRule>, prefix: &mut Vec<Box<str>>) {
        for item in &block.items {
            match item {
                Item::Named { name, value } => {
                    let layout = self.levels[usize::from(level)].layout;
                    let fields = &self.layouts.get(layout).fields;
                    let wanted = |slot: usize| (slot as u16, fields[slot].child);
                    let slots: Vec<_> = (0..fields.len())
                        .filter(|&slot| *fields[slot].name == *name.text)
                        .map(wanted)
                        .collect();
                    for (slot, child) in slots {
                        self.item(value, slot, child, level, keys, prefix);
                    }
                }
                Item::Spread {
                    value: Expr::Path(path),
                    ..
                } => {
                    let Some((below, Some(inner))) = plain_path(path) else {
                        continue;
                    };
                    let depth = prefix.len();
                    prefix.extend(below.into_iter().map(Box::from));
                    if !has_optional_end(path) {
                        let full: Vec<&str> = prefix.iter().map(|key| &**key).collect();
                        rule_at(keys, &full).is_merged = true;
                    }
                    self.items(inner, level, keys, prefix);
                    prefix.truncate(depth);
                }
                Item::Spread { .. } => {}
            }
        }
    }

    fn item(
        &mut self,
        value: &Expr,
        slot: u16,
        child: Option<LayoutId>,
        level: u16,
        keys: &mut Vec<KeyRule>,
        prefix: &[Box<str>],
    ) {
        if let Expr::Path(path) = value
            && let Some((below, block)) = plain_path(path)
            && !below.is_empty()
            && (block.is_none() || child.is_some())
        {
            let inner = match (child, block) {
                (None, _) => Some(None),
                (Some(child), None) => Some(Some(self.identity(child))),
                (Some(child), Some(block)) => self.block_of(path, block, child).map(Some),
            };
            if let Some(inner) = inner {
                let full: Vec<&str> = prefix.iter().map(|key| &**key).chain(below.iter().copied()).collect();
                let target = rule_at(keys, &full);
                match inner {
                    None => target.raw.push(slot),
                    Some(inner) => target.levels.push((slot, inner)),
                }
                if below.len() > 1 {
                    self.computed(value, slot, child, level, keys, prefix, true);
                }
                return;
            }
        }
        if let (Expr::Object(block), Some(child), []) = (value, child, prefix)
            && is_stub(block)
        {
            return self.stub(block, slot, child, level, keys);
        }
        self.computed(value, slot, child, level, keys, prefix, false);
    }

    /// Makes an object of keys of the one it stands in.
    fn stub(&mut self, block: &Block, slot: u16, child: LayoutId, level: u16, keys: &mut Vec<KeyRule>) {
        let fields = self.layouts.get(child).fields.clone();
        let made = &mut self.levels[usize::from(level)];
        let first = made.slots as u16;
        made.slots += fields.len();
        made.stubs.push(Stub {
            slot,
            layout: child,
            first,
        });
        for (inner, field) in fields.iter().enumerate() {
            let named = block.items.iter().find_map(|item| match item {
                Item::Named { name, value } if *name.text == *field.name => Some(value),
                _ => None,
            });
            if let Some(value) = named {
                self.item(value, first + inner as u16, field.child, level, keys, &[]);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one caller's state, spelled out")]
    fn computed(
        &mut self,
        value: &Expr,
        slot: u16,
        child: Option<LayoutId>,
        level: u16,
        keys: &mut Vec<KeyRule>,
        prefix: &[Box<str>],
        only_for_arrays: bool,
    ) {
        let level = &mut self.levels[usize::from(level)];
        let mut hide = || {
            level.slots += 1;
            (level.slots - 1) as u16
        };
        let input = match root_keys(value) {
            Some(names) if prefix.is_empty() => Input::Keys(
                names
                    .iter()
                    .map(|name| {
                        let hidden = hide();
                        rule(keys, name).raw.push(hidden);
                        (Box::from(&**name), hidden)
                    })
                    .collect(),
            ),
            None if prefix.is_empty() => {
                let hidden = level.whole.unwrap_or_else(&mut hide);
                level.whole = Some(hidden);
                Input::Whole(hidden)
            }
            // Merged in from below: evaluated only if there is an object to merge.
            _ => {
                let hidden = hide();
                let full: Vec<&str> = prefix.iter().map(|key| &**key).collect();
                rule_at(keys, &full).raw.push(hidden);
                Input::Merged(hidden)
            }
        };
        level.always_computed |= !only_for_arrays;
        level.computed.push(Computed {
            slot,
            expr: value.clone(),
            child,
            input,
            only_for_arrays,
        });
    }
}

/// Keys and block of a path that only follows keys from `$`.
fn plain_path(path: &Path) -> Option<(Vec<&str>, Option<&Block>)> {
    let mut keys = match &path.head {
        Head::Root => Vec::new(),
        Head::Key(key) => vec![&*key.text],
        Head::At | Head::Variable(_) | Head::Expr(_) => return None,
    };
    for step in &path.steps {
        match step {
            Step::Key(key) => keys.push(&key.text),
            Step::Optional(_) => {}
            Step::Select(block) => return Some((keys, Some(block))),
            Step::Method { .. } => return None,
        }
    }
    Some((keys, None))
}

/// Whether null before the block of a path counts as missing.
fn has_optional_end(path: &Path) -> bool {
    matches!(path.steps.as_slice(), [.., Step::Optional(_), Step::Select(_)])
}

/// Whether an object is put together name by name.
fn is_stub(block: &Block) -> bool {
    let are_named = block.items.iter().all(|item| matches!(item, Item::Named { .. }));
    are_named && is_plain(block, &mut Vec::new())
}

/// The keys of `$` that an expression reads; `None` when it reads all of it.
fn root_keys(value: &Expr) -> Option<Vec<String>> {
    let reads = tree::reads(&Selection::Value(value.clone()));
    let mut keys: Vec<String> = Vec::new();
    for read in reads.0.iter().filter(|read| read.origin == tree::Origin::Input) {
        let key = &read.path.first()?.text;
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    Some(keys)
}

/// Whether each output of a block is one item's own affair: no computed spreads, no name twice.
fn is_plain<'a>(block: &'a Block, seen: &mut Vec<&'a str>) -> bool {
    block.items.iter().all(|item| match item {
        Item::Named { name, .. } => {
            let is_new = !seen.contains(&&*name.text);
            seen.push(&name.text);
            is_new
        }
        Item::Spread {
            value: Expr::Path(path),
            explicit: false,
        } => match plain_path(path) {
            // What such a block makes of null is merged in too.
            Some((keys, Some(inner))) => !keys.is_empty() && !bare::makes_something(inner) && is_plain(inner, seen),
            _ => false,
        },
        Item::Spread { .. } => false,
    })
}

fn rule<'a>(rules: &'a mut Vec<KeyRule>, key: &str) -> &'a mut KeyRule {
    let at = rules
        .iter()
        .position(|rule| *rule.key == *key.as_bytes())
        .unwrap_or_else(|| {
            rules.push(KeyRule {
                key: key.as_bytes().into(),
                ..KeyRule::default()
            });
            rules.len() - 1
        });
    &mut rules[at]
}

fn rule_at<'a>(rules: &'a mut Vec<KeyRule>, path: &[&str]) -> &'a mut KeyRule {
    let (first, rest) = path.split_first().expect("a path has a key");
    let rule = rule(rules, first);
    if rest.is_empty() {
        rule
    } else {
        rule_at(&mut rule.path, rest)
    }
}
