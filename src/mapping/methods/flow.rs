//! Methods that choose what comes next, or remark on it.

use serde_json::Value;

use crate::mapping::{
    ast::{Expr, Head},
    evaluate::{Call, Equality, Val},
};

/// `echo(e)`.
pub(super) fn echo<'a>(call: &mut Call<'_, 'a>) -> Option<Val<'a>> {
    let replacement = call.args.first()?;
    call.value(replacement)
}

/// `match([c, v], …)`: the value of the first pair whose candidate is the input.
pub(super) fn match_pairs<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let input = call.run.whole(input)?;
    for pair in call.args {
        call.run.spend(1)?;
        let Expr::Array(pair, _) = pair else { continue };
        let [candidate, value] = pair.as_slice() else {
            continue;
        };
        if is_at(candidate) {
            return call.value(value);
        }
        let Some(candidate) = call.value(candidate) else {
            continue;
        };
        let candidate = call.run.whole(candidate)?;
        if call.run.equal(&input, &candidate, Equality::Strict)? {
            return call.value(value);
        }
    }
    call.refuse(|name| format!("no pair of `->{name}` fits; `[@, …]` at the end is a default"))
}

/// Whether a candidate is `@`, which every input equals.
fn is_at(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(path) if path.head == Head::At && path.steps.is_empty())
}

/// `withWarning(x)`.
pub(super) fn with_warning<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    if let Some(message) = call.arg(0) {
        let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        call.run.charge(1, message.len())?;
        call.run.warn(message);
    }
    Some(input)
}

/// `withError(x)`; `x` is text or `{message, extensions}`.
pub(super) fn with_error<'a>(call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
    let Some(error) = call.arg(0) else {
        return Some(input);
    };
    let (message, extensions) = match call.run.own_whole(error)? {
        Value::String(message) => (Some(message), None),
        Value::Object(mut fields) => {
            let message = fields.get("message").and_then(Value::as_str).map(str::to_owned);
            let extensions = match fields.remove("extensions") {
                Some(Value::Object(extensions)) => Some(extensions),
                _ => None,
            };
            (message, extensions)
        }
        _ => (None, None),
    };
    if message.is_none() {
        call.remark(|name| format!("`->{name}` needs text or an object with a `message`"));
    }
    call.run.declare(message.unwrap_or_default(), extensions);
    Some(input)
}
