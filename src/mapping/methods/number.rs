//! Arithmetic. Whole numbers stay whole and exact to 64 bits; what does not fit is missing, not rounded.

use serde_json::{Number, Value};

use crate::mapping::evaluate::{Call, Val, kind};

/// What [`fold`] does with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Sub,
    Mul,
    /// Always gives a float.
    Div,
    /// The remainder, with the sign of the number that is divided.
    Mod,
}

#[derive(Debug, Clone, Copy)]
enum Num {
    Whole(i128),
    Float(f64),
}

/// `add(…)` and the like, from left to right.
pub(super) fn fold<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>, operation: Operation) -> Option<Val<'a>> {
    let Some(mut result) = input.single().and_then(Num::of) else {
        return call.needs("a number", input.kind());
    };
    for index in 0..call.args.len() {
        call.run.spend(1)?;
        let arg = call.arg(index)?;
        let Some(operand) = Num::of(&arg) else {
            let kind = kind(&arg);
            return call.needs_argument(&format!("numbers, not {kind},"));
        };
        let Some(next) = operation.on(result, operand) else {
            return call.refuse(|name| format!("`->{name}` has no result for these numbers"));
        };
        result = next;
    }
    match result.into_number() {
        Some(number) => Some(Val::Owned(Value::Number(number))),
        None => call.refuse(|name| format!("the result of `->{name}` does not fit into 64 bits")),
    }
}

/// `parseInt`, `parseInt(base)`: numbers are cut at the point whatever the base.
pub(super) fn parse_int<'a>(call: &mut Call<'_, 'a>, input: &Val<'a>) -> Option<Val<'a>> {
    let base = if call.args.is_empty() { 10 } else { base(call)? };
    let parsed = match input.single() {
        Some(Value::String(text)) => {
            call.run.spend_text(text)?;
            i64::from_str_radix(text, base).ok().map(Number::from)
        }
        Some(Value::Number(number)) if number.is_f64() => number.as_f64().and_then(truncated).map(Number::from),
        Some(Value::Number(number)) => Some(number.clone()),
        _ => return call.needs("text or a number", input.kind()),
    };
    match parsed {
        Some(number) => Some(Val::Owned(Value::Number(number))),
        None => call.refuse(|_| format!("this is not a whole number of 64 bits in base {base}")),
    }
}

fn base(call: &mut Call<'_, '_>) -> Option<u32> {
    let base = call
        .arg(0)?
        .as_number()
        .and_then(super::pick::integer)
        .and_then(|base| u32::try_from(base).ok());
    match base {
        Some(base) if (2..=36).contains(&base) => Some(base),
        _ => call.needs_argument("a base from 2 to 36"),
    }
}

/// Without what is behind the point, if that fits.
pub(super) fn truncated(float: f64) -> Option<i64> {
    // 2^63 exactly: i64::MAX itself has no float.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let whole = float.trunc();
    (-END..END).contains(&whole).then_some(whole as i64)
}

// === impl Operation ===

impl Operation {
    fn on(self, a: Num, b: Num) -> Option<Num> {
        if let (Num::Whole(a), Num::Whole(b)) = (a, b)
            && self != Self::Div
        {
            let whole = match self {
                Self::Add => a.checked_add(b),
                Self::Sub => a.checked_sub(b),
                Self::Mul => a.checked_mul(b),
                Self::Mod | Self::Div => a.checked_rem(b),
            };
            return whole.map(Num::Whole);
        }
        let (a, b) = (a.to_float(), b.to_float());
        let float = match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Mod => a % b,
        };
        float.is_finite().then_some(Num::Float(float))
    }
}

// === impl Num ===

impl Num {
    fn of(value: &Value) -> Option<Self> {
        let number = value.as_number()?;
        match number.as_i128() {
            Some(whole) => Some(Self::Whole(whole)),
            None => number.as_f64().map(Self::Float),
        }
    }

    fn to_float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    fn into_number(self) -> Option<Number> {
        match self {
            Self::Whole(whole) => match i64::try_from(whole) {
                Ok(whole) => Some(whole.into()),
                Err(_) => u64::try_from(whole).ok().map(Number::from),
            },
            Self::Float(float) => Number::from_f64(float),
        }
    }
}
