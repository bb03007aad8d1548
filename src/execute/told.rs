//! What sources are told of callers.

use std::sync::Arc;

use http::HeaderMap;

use crate::{
    identity::{Caller, Forward},
    plan::ContextReads,
};

/// What a source is told of callers.
#[derive(Debug, Clone)]
pub enum Told {
    /// Claims in headers.
    Headers(Arc<Forward>),
    /// A token of our own.
    Token(Arc<Forward>),
}

// === impl Told ===

impl Told {
    /// Adds to a call what its source is told of the caller.
    pub(super) fn add(&self, caller: &Caller, headers: &mut HeaderMap) {
        match self {
            Self::Headers(forward) => forward.add_headers(caller, headers),
            Self::Token(forward) => forward.add_token(caller, headers),
        }
    }

    /// What of a caller that depends on.
    pub(super) fn reads(&self) -> ContextReads {
        let mut reads = ContextReads::default();
        match self {
            Self::Headers(forward) => forward.header_claims().for_each(|claim| reads.add(claim)),
            // It says who it is for and is renewed: nothing smaller tells two of them apart.
            Self::Token(_) => reads.all = true,
        }
        reads
    }
}
