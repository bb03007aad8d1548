//! Breakers that several clients share: what one of them learns of an address holds for the others.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::breaker::Breaker;
use crate::policy;

/// The breakers of addresses that are in use. Clients of one source that are given the same one, and call one address by the same rules, have one
/// breaker for it.
#[derive(Debug, Default)]
pub struct Breakers {
    /// Few: searched in order, when clients are made.
    known: Mutex<Vec<Weak<Breaker>>>,
}

// === impl Breakers ===

impl Breakers {
    /// The breaker for `of`, an address of `source`.
    pub(super) fn at(&self, source: &str, of: &str, rules: &policy::Breaker) -> Arc<Breaker> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|breaker| breaker.strong_count() > 0);
        let same = known.iter().filter_map(Weak::upgrade);
        if let Some(breaker) = same.into_iter().find(|breaker| breaker.is_for(source, of, rules)) {
            return breaker;
        }
        let breaker = Arc::new(Breaker::new(source, of, rules));
        known.push(Arc::downgrade(&breaker));
        breaker
    }
}
