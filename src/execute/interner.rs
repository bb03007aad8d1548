//! Byte strings told apart by number: keys of a fetch, items of an answer.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

/// Byte strings numbered in order of first appearance, all in one buffer.
#[derive(Debug, Default)]
pub(super) struct Interner {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    /// The number given last: equal strings mostly stand together.
    last: u32,
}

// === impl Interner ===

impl Interner {
    /// One with room for `count` strings of some 16 bytes.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(count * 16),
            ends: Vec::with_capacity(count),
            numbers: HashTable::with_capacity(count),
            ..Self::default()
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A string by its number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        text(&self.bytes, &self.ends, number)
    }

    /// The number of a string; a new one gets the next.
    pub(super) fn number(&mut self, string: &[u8]) -> u32 {
        if self.len() > 0 && self.get(self.last) == string {
            return self.last;
        }
        let Self {
            bytes,
            ends,
            numbers,
            hasher,
            ..
        } = self;
        let same = |number: &u32| text(bytes, ends, *number) == string;
        let hash = |number: &u32| hasher.hash_one(text(bytes, ends, *number));
        let number = match numbers.entry(hasher.hash_one(string), same, hash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let number = ends.len() as u32;
                place.insert(number);
                bytes.extend_from_slice(string);
                ends.push(bytes.len() as u32);
                number
            }
        };
        self.last = number;
        number
    }

    /// The number of a string that is known.
    pub(super) fn find(&self, string: &[u8]) -> Option<u32> {
        let same = |number: &u32| self.get(*number) == string;
        self.numbers.find(self.hasher.hash_one(string), same).copied()
    }
}

fn text<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &bytes[start..ends[number] as usize]
}
