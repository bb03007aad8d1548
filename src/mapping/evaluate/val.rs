//! A value on its way through a path: borrowed as long as possible.

use serde_json::Value;

/// What stands for a missing element of a list.
static NULL: Value = Value::Null;

/// A value that is there. Missing is `Option::None` around it.
#[derive(Debug, Clone)]
pub(in crate::mapping) enum Val<'a> {
    /// Part of the data, a variable, a literal of the mapping, or kept by the evaluation.
    Ref(&'a Value),
    /// Made on the way.
    Owned(Value),
    /// A list made on the way whose elements may still be borrowed.
    List(Vec<Val<'a>>),
}

/// What a value is, in words for notes.
pub(in crate::mapping) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

// === impl Val ===

impl<'a> Val<'a> {
    pub(in crate::mapping) const fn null() -> Self {
        Self::Ref(&NULL)
    }

    pub(in crate::mapping) fn kind(&self) -> &'static str {
        self.single().map_or("a list", kind)
    }

    /// The JSON value, unless this is a [`Val::List`].
    pub(in crate::mapping) fn single(&self) -> Option<&Value> {
        match self {
            Self::Ref(value) => Some(value),
            Self::Owned(value) => Some(value),
            Self::List(_) => None,
        }
    }

    pub(in crate::mapping) fn is_null(&self) -> bool {
        matches!(self.single(), Some(Value::Null))
    }

    pub(in crate::mapping) fn as_str(&self) -> Option<&str> {
        self.single().and_then(Value::as_str)
    }

    pub(in crate::mapping) fn as_bool(&self) -> Option<bool> {
        self.single().and_then(Value::as_bool)
    }

    /// Number of elements, if this is a list of any make.
    pub(in crate::mapping) fn items_len(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.len()),
            Self::Ref(Value::Array(items)) => Some(items.len()),
            Self::Owned(Value::Array(items)) => Some(items.len()),
            _ => None,
        }
    }

    /// The element at `index` of a list.
    pub(in crate::mapping) fn into_item(self, index: usize) -> Option<Self> {
        match self {
            Self::List(mut items) if index < items.len() => Some(items.swap_remove(index)),
            Self::Ref(Value::Array(items)) => items.get(index).map(Self::Ref),
            Self::Owned(Value::Array(mut items)) if index < items.len() => Some(Self::Owned(items.swap_remove(index))),
            _ => None,
        }
    }

    /// The elements of a list, or the value itself if it is none.
    pub(in crate::mapping) fn into_items(self) -> Result<Vec<Self>, Self> {
        match self {
            Self::List(items) => Ok(items),
            Self::Ref(Value::Array(items)) => Ok(items.iter().map(Self::Ref).collect()),
            Self::Owned(Value::Array(items)) => Ok(items.into_iter().map(Self::Owned).collect()),
            single => Err(single),
        }
    }
}

impl From<bool> for Val<'_> {
    fn from(value: bool) -> Self {
        Self::Owned(Value::Bool(value))
    }
}
