//! Where a request's document came from, and whether it costs more than a look-up: for those who say who goes first.

use super::{Asked, Documents};
use crate::identity::ClientName;

/// Where a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The surface's lists: what its operator knows.
    Listed,
    /// A client has registered it.
    Registered,
    /// The request itself.
    Text,
}

// === impl Documents ===

impl Documents {
    /// Whether a request's document was checked before, so that it costs only a look-up.
    #[must_use]
    pub fn is_known(&self, asked: &Asked<'_>) -> bool {
        let Some(text) = asked.text else { return true };
        let name = asked.operation_name;
        self.texts[asked.limits].holds(text, name) || self.of_list[asked.limits].holds(text, name)
    }

    /// Whether a text is listed for its client, as it stands or with the line feed that ends a file.
    #[must_use]
    pub fn is_listed(&self, asked: &Asked<'_>) -> bool {
        let text = asked.text.unwrap_or_default();
        let client = ClientName::of(asked.headers);
        let listed = self.listed.load();
        listed.by_text(text, client).is_some() || listed.by_text(&format!("{text}\n"), client).is_some()
    }
}
