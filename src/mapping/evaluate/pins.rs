//! Where values made on the way are kept until the evaluation ends, so that `@`, `$` and `->as` names can refer to them.

use std::{
    cell::{Cell, OnceCell},
    fmt,
};

use serde_json::Value;

/// A place for one value, and through it for all that follow. Filled once.
#[derive(Debug, Default)]
pub(super) struct Slot(OnceCell<Box<Node>>);

#[derive(Debug)]
struct Node {
    value: Value,
    next: Slot,
}

/// Hands out references that live as long as the first slot.
pub(super) struct Pins<'a> {
    free: Cell<&'a Slot>,
}

// === impl Slot ===

impl Drop for Slot {
    /// One by one: a chain of a million nodes dropped recursively would end the stack.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut node) = next {
            next = node.next.0.take();
        }
    }
}

// === impl Pins ===

impl<'a> Pins<'a> {
    pub(super) fn new(first: &'a Slot) -> Self {
        Self { free: Cell::new(first) }
    }

    pub(super) fn keep(&self, value: Value) -> &'a Value {
        let node = self.free.get().0.get_or_init(|| {
            Box::new(Node {
                value,
                next: Slot::default(),
            })
        });
        self.free.set(&node.next);
        &node.value
    }
}

impl fmt::Debug for Pins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pins").finish_non_exhaustive()
    }
}
