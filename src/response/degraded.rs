//! `extensions.degraded`: what of an answer is not what its sources would have said.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::path::Segment;
use crate::{execute::Failure, schema::model::Fault};

/// Entries that are listed; the rest are counted. A plan has as many at most as places times sources: nobody reads more.
const ENTRIES_MAX: usize = 50;

/// What is in the answer instead, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instead {
    /// What the source said earlier.
    Stale,
    /// What the schema says.
    Fallback,
    /// Nothing, and an error.
    Null,
}

/// One source at one place of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From the answer's root to the place, or to the first list on the way: what is degraded in its items is told once.
    pub path: Vec<Arc<str>>,
    /// The source; empty for calls without one.
    pub source: Arc<str>,
    /// How its call failed.
    pub fault: Fault,
    /// What is there instead; of several, the worst.
    pub instead: Instead,
    /// Of what is stale: since when at least one value of it has been.
    pub age: Option<Duration>,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// In order of first appearance.
    pub entries: Vec<Entry>,
    /// Entries beyond those that are listed.
    pub omitted: u32,
}

// === impl Report ===

impl Report {
    /// Notes that a call failed which a place needs.
    pub(super) fn note(&mut self, path: &[Segment<'_>], failure: &Failure, instead: Instead, age: Option<Duration>) {
        let Some(fault) = failure.fault() else { return };
        let keys = || {
            path.iter().map_while(|segment| match segment {
                Segment::Key(key) => Some(*key),
                Segment::Index(_) => None,
            })
        };
        let known = self
            .entries
            .iter_mut()
            .find(|known| known.source == failure.service && known.path.iter().map(|key| &**key).eq(keys()));
        if let Some(known) = known {
            known.age = known.age.max(age);
            if instead > known.instead {
                (known.instead, known.fault) = (instead, fault);
            }
        } else if self.entries.len() < ENTRIES_MAX {
            self.entries.push(Entry {
                path: keys().map(Arc::from).collect(),
                source: failure.service.clone(),
                fault,
                instead,
                age,
            });
        } else {
            self.omitted += 1;
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `{path, source, kind, used, ageMs}` each.
    pub(super) fn to_json(&self) -> Value {
        self.entries.iter().map(Entry::to_json).collect()
    }
}

// === impl Entry ===

impl Entry {
    fn to_json(&self) -> Value {
        let path: Value = self.path.iter().map(|key| Value::from(&**key)).collect();
        let source = match &*self.source {
            "" => Value::Null,
            name => Value::from(name),
        };
        let mut entry = Map::from_iter([
            ("path".to_owned(), path),
            ("source".to_owned(), source),
            ("kind".to_owned(), Value::from(self.fault.as_str())),
            ("used".to_owned(), Value::from(self.instead.as_str())),
        ]);
        if let Some(age) = self.age.filter(|_| self.instead == Instead::Stale) {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            entry.insert("ageMs".to_owned(), Value::from(age));
        }
        Value::Object(entry)
    }
}

// === impl Instead ===

impl Instead {
    /// As answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "STALE",
            Self::Fallback => "FALLBACK",
            Self::Null => "NULL",
        }
    }
}
