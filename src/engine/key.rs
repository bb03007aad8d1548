//! What names an answer: everything that takes part in it.
//!
//! Two requests have the same answer when the operation, its variables, what an error does, and every header of the client and claim of the caller that a call
//! sends or a mapping reads are equal. What nobody uses makes no difference.

use http::HeaderMap;

use crate::{
    execute::{Backends, cache},
    identity::Caller,
    operation::{Operation, Variables, Verdict},
    plan::{Plan, Sharing},
    response::OnError,
};

/// An operation as far as its answer depends on it.
pub(super) struct KeyParts<'a> {
    pub(super) operation: &'a Operation,
    pub(super) backends: &'a Backends,
    pub(super) plan: &'a Plan,
    pub(super) variables: &'a Variables,
    pub(super) headers: &'a HeaderMap,
    pub(super) caller: &'a Caller,
    pub(super) verdict: &'a Verdict,
    pub(super) on_error: OnError,
    /// Whether those who ask at the same time may have it.
    pub(super) shares: bool,
    /// Whether those may who ask later.
    pub(super) keeps: bool,
}

/// What names an answer.
#[derive(Debug)]
pub(super) struct Key {
    /// Empty where nobody else can have it, now or later.
    pub(super) text: Vec<u8>,
    /// Whether those who ask at the same time may have it.
    pub(super) is_joined: bool,
}

// === impl Key ===

impl Key {
    /// What names the answer to an operation.
    pub(super) fn of(parts: &KeyParts<'_>) -> Self {
        let sharing = parts.backends.sharing(parts.plan);
        // Who says nothing may be anybody.
        let is_shared = !sharing.is_private || cache::has_identity(parts.headers, parts.caller);
        let is_joined = parts.shares && sharing.is_safe && is_shared;
        let text = match parts.keeps && sharing.may_be_kept || is_joined {
            true => parts.key(sharing),
            false => Vec::new(),
        };
        Self { text, is_joined }
    }
}

// === impl KeyParts ===

impl KeyParts<'_> {
    /// Everything that takes part in the answer, so that two are equal only if all of it is.
    fn key(&self, sharing: &Sharing) -> Vec<u8> {
        // In no JSON text.
        const ENDS: u8 = 0xFF;
        let mut key = Vec::with_capacity(64);
        key.extend_from_slice(&self.operation.id.to_le_bytes());
        key.push(match self.on_error {
            OnError::Propagate => 0,
            OnError::Null => 1,
            OnError::Halt => 2,
        });
        for value in self.variables.iter() {
            if let Some(value) = value {
                crate::mapping::text::write_value(value, &mut key);
            }
            key.push(ENDS);
        }
        sharing.headers.write(self.headers, &mut key);
        key.push(ENDS);
        self.verdict.write(&mut key);
        sharing.context.write(self.caller, &mut key);
        if sharing.is_private {
            key.push(ENDS);
            cache::add_identity(self.headers, self.caller, &mut key);
        }
        key
    }
}
