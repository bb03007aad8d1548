//! Which keys there are: told by the reading itself, so that none can be forgotten.
//!
//! [`keys`] reads a file without a line, and writes down what is asked for. The JSON Schema of the configuration is made of it.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::{build, read::Reader, yaml};

/// A key of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// With dots; `*` stands for any name, `[]` for the entries of a list.
    pub path: String,
    /// What its value may be.
    pub value: KeyValue,
}

/// What the value of a key may be.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyValue {
    /// Not known any closer.
    Any,
    /// A text.
    Text,
    /// A text, or a list of them.
    Texts,
    /// `true` or `false`.
    Flag {
        /// What it is when nothing is said.
        default: bool,
    },
    /// A whole number.
    Count {
        /// What it is when nothing is said.
        default: usize,
        /// The least it may be.
        least: usize,
    },
    /// A whole number from `least` to `most`.
    Between {
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
    /// A number from 0 to 1.
    Share,
    /// A whole number, or `auto`.
    InFlight,
    /// A number with its unit.
    Duration {
        /// What it is when nothing is said, unless the schema has something to say about it.
        default: Option<Duration>,
    },
    /// An address to listen on.
    Address {
        /// What it is when nothing is said.
        default: SocketAddr,
        /// Whether `off` may be written.
        may_be_off: bool,
    },
    /// One of these words.
    Choice {
        /// All of them.
        words: Vec<String>,
        /// The one that holds when nothing is said.
        default: Option<String>,
    },
    /// Keys and values of any shape.
    Object,
    /// Keys that are listed themselves.
    Section,
    /// Sections by name.
    Sections,
    /// A list of sections.
    Items,
}

/// All keys, in the order in which they are read.
#[must_use]
pub fn keys() -> Vec<Key> {
    let reader = Reader::recording();
    if let Ok(empty) = yaml::parse("{}") {
        build::config(reader.section(&empty, String::new()), Path::new("switchboard.yaml"));
    }
    reader.into_keys()
}
