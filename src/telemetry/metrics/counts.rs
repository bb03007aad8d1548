//! What was counted, for the page of operators.

use prometheus_client::metrics::counter::Counter;

use super::{CallOutcome, RequestOutcome, SourceMetrics, SurfaceMetrics};

/// Answers of a surface, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurfaceCounts {
    /// Without errors.
    pub data: u64,
    /// With errors.
    pub partial: u64,
    /// Refused before anything was done.
    pub refused: u64,
    /// Not now.
    pub unavailable: u64,
}

/// Calls of a source, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceCounts {
    /// All of them.
    pub all: u64,
    /// With a status that means failure.
    pub status: u64,
    /// Without a reply in time.
    pub timeout: u64,
    /// Without a connection.
    pub connect: u64,
    /// Cut off, or beyond a limit.
    pub broken: u64,
    /// Not sent.
    pub shed: u64,
}

// === impl SurfaceMetrics ===

impl SurfaceMetrics {
    /// How many requests ended how.
    #[must_use]
    pub fn counts(&self) -> SurfaceCounts {
        let of = |outcome: RequestOutcome| self.outcomes[outcome as usize].get();
        SurfaceCounts {
            data: of(RequestOutcome::Data),
            partial: of(RequestOutcome::Partial),
            refused: of(RequestOutcome::Syntax) + of(RequestOutcome::Invalid) + of(RequestOutcome::Refused),
            unavailable: of(RequestOutcome::Unavailable),
        }
    }
}

// === impl SourceMetrics ===

impl SourceMetrics {
    /// How many calls ended how.
    #[must_use]
    pub fn counts(&self) -> SourceCounts {
        let of = |outcome: CallOutcome| self.outcomes[outcome as usize].get();
        SourceCounts {
            all: self.outcomes.iter().map(Counter::get).sum(),
            status: of(CallOutcome::Status),
            timeout: of(CallOutcome::Timeout),
            connect: of(CallOutcome::Connect),
            broken: of(CallOutcome::Broken),
            shed: of(CallOutcome::Shed),
        }
    }
}
