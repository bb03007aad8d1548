//! Methods that take a part out of a list, a text or an object, or say how large it is.

use serde_json::{Number, Value};

use crate::mapping::evaluate::{Call, Val, kind};

/// `first` element or character.
pub(super) fn first<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    end(call, input, |_| 0, |text| text.chars().next())
}

/// `last` element or character.
pub(super) fn last<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    end(
        call,
        input,
        |length| length.saturating_sub(1),
        |text| text.chars().next_back(),
    )
}

fn end<'a>(
    call: &mut Call<'_, 'a>,
    input: Val<'a>,
    index: impl FnOnce(usize) -> usize,
    character: impl FnOnce(&str) -> Option<char>,
) -> Option<Val<'a>> {
    if let Some(length) = input.items_len() {
        return input.into_item(index(length));
    }
    if let Some(text) = input.as_str() {
        return call.run.text(character(text)?.to_string());
    }
    let kind = input.kind();
    call.remark(|name| format!("`->{name}` is meant for lists and text; {kind} goes through unchanged"));
    Some(input)
}

/// `get(i)` and `get(k)`.
pub(super) fn get<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let place = call.arg(0)?;
    match &*place {
        Value::Number(number) => match integer(number) {
            Some(index) => get_index(call, input, index),
            None => call.needs_argument("a whole number or a key"),
        },
        Value::String(key) => get_key(call, input, key),
        _ => call.needs_argument("a whole number or a key"),
    }
}

fn get_index<'a>(call: &mut Call<'_, 'a>, input: Val<'a>, index: i64) -> Option<Val<'a>> {
    let found = if let Some(length) = input.items_len() {
        from_either_end(index, length).and_then(|index| input.into_item(index))
    } else if let Some(text) = input.as_str() {
        call.run.spend_text(text)?;
        let index = from_either_end(index, text.chars().count());
        match index.and_then(|index| text.chars().nth(index)) {
            Some(character) => call.run.text(character.to_string()),
            None => None,
        }
    } else {
        return call.needs("a list or text to take a numbered part of", input.kind());
    };
    found.or_else(|| call.refuse(|_| format!("there is nothing at {index}")))
}

fn from_either_end(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn get_key<'a>(call: &mut Call<'_, 'a>, input: Val<'a>, key: &str) -> Option<Val<'a>> {
    let found = match input {
        Val::Ref(Value::Object(fields)) => fields.get(key).map(Val::Ref),
        Val::Owned(Value::Object(mut fields)) => fields.swap_remove(key).map(Val::Owned),
        other => return call.needs("an object to look up a key in", other.kind()),
    };
    found.or_else(|| call.refuse(|_| format!("there is no `{key}` in this object")))
}

/// `size`: elements, keys, or bytes of text.
pub(super) fn size<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    let size = match (input.items_len(), input.single()) {
        (Some(length), _) => length,
        (_, Some(Value::Object(fields))) => fields.len(),
        (_, Some(Value::String(text))) => text.len(),
        _ => return call.needs("a list, an object or text", input.kind()),
    };
    Some(Val::Owned(Value::from(size)))
}

/// `slice(from, to)`: both are cut to what there is; without `to`, to the end.
pub(super) fn slice<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let length = match (input.items_len(), input.as_str()) {
        (Some(length), _) => length,
        (_, Some(text)) => text.len(),
        _ => return call.needs("a list or text", input.kind()),
    };
    let from = bound(call, 0, length)?;
    let to = if call.args.len() > 1 {
        bound(call, 1, length)?
    } else {
        length
    };
    let range = from..to.max(from);
    if let Some(text) = input.as_str() {
        // Nothing can be cut out anywhere, also within a character.
        let part = if range.is_empty() { Some("") } else { text.get(range) };
        return match part {
            Some(part) => {
                let part = part.to_owned();
                call.run.text(part)
            }
            None => call.refuse(|name| format!("`->{name}` would cut a character of several bytes apart")),
        };
    }
    call.run.charge(1 + range.len(), 0)?;
    match input {
        Val::Ref(Value::Array(items)) => items
            .get(range)
            .map(|part| Val::List(part.iter().map(Val::Ref).collect())),
        other => other
            .into_items()
            .ok()
            .map(|mut items| Val::List(items.drain(range).collect())),
    }
}

/// The argument at `index` as a position of something of `length`.
fn bound(call: &mut Call<'_, '_>, index: usize, length: usize) -> Option<usize> {
    let bound = call.arg(index)?;
    match bound.as_number().and_then(integer) {
        Some(bound) => Some(usize::try_from(bound.max(0)).map_or(length, |bound| bound.min(length))),
        None => {
            let kind = kind(&bound);
            call.needs_argument(&format!("whole numbers, not {kind},"))
        }
    }
}

/// A whole number, also if it is written as 1.0.
pub(super) fn integer(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        if float.fract() == 0.0 {
            super::number::truncated(float)
        } else {
            None
        }
    })
}
