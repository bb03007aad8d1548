//! Reads typed values out of the tree, and collects what is wrong.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    expand::{Failure, expand},
    keys::{Key as FileKey, KeyValue},
    problem::Problem,
    yaml::{Key, Node, Place, Yaml},
};

mod more;
mod numbers;

/// Nothing here is meant to take longer; much more would not fit the clock.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The environment and the problems found so far.
pub(super) struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Problem>>,
    /// The keys that were asked for, where they are wanted.
    keys: Option<RefCell<Vec<FileKey>>>,
}

/// One mapping of the file, or one that is not there: then every key has its default.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    /// With dots; empty for the whole file.
    path: String,
    place: Place,
    entries: &'a [(Key, Node)],
    taken: Vec<Cell<bool>>,
    known: RefCell<Vec<&'static str>>,
}

/// A scalar after expansion.
struct Scalar {
    text: String,
    is_plain: bool,
    is_from_environment: bool,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            environment,
            problems: RefCell::default(),
            keys: None,
        }
    }

    /// A reader that writes down which keys are asked for.
    pub(super) fn recording() -> Self {
        Self {
            keys: Some(RefCell::default()),
            ..Self::new(&|_| None)
        }
    }

    pub(super) fn into_keys(self) -> Vec<FileKey> {
        self.keys.map(RefCell::into_inner).unwrap_or_default()
    }

    /// Writes a key down; what is known closer stands.
    fn note(&self, path: String, value: KeyValue) {
        let Some(keys) = &self.keys else { return };
        let mut keys = keys.borrow_mut();
        match keys.iter_mut().find(|key| key.path == path) {
            Some(known) if value != KeyValue::Any => known.value = value,
            Some(_) => {}
            None => keys.push(FileKey { path, value }),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    pub(super) fn report(&self, place: Place, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            line: place.line,
            column: place.column,
            key: key.to_owned(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// A node as a section.
    pub(super) fn section(&'a self, node: &'a Node, path: String) -> Section<'a> {
        let entries = match &node.value {
            Yaml::Mapping(entries) => entries.as_slice(),
            _ if node.is_null() => &[],
            _ => {
                self.report(
                    node.place,
                    &path,
                    "keys and values were expected",
                    "write one `key: value` a line, indented",
                );
                &[]
            }
        };
        Section::new(self, path, node.place, entries)
    }

    fn scalar(&self, node: &Node, path: &str, expected: &str) -> Option<Scalar> {
        let Yaml::Scalar { text, is_plain } = &node.value else {
            self.report(
                node.place,
                path,
                format!("{expected} was expected, not a list or keys"),
                "write one value",
            );
            return None;
        };
        match expand(text, self.environment) {
            Ok(expanded) => Some(Scalar {
                text: expanded.text,
                is_plain: *is_plain,
                is_from_environment: expanded.is_from_environment,
            }),
            Err(failure) => {
                let (message, hint) = match failure {
                    Failure::Unclosed => (
                        "`${` is not closed".to_owned(),
                        "write `${NAME}`, or `$${` for the characters".to_owned(),
                    ),
                    Failure::NotAName => (
                        "`${…}` does not hold the name of a variable".to_owned(),
                        "write `${NAME}` or `${NAME:-default}`".to_owned(),
                    ),
                    Failure::Unset(name) => (
                        format!("the environment variable {name} is not set"),
                        format!("set it, or give a default: `${{{name}:-…}}`"),
                    ),
                };
                self.report(node.place, path, message, hint);
                None
            }
        }
    }

    /// A value of any shape, with variables expanded. Plain scalars are what they look like; those from the environment are texts.
    fn json(&self, node: &Node, path: &str) -> Value {
        match &node.value {
            Yaml::Scalar { .. } if node.is_null() => Value::Null,
            Yaml::Scalar { .. } => self.scalar(node, path, "a value").map_or(Value::Null, |scalar| {
                if scalar.is_plain && !scalar.is_from_environment {
                    plain_json(scalar.text)
                } else {
                    Value::String(scalar.text)
                }
            }),
            Yaml::Sequence(items) => items.iter().map(|item| self.json(item, path)).collect(),
            Yaml::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), self.json(node, &join(path, &key.text))))
                    .collect(),
            ),
        }
    }
}

fn plain_json(text: String) -> Value {
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => match serde_json::from_str(number) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::String(text),
        },
    }
}

fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

// === impl Scalar ===

impl Scalar {
    /// The value as a message may show it.
    fn shown(&self) -> String {
        if self.is_from_environment {
            "the value from the environment".to_owned()
        } else {
            format!("`{}`", self.text)
        }
    }
}

// === impl Section ===

impl<'a> Section<'a> {
    fn new(reader: &'a Reader<'a>, path: String, place: Place, entries: &'a [(Key, Node)]) -> Self {
        let taken = entries.iter().map(|_| Cell::new(false)).collect();
        Self {
            reader,
            path,
            place,
            entries,
            taken,
            known: RefCell::default(),
        }
    }

    /// Reports a problem of a key, at its value, or of the section when the key is not there.
    pub(super) fn report(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let place = self
            .entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map_or(self.place, |(_, node)| node.place);
        self.reader.report(place, &join(&self.path, key), message, hint);
    }

    fn note(&self, key: &str, value: KeyValue) {
        self.reader.note(join(&self.path, key), value);
    }

    /// A section for those who want to know the keys in it.
    fn example(&self, path: String) -> Option<Self> {
        self.reader.keys.as_ref()?;
        Some(Section::new(self.reader, path, self.place, &[]))
    }

    /// The value of a key, unless it is absent or null.
    fn take(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        self.note(key, KeyValue::Any);
        let index = self.entries.iter().position(|(known, _)| known.text == key)?;
        self.taken[index].set(true);
        Some(&self.entries[index].1).filter(|node| !node.is_null())
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        hint: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let path = join(&self.path, key);
        let scalar = self.reader.scalar(node, &path, expected)?;
        let value = parse(scalar.text.trim());
        if value.is_none() {
            self.reader
                .report(node.place, &path, format!("{} is not {expected}", scalar.shown()), hint);
        }
        value
    }

    /// Any text.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.note(key, KeyValue::Text);
        self.read(key, "a text", "write one value", |text| Some(text.to_owned()))
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.note(key, KeyValue::Duration { default: Some(default) });
        let hint = "write a number with its unit, such as `5s` or `300ms`";
        self.read(key, "a duration of at most a day", hint, parse_duration)
            .unwrap_or(default)
    }

    /// A duration that cannot be zero.
    pub(super) fn positive_duration(&self, key: &'static str, default: Duration) -> Duration {
        self.note(key, KeyValue::Duration { default: Some(default) });
        let hint = "write a number above zero with its unit, such as `5s` or `300ms`";
        let parse = |text: &str| parse_duration(text).filter(|duration| !duration.is_zero());
        self.read(key, "a duration above zero and of at most a day", hint, parse)
            .unwrap_or(default)
    }

    /// A whole number, `_` allowed between its digits.
    pub(super) fn count(&self, key: &'static str, default: usize) -> usize {
        self.note(key, KeyValue::Count { default, least: 0 });
        let hint = "write digits only, such as `100`; 0 means no limit";
        self.read(key, "a whole number", hint, parse_count).unwrap_or(default)
    }

    /// A whole number above zero.
    pub(super) fn positive_count(&self, key: &'static str, default: usize) -> usize {
        self.note(key, KeyValue::Count { default, least: 1 });
        let hint = "write digits only, such as `100`";
        let parse = |text: &str| parse_count(text).filter(|count| *count > 0);
        self.read(key, "a whole number above zero", hint, parse)
            .unwrap_or(default)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        self.note(key, KeyValue::Flag { default });
        let parse = |text: &str| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.read(key, "a truth value", "write `true` or `false`", parse)
            .unwrap_or(default)
    }

    /// One of several words.
    pub(super) fn choice<T: Copy + PartialEq>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let chosen = words.iter().find(|(_, value)| *value == default);
        self.note(
            key,
            KeyValue::Choice {
                words: words.iter().map(|(word, _)| (*word).to_owned()).collect(),
                default: chosen.map(|(word, _)| (*word).to_owned()),
            },
        );
        let hint = format!("write one of {}", list(words.iter().map(|(word, _)| *word)));
        let parse = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        self.read(key, "a word this key knows", &hint, parse).unwrap_or(default)
    }

    /// An address to listen on; `None` for `off`.
    pub(super) fn address(&self, key: &'static str, default: SocketAddr, may_be_off: bool) -> Option<SocketAddr> {
        self.note(key, KeyValue::Address { default, may_be_off });
        let hint = if may_be_off {
            "write an IP address and a port, such as `127.0.0.1:4000`, or `off`"
        } else {
            "write an IP address and a port, such as `127.0.0.1:4000`"
        };
        let parse = |text: &str| match text {
            "off" if may_be_off => Some(None),
            text => text.parse().ok().map(Some),
        };
        self.read(key, "an address", hint, parse).unwrap_or(Some(default))
    }

    /// One text or a list of them.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.note(key, KeyValue::Texts);
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let path = join(&self.path, key);
        let items = match &node.value {
            Yaml::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .filter_map(|item| self.reader.scalar(item, &path, "a text"))
            .map(|scalar| scalar.text)
            .collect()
    }

    /// Whether a key has a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|(known, node)| known.text == key && !node.is_null())
    }

    /// The sections of a list.
    pub(super) fn items(&self, key: &'static str) -> Vec<Section<'a>> {
        self.note(key, KeyValue::Items);
        let path = join(&self.path, key);
        let Some(node) = self.take(key) else {
            return self.example(format!("{path}[]")).into_iter().collect();
        };
        let items = match &node.value {
            Yaml::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let sections = items.iter().enumerate();
        sections
            .map(|(index, item)| self.reader.section(item, format!("{path}[{index}]")))
            .collect()
    }

    /// Keys and values of any shape.
    pub(super) fn object(&self, key: &'static str) -> Map<String, Value> {
        self.note(key, KeyValue::Object);
        let Some(node) = self.take(key) else {
            return Map::new();
        };
        let path = join(&self.path, key);
        match (&node.value, self.reader.json(node, &path)) {
            (Yaml::Mapping(_), Value::Object(map)) => map,
            _ => {
                self.reader.report(
                    node.place,
                    &path,
                    "keys and values were expected",
                    "write one `key: value` a line, indented",
                );
                Map::new()
            }
        }
    }

    /// A section within this one.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        self.note(key, KeyValue::Section);
        let path = join(&self.path, key);
        match self.take(key) {
            Some(node) => self.reader.section(node, path),
            None => Section::new(self.reader, path, self.place, &[]),
        }
    }

    /// The sections within a key, by their names.
    pub(super) fn sections(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let outer = self.section(key);
        self.note(key, KeyValue::Sections);
        if let Some(example) = self.example(join(&outer.path, "*")) {
            return vec![("*".to_owned(), example)];
        }
        let sections = outer.entries.iter().zip(&outer.taken);
        sections
            .map(|((name, node), taken)| {
                taken.set(true);
                (
                    name.text.clone(),
                    self.reader.section(node, join(&outer.path, &name.text)),
                )
            })
            .collect()
    }

    /// Reports the keys that nobody asked for. To be called last.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for ((key, _), _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !taken.get()) {
            let nearest = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, &key.text), *known))
                .min();
            let hint = match nearest {
                Some((distance, nearest)) if distance <= (nearest.len() / 3).max(2) => {
                    format!("did you mean `{nearest}`?")
                }
                _ => format!("known keys are {}", list(known.iter().copied())),
            };
            self.reader
                .report(key.place, &self.path, format!("unknown key `{}`", key.text), hint);
        }
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| *duration <= DURATION_MAX)
}

fn parse_count(text: &str) -> Option<usize> {
    let is_count = text.starts_with(|char: char| char.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    is_count.then(|| text.replace('_', "").parse().ok()).flatten()
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
