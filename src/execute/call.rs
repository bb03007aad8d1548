//! One call to a source: from what is kept of earlier answers, by joining the same call under way, or made.

use std::{io::Write, sync::atomic::Ordering::Relaxed};

use futures_util::FutureExt;
use serde_json::json;
use switchboard_clients::{Call, CallError, Reply};
use tokio::time::Instant;

use super::{
    Failure, FailureKind, Scope,
    backends::{Backend, Compiled},
    cache,
    in_flight::InFlight,
    local,
};
use crate::{
    operation::OperationKind,
    schema::model::Connector,
    telemetry::{BatchSize, CallOutcome, SourceMetrics},
};

/// Calls to one source that others may join.
pub(super) type Calls = InFlight<Result<Reply, CallError>>;

/// Makes a call, or joins the same one under way.
///
/// # Cancel safety
/// Dropping the future drops the call if nobody else waits for it.
pub(super) async fn send(
    scope: &Scope,
    connector: &Connector,
    compiled: &Compiled,
    call: Call,
    keys: usize,
) -> Result<Reply, Failure> {
    let Some(backend) = scope.backends.of(connector) else {
        return Err(Failure::new(
            FailureKind::Internal,
            "There is no client for the source.",
        ));
    };
    if backend.is_off.load(Relaxed) {
        return Err(Failure::new(FailureKind::Unavailable, "The source is switched off."));
    }
    count(scope, connector, backend)?;
    let shown = scope.is_verbose().then(|| shown(&call));
    let shared = (scope.shares_calls && is_safe(scope, compiled)).then(|| shared_key(scope, compiled, &call));
    let result = if let Some(key) = shared.flatten() {
        let (client, metrics, deadline) = (
            compiled.client(backend).clone(),
            backend.metrics.clone(),
            scope.deadline,
        );
        let safety = compiled.safety();
        let start = || {
            let made = async move {
                let watch = CallWatch::start(metrics.as_ref(), &call, keys);
                let result = client.call(call, safety, deadline).await;
                watch.end(&result);
                result
            };
            made.boxed()
        };
        // Not with itself: a field that is asked for twice is called twice (DIALECT §1.9).
        backend.calls.join(&key, scope.number, scope.deadline, start).await
    } else {
        let watch = CallWatch::start(backend.metrics.as_ref(), &call, keys);
        let result = compiled
            .client(backend)
            .call(call, compiled.safety(), scope.deadline)
            .await;
        watch.end(&result);
        result
    };
    result.map_err(|error| {
        log_failed(scope, connector, &error);
        let changes = scope.plan.kind == OperationKind::Mutation && !compiled.may_repeat;
        let lost = changes.then(|| Failure::of_lost(&error)).flatten();
        let mut failure = lost.unwrap_or_else(|| Failure::of_call(&error));
        if let Some(call) = shown {
            let debug = json!({ "call": call, "cause": cause(&error) });
            failure.extensions.insert("debug".to_owned(), debug);
        }
        failure
    })
}

/// Tells the client that an answer, though complete, could not be read: its source is as good as failing.
pub(super) fn discredit(scope: &Scope, connector: &Connector, compiled: &Compiled, reply: &Reply, failure: &Failure) {
    let is_unreadable = matches!(failure.kind, FailureKind::InvalidBody | FailureKind::BadResponse);
    if let Some(backend) = scope.backends.of(connector).filter(|_| is_unreadable) {
        compiled.client(backend).discredit(reply);
    }
}

/// A call as developers are shown it. Headers stay out: tokens are among them.
fn shown(call: &Call) -> String {
    match call {
        Call::Http { method, uri, .. } => format!("{method} {uri}"),
        Call::Grpc { path, .. } => format!("grpc {path}"),
        Call::Local(call) => call.document(),
    }
}

/// An error with what caused it.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Whether a call may be made once for many: it only reads, and nothing is changed beside it.
pub(super) fn is_safe(scope: &Scope, compiled: &Compiled) -> bool {
    compiled.is_safe && scope.plan.kind == OperationKind::Query
}

/// Whether answers of a connector may be kept: its calls only read, or its schema says how long they are good.
pub(super) fn is_cacheable(scope: &Scope, compiled: &Compiled) -> bool {
    let is_query = scope.plan.kind == OperationKind::Query;
    scope.backends.cache.is_on() && is_query && (compiled.is_safe || compiled.is_declared)
}

/// Holds an operation to the calls it may make.
fn count(scope: &Scope, connector: &Connector, backend: &Backend) -> Result<(), Failure> {
    let number = connector
        .source
        .map_or(scope.surface.sources.len(), |source| source.0 as usize);
    if scope.calls[number].fetch_add(1, Relaxed) >= backend.max_requests {
        return Err(Failure::new(
            FailureKind::RequestLimit,
            "The operation needs more calls to the source than it may make.",
        ));
    }
    Ok(())
}

/// What a call under way is found by. What the schema calls its user's own is shared with that user alone; `None`: with nobody.
fn shared_key(scope: &Scope, compiled: &Compiled, call: &Call) -> Option<Vec<u8>> {
    let mut key = key(call);
    if compiled.is_private {
        if !cache::has_identity(&scope.headers, &scope.caller) {
            return None;
        }
        key.push(0xFF);
        cache::add_identity(&scope.headers, &scope.caller, &mut key);
    }
    Some(key)
}

/// The complete rendered call, so that two are equal only if they would send the same.
pub(super) fn key(call: &Call) -> Vec<u8> {
    let mut key = Vec::with_capacity(256);
    let (headers, body) = match call {
        Call::Http {
            method,
            uri,
            headers,
            body,
        } => {
            // A method has no blank, a URL no line end, and neither has a header.
            writeln!(key, "{method} {uri}").expect("writing to memory");
            (headers, body.as_ref())
        }
        Call::Grpc {
            path,
            message,
            metadata,
        } => {
            writeln!(key, "grpc {path}").expect("writing to memory");
            (metadata, Some(message))
        }
        Call::Local(call) => {
            local::write_key(call, &mut key);
            return key;
        }
    };
    for (name, value) in headers {
        key.extend_from_slice(name.as_str().as_bytes());
        key.push(b':');
        key.extend_from_slice(value.as_bytes());
        key.push(b'\n');
    }
    key.push(b'\n');
    if let Some(body) = body {
        key.extend_from_slice(body);
    }
    key
}

/// The cause of a failed call: for the log alone. That a source is left alone was said when that began; it is not said again for each call.
fn log_failed(scope: &Scope, connector: &Connector, error: &CallError) {
    if let CallError::Limited { .. } | CallError::CircuitOpen { .. } | CallError::RateLimited { .. } = error {
        tracing::debug!(request_id = scope.request_id(), connector = %connector.coordinate, %error, "call not sent");
        return;
    }
    let cause = std::error::Error::source(error).map(cause).unwrap_or_default();
    tracing::warn!(request_id = scope.request_id(), connector = %connector.coordinate, %error, cause, "call failed");
}

/// Measures a call; one that is dropped counts as cancelled.
struct CallWatch<'a> {
    metrics: Option<&'a SourceMetrics>,
    started: Instant,
    is_grpc: bool,
    outcome: CallOutcome,
}

// === impl CallWatch ===

impl<'a> CallWatch<'a> {
    fn start(metrics: Option<&'a SourceMetrics>, call: &Call, keys: usize) -> Self {
        if let Some(metrics) = metrics {
            metrics.in_flight.inc();
            if keys > 0 {
                metrics.batch(BatchSize(keys));
            }
        }
        Self {
            metrics,
            started: Instant::now(),
            is_grpc: matches!(call, Call::Grpc { .. }),
            outcome: CallOutcome::Cancelled,
        }
    }

    fn end(mut self, result: &Result<Reply, CallError>) {
        self.outcome = match result {
            Ok(reply) if self.is_grpc && reply.status != 0 => CallOutcome::Status,
            Ok(reply) if !self.is_grpc && reply.status >= 400 => CallOutcome::Status,
            Ok(_) => CallOutcome::Success,
            Err(CallError::Timeout(_) | CallError::ConnectTimeout(_) | CallError::NoTime) => CallOutcome::Timeout,
            Err(CallError::Connect(_)) => CallOutcome::Connect,
            Err(
                CallError::NoRoom
                | CallError::Limited { .. }
                | CallError::CircuitOpen { .. }
                | CallError::RateLimited { .. },
            ) => CallOutcome::Shed,
            Err(
                CallError::Refused(_)
                | CallError::Broken(_)
                | CallError::Protocol(_)
                | CallError::TooLarge { .. }
                | CallError::RequestTooLarge { .. },
            ) => CallOutcome::Broken,
        };
    }
}

impl Drop for CallWatch<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.metrics {
            metrics.in_flight.dec();
            metrics.finished(self.outcome, self.started.elapsed());
        }
    }
}
