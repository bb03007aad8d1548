//! The line that a request has in the log.

use std::time::Duration;

use http::HeaderValue;

use crate::{
    engine::OperationInfo,
    operation::{Exceeded, error::LimitKind},
    telemetry::{LogRequests, RequestOutcome, clean},
};

/// Whom lines are from: those who look for them or leave them out do so by this.
const TARGET: &str = "switchboard::http::stack";

/// What a log line says of a request.
pub(super) struct Line<'a> {
    pub(super) surface: &'a str,
    pub(super) id: &'a HeaderValue,
    /// Name and version of its client, by its own account.
    pub(super) client: Option<(HeaderValue, Option<HeaderValue>)>,
    pub(super) class: Option<&'a str>,
    pub(super) operation: Option<OperationInfo>,
    pub(super) errors: u32,
    pub(super) outcome: RequestOutcome,
    pub(super) exceeded: Exceeded,
    pub(super) status: u16,
    pub(super) took: Duration,
}

// === impl Line ===

impl Line<'_> {
    /// Writes the request's line, if it is to have one.
    pub(super) fn write(&self, log: LogRequests) {
        let has_errors =
            self.status >= 400 || self.errors > 0 || self.outcome != RequestOutcome::Data || !self.exceeded.is_empty();
        match log {
            LogRequests::Off => return,
            LogRequests::Errors if !has_errors => return,
            LogRequests::Errors | LogRequests::All => {}
        }
        let operation = self.operation.as_ref();
        let text = |value: &HeaderValue| clean(&String::from_utf8_lossy(value.as_bytes())).into_owned();
        let (client, version) = self.client.as_ref().map_or((None, None), |(name, version)| {
            (Some(text(name)), version.as_ref().map(text))
        });
        let limits: Vec<&str> = self.exceeded.iter().map(LimitKind::key).collect();
        tracing::info!(
            target: TARGET,
            request_id = self.id.to_str().unwrap_or_default(),
            surface = self.surface,
            class = self.class,
            client,
            version,
            operation = operation.and_then(|info| info.name.as_deref()).map(clean).as_deref(),
            kind = operation.map(|info| info.kind),
            outcome = self.outcome.as_str(),
            status = self.status,
            duration_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            errors = self.errors,
            over_limits = (!limits.is_empty()).then(|| limits.join(",")),
            "request"
        );
    }
}
