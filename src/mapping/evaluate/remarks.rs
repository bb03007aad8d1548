//! What an evaluation remarks, with the place of the mapping it is about.

use serde_json::{Map, Value};

use super::{Declared, Evaluator, Note};
use crate::mapping::ast::{Head, Step};

// === impl Evaluator ===

impl Evaluator<'_> {
    /// Notes something about the place at `position` of the mapping.
    pub(in crate::mapping) fn note(&mut self, position: u32, message: impl FnOnce() -> String) {
        if self.log.wants(position) && self.stopped.is_none() {
            let note = Note {
                message: message(),
                path: self.trail_names(),
            };
            self.log.note(position, note);
        }
    }

    pub(in crate::mapping) fn warn(&mut self, message: String) {
        let path = self.trail_names();
        self.log.warning(Note { message, path });
    }

    pub(in crate::mapping) fn declare(&mut self, message: String, extensions: Option<Map<String, Value>>) {
        let path = self.trail_names();
        self.log.error(Declared {
            message,
            extensions,
            path,
        });
    }

    fn trail_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (path, begun) in &self.trail {
            match &path.head {
                Head::Key(key) => names.push(key.text.clone()),
                Head::Variable(name) => names.push(format!("${}", name.text)),
                Head::Root | Head::At | Head::Expr(_) => {}
            }
            names.extend(path.steps.iter().take(*begun).filter_map(|step| match step {
                Step::Key(key) => Some(key.text.clone()),
                Step::Method { name, .. } => Some(format!("->{}", name.text)),
                Step::Optional(_) | Step::Select(_) => None,
            }));
        }
        names
    }
}
