//! What of answers was degraded, by surface, source and what was served instead.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Handles of one surface. The default counts for nobody.
#[derive(Debug, Clone, Default)]
pub struct DegradedMetrics {
    surface: Arc<str>,
    family: Family<Labels, Counter>,
    totals: [Counter; 3],
}

/// How often something was served instead, over all sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DegradedCounts {
    /// An older answer.
    pub stale: u64,
    /// A fallback.
    pub fallback: u64,
    /// Nothing.
    pub null: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    surface: Arc<str>,
    source: Arc<str>,
    used: &'static str,
}

/// The family while handles are being made.
#[derive(Debug, Default)]
pub(super) struct DegradedFamily(Family<Labels, Counter>);

// === impl DegradedFamily ===

impl DegradedFamily {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Self::default();
        registry.register(
            "degraded",
            "Places of answers where something stands in for a source, or nothing does, by surface, source and what was used",
            family.0.clone(),
        );
        family
    }

    pub(super) fn surface(&self, name: &str) -> DegradedMetrics {
        DegradedMetrics {
            surface: Arc::from(name),
            family: self.0.clone(),
            totals: Default::default(),
        }
    }
}

// === impl DegradedMetrics ===

impl DegradedMetrics {
    /// Counts one place of an answer. `used`: how bad it is, as 0 (stale), 1 (fallback) or 2 (null), and its name. A series begins
    /// with the first one: mostly there is none.
    pub fn count(&self, source: &Arc<str>, (rank, used): (usize, &'static str)) {
        let labels = Labels {
            surface: self.surface.clone(),
            source: source.clone(),
            used,
        };
        self.family.get_or_create_owned(&labels).inc();
        if let Some(total) = self.totals.get(rank) {
            total.inc();
        }
    }

    /// All there were.
    #[must_use]
    pub fn counts(&self) -> DegradedCounts {
        let [stale, fallback, null] = self.totals.each_ref().map(Counter::get);
        DegradedCounts { stale, fallback, null }
    }
}
