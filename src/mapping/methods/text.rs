//! Methods from and to text.

use serde_json::Value;

use crate::mapping::evaluate::{Call, Val, kind};

/// `trim` and its halves.
pub(super) fn trim<'a>(call: &mut Call<'_, 'a>, input: Val<'a>, cut: fn(&str) -> &str) -> Option<Val<'a>> {
    let Some(text) = input.as_str() else {
        return call.needs("text", input.kind());
    };
    call.run.spend_text(text)?;
    let trimmed = cut(text);
    if trimmed.len() == text.len() {
        return Some(input);
    }
    let trimmed = trimmed.to_owned();
    call.run.text(trimmed)
}

/// `split(s)`, `split(s, n)`: an empty separator gives the characters; parts beyond `n` are dropped.
pub(super) fn split<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    let Some(text) = input.as_str() else {
        return call.needs("text", input.kind());
    };
    let separator = call.arg(0)?;
    let Some(separator) = separator.as_str() else {
        return call.needs_argument("text");
    };
    let most = if call.args.len() > 1 {
        part_count(call)?
    } else {
        usize::MAX
    };
    call.run.spend_text(text)?;
    let mut parts = Vec::new();
    let mut add = |part: &str| {
        call.run.charge(1, part.len())?;
        parts.push(Val::Owned(Value::String(part.to_owned())));
        Some(())
    };
    if separator.is_empty() {
        let mut buffer = [0; 4];
        text.chars()
            .take(most)
            .try_for_each(|character| add(character.encode_utf8(&mut buffer)))?;
    } else {
        text.split(separator).take(most).try_for_each(add)?;
    }
    Some(Val::List(parts))
}

fn part_count(call: &mut Call<'_, '_>) -> Option<usize> {
    let count = call.arg(1)?.as_number().and_then(super::pick::integer);
    match count.map(usize::try_from) {
        Some(Ok(count)) => Some(count),
        _ => call.needs_argument("a number of parts, 0 or more,"),
    }
}

/// `joinNotNull(s)`; a scalar that is no list is a list of itself.
pub(super) fn join_not_null<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let separator = call.arg(0)?;
    let Some(separator) = separator.as_str() else {
        return call.needs_argument("text");
    };
    if let Some(length) = input.items_len() {
        call.run.charge(1 + length, 0)?;
    }
    let mut joined = String::new();
    let mut is_first = true;
    for item in input.into_items().unwrap_or_else(|single| vec![single]) {
        call.run.spend(1)?;
        if item.is_null() {
            continue;
        }
        let Some(text) = item.single().and_then(scalar_text) else {
            return call.needs("a list of scalars", item.kind());
        };
        call.run.charge(0, text.len() + separator.len())?;
        if !is_first {
            joined.push_str(separator);
        }
        is_first = false;
        joined.push_str(&text);
    }
    call.run.text(joined)
}

/// `toString`.
pub(super) fn to_string<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    if input.as_str().is_some() {
        return Some(input);
    }
    match input.single().and_then(scalar_text) {
        Some(text) => call.run.text(text),
        None => call.needs("a scalar", input.kind()),
    }
}

/// The text of a scalar; null is empty.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// `jsonParse`.
pub(super) fn json_parse<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    let Some(text) = input.as_str() else {
        return call.needs("text", input.kind());
    };
    call.run.spend_text(text)?;
    // Paid before: every value but the first follows one of these characters, so there are no more of them.
    let values = text
        .bytes()
        .filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{'))
        .count();
    call.run.charge(1 + values, text.len())?;
    match serde_json::from_str(text) {
        Ok(value) => Some(Val::Owned(value)),
        Err(error) => call.refuse(|_| format!("this is not JSON: {error}")),
    }
}

/// `jsonStringify`.
pub(super) fn json_stringify<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let value = call.run.whole(input)?;
    match serde_json::to_string(&*value) {
        Ok(text) => call.run.text(text),
        Err(_) => call.needs("a value that JSON can hold", kind(&value)),
    }
}
