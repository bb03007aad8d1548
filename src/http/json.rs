//! A POST body → the fields of a GraphQL request.
//!
//! Stricter than serde's derive where two readers could see two requests: a key that stands twice is refused at every level. serde_json bounds the
//! nesting at 128.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::{Map, Value, value::RawValue};

use super::{decode::Fields, refusal::Refusal};
use crate::engine::OnError;

/// What a body holds.
pub(super) enum Read {
    /// A request.
    One(Box<Fields>),
    /// Several, in their order, each as it would be alone.
    Several(Vec<Result<Box<Fields>, Refusal>>),
}

/// Reads a body. `batch_max`: how many requests an array may hold; without it, none may come.
pub(super) fn parse(body: &[u8], batch_max: Option<usize>) -> Result<Read, Refusal> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Refusal::NotJson)?;
    if text.trim_ascii_start().starts_with('[') {
        let most = batch_max.ok_or(Refusal::Batch)?;
        return parse_several(text, most).map(Read::Several);
    }
    parse_one(text).map(Read::One)
}

fn parse_one(text: &str) -> Result<Box<Fields>, Refusal> {
    // Filled where they are: they are large, and each hand of serde's that they passed through would copy them.
    let mut fields = Box::<Fields>::default();
    let expected = Cell::default();
    let seed = RequestSeed {
        expected: &expected,
        fields: &mut fields,
    };
    parse_with(text, &expected, seed)?;
    Ok(fields)
}

/// What an array holds that is not an object is refused in its place; but an array in an array would be a way to send more than are counted.
fn parse_several(text: &str, most: usize) -> Result<Vec<Result<Box<Fields>, Refusal>>, Refusal> {
    let mut items: Vec<&RawValue> = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let counted = Counted {
        items: &mut items,
        most,
    };
    let read = deserializer.deserialize_seq(counted).and_then(|()| deserializer.end());
    if items.len() > most {
        return Err(Refusal::BatchSize(most));
    }
    read.map_err(|_| Refusal::NotJson)?;
    if items.is_empty() {
        return Err(Refusal::BatchSize(most));
    }
    if items.iter().any(|item| item.get().starts_with('[')) {
        return Err(Refusal::BatchInBatch);
    }
    let read = items.into_iter().map(|item| {
        parse_one(item.get()).map_err(|refusal| match refusal {
            Refusal::Shape(AN_OBJECT) => Refusal::Shape(EACH_AN_OBJECT),
            other => other,
        })
    });
    Ok(read.collect())
}

/// Reads the value of a GET parameter that holds JSON: an object or null.
pub(super) fn parse_object(text: &str, expected: &'static str) -> Result<Option<Map<String, Value>>, Refusal> {
    let cell = Cell::new(expected);
    parse_with(text, &cell, ObjectSeed { expected: &cell }).map_err(|refusal| match refusal {
        Refusal::NotJson => Refusal::Parameter(expected),
        other => other,
    })
}

/// `expected`: where the seed notes what it expects, so that a failure can be told without serde's words and positions.
fn parse_with<'de, S>(text: &'de str, expected: &Cell<&'static str>, seed: S) -> Result<S::Value, Refusal>
where
    S: DeserializeSeed<'de>,
{
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| {
        if error.is_data() {
            Refusal::Shape(expected.get())
        } else if error.to_string().starts_with("number out of range") {
            Refusal::NumberRange
        } else {
            Refusal::NotJson
        }
    })
}

const AN_OBJECT: &str = "the body must be a JSON object";
const EACH_AN_OBJECT: &str = "each of an array must be a JSON object";
const QUERY: &str = "`query` must be a string";
const OPERATION_NAME: &str = "`operationName` must be a string or null";
const VARIABLES: &str = "`variables` must be an object or null";
const EXTENSIONS: &str = "`extensions` must be an object or null";
const DOCUMENT_ID: &str = "`documentId` must be a string";
const ON_ERROR: &str = "`onError` must be PROPAGATE, NULL or HALT";
const ONCE: &str = "a key must not stand twice in one object";

struct RequestSeed<'a> {
    expected: &'a Cell<&'static str>,
    fields: &'a mut Fields,
}

#[derive(Clone, Copy)]
struct ObjectSeed<'a> {
    expected: &'a Cell<&'static str>,
}

#[derive(Clone, Copy)]
struct ValueSeed<'a> {
    expected: &'a Cell<&'static str>,
}

/// Keys of a request; those we do not know are passed over.
enum Key {
    Query,
    OperationName,
    Variables,
    Extensions,
    DocumentId,
    OnError,
    Unknown,
}

struct KeyVisitor;

/// A string, or null for none.
struct Text;

/// The items of an array, up to one more than there may be.
struct Counted<'i, 'de> {
    items: &'i mut Vec<&'de RawValue>,
    most: usize,
}

// === impl RequestSeed ===

impl<'de> DeserializeSeed<'de> for RequestSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.expected.set(AN_OBJECT);
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RequestSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a GraphQL request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.fields;
        let mut seen = [false; Key::Unknown as usize];
        while let Some(key) = map.next_key_seed(KeyVisitor)? {
            let expected = match key {
                Key::Query => QUERY,
                Key::OperationName => OPERATION_NAME,
                Key::Variables => VARIABLES,
                Key::Extensions => EXTENSIONS,
                Key::DocumentId => DOCUMENT_ID,
                Key::OnError => ON_ERROR,
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let is_repeated = std::mem::replace(&mut seen[key.place()], true);
            self.expected.set(if is_repeated { ONCE } else { expected });
            if is_repeated {
                return Err(A::Error::custom(ONCE));
            }
            let object = ObjectSeed {
                expected: self.expected,
            };
            match key {
                Key::Query => fields.query = map.next_value_seed(Text)?,
                Key::OperationName => fields.operation_name = map.next_value_seed(Text)?,
                Key::Variables => fields.variables = map.next_value_seed(object)?,
                Key::Extensions => fields.extensions = map.next_value_seed(object)?,
                Key::DocumentId => fields.document_id = map.next_value_seed(Text)?,
                Key::OnError => {
                    fields.on_error = on_error(map.next_value_seed(Text)?.as_deref()).map_err(A::Error::custom)?
                }
                Key::Unknown => {}
            }
        }
        Ok(())
    }
}

/// Reads `onError`, by whichever way it came.
pub(super) fn on_error(value: Option<&str>) -> Result<OnError, &'static str> {
    match value {
        None | Some("PROPAGATE") => Ok(OnError::Propagate),
        Some("NULL") => Ok(OnError::Null),
        Some("HALT") => Ok(OnError::Halt),
        Some(_) => Err(ON_ERROR),
    }
}

// === impl Counted ===

impl<'de> Visitor<'de> for Counted<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element()? {
            self.items.push(item);
            if self.items.len() > self.most {
                return Err(A::Error::custom("too many"));
            }
        }
        Ok(())
    }
}

// === impl Key ===

impl Key {
    fn place(&self) -> usize {
        match self {
            Self::Query => 0,
            Self::OperationName => 1,
            Self::Variables => 2,
            Self::Extensions => 3,
            Self::DocumentId => 4,
            Self::OnError => 5,
            Self::Unknown => 6,
        }
    }
}

impl<'de> DeserializeSeed<'de> for KeyVisitor {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "query" => Key::Query,
            "operationName" => Key::OperationName,
            "variables" => Key::Variables,
            "extensions" => Key::Extensions,
            "documentId" => Key::DocumentId,
            "onError" => Key::OnError,
            _ => Key::Unknown,
        })
    }
}

// === impl Text ===

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

// === impl ObjectSeed ===

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Option<Map<String, Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match (ValueSeed {
            expected: self.expected,
        })
        .deserialize(deserializer)?
        {
            Value::Object(map) => Ok(Some(map)),
            Value::Null => Ok(None),
            _ => Err(D::Error::invalid_type(Unexpected::Other("value"), &"an object or null")),
        }
    }
}

// === impl ValueSeed ===

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.insert(key, map.next_value_seed(self)?).is_some() {
                self.expected.set(ONCE);
                return Err(A::Error::custom(ONCE));
            }
        }
        Ok(Value::Object(entries))
    }
}
