//! The distinct keys that a request asks of one fetch, numbered in order of first appearance.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use serde_json::{Map, Value};

use crate::mapping::text;

/// Keys of one fetch within one request.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: HashMap<Arc<[u8]>, u32, RandomState>,
    /// The number given last: rows of one key mostly stand together.
    last: u32,
    entries: Vec<Entry>,
}

/// A key: the JSON text of its parts, a comma behind each, so that `1,23` is not `12,3`.
#[derive(Debug)]
struct Entry {
    json: Arc<[u8]>,
    ends: Vec<u32>,
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
        if let Some(last) = self.entries.get(self.last as usize)
            && *last.json == key.json[..]
        {
            return self.last;
        }
        if let Some(number) = self.numbers.get(&key.json[..]) {
            self.last = *number;
            return *number;
        }
        let number = self.entries.len() as u32;
        let json: Arc<[u8]> = key.json[..].into();
        self.numbers.insert(json.clone(), number);
        self.entries.push(Entry {
            json,
            ends: key.ends.clone(),
        });
        self.last = number;
        number
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The JSON text of each part of a key.
    pub(super) fn parts(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        let entry = &self.entries[number as usize];
        let mut start = 0;
        entry.ends.iter().map(move |end| {
            let part = &entry.json[start..*end as usize];
            start = *end as usize + 1;
            part
        })
    }

    /// The JSON text of one part of a key.
    pub(super) fn part(&self, number: u32, part: usize) -> &[u8] {
        let entry = &self.entries[number as usize];
        let start = part.checked_sub(1).map_or(0, |before| entry.ends[before] as usize + 1);
        &entry.json[start..entry.ends[part] as usize]
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
