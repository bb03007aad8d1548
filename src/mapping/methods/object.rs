//! Methods on the keys of objects.

use serde_json::{Map, Value};

use crate::mapping::evaluate::{Call, Val, kind};

/// `entries`.
pub(super) fn entries<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let fields = match input {
        Val::Ref(Value::Object(fields)) => {
            call.run.charge(1 + fields.len(), 0)?;
            fields
                .iter()
                .map(|(key, value)| (key.clone(), Val::Ref(value)))
                .collect::<Vec<_>>()
        }
        Val::Owned(Value::Object(fields)) => fields
            .into_iter()
            .map(|(key, value)| (key, Val::Owned(value)))
            .collect::<Vec<_>>(),
        other => return call.needs("an object", other.kind()),
    };
    let mut entries = Vec::with_capacity(fields.len());
    for (key, value) in fields {
        call.run.spend(1)?;
        call.run.charge(4, key.len())?;
        let mut entry = Map::with_capacity(2);
        entry.insert("key".to_owned(), Value::String(key));
        entry.insert("value".to_owned(), call.run.own(value)?);
        entries.push(Value::Object(entry));
    }
    Some(Val::Owned(Value::Array(entries)))
}

/// `keysToCamelCase`: of this object only.
pub(super) fn keys_to_camel_case<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    match call.run.own(input)? {
        Value::Object(fields) => renamed(call, fields, false).map(Val::Owned),
        other => call.needs("an object", kind(&other)),
    }
}

/// `keysToCamelCaseDeep`: of every object below, also through lists.
pub(super) fn keys_to_camel_case_deep<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    match call.run.own(input)? {
        value @ (Value::Object(_) | Value::Array(_)) => deep(call, value).map(Val::Owned),
        other => call.needs("an object", kind(&other)),
    }
}

/// Recursion is as deep as the value, which was copied and therefore within the limit.
fn deep(call: &mut Call<'_, '_>, value: Value) -> Option<Value> {
    call.run.spend(1)?;
    match value {
        Value::Object(fields) => renamed(call, fields, true),
        Value::Array(items) => {
            let items: Option<Vec<Value>> = items.into_iter().map(|item| deep(call, item)).collect();
            items.map(Value::Array)
        }
        scalar => Some(scalar),
    }
}

fn renamed(call: &mut Call<'_, '_>, fields: Map<String, Value>, below: bool) -> Option<Value> {
    call.run.charge(1 + fields.len(), 0)?;
    let mut output = Map::with_capacity(fields.len());
    for (key, value) in fields {
        call.run.spend_text(&key)?;
        let value = if below { deep(call, value)? } else { value };
        let key = camel_case(&key);
        call.run.charge(0, key.len())?;
        if output.insert(key, value).is_some() {
            call.remark(|name| format!("`->{name}` gives two keys one name; the later is kept"));
        }
    }
    Some(Value::Object(output))
}

/// `first_name`, `first-name`, `FIRST_NAME`, `FirstName` → `firstName`, `HTTPServer` → `httpServer`. Leading underscores stay:
/// `__typename` is a name of its own. So does a key without letters or digits.
fn camel_case(key: &str) -> String {
    let name = key.trim_start_matches('_');
    let mut output = String::with_capacity(key.len());
    output.push_str(&key[..key.len() - name.len()]);
    let words = name
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        let shouted = !word.chars().any(char::is_lowercase);
        let mut characters = word.chars();
        let Some(first) = characters.next() else {
            continue;
        };
        if index == 0 {
            output.extend(first.to_lowercase());
        } else {
            output.extend(first.to_uppercase());
        }
        if shouted {
            output.extend(characters.flat_map(char::to_lowercase));
            continue;
        }
        let rest = characters.as_str();
        let capitals = if index == 0 { leading_capitals(rest) } else { 0 };
        output.extend(rest[..capitals].chars().flat_map(char::to_lowercase));
        output.push_str(&rest[capitals..]);
    }
    if output.len() == key.len() - name.len() {
        return key.to_owned();
    }
    output
}

/// How many bytes of capitals `rest` begins with that belong to the word before: of `TTPServer` the first three.
fn leading_capitals(rest: &str) -> usize {
    let end = rest
        .char_indices()
        .find(|(_, character)| !character.is_uppercase())
        .map_or(rest.len(), |(at, _)| at);
    rest[..end].char_indices().next_back().map_or(0, |(last, _)| last)
}
