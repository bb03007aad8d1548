//! Which names of a mapping's output an operation needs, and where each has its slot.

use std::sync::Arc;

/// Number of a layout within its [`Layouts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LayoutId(pub u16);

/// The layouts of one mapping's output; the output itself has the first one, unless it is a leaf.
#[derive(Debug, Clone, Default)]
pub struct Layouts(Vec<Layout>);

/// One object of the output: slot n holds field n.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The fields that are needed.
    pub fields: Vec<LayoutField>,
}

/// A needed field.
#[derive(Debug, Clone)]
pub struct LayoutField {
    /// Its name in the output.
    pub name: Arc<str>,
    /// What is needed below it; `None` when the whole value is.
    pub child: Option<LayoutId>,
}

// === impl Layouts ===

impl Layouts {
    /// Adds an empty layout.
    ///
    /// # Panics
    /// Beyond 65,535 layouts: the limit on an operation's selections is far below.
    pub fn add(&mut self) -> LayoutId {
        self.0.push(Layout::default());
        LayoutId(u16::try_from(self.0.len() - 1).expect("operations have fewer selections"))
    }

    /// One layout.
    #[must_use]
    pub fn get(&self, id: LayoutId) -> &Layout {
        &self.0[usize::from(id.0)]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: the output is a leaf.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The slot of a field that is needed whole, added if it is new.
    pub fn leaf(&mut self, layout: LayoutId, name: &Arc<str>) -> u16 {
        self.slot(layout, name, false)
    }

    /// The slot and layout of a field of which parts are needed, added if they are new.
    pub fn object(&mut self, layout: LayoutId, name: &Arc<str>) -> (u16, LayoutId) {
        let slot = self.slot(layout, name, true);
        let child = self.get(layout).fields[usize::from(slot)]
            .child
            .expect("made as an object");
        (slot, child)
    }

    fn slot(&mut self, layout: LayoutId, name: &Arc<str>, object: bool) -> u16 {
        let fields = &self.get(layout).fields;
        if let Some(slot) = fields
            .iter()
            .position(|field| field.name == *name && field.child.is_some() == object)
        {
            return slot as u16;
        }
        let slot = u16::try_from(fields.len()).expect("types have fewer fields");
        let child = object.then(|| self.add());
        self.0[usize::from(layout.0)].fields.push(LayoutField {
            name: name.clone(),
            child,
        });
        slot
    }
}
