//! Operations by text: a document seen before costs a look-up.

use std::{hash::BuildHasher as _, sync::Arc};

use equivalent::Equivalent as _;
use foldhash::fast::RandomState;
use moka::sync::Cache;

use super::{Limits, Operation, Recent, RequestError, check};
use crate::schema::Surface;

/// The checked operations of one surface, bounded by their text's bytes.
#[derive(Debug)]
pub struct OperationStore {
    limits: Limits,
    by_text: Cache<Key, Arc<Operation>>,
    recent: Recent<Key, Operation>,
    hasher: RandomState,
}

/// Text and operation name.
type Key = (Arc<str>, Option<Arc<str>>);

/// Bytes of all texts together. What is kept of an operation is several times its text, so the store itself takes more; it is
/// the texts that a client chooses.
const TEXT_BYTES_MAX: u64 = 6 * 1024 * 1024;

// === impl OperationStore ===

impl OperationStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::holding(TEXT_BYTES_MAX, limits)
    }

    /// An empty store for this many bytes of text.
    #[must_use]
    pub fn holding(text_bytes_max: u64, limits: Limits) -> Self {
        let by_text = Cache::builder()
            .max_capacity(text_bytes_max)
            .weigher(|key: &Key, _: &Arc<Operation>| u32::try_from(key.0.len() + 256).unwrap_or(u32::MAX))
            .build();
        Self {
            limits,
            by_text,
            recent: Recent::default(),
            hasher: RandomState::default(),
        }
    }

    /// The operation called `name` of a document. Refused documents are not kept.
    ///
    /// # Errors
    /// The document or the choice of operation is refused.
    pub fn resolve(&self, surface: &Surface, text: &str, name: Option<&str>) -> Result<Arc<Operation>, RequestError> {
        let lookup = Lookup { text, name };
        let is = |key: &Key| lookup.equivalent(key);
        // Who finds two texts with one hash only sends them to the cache.
        let hash = self.hasher.hash_one(text);
        if let Some(operation) = self.recent.get(hash, is) {
            return Ok(operation);
        }
        let key = || (Arc::from(text), name.map(Arc::from));
        if let Some(operation) = self.by_text.get(&lookup) {
            self.recent.put(hash, &operation, is, key);
            return Ok(operation);
        }
        let operation = Arc::new(check::check(surface, text, name, &self.limits)?);
        self.by_text.insert(key(), operation.clone());
        Ok(operation)
    }

    /// Whether an operation is kept.
    #[must_use]
    pub fn holds(&self, text: &str, name: Option<&str>) -> bool {
        self.by_text.contains_key(&Lookup { text, name })
    }

    /// All operations of a document, called `names`. The only one is also found without its name.
    ///
    /// # Errors
    /// One of them is refused.
    pub fn resolve_all(
        &self,
        surface: &Surface,
        text: &str,
        names: &[Arc<str>],
    ) -> Result<Vec<Arc<Operation>>, RequestError> {
        let ([] | [_]) = names else {
            return names
                .iter()
                .map(|name| self.resolve(surface, text, Some(name)))
                .collect();
        };
        let operations = vec![self.resolve(surface, text, None)?];
        self.adopt(text, names, &operations);
        Ok(operations)
    }

    /// Takes over what [`Self::resolve_all`] of another store found, which has the same limits.
    pub fn adopt(&self, text: &str, names: &[Arc<str>], operations: &[Arc<Operation>]) {
        let text: Arc<str> = Arc::from(text);
        let put = |name: Option<&Arc<str>>, operation: &Arc<Operation>| {
            self.by_text.insert((text.clone(), name.cloned()), operation.clone());
        };
        if let ([] | [_], [operation]) = (names, operations) {
            put(None, operation);
        }
        names
            .iter()
            .zip(operations)
            .for_each(|(name, operation)| put(Some(name), operation));
    }

    /// The limits that documents are held to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// A key that borrows.
#[derive(PartialEq, Eq, Hash)]
struct Lookup<'a> {
    text: &'a str,
    name: Option<&'a str>,
}

// === impl Lookup ===

impl equivalent::Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.text == *key.0 && self.name == key.1.as_deref()
    }
}
