//! Runs a plan: calls in waves, replies read into tables, failures kept per place.
//!
//! After [`crate::plan`], before `response`. Never fails as a whole. One task a request; futures only for calls, work
//! per level and not per object.

pub mod backends;
mod batch;
pub(crate) mod cache;
mod call;
mod ending;
mod failure;
mod fallback;
mod gather;
pub(crate) mod guard;
pub(crate) mod in_flight;
mod interner;
mod items;
mod job;
mod keys;
mod lifetime;
mod local;
mod params;
mod render;
mod reply;
mod schedule;
mod stale;
mod told;
mod url;
mod vars;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;

use crate::{
    identity::Caller,
    mapping::{Node, Table},
    operation::Variables,
    plan::{AnswerPolicy, Plan},
    schema::Surface,
};

pub use backends::Backends;
pub use failure::{Failure, FailureKind};
pub(crate) use gather::is_type;
pub use schedule::run;
pub use told::Told;

/// One request's execution: what its tasks share. It lives as long as the request; no part of it is ever shared
/// between two.
#[derive(Debug)]
pub struct Scope {
    /// The schema.
    pub surface: Arc<Surface>,
    /// Clients and settings of its sources.
    pub backends: Arc<Backends>,
    /// What to do.
    pub plan: Arc<Plan>,
    /// Coerced variables.
    pub variables: Variables,
    /// The client's headers.
    pub headers: Arc<HeaderMap>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// When the answer must be out.
    pub deadline: Instant,
    /// Calls made so far, by source; last those without one.
    pub calls: Vec<AtomicU32>,
    /// Tells it from all others.
    pub(super) number: u64,
    /// Whether identical calls of other requests may be joined.
    pub shares_calls: bool,
    /// How much errors say.
    pub detail: Detail,
    /// What ends a mutation before its last field.
    pub stops_at: StopsAt,
}

/// What leaves a mutation without data, so that its root fields behind it are not run. What is critical always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopsAt {
    /// Nothing else: each root field has its own null.
    Critical,
    /// The failed call of a root field that may not be null.
    NonNull,
    /// Any failed call.
    Failure,
}

/// How much errors say of what is behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// What failed and where: neither which source nor which connector.
    Terse,
    /// Which source and connector as well, and the status of its answer.
    #[default]
    Normal,
    /// Everything, addresses and a source's own words among it. For those who run it.
    Full,
}

static NEXT_SCOPE: AtomicU64 = AtomicU64::new(1);

/// What was fetched: values and failures by step.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All tables; links name them by index.
    pub tables: Vec<Arc<Table>>,
    /// By step.
    pub steps: Vec<StepOutcome>,
    /// Why values are not there; links name them by index.
    pub failures: Vec<Arc<Failure>>,
    /// Tables in which single values failed, and where among the failures those of each begin.
    failed_values: Vec<(u32, std::ops::Range<u32>)>,
    /// How long all of it is good.
    keep: lifetime::Keep,
    /// The execution it came of, where something of it is decided by objects.
    pub(crate) scope: Option<Arc<Scope>>,
    /// How long sources let it be kept outside.
    outside: lifetime::Outside,
    /// Errors that mappings declared with `->withError`.
    pub declared: Vec<crate::mapping::Declared>,
    /// Tables that stand in for what a source would have said, by rising table.
    pub stand_ins: Vec<StandIn>,
}

/// A table that stands in for what a source would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandIn {
    /// Index into [`Outcome::tables`].
    pub table: u32,
    /// Why: index into [`Outcome::failures`].
    pub failure: u32,
    /// What it is.
    pub used: Used,
}

/// What is served in the place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// An older answer.
    Stale {
        /// Time since it came.
        age: Duration,
    },
    /// What the schema says.
    Fallback {
        /// Which of the step's [`stand_bys`](crate::plan::Step::stand_bys), bit by bit.
        mask: u64,
    },
}

/// What one step has.
#[derive(Debug, Default)]
pub struct StepOutcome {
    /// A root field's value.
    pub root: Link,
    /// For every row it is for: by table, then by the row's ordinal.
    pub links: Vec<Vec<Link>>,
    /// The distinct values that links lead to.
    pub live: Vec<Link>,
    /// Whether several rows lead to the same value.
    pub repeats: bool,
}

/// Where a step's value for an object is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Link {
    /// Nobody was asked, or there is no such object: null.
    #[default]
    Nothing,
    /// A node of a table.
    Value {
        /// Index into [`Outcome::tables`].
        table: u32,
        /// Index of the node.
        node: u32,
    },
    /// Index into [`Outcome::failures`].
    Failed(u32),
}

// === impl Scope ===

impl Scope {
    /// The scope of one request of an anonymous caller.
    #[must_use]
    pub fn new(
        surface: Arc<Surface>,
        backends: Arc<Backends>,
        plan: Arc<Plan>,
        variables: Variables,
        headers: Arc<HeaderMap>,
        deadline: Instant,
    ) -> Self {
        // One more for calls without a source of their own.
        let calls = (0..=surface.sources.len()).map(|_| AtomicU32::new(0)).collect();
        Self {
            surface,
            backends,
            plan,
            variables,
            headers,
            caller: Caller::anonymous(),
            deadline,
            calls,
            number: NEXT_SCOPE.fetch_add(1, Relaxed),
            shares_calls: false,
            stops_at: StopsAt::NonNull,
            detail: Detail::default(),
        }
    }

    /// Whether errors say what only those should know who run it.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.backends.is_verbose || self.detail == Detail::Full
    }

    /// The request's id, for log lines.
    #[must_use]
    pub fn request_id(&self) -> &str {
        let id = self.headers.get("x-request-id");
        id.and_then(|id| id.to_str().ok()).unwrap_or_default()
    }
}

// === impl Outcome ===

impl Outcome {
    /// The failure that a [`NodeKind::Failed`](crate::mapping::NodeKind::Failed) of a table stands for.
    #[must_use]
    pub fn failure_at(&self, table: u32, node: &Node) -> Option<u32> {
        let (_, failures) = self.failed_values.iter().find(|(number, _)| *number == table)?;
        let failure = failures.start + node.start;
        failures.contains(&failure).then_some(failure)
    }

    /// All failures of single values, wherever they are: what a mapping makes of a value may hide that it failed.
    pub fn failed_values(&self) -> impl Iterator<Item = u32> {
        self.failed_values.iter().flat_map(|(_, failures)| failures.clone())
    }

    /// What a table stands in for; `None`: it is what its source said.
    #[must_use]
    pub fn stand_in(&self, table: u32) -> Option<&StandIn> {
        let at = self.stand_ins.binary_search_by_key(&table, |known| known.table);
        at.ok().map(|at| &self.stand_ins[at])
    }

    /// Until when anybody with the same request may be given this; `None`: it is for this request alone.
    #[must_use]
    pub fn public_until(&self) -> Option<Instant> {
        match self.keep {
            lifetime::Keep::For(lifetime)
                if lifetime.is_public && self.failures.is_empty() && self.declared.is_empty() =>
            {
                Some(lifetime.fresh_until)
            }
            _ => None,
        }
    }

    /// How many seconds clients and caches before us may keep this, and whether anybody may. `None`: not at all.
    #[must_use]
    pub fn kept_outside(&self, policy: AnswerPolicy, now: Instant) -> Option<(u32, bool)> {
        let lifetime::Outside::Until { until, is_public } = self.outside else {
            return None;
        };
        if !(self.failures.is_empty() && self.declared.is_empty()) {
            return None;
        }
        // To the nearest second: what was kept a moment ago is as good as new.
        let left = until.map(|until| until.saturating_duration_since(now).as_secs_f64().round() as u32);
        let seconds = left.map_or(policy.max_age, |left| left.min(policy.max_age));
        (seconds > 0).then_some((seconds, is_public && !policy.is_private))
    }
}

// === impl StepOutcome ===

impl StepOutcome {
    /// The link for the row with this ordinal in this table.
    #[must_use]
    pub fn link(&self, table: u32, ordinal: u32) -> Link {
        self.links
            .get(table as usize)
            .and_then(|rows| rows.get(ordinal as usize))
            .copied()
            .unwrap_or_default()
    }

    /// Makes room for the rows of a table up to this ordinal.
    pub(super) fn reserve(&mut self, table: u32, ordinal: u32) {
        if self.link(table, ordinal) == Link::Nothing {
            self.set(table, ordinal, Link::Nothing);
        }
    }

    pub(super) fn set(&mut self, table: u32, ordinal: u32, link: Link) {
        let (table, ordinal) = (table as usize, ordinal as usize);
        if self.links.len() <= table {
            self.links.resize_with(table + 1, Vec::new);
        }
        let rows = &mut self.links[table];
        if rows.len() <= ordinal {
            rows.resize(ordinal + 1, Link::Nothing);
        }
        rows[ordinal] = link;
    }
}
