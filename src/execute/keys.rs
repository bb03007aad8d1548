//! The distinct keys that a request asks of one fetch, numbered in order of first appearance.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use foldhash::fast::RandomState;
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
    /// How the first key is written.
    form: Form,
    /// There once a key is written in another way than the first: only then can two be equal that differ as JSON.
    twins: Option<Twins>,
}

/// Which keys stand for others.
#[derive(Debug, Default)]
struct Twins {
    /// The first key of each text that keys are compared by.
    by_text: HashMap<Vec<u8>, u32, RandomState>,
    /// The first of those that a later one is equal to.
    first: HashMap<u32, u32, RandomState>,
}

/// How a key is written: which of its first 63 parts are strings, and in the lowest bit whether one has an escape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Form(u64);

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

    /// The same where keys are compared by their text, as items of an answer are matched: `7` and `"7"` are one key, in the form in which it
    /// came first.
    pub(super) fn number_by_text(&mut self, key: &KeyBuffer) -> u32 {
        let known = self.texts.len();
        let number = self.number(key);
        let is_new = self.texts.len() > known;
        if is_new {
            let form = self.form_of(number);
            if number == 0 {
                self.form = form;
            }
            if self.twins.is_none() && (form != self.form || form.has_escape()) {
                self.twins = Some(Twins::default());
                (0..number).for_each(|earlier| self.pair(earlier));
            }
            self.pair(number);
        }
        match &self.twins {
            None => number,
            Some(twins) => twins.first.get(&number).copied().unwrap_or(number),
        }
    }

    /// Notes whether a key is equal to an earlier one.
    fn pair(&mut self, number: u32) {
        let mut text = Vec::new();
        if self.twins.is_some() {
            self.parts(number).for_each(|part| part_text(part, &mut text));
        }
        let Some(twins) = &mut self.twins else { return };
        match twins.by_text.entry(text) {
            Entry::Occupied(first) => {
                twins.first.insert(number, *first.get());
            }
            Entry::Vacant(place) => {
                place.insert(number);
            }
        }
    }

    fn form_of(&self, number: u32) -> Form {
        let has_escape = self.texts.get(number).contains(&b'\\');
        let parts = self.parts(number).zip(1..64);
        let strings = parts.map(|(part, bit)| u64::from(part.starts_with(b"\"")) << bit);
        Form(strings.fold(u64::from(has_escape), |form, bit| form | bit))
    }

    /// Those of which none is equal to an earlier one.
    pub(super) fn distinct(&self) -> Vec<u32> {
        let all = 0..self.texts.len() as u32;
        match &self.twins {
            None => all.collect(),
            Some(twins) => all.filter(|number| !twins.first.contains_key(number)).collect(),
        }
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

// === impl Form ===

impl Form {
    fn has_escape(self) -> bool {
        self.0 & 1 == 1
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

/// Appends what a key part is compared by: its text, so that `3` finds `"3"`, ended so that parts cannot run together.
pub(super) fn part_text(json: &[u8], out: &mut Vec<u8>) {
    match json {
        [b'"', inside @ .., b'"'] => text::unescape_into(inside, out),
        other => out.extend_from_slice(other),
    }
    out.push(0);
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
