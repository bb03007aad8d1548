//! Logs and metrics: what operators see.
//!
//! Beside the request path: any stage may use it, it uses none. Nothing here carries user text into a metric label, and what a user
//! controls enters a log line only through [`clean`].

use std::{borrow::Cow, fmt::Write as _};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

mod degraded;
mod metrics;
mod persisted;
mod scraped;
mod security;

pub use degraded::{DegradedCounts, DegradedMetrics};
pub use metrics::{
    BatchSize, CallOutcome, Metrics, RequestOutcome, SourceCounts, SourceMetrics, SurfaceCounts, SurfaceMetrics,
};
pub use persisted::{PersistedMetrics, PersistedOutcome};
pub use scraped::{Labels, Scraped, Series};
pub use security::{SecurityEvent, Suspect, security};

/// Longest piece of user text in a log line, in characters.
///
/// Long enough for any name written by hand; short enough that a flood of them does not fill a disk. Pinned by
/// `tests/it/telemetry.rs`.
const USER_TEXT_CHARS_MAX: usize = 256;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Least severe level that is written: `error`, `warn`, `info` (default), `debug`, `trace`; or directives by module, e.g.
    /// `info,switchboard::execute=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Which requests get a line of their own.
    pub requests: LogRequests,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a terminal.
    Text,
}

/// Which requests get a log line of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogRequests {
    /// Every request.
    All,
    /// Those answered with errors or a status of 400 and above. The default: a line costs as much as an answer from memory.
    #[default]
    Errors,
    /// None.
    Off,
}

/// A `log.level` that the filter does not understand.
#[derive(Debug, thiserror::Error)]
#[error("the log level is neither off, error, warn, info, debug, trace nor a list of `module=level`")]
pub struct BadLevel;

/// Starts logging to standard error, one event a line. A second call in a process changes nothing.
///
/// # Errors
/// The level is not understood.
pub fn init(settings: &LogSettings) -> Result<(), BadLevel> {
    let filter = filter(&settings.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // The only error is «already started»: tests start several servers in a process.
    let _ = match settings.format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_span_list(false))
            .try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    };
    Ok(())
}

/// Checks a `log.level` without starting anything.
///
/// # Errors
/// The level is not understood.
pub fn check_level(level: &str) -> Result<(), BadLevel> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<Targets, BadLevel> {
    // `Targets` takes a lone word that is no level for a module, and would log nothing else.
    let is_known = |item: &str| item.contains('=') || item.trim().parse::<LevelFilter>().is_ok();
    if !level.split(',').all(is_known) {
        return Err(BadLevel);
    }
    level.parse().map_err(|_| BadLevel)
}

/// User text as it may stand in a log line: at most 256 characters, and nothing that a terminal or a log reader could take for
/// more than text (control characters, line separators, marks that turn the direction of writing).
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= USER_TEXT_CHARS_MAX && !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len().min(USER_TEXT_CHARS_MAX * 4));
    let mut chars = text.chars();
    for char in chars.by_ref().take(USER_TEXT_CHARS_MAX) {
        if is_unprintable(char) {
            let _ = write!(cleaned, "\\u{{{:x}}}", char as u32);
        } else {
            cleaned.push(char);
        }
    }
    if chars.next().is_some() {
        cleaned.push('…');
    }
    Cow::Owned(cleaned)
}

fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

// === impl LogSettings ===

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::default(),
            requests: LogRequests::default(),
        }
    }
}
