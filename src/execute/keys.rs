//! The distinct keys that a request asks of one fetch, numbered in order of first appearance.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::interner::Interner;
use crate::mapping::text;

/// Keys of one fetch within one request: the JSON text of their parts, a comma behind each, so that `1,23` is not
/// `12,3`.
#[derive(Debug, Default)]
pub(super) struct Keys {
    texts: Interner,
    /// Where the parts of each key end in its text, `parts` for every key.
    ends: Vec<u32>,
    parts: usize,
}

/// A key while it is gathered; used again for the next one.
#[derive(Debug, Default)]
pub(super) struct KeyBuffer {
    pub(super) json: Vec<u8>,
    pub(super) ends: Vec<u32>,
}

// === impl Keys ===

impl Keys {
    /// The number of a key; a new one gets the next.
    pub(super) fn number(&mut self, key: &KeyBuffer) -> u32 {
        let known = self.texts.len();
        let number = self.texts.number(&key.json);
        if self.texts.len() > known {
            self.parts = key.ends.len();
            self.ends.extend_from_slice(&key.ends);
        }
        number
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.texts.len() as u32
    }

    /// The JSON text of each part of a key.
    pub(super) fn parts(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        (0..self.parts).map(move |part| self.part(number, part))
    }

    /// The JSON text of one part of a key.
    pub(super) fn part(&self, number: u32, part: usize) -> &[u8] {
        let ends = &self.ends[number as usize * self.parts..][..self.parts];
        let start = part.checked_sub(1).map_or(0, |before| ends[before] as usize + 1);
        &self.texts.get(number)[start..ends[part] as usize]
    }

    /// A key as the object that mappings see, given the path of names of each part.
    pub(super) fn object(&self, number: u32, names: &[Vec<Arc<str>>]) -> Value {
        let mut object = Map::new();
        for (part, path) in self.parts(number).zip(names) {
            let value = text::parse_value(part).unwrap_or(Value::Null);
            put(&mut object, path, value);
        }
        Value::Object(object)
    }
}

// === impl KeyBuffer ===

impl KeyBuffer {
    pub(super) fn clear(&mut self) {
        self.json.clear();
        self.ends.clear();
    }

    pub(super) fn end_part(&mut self) {
        self.ends.push(self.json.len() as u32);
        self.json.push(b',');
    }
}

/// A key that is being gathered, as the object that mappings see.
pub(super) fn object_of(buffer: &KeyBuffer, names: &[Vec<Arc<str>>]) -> Value {
    let mut object = Map::new();
    let mut start = 0;
    for (end, path) in buffer.ends.iter().zip(names) {
        let part = &buffer.json[start..*end as usize];
        put(&mut object, path, text::parse_value(part).unwrap_or(Value::Null));
        start = *end as usize + 1;
    }
    Value::Object(object)
}

fn put(object: &mut Map<String, Value>, path: &[Arc<str>], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        object.insert(first.to_string(), value);
        return;
    }
    let below = object
        .entry(first.to_string())
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        put(below, rest, value);
    }
}
