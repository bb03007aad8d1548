//! A schema's answer → the value of the field that was asked, as JSON, and where in it each error left a `null`.
//!
//! JSON, because that is what answers are kept, shared and cut down as; writing it costs less than a tree of values of our own
//! would (`Table` notes spans of a body, and a projection reads a body in one pass).

use std::collections::{BTreeSet, HashMap};

use async_graphql::{
    PathSegment, Response, ServerError, Value,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CACHE_CONTROL};
use serde_json::Map;

use super::{ErrorOrigin, ReplyError, panics::Panicked};
use crate::{CallError, Counted, Reply, failure::protocol};

/// An error on its way to its place.
struct Pending {
    path: Vec<PathSegment>,
    error: ReplyError,
}

/// Writes a value and notes where errors belong.
struct Writer {
    out: Vec<u8>,
    pending: Vec<Pending>,
}

/// The reply to a call with a document, which asks for one root field.
pub(super) fn reply(
    response: Response,
    document: &ExecutableDocument,
    body_bytes_max: usize,
) -> Result<Reply, CallError> {
    let Response {
        data,
        errors,
        http_headers,
        cache_control,
        ..
    } = response;
    let (_, operation) = document.operations.iter().next().expect("a document has an operation");
    let root = fields(&operation.node.selection_set.node).next();
    let value = match (data, root) {
        (Value::Object(mut values), Some(root)) => values
            .swap_remove(root.response_key().node.as_str())
            .unwrap_or_default(),
        _ => Value::Null,
    };
    let asked = root.map(|root| &root.selection_set.node);
    let value = whole(value, asked, &errors);
    let is_failed = value == Value::Null && !errors.is_empty();
    let status = match (is_failed, errors.iter().all(|error| error.path.is_empty())) {
        (false, _) => 200,
        (true, true) => 400,
        (true, false) => 500,
    };
    let mut writer = Writer {
        out: Vec::new(),
        pending: errors.into_iter().map(Pending::new).collect(),
    };
    writer.value(&value, 1, &(0..writer.pending.len()).collect::<Vec<_>>())?;
    if writer.out.len() > body_bytes_max {
        return Err(CallError::TooLarge { limit: body_bytes_max });
    }
    let mut errors: Vec<ReplyError> = writer.pending.into_iter().map(|pending| pending.error).collect();
    errors.sort_by_key(|error| error.at.unwrap_or(u32::MAX));
    let mut headers = http_headers;
    if let Some(value) = cache_control.value().and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.append(CACHE_CONTROL, value);
    }
    Ok(Reply {
        status,
        headers,
        trailers: HeaderMap::new(),
        message: errors.first().map_or_else(String::new, |error| error.message.clone()),
        details: Bytes::new(),
        counted: Counted::default(),
        body: writer.out.into(),
        errors,
    })
}

/// The library gives null for an object of which all fields failed, whatever their types. Errors are to show at those fields, so
/// they stand in it again, to be null themselves.
fn whole(value: Value, asked: Option<&SelectionSet>, errors: &[ServerError]) -> Value {
    if errors.is_empty() {
        return value;
    }
    let paths: Vec<&[PathSegment]> = errors.iter().filter_map(|error| error.path.get(1..)).collect();
    refilled(value, asked, &paths)
}

fn refilled(value: Value, asked: Option<&SelectionSet>, paths: &[&[PathSegment]]) -> Value {
    let Some(asked) = asked.filter(|asked| !asked.items.is_empty() && !paths.is_empty()) else {
        return value;
    };
    match value {
        Value::Null => {
            let failed = |field: &Field| {
                let key = field.response_key().node.as_str();
                paths
                    .iter()
                    .any(|path| matches!(path.first(), Some(PathSegment::Field(name)) if name == key))
            };
            let all_failed = fields(asked).count() == asked.items.len() && fields(asked).all(failed);
            let is_own = paths.iter().any(|path| path.is_empty());
            if all_failed && !is_own {
                Value::Object(
                    fields(asked)
                        .map(|field| (field.response_key().node.clone(), Value::Null))
                        .collect(),
                )
            } else {
                Value::Null
            }
        }
        Value::Object(values) => {
            let refill = |(name, value): (async_graphql::Name, Value)| {
                let field = fields(asked).find(|field| field.response_key().node == name);
                let is_next = |segment: &PathSegment| matches!(segment, PathSegment::Field(next) if *next == name);
                let below = below(paths, is_next);
                let value = refilled(value, field.map(|field| &field.selection_set.node), &below);
                (name, value)
            };
            Value::Object(values.into_iter().map(refill).collect())
        }
        Value::List(items) => {
            let mut by_item: HashMap<usize, Vec<&[PathSegment]>> = HashMap::new();
            for path in paths {
                if let Some((PathSegment::Index(item), rest)) = path.split_first() {
                    by_item.entry(*item).or_default().push(rest);
                }
            }
            let mut refill = |(item, value)| refilled(value, Some(asked), &by_item.remove(&item).unwrap_or_default());
            Value::List(items.into_iter().enumerate().map(&mut refill).collect())
        }
        other => other,
    }
}

fn below<'p>(paths: &[&'p [PathSegment]], is_next: impl Fn(&PathSegment) -> bool) -> Vec<&'p [PathSegment]> {
    let paths = paths.iter().filter_map(|path| path.split_first());
    paths.filter(|(next, _)| is_next(next)).map(|(_, rest)| rest).collect()
}

/// The fields of a selection, those in fragments left aside.
fn fields(selection: &SelectionSet) -> impl Iterator<Item = &Field> {
    selection.items.iter().filter_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    })
}

/// The reply of a schema that panicked as a whole.
pub(super) fn panicked() -> Reply {
    const MESSAGE: &str = "Internal server error.";
    Reply {
        status: 500,
        headers: HeaderMap::new(),
        trailers: HeaderMap::new(),
        message: MESSAGE.to_owned(),
        details: Bytes::new(),
        counted: Counted::default(),
        body: Bytes::from_static(b"null"),
        errors: vec![ReplyError {
            at: Some(0),
            path: String::new(),
            message: MESSAGE.to_owned(),
            extensions: Map::new(),
            origin: ErrorOrigin::Panic,
        }],
    }
}

// === impl Pending ===

impl Pending {
    fn new(error: ServerError) -> Self {
        let origin = origin(&error);
        let extensions = error
            .extensions
            .as_ref()
            .and_then(|extensions| serde_json::to_value(extensions).ok())
            .and_then(|value| match value {
                serde_json::Value::Object(object) => Some(object),
                _ => None,
            });
        let names = error.path.iter().map(|segment| match segment {
            PathSegment::Field(name) => name.clone(),
            PathSegment::Index(index) => index.to_string(),
        });
        Self {
            error: ReplyError {
                at: None,
                path: names.collect::<Vec<_>>().join("."),
                message: error.message,
                extensions: extensions.unwrap_or_default(),
                origin,
            },
            path: error.path,
        }
    }
}

/// Text that an author wrote is a string, or has no source at all; whatever else was turned into an error has its own type, and is
/// told only if somebody gave it extensions.
fn origin(error: &ServerError) -> ErrorOrigin {
    if error.source::<Panicked>().is_some() {
        return ErrorOrigin::Panic;
    }
    if error.path.is_empty() {
        return ErrorOrigin::Query;
    }
    let is_text = error.source.is_none()
        || error.source::<&'static str>().is_some()
        || error.source::<String>().is_some()
        || error.source::<std::borrow::Cow<'static, str>>().is_some();
    if is_text || error.extensions.is_some() {
        ErrorOrigin::Author
    } else {
        ErrorOrigin::Library
    }
}

// === impl Writer ===

impl Writer {
    /// Writes the value at the first `depth` segments of a path; `inside`: the errors at or below it.
    fn value(&mut self, value: &Value, depth: usize, inside: &[usize]) -> Result<(), CallError> {
        if inside.is_empty() {
            return serde_json::to_writer(&mut self.out, value).map_err(protocol);
        }
        match value {
            Value::Null => {
                let at = u32::try_from(self.out.len()).ok();
                for index in inside {
                    self.pending[*index].error.at = at;
                }
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            Value::Object(fields) => {
                // A field that failed is left out.
                let missing = inside
                    .iter()
                    .filter_map(|index| match self.pending[*index].path.get(depth) {
                        Some(PathSegment::Field(name)) if !fields.contains_key(name.as_str()) => Some(name.clone()),
                        _ => None,
                    });
                let missing: BTreeSet<String> = missing.collect();
                self.out.push(b'{');
                let present = fields.iter().map(|(name, value)| (name.as_str(), value));
                let missing = missing.iter().map(|name| (name.as_str(), &Value::Null));
                for (position, (name, value)) in present.chain(missing).enumerate() {
                    if position > 0 {
                        self.out.push(b',');
                    }
                    serde_json::to_writer(&mut self.out, name).map_err(protocol)?;
                    self.out.push(b':');
                    let leads = |index: &&usize| match self.pending[**index].path.get(depth) {
                        Some(PathSegment::Field(field)) => field == name,
                        _ => false,
                    };
                    let below: Vec<usize> = inside.iter().filter(leads).copied().collect();
                    self.value(value, depth + 1, &below)?;
                }
                self.out.push(b'}');
                Ok(())
            }
            Value::List(items) => {
                let mut by_item: HashMap<usize, Vec<usize>> = HashMap::new();
                for index in inside {
                    if let Some(PathSegment::Index(item)) = self.pending[*index].path.get(depth) {
                        by_item.entry(*item).or_default().push(*index);
                    }
                }
                self.out.push(b'[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.out.push(b',');
                    }
                    let below = by_item.remove(&position).unwrap_or_default();
                    self.value(item, depth + 1, &below)?;
                }
                self.out.push(b']');
                Ok(())
            }
            // A value in spite of an error.
            _ => serde_json::to_writer(&mut self.out, value).map_err(protocol),
        }
    }
}
