//! What an operation says of its answers before there is one: how long others may keep them, and that something in them is deprecated.
//!
//! The rules of `@cacheControl` are those of Apollo's: the shortest time of all fields counts, one that is private makes all private. A field says
//! itself, else its type does; a root field or object of which nobody says anything may not be kept, unless it inherits.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};

use crate::{
    operation::{FieldNode, OperationKind},
    schema::model::{CacheHint, Deprecated, Field},
};

/// <https://www.rfc-editor.org/rfc/rfc9745>
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

/// <https://www.rfc-editor.org/rfc/rfc8594>
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// How long the answers of an operation may be kept by clients and caches before us, as far as the schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerPolicy {
    /// Seconds, at least one.
    pub max_age: u32,
    /// Whether only the caller's own cache may.
    pub is_private: bool,
}

/// What the fields of an operation say together.
#[derive(Debug, Default)]
pub(super) struct AnswerHints {
    /// The shortest time; `None`: nobody said one.
    max_age: Option<u32>,
    is_private: bool,
    deprecated: Option<Deprecated>,
}

// === impl AnswerHints ===

impl AnswerHints {
    /// Adds a field that is asked for. `of_type`: what is said at its type, if it gives objects.
    pub(super) fn add(&mut self, field: &Field, of_type: Option<&CacheHint>, node: &FieldNode, is_root: bool) {
        let own = field.cache;
        let theirs = of_type.copied().unwrap_or_default();
        let inherits = own.inherits && theirs.max_age.is_none();
        let said = match inherits {
            true => None,
            false => own.max_age.or(theirs.max_age),
        };
        let is_open = is_root || of_type.is_some() && !inherits && !theirs.inherits;
        if let Some(seconds) = said.or(is_open.then_some(0)) {
            self.max_age = Some(self.max_age.map_or(seconds, |least| least.min(seconds)));
        }
        self.is_private |= own.is_private.or(theirs.is_private) == Some(true);
        let given = |name: &str| node.arguments.iter().any(|(given, _)| **given == *name);
        let arguments = field.deprecated_arguments.iter().filter(|(name, _)| given(name));
        for deprecated in field
            .deprecated
            .iter()
            .chain(arguments.map(|(_, deprecated)| deprecated))
        {
            let known = self.deprecated.get_or_insert(*deprecated);
            *known = Deprecated {
                since: earlier(known.since, deprecated.since),
                sunset: earlier(known.sunset, deprecated.sunset),
            };
        }
    }

    /// The schema itself is asked for: nobody said how long that is good.
    pub(super) fn add_introspection(&mut self) {
        self.max_age = Some(0);
    }

    /// How long the answers may be kept.
    pub(super) fn policy(&self, kind: OperationKind) -> Option<AnswerPolicy> {
        let max_age = self
            .max_age
            .filter(|seconds| *seconds > 0 && kind == OperationKind::Query)?;
        Some(AnswerPolicy {
            max_age,
            is_private: self.is_private,
        })
    }

    /// The headers that say so. Nobody need say since when something is deprecated, but the header must: then it has been ever since.
    pub(super) fn notices(&self) -> Box<[(HeaderName, HeaderValue)]> {
        let Some(Deprecated { since, sunset }) = self.deprecated else {
            return Box::default();
        };
        let since = format!("@{}", since.unwrap_or(0));
        let sunset = sunset.map(|seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)));
        let headers = [(DEPRECATION, Some(since)), (SUNSET, sunset)];
        let value = |text: String| HeaderValue::try_from(text).expect("dates are ASCII");
        headers
            .into_iter()
            .filter_map(|(name, text)| Some((name, value(text?))))
            .collect()
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
