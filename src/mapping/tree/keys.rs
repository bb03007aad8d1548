//! Sets of key paths as trees, and what reads come to.

use super::{KeyTree, Origin, Read, Reads};

// === impl KeyTree ===

impl KeyTree {
    /// The tree of one path.
    #[must_use]
    pub fn of_path<'a>(path: impl DoubleEndedIterator<Item = &'a str>) -> Self {
        path.rev()
            .fold(Self::default(), |below, key| Self(vec![(key.into(), below)]))
    }

    /// Whether the value is read as a whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// What is read below `key`, if it is mentioned.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.0.iter().find(|(known, _)| &**known == key).map(|(_, below)| below)
    }

    /// What either reads. The whole swallows every part.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        if self.is_whole() || other.is_whole() {
            return Self::default();
        }
        for (key, below) in other.0 {
            match self.0.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = std::mem::take(known).union(below),
                None => self.0.push((key, below)),
            }
        }
        self
    }
}

// === impl Reads ===

impl Reads {
    /// What is read of `$name`; `None` if nothing is.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<KeyTree> {
        self.tree(|read| matches!(&read.origin, Origin::Variable(variable) if variable == name))
    }

    /// What is read of the input; `None` if nothing is.
    #[must_use]
    pub fn input(&self) -> Option<KeyTree> {
        self.tree(|read| read.origin == Origin::Input)
    }

    fn tree(&self, wanted: impl Fn(&Read) -> bool) -> Option<KeyTree> {
        self.0
            .iter()
            .filter(|read| wanted(read))
            .map(Read::tree)
            .reduce(KeyTree::union)
    }
}

// === impl Read ===

impl Read {
    /// The path as a tree.
    #[must_use]
    pub fn tree(&self) -> KeyTree {
        KeyTree::of_path(self.path.iter().map(|key| key.text.as_str()))
    }

    /// The name of the variable that is read, without `$`.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.origin {
            Origin::Input => None,
            Origin::Variable(name) => Some(name),
        }
    }
}
