//! Kinds of values as sets.

use std::ops::{BitAnd, BitOr};

/// A set of kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

// === impl Kinds ===

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOL: Self = Self(2);
    pub(crate) const NUMBER: Self = Self(4);
    pub(crate) const TEXT: Self = Self(8);
    pub(crate) const ARRAY: Self = Self(16);
    pub(crate) const OBJECT: Self = Self(32);
    pub(crate) const SCALAR: Self = Self(15);
    pub(crate) const ANY: Self = Self(63);

    /// The kind of a literal.
    pub(crate) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::NULL,
            serde_json::Value::Bool(_) => Self::BOOL,
            serde_json::Value::Number(_) => Self::NUMBER,
            serde_json::Value::String(_) => Self::TEXT,
            serde_json::Value::Array(_) => Self::ARRAY,
            serde_json::Value::Object(_) => Self::OBJECT,
        }
    }

    /// Whether no kind is in both.
    pub(crate) fn never_fits(self, accepted: Self) -> bool {
        (self & accepted).0 == 0
    }

    /// Whether no kind is in both, but for null: a list that may be missing is still a list where a scalar should be.
    pub(crate) fn never_serves(self, accepted: Self) -> bool {
        let value = self.without(Self::NULL);
        if value == Self::NONE {
            return self.never_fits(accepted);
        }
        value.never_fits(accepted)
    }

    /// Without the kinds of another set.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// `text or null`.
    pub(crate) fn describe(self) -> String {
        const NAMES: [(Kinds, &str); 6] = [
            (Kinds::TEXT, "text"),
            (Kinds::NUMBER, "a number"),
            (Kinds::BOOL, "a boolean"),
            (Kinds::ARRAY, "a list"),
            (Kinds::OBJECT, "an object"),
            (Kinds::NULL, "null"),
        ];
        let found: Vec<&str> = NAMES
            .iter()
            .filter(|(kind, _)| !self.never_fits(*kind))
            .map(|(_, name)| *name)
            .collect();
        match found.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => found.concat(),
        }
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Kinds {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
