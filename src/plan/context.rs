//! What of a caller takes part in an answer.

use std::sync::Arc;

use crate::{
    identity::Caller,
    mapping::{Origin, Reads, text},
};

/// What is read of `$context`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextReads {
    /// These claims.
    pub claims: Vec<Arc<str>>,
    /// All there is: a mapping reads it in a way that cannot be followed.
    pub all: bool,
}

// === impl ContextReads ===

impl ContextReads {
    /// Whether anything is read.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.all || !self.claims.is_empty()
    }

    /// Adds what a mapping reads.
    pub fn add_reads(&mut self, reads: &Reads) {
        for read in &reads.0 {
            if !matches!(&read.origin, Origin::Variable(name) if name == "context") {
                continue;
            }
            match &read.path[..] {
                [claims, name, ..] if claims.text == "claims" => self.add(&name.text),
                _ => self.all = true,
            }
        }
    }

    /// Adds one claim.
    pub fn add(&mut self, claim: &str) {
        if !self.claims.iter().any(|known| **known == *claim) {
            self.claims.push(Arc::from(claim));
        }
    }

    /// Adds what something else depends on.
    pub fn add_all(&mut self, other: &Self) {
        self.all |= other.all;
        other.claims.iter().for_each(|claim| self.add(claim));
    }

    /// Appends what is read, so that two texts are equal only if all of it is.
    pub fn write(&self, caller: &Caller, out: &mut Vec<u8>) {
        // In no JSON text.
        const ENDS: u8 = 0xFF;
        if self.all {
            text::write_value(caller.context(), out);
            out.push(ENDS);
            return;
        }
        for claim in &self.claims {
            if let Some(value) = caller.claim(claim) {
                text::write_value(value, out);
            }
            out.push(ENDS);
        }
    }
}
