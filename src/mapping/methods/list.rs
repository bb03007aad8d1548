//! Methods that go through the elements of a list.

use serde_json::Value;

use crate::mapping::evaluate::{Call, Equality, Val, kind};

/// The elements; a value that is no list counts as a list of itself.
fn elements<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Vec<Val<'a>>> {
    call.run.charge(1 + input.items_len().unwrap_or(1), 0)?;
    Some(input.into_items().unwrap_or_else(|single| vec![single]))
}

/// `map(e)`: what is missing becomes null.
pub(super) fn map<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let each = call.args.first()?;
    let elements = elements(call, input)?;
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        call.run.spend(1)?;
        let at = call.run.keep(element)?;
        values.push(call.value_at(each, at).unwrap_or(Val::null()));
    }
    Some(Val::List(values))
}

/// What the argument says of one element; `None` when it is no boolean.
fn holds<'a>(call: &mut Call<'_, 'a>, element: &'a Value) -> Option<bool> {
    call.run.spend(1)?;
    let test = call.args.first()?;
    let verdict = call.value_at(test, element);
    match verdict.as_ref().and_then(Val::as_bool) {
        Some(verdict) => Some(verdict),
        None => call.needs_argument("something that is true or false for every element"),
    }
}

/// `filter(b)`: one verdict that is no boolean spoils all.
pub(super) fn filter<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let mut kept = Vec::new();
    for element in elements(call, input)? {
        let element = call.run.keep(element)?;
        if holds(call, element)? {
            kept.push(Val::Ref(element));
        }
    }
    Some(Val::List(kept))
}

/// `find(b)`.
pub(super) fn find<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    for element in elements(call, input)? {
        let element = call.run.keep(element)?;
        if holds(call, element)? {
            return Some(Val::Ref(element));
        }
    }
    None
}

/// `in([…])`.
pub(super) fn is_in<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let input = call.run.whole(input)?;
    let list = call.arg(0)?;
    let Value::Array(items) = &*list else {
        return call.needs_argument("a list");
    };
    has(call, items, &input)
}

/// `contains(x)`.
pub(super) fn contains<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let list = call.run.whole(input)?;
    let Value::Array(items) = &*list else {
        return call.needs("a list", kind(&list));
    };
    let wanted = call.arg(0)?;
    has(call, items, &wanted)
}

fn has<'a>(call: &mut Call<'_, 'a>, items: &[Value], wanted: &Value) -> Option<Val<'a>> {
    for item in items {
        if call.run.equal(item, wanted, Equality::Loose)? {
            return Some(true.into());
        }
    }
    Some(false.into())
}
