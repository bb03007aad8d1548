//! The registry of metrics, with handles resolved once for each surface and source.
//!
//! A request touches a few atomics and one uncontended lock: no label is hashed, nothing is allocated. Labels come from closed sets: names of
//! the configuration and the enums below.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

mod counts;

use prometheus_client::{
    encoding::{
        EncodeLabelSet, EncodeLabelValue, LabelValueEncoder,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

pub use counts::{SourceCounts, SurfaceCounts};

use super::{
    degraded::{DegradedCounts, DegradedFamily, DegradedMetrics},
    persisted::{PersistedFamilies, PersistedMetrics},
    scraped::{Collected, Scraped},
};

/// What all names begin with.
const PREFIX: &str = "switchboard";

/// From half a millisecond, an answer from memory, to the longest operation deadline anyone should set.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Keys a batch, up to the largest batch a connector may ask for by default.
const KEYS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0];

/// All metrics of the process.
///
/// Cheap to clone by handle: take [`Metrics::surface`] and [`Metrics::source`] once, at start.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    surfaces: HashMap<Arc<str>, SurfaceMetrics>,
    sources: RwLock<HashMap<Arc<str>, SourceMetrics>>,
    unrouted: SurfaceMetrics,
    /// For sources that come with a later configuration.
    families: Families,
    /// Open connections on the public port.
    pub connections: Gauge,
    /// Bytes of answers that wait to be written.
    pub unwritten: Gauge,
    /// Times accepting a connection failed, mostly for want of file descriptors.
    pub accept_errors: Counter,
}

/// How a request ended, as far as metrics tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// Executed without errors.
    Data,
    /// Executed, with errors beside or instead of data.
    Partial,
    /// The document does not parse.
    Syntax,
    /// Validation, operation choice, variables, limits.
    Invalid,
    /// Shed, quota, maintenance, failed critical field.
    Unavailable,
    /// Refused by HTTP: method, media type, size, malformed body …
    Refused,
    /// A bug of ours.
    Internal,
    /// The client went away before its answer.
    Cancelled,
}

/// How a call to a source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// A usable reply.
    Success,
    /// A reply that means failure.
    Status,
    /// No reply in time.
    Timeout,
    /// No connection.
    Connect,
    /// The connection broke, or the reply breaks the protocol or a limit.
    Broken,
    /// Not sent: the source is known to be down, or too many calls are waiting.
    Shed,
    /// Given up because nobody waits for it any more.
    Cancelled,
}

/// Handles of one surface.
#[derive(Debug, Clone)]
pub struct SurfaceMetrics {
    outcomes: [Counter; RequestOutcome::ALL.len()],
    duration: Histogram,
    /// Requests being answered now.
    pub in_flight: Gauge,
    name: Arc<str>,
    over_limit: Family<LimitLabels, Counter>,
    /// What came of persisted documents.
    pub persisted: PersistedMetrics,
    /// What of its answers was degraded.
    pub degraded: DegradedMetrics,
}

/// Handles of one source.
#[derive(Debug, Clone)]
pub struct SourceMetrics {
    outcomes: [Counter; CallOutcome::ALL.len()],
    duration: Histogram,
    batch: Histogram,
    /// Calls under way now.
    pub in_flight: Gauge,
}

/// Number of keys in a batch call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize(pub usize);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    surface: Arc<str>,
    outcome: RequestOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SurfaceLabels {
    surface: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    surface: Arc<str>,
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    source: Arc<str>,
    outcome: CallOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: Arc<str>,
}

#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

/// The families that handles are made of.
#[derive(Debug)]
struct Families {
    requests: Family<RequestLabels, Counter>,
    request_duration: Family<SurfaceLabels, Histogram, Buckets>,
    requests_in_flight: Family<SurfaceLabels, Gauge>,
    over_limit: Family<LimitLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_duration: Family<SourceLabels, Histogram, Buckets>,
    batch_keys: Family<SourceLabels, Histogram, Buckets>,
    calls_in_flight: Family<SourceLabels, Gauge>,
    persisted: PersistedFamilies,
    degraded: DegradedFamily,
}

// === impl Metrics ===

impl Metrics {
    /// Metrics of these surfaces and sources, each series starting at zero.
    pub fn new<'a>(surfaces: impl IntoIterator<Item = &'a str>, sources: impl IntoIterator<Item = &'a str>) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let families = Families::register(&mut registry);
        let connections = Gauge::default();
        registry.register(
            "connections",
            "Open connections on the public port",
            connections.clone(),
        );
        let unwritten = Gauge::default();
        registry.register(
            "unwritten_bytes",
            "Bytes of answers that wait for their clients to take them",
            unwritten.clone(),
        );
        let accept_errors = Counter::default();
        registry.register(
            "accept_errors",
            "Failures to accept a connection",
            accept_errors.clone(),
        );
        Self {
            surfaces: surfaces
                .into_iter()
                .map(|name| (Arc::from(name), families.surface(name)))
                .collect(),
            sources: RwLock::new(
                sources
                    .into_iter()
                    .map(|name| (Arc::from(name), families.source(name)))
                    .collect(),
            ),
            // Requests to no surface at all: unknown paths. `-` cannot be a surface's name.
            unrouted: families.surface("-"),
            families,
            registry,
            connections,
            unwritten,
            accept_errors,
        }
    }

    /// Handles of a surface; those of requests to no surface if the name is unknown.
    #[must_use]
    pub fn surface(&self, name: &str) -> SurfaceMetrics {
        self.surfaces.get(name).unwrap_or(&self.unrouted).clone()
    }

    /// Handles of a source, if it was named to [`Self::new`] or [`Self::add_source`].
    #[must_use]
    pub fn source(&self, name: &str) -> Option<SourceMetrics> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(name).cloned()
    }

    /// Begins to count for a source: a name from a schema, never from a request.
    pub fn add_source(&self, name: &str) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        if !sources.contains_key(name) {
            sources.insert(Arc::from(name), self.families.source(name));
        }
    }

    /// What of a surface's answers was degraded so far.
    #[must_use]
    pub fn degraded(&self, surface: &str) -> DegradedCounts {
        self.surface(surface).degraded.counts()
    }

    /// Handles of requests that reach no surface.
    #[must_use]
    pub fn unrouted(&self) -> SurfaceMetrics {
        self.unrouted.clone()
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_with(Vec::new())
    }

    /// The same with some that others count, as they are now. Their names are not those of any here.
    #[must_use]
    pub fn render_with(&self, scraped: Vec<Scraped>) -> String {
        let mut others = Registry::with_prefix(PREFIX);
        others.register_collector(Box::new(Collected(scraped)));
        let mut text = String::with_capacity(16 * 1024);
        encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &others))
            .and_then(|()| encode_eof(&mut text))
            .expect("writing to a string cannot fail");
        text
    }
}

// === impl SurfaceMetrics ===

impl SurfaceMetrics {
    /// Counts one request.
    pub fn finished(&self, outcome: RequestOutcome, took: Duration) {
        self.outcomes[outcome as usize].inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a request that exceeds a limit. A series begins with the first one, unlike the others: mostly there is none.
    pub fn over_limit(&self, limit: &'static str) {
        let labels = LimitLabels {
            surface: Arc::clone(&self.name),
            limit,
        };
        self.over_limit.get_or_create_owned(&labels).inc();
    }
}

// === impl SourceMetrics ===

impl SourceMetrics {
    /// Counts one call.
    pub fn finished(&self, outcome: CallOutcome, took: Duration) {
        self.outcomes[outcome as usize].inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Notes how many keys a batch call carries.
    #[expect(clippy::cast_precision_loss, reason = "batches hold thousands of keys, not 2^52")]
    pub fn batch(&self, size: BatchSize) {
        self.batch.observe(size.0 as f64);
    }
}

// === impl Families ===

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let families = Self {
            requests: Family::default(),
            request_duration: Family::new_with_constructor(Buckets(&SECONDS)),
            requests_in_flight: Family::default(),
            over_limit: Family::default(),
            calls: Family::default(),
            call_duration: Family::new_with_constructor(Buckets(&SECONDS)),
            batch_keys: Family::new_with_constructor(Buckets(&KEYS)),
            calls_in_flight: Family::default(),
            persisted: PersistedFamilies::register(registry),
            degraded: DegradedFamily::register(registry),
        };
        registry.register(
            "requests",
            "Requests answered, by surface and outcome",
            families.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to its answer",
            Unit::Seconds,
            families.request_duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests being answered",
            families.requests_in_flight.clone(),
        );
        registry.register(
            "requests_over_limit",
            "Requests that exceed a limit of operations, refused or only counted, by surface and limit",
            families.over_limit.clone(),
        );
        registry.register(
            "source_calls",
            "Calls to sources, by source and outcome",
            families.calls.clone(),
        );
        registry.register_with_unit(
            "source_call_duration",
            "From a call to its reply",
            Unit::Seconds,
            families.call_duration.clone(),
        );
        registry.register(
            "source_batch_keys",
            "Keys in one batch call",
            families.batch_keys.clone(),
        );
        registry.register(
            "source_calls_in_flight",
            "Calls under way",
            families.calls_in_flight.clone(),
        );
        families
    }

    fn surface(&self, name: &str) -> SurfaceMetrics {
        let labels = SurfaceLabels {
            surface: Arc::from(name),
        };
        SurfaceMetrics {
            outcomes: RequestOutcome::ALL.map(|outcome| {
                self.requests.get_or_create_owned(&RequestLabels {
                    surface: Arc::clone(&labels.surface),
                    outcome,
                })
            }),
            duration: self.request_duration.get_or_create_owned(&labels),
            in_flight: self.requests_in_flight.get_or_create_owned(&labels),
            name: labels.surface,
            over_limit: self.over_limit.clone(),
            persisted: self.persisted.surface(name),
            degraded: self.degraded.surface(name),
        }
    }

    fn source(&self, name: &str) -> SourceMetrics {
        let labels = SourceLabels {
            source: Arc::from(name),
        };
        SourceMetrics {
            outcomes: CallOutcome::ALL.map(|outcome| {
                self.calls.get_or_create_owned(&CallLabels {
                    source: Arc::clone(&labels.source),
                    outcome,
                })
            }),
            duration: self.call_duration.get_or_create_owned(&labels),
            batch: self.batch_keys.get_or_create_owned(&labels),
            in_flight: self.calls_in_flight.get_or_create_owned(&labels),
        }
    }
}

// === impl Buckets ===

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

// === impl RequestOutcome ===

impl RequestOutcome {
    /// In the order of declaration: `outcome as usize` is the place in this list.
    const ALL: [Self; 8] = [
        Self::Data,
        Self::Partial,
        Self::Syntax,
        Self::Invalid,
        Self::Unavailable,
        Self::Refused,
        Self::Internal,
        Self::Cancelled,
    ];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Partial => "partial",
            Self::Syntax => "syntax",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Internal => "internal",
            Self::Cancelled => "cancelled",
        }
    }
}

impl EncodeLabelValue for RequestOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

// === impl CallOutcome ===

impl CallOutcome {
    /// In the order of declaration: `outcome as usize` is the place in this list.
    const ALL: [Self; 7] = [
        Self::Success,
        Self::Status,
        Self::Timeout,
        Self::Connect,
        Self::Broken,
        Self::Shed,
        Self::Cancelled,
    ];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::Shed => "shed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl EncodeLabelValue for CallOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}
