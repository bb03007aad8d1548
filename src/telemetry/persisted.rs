//! Metrics of persisted documents, of one surface each.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What came of a request that names a document, or whose text was looked for in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistedOutcome {
    /// It is in the surface's list.
    Listed,
    /// A client has registered it.
    Registered,
    /// A client registers it now.
    Stored,
    /// Not stored: the client has registered too many of late.
    OverQuota,
    /// Its id is not known.
    NotFound,
    /// The hash is not that of the text.
    Mismatch,
    /// The text is not in the list: answered (`log`) or refused (`safelist`).
    Unlisted,
    /// Another process has stored it.
    Shared,
    /// What stands under its hash where processes share documents is another text, or none.
    Foreign,
}

/// Handles of one surface. The default counts for nobody.
#[derive(Debug, Clone, Default)]
pub struct PersistedMetrics {
    outcomes: [Counter; PersistedOutcome::ALL.len()],
    /// Documents in the surface's list.
    pub listed: Gauge,
    /// Changed lists that could not be read, so that the one before stays.
    pub reload_failures: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    surface: Arc<str>,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SurfaceLabels {
    surface: Arc<str>,
}

/// The families while handles are being made.
#[derive(Debug, Default)]
pub(super) struct PersistedFamilies {
    outcomes: Family<OutcomeLabels, Counter>,
    listed: Family<SurfaceLabels, Gauge>,
    reload_failures: Family<SurfaceLabels, Counter>,
}

// === impl PersistedFamilies ===

impl PersistedFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self::default();
        registry.register(
            "persisted_requests",
            "Requests that name a document or whose text was looked for in a list, by surface and outcome",
            families.outcomes.clone(),
        );
        registry.register(
            "listed_documents",
            "Documents in a surface's list",
            families.listed.clone(),
        );
        registry.register(
            "listed_documents_reload_failures",
            "Changed lists of documents that could not be read, by surface",
            families.reload_failures.clone(),
        );
        families
    }

    pub(super) fn surface(&self, name: &str) -> PersistedMetrics {
        let surface: Arc<str> = Arc::from(name);
        let labels = SurfaceLabels {
            surface: Arc::clone(&surface),
        };
        PersistedMetrics {
            outcomes: PersistedOutcome::ALL.map(|outcome| {
                self.outcomes.get_or_create_owned(&OutcomeLabels {
                    surface: Arc::clone(&surface),
                    outcome: outcome.as_str(),
                })
            }),
            listed: self.listed.get_or_create_owned(&labels),
            reload_failures: self.reload_failures.get_or_create_owned(&labels),
        }
    }
}

// === impl PersistedMetrics ===

impl PersistedMetrics {
    /// Counts one request.
    pub fn count(&self, outcome: PersistedOutcome) {
        self.outcomes[outcome as usize].inc();
    }
}

// === impl PersistedOutcome ===

impl PersistedOutcome {
    /// In the order of declaration: `outcome as usize` is the place in this list.
    const ALL: [Self; 9] = [
        Self::Listed,
        Self::Registered,
        Self::Stored,
        Self::OverQuota,
        Self::NotFound,
        Self::Mismatch,
        Self::Unlisted,
        Self::Shared,
        Self::Foreign,
    ];

    /// The label's value.
    fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Registered => "registered",
            Self::Stored => "stored",
            Self::OverQuota => "over_quota",
            Self::NotFound => "not_found",
            Self::Mismatch => "mismatch",
            Self::Unlisted => "unlisted",
            Self::Shared => "shared",
            Self::Foreign => "foreign",
        }
    }
}
