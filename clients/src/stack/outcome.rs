//! What a try's result means: for the breaker, for a retry, and what the source asked for.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::RETRY_AFTER};

use crate::{
    CallError, Reply,
    grpc::{Pushback, pushback},
    policy::{Kind, Kinds},
};

const NOT_FOUND: u16 = 5;
const UNKNOWN: u16 = 2;
const DEADLINE_EXCEEDED: u16 = 4;
const RESOURCE_EXHAUSTED: u16 = 8;
const INTERNAL: u16 = 13;
const UNAVAILABLE: u16 = 14;
const DATA_LOSS: u16 = 15;

/// Why a try is not simply a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kinds: Kinds,
    /// Whose fault it is, for the breaker.
    pub(crate) fault: Fault,
    /// Tries that such a failure is worth, when the settings do not name it; 1: none but the first.
    pub(crate) worth: u32,
    /// What the source asked for.
    pub(crate) asked: Asked,
    /// Whether nothing of the call can have reached the source.
    pub(crate) is_unsent: bool,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call's own: the source works.
    Call,
    /// Too many calls, perhaps one caller's only.
    Rate,
    /// The source's.
    Source,
}

/// What a source asks of those who think of trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    /// To come back after this time.
    Wait(Duration),
    /// Not to.
    Never,
}

/// What `result` means. `None`: the try succeeded.
pub(crate) fn trouble(result: &Result<Reply, CallError>, is_grpc: bool) -> Option<Trouble> {
    match result {
        Ok(reply) if is_grpc => (reply.status != 0).then(|| of_grpc(reply)),
        Ok(reply) => (reply.status >= 400).then(|| of_http(reply)),
        Err(error) => Some(of_error(error)),
    }
}

fn of_error(error: &CallError) -> Trouble {
    let (kinds, fault, worth) = match error {
        CallError::Timeout(_) | CallError::ConnectTimeout(_) => (Kinds::of(&[Kind::Timeout]), Fault::Source, 2),
        // Who cannot prove who he is will not be able to in a moment either.
        CallError::Connect(_) if error.is_distrust() => (Kinds::of(&[Kind::Unavailable]), Fault::Source, 1),
        CallError::Connect(_) => (Kinds::of(&[Kind::Unavailable]), Fault::Source, 3),
        CallError::Refused(_) | CallError::Broken(_) => (Kinds::of(&[Kind::Unavailable]), Fault::Source, 2),
        CallError::Protocol(_) => (Kinds::of(&[Kind::InvalidResponse]), Fault::Source, 2),
        CallError::TooLarge { .. } => (Kinds::of(&[Kind::InvalidResponse]), Fault::Source, 1),
        CallError::NoTime => (Kinds::of(&[Kind::Timeout]), Fault::Call, 1),
        CallError::NoRoom
        | CallError::RequestTooLarge { .. }
        | CallError::Limited { .. }
        | CallError::CircuitOpen { .. }
        | CallError::RateLimited { .. } => (Kinds::of(&[Kind::Unavailable]), Fault::Call, 1),
    };
    Trouble {
        kinds,
        fault,
        worth,
        asked: Asked::Nothing,
        is_unsent: error.is_unsent(),
    }
}

fn of_http(reply: &Reply) -> Trouble {
    let (kinds, fault, worth) = match reply.status {
        404 => (Kinds::of(&[Kind::NotFound]), Fault::Call, 1),
        429 => (Kinds::of(&[Kind::Http4xx]), Fault::Rate, 1),
        400..=499 => (Kinds::of(&[Kind::Http4xx]), Fault::Call, 1),
        502..=504 => (Kinds::of(&[Kind::Unavailable, Kind::Http5xx]), Fault::Source, 3),
        500 => (Kinds::of(&[Kind::Http5xx]), Fault::Source, 2),
        _ => (Kinds::of(&[Kind::Http5xx]), Fault::Source, 1),
    };
    let asked = match reply.status {
        429 | 503 => retry_after(&reply.headers),
        _ => Asked::Nothing,
    };
    // Who asks to wait is worth waiting for, once.
    let worth = if asked == Asked::Nothing { worth } else { 2 };
    Trouble {
        kinds,
        fault,
        worth,
        asked,
        is_unsent: false,
    }
}

fn of_grpc(reply: &Reply) -> Trouble {
    let asked = match pushback(reply) {
        None => Asked::Nothing,
        Some(Pushback::After(wait)) => Asked::Wait(wait),
        Some(Pushback::Never) => Asked::Never,
    };
    let and = |kind| Kinds::of(&[kind, Kind::GrpcStatus]);
    let plain = Kinds::of(&[Kind::GrpcStatus]);
    let (kinds, fault, worth) = match reply.status {
        UNAVAILABLE => (and(Kind::Unavailable), Fault::Source, 3),
        DEADLINE_EXCEEDED => (and(Kind::Timeout), Fault::Source, 2),
        RESOURCE_EXHAUSTED if matches!(asked, Asked::Wait(_)) => (plain, Fault::Rate, 2),
        RESOURCE_EXHAUSTED => (plain, Fault::Rate, 1),
        UNKNOWN | INTERNAL | DATA_LOSS => (plain, Fault::Source, 1),
        NOT_FOUND => (and(Kind::NotFound), Fault::Call, 1),
        _ => (plain, Fault::Call, 1),
    };
    // A call that is wrong by itself is no reason to leave the source alone.
    let asked = if fault == Fault::Call { Asked::Nothing } else { asked };
    Trouble {
        kinds,
        fault,
        worth,
        asked,
        is_unsent: false,
    }
}

/// `Retry-After` in seconds or as a date. What cannot be read was not said.
fn retry_after(headers: &HeaderMap) -> Asked {
    let Some(text) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return Asked::Nothing;
    };
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Asked::Wait(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    match httpdate::parse_http_date(text) {
        Ok(date) => Asked::Wait(date.duration_since(SystemTime::now()).unwrap_or_default()),
        Err(_) => Asked::Nothing,
    }
}
