//! Where the remarks of an evaluation are collected.

use super::{Declared, Note};

/// Errors and warnings that one evaluation may declare: one `->withError` in a list of thousands must not fill the answer.
const DECLARED_MAX: usize = 100;

/// Notes, one per place of the mapping, and what the mapping declared itself.
#[derive(Debug)]
pub(super) struct Log {
    notes: Vec<(u32, Note)>,
    notes_max: usize,
    pub(super) errors: Vec<Declared>,
    pub(super) warnings: Vec<Note>,
}

/// A state of the log to return to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

// === impl Log ===

impl Log {
    pub(super) fn new(notes_max: usize) -> Self {
        Self {
            notes: Vec::new(),
            notes_max,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether a note about `position` would be kept: asked before it is worded.
    pub(super) fn wants(&self, position: u32) -> bool {
        self.notes.len() < self.notes_max && self.notes.iter().all(|(known, _)| *known != position)
    }

    pub(super) fn note(&mut self, position: u32, note: Note) {
        self.notes.push((position, note));
    }

    pub(super) fn error(&mut self, error: Declared) {
        if self.errors.len() < DECLARED_MAX {
            self.errors.push(error);
        }
    }

    pub(super) fn warning(&mut self, warning: Note) {
        if self.warnings.len() < DECLARED_MAX {
            self.warnings.push(warning);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.notes.len())
    }

    /// Forgets the notes since `mark`: an alternative made up for what they tell.
    pub(super) fn forget_since(&mut self, mark: Mark) {
        self.notes.truncate(mark.0);
    }

    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes.into_iter().map(|(_, note)| note).collect()
    }
}
