//! Completes values straight into the answer's bytes.
//!
//! After [`crate::execute`], before [`crate::engine`]. What a source sent is copied from its span; null propagation is
//! truncation: cut back to where the nullable value began and write `null`.
//! <https://spec.graphql.org/September2025/#CompleteValue()>

mod contract;
mod copy;
pub mod cost;
pub mod degraded;
pub mod error;
mod leaf;
mod list;
mod path;
mod raw;
mod refuse;
mod weigh;
mod write;

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use serde_json::{Map, Value};

use crate::{
    execute::{Detail, Outcome},
    mapping::text,
    operation::OperationKind,
    plan::Plan,
};
use degraded::Report;

/// `onError` of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// Null climbs to the nearest nullable parent.
    #[default]
    Propagate,
    /// Null stays where the error is, even in a non-null position.
    Null,
    /// The first error ends the answer: `data` is null.
    Halt,
}

/// How an answer is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What an error does to its parent.
    pub on_error: OnError,
    /// Bytes of `data`; beyond them there is none.
    pub bytes_max: usize,
    /// How much errors say.
    pub detail: Detail,
    /// Whether anybody wants to know what the operation really cost.
    pub weighs: bool,
}

/// How long a client may wait that got no answer because a value was not as it must be.
const WAIT: Duration = Duration::from_secs(5);

/// Errors declared by mappings that an answer lists.
const DECLARED_MAX: usize = 100;

/// Bytes that room is made for at once: one huge answer must not make every later one take as much.
const ANSWER_HINT_MAX: usize = 1024 * 1024;

/// A finished answer.
#[derive(Debug)]
pub struct Assembled {
    /// The JSON text.
    pub body: Vec<u8>,
    /// Number of errors in it.
    pub errors: u32,
    /// Whether it has `extensions`, which then come last.
    pub has_extensions: bool,
    /// What in it is not what its source would have said: stale, a fallback, or lacking.
    pub degraded: Report,
    /// A field that the answer is nothing without has failed: there is no `data`, and how long to wait before asking again.
    pub critical: Option<Duration>,
    /// What the operation really cost, where that is wanted.
    pub weight: Option<u64>,
}

/// Makes the answer of an executed operation.
#[must_use]
pub fn assemble(
    plan: &Plan,
    outcome: &Outcome,
    introspection: Option<&Map<String, Value>>,
    settings: &Settings,
) -> Assembled {
    let mut writer = write::Writer::new(plan, outcome, introspection, settings);
    writer.data();
    plan.answer_hint
        .store((writer.out.len() + writer.out.len() / 8).min(ANSWER_HINT_MAX), Relaxed);
    let write::Writer {
        out,
        errors,
        error_count,
        omitted,
        per_failure,
        degraded,
        critical,
        ..
    } = writer;
    // What was changed is changed: whoever is told to try again would do it twice.
    let critical = critical.filter(|_| plan.kind == OperationKind::Query);
    let weight = settings.weighs.then(|| weigh::weigh(plan, outcome));
    let mut extensions = Map::new();
    if omitted > 0 {
        extensions.insert("omittedErrors".to_owned(), Value::from(omitted));
    }
    let untold = outcome
        .failed_values()
        .filter(|failure| per_failure[*failure as usize].0 == 0)
        .map(|failure| error::untold(&outcome.failures[failure as usize], settings.detail));
    let declared = outcome.declared.iter().map(error::declared).chain(untold);
    let declared: Vec<Value> = declared.take(DECLARED_MAX).collect();
    if !declared.is_empty() {
        extensions.insert("connectorErrors".to_owned(), Value::Array(declared));
    }
    if plan.tells_degraded && !degraded.is_empty() {
        extensions.insert("degraded".to_owned(), degraded.to_json());
        if degraded.omitted > 0 {
            extensions.insert("omittedDegraded".to_owned(), Value::from(degraded.omitted));
        }
    }
    if error_count == 0 && extensions.is_empty() {
        return Assembled {
            body: out,
            errors: 0,
            has_extensions: false,
            degraded,
            critical,
            weight,
        };
    }
    let mut body = Vec::with_capacity(out.len() + errors.len() + 64);
    body.push(b'{');
    if error_count > 0 {
        body.extend_from_slice(b"\"errors\":[");
        body.extend_from_slice(&errors);
        body.extend_from_slice(b"],");
    }
    // `out` is the whole answer without errors: `{"data":…}`.
    body.extend_from_slice(&out[1..out.len() - 1]);
    let has_extensions = !extensions.is_empty();
    if has_extensions {
        body.extend_from_slice(b",\"extensions\":");
        text::write_value(&Value::Object(extensions), &mut body);
    }
    body.push(b'}');
    Assembled {
        body,
        errors: error_count,
        has_extensions,
        degraded,
        critical,
        weight,
    }
}
