//! Lists of an answer, item by item.

use super::{
    path::Segment,
    raw,
    write::{Propagate, Row, Writer},
};
use crate::{mapping::NodeKind, plan::FieldShape};

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn list(&mut self, field: &'a FieldShape, levels: &[bool], at: Row<'a>) -> Result<(), Propagate> {
        self.out.push(b'[');
        if at.node.kind == NodeKind::RawArray {
            for (index, node) in raw::items(at.table, &at.node).enumerate() {
                self.item(field, levels, Row { node, ..at }, index as u32)?;
            }
        } else {
            for (index, (_, node)) in at.table.items(&at.node).enumerate() {
                self.item(field, levels, Row { node: *node, ..at }, index as u32)?;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn item(&mut self, field: &'a FieldShape, levels: &[bool], at: Row<'a>, index: u32) -> Result<(), Propagate> {
        if index > 0 {
            self.out.push(b',');
        }
        if self.is_too_large() {
            return Err(Propagate);
        }
        self.path.push(Segment::Index(index));
        let done = self.value(field, levels, at);
        self.path.pop();
        if self.stopped { Err(Propagate) } else { done }
    }
}
