//! Methods that are true or false.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::mapping::evaluate::{Call, Equality, Val, kind};

/// `eq(x)` if `wanted`, else `ne(x)`.
pub(super) fn equal<'a>(call: &mut Call<'_, 'a>, input: Val<'a>, wanted: bool) -> Option<Val<'a>> {
    let input = call.run.whole(input)?;
    let other = call.arg(0)?;
    let equal = call.run.equal(&input, &other, Equality::Loose)?;
    Some((equal == wanted).into())
}

/// `gt(x)` and the like: numbers with numbers, text with text.
pub(super) fn compare<'a>(
    call: &mut Call<'_, 'a>,
    input: &Val<'a>,
    holds: impl FnOnce(Ordering) -> bool,
) -> Option<Val<'a>> {
    let other = call.arg(0)?;
    let ordering = match (input.single(), &*other) {
        (Some(Value::Number(a)), Value::Number(b)) => compare_numbers(a, b),
        (Some(Value::String(a)), Value::String(b)) => {
            call.run.spend_text(a)?;
            Some(a.cmp(b))
        }
        _ => None,
    };
    match ordering {
        Some(ordering) => Some(holds(ordering).into()),
        None => {
            let kinds = (input.kind(), kind(&other));
            call.refuse(|name| {
                format!(
                    "`->{name}` compares numbers or texts, and these are {} and {}",
                    kinds.0, kinds.1
                )
            })
        }
    }
}

/// Whole numbers are compared as such: as floats, large ones lose their last digits.
fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// `and(…)`.
pub(super) fn all<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    until(call, input, false)
}

/// `or(…)`.
pub(super) fn any<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    until(call, input, true)
}

/// Goes through input and arguments up to the first that is `decisive`.
fn until<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>, decisive: bool) -> Option<Val<'a>> {
    let mut verdict = boolean(call, input)?;
    for arg in call.args {
        if verdict == decisive {
            break;
        }
        verdict = match call.value(arg) {
            Some(value) => boolean(call, &value)?,
            None => return call.needs_argument("true or false"),
        };
    }
    Some(verdict.into())
}

/// `not`.
pub(super) fn not<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    boolean(call, input).map(|value| (!value).into())
}

fn boolean(call: &mut Call<'_, '_>, value: &Val<'_>) -> Option<bool> {
    value.as_bool().or_else(|| call.needs("true or false", value.kind()))
}
