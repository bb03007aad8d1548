//! How sources do (breakers, retries, bulkheads, hedges), for metrics and for the admin port.
//!
//! The clients keep count; here it is read when somebody asks.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard_clients::budget::Budget;
use switchboard_clients::state::{BreakerState, ConnectorState, EndpointState, SourceState};

use super::sources::UNLIMITED;
use crate::{
    execute::backends::NO_SOURCE,
    telemetry::{Labels, Scraped, Series},
};

/// States of a breaker that there is, as metrics name them.
const BREAKER_STATES: [&str; 3] = ["closed", "half_open", "open"];

/// A source of a surface. Surfaces have clients of their own, also for sources of one name.
pub(super) struct StateOf {
    pub(super) surface: String,
    pub(super) state: SourceState,
}

/// Something that has a breaker.
pub(super) struct Guarded<'a> {
    /// What it is, for people.
    pub(super) name: &'a str,
    pub(super) breaker: BreakerState,
    pub(super) opened: u64,
    pub(super) in_flight: usize,
    /// Tries, and those that failed; connectors do not count them.
    pub(super) tries: Option<(u64, u64)>,
}

/// A counter's name and help, and how it is read.
type CounterOf<T> = (&'static str, &'static str, fn(&T) -> u64);

const COUNTERS: [CounterOf<SourceState>; 4] = [
    (
        "source_retries",
        "Tries of calls after the first, by surface and source",
        |state| state.retries,
    ),
    (
        "source_retries_refused",
        "Retries that were wanted and not made because the budget was used up, by surface and source",
        |state| state.retries_refused,
    ),
    (
        "source_hedges",
        "Second tries beside a slow first, by surface and source",
        |state| state.hedges,
    ),
    (
        "source_hedges_won",
        "Second tries that answered before the slow first, by surface and source",
        |state| state.hedges_won,
    ),
];

// === impl StateOf ===

impl StateOf {
    /// Whether there is anything to tell: calls without a source of their own are mostly not made.
    pub(super) fn is_used(&self) -> bool {
        self.state.name != NO_SOURCE || self.state.calls > 0
    }

    /// The source's name; `-`, which no source can have: calls without one.
    pub(super) fn name(&self) -> &str {
        match &*self.state.name {
            NO_SOURCE => "-",
            name => name,
        }
    }

    /// Calls that there may be at once; `None`: as many as there are.
    pub(super) fn in_flight_max(&self) -> Option<usize> {
        bounded(self.state.in_flight_max)
    }

    /// Its addresses, then its connectors with limits of their own.
    pub(super) fn guarded(&self) -> impl Iterator<Item = Guarded<'_>> {
        let endpoints = self.state.endpoints.iter().map(Guarded::from);
        endpoints.chain(self.state.connectors.iter().map(Guarded::from))
    }

    fn labels(&self) -> Labels {
        vec![("surface", self.surface.clone()), ("source", self.name().to_owned())]
    }

    fn labels_and(&self, name: &'static str, value: &str) -> Labels {
        let mut labels = self.labels();
        labels.push((name, value.to_owned()));
        labels
    }

    fn to_json(&self) -> Value {
        let state = &self.state;
        let endpoint = |endpoint: &EndpointState| {
            json!({
                "address": endpoint.address,
                "breaker": endpoint.breaker.as_str(),
                "open_for_ms": open_for(endpoint.breaker),
                "opened": endpoint.opened,
                "in_flight": endpoint.in_flight,
                "tries": endpoint.tries,
                "failures": endpoint.failures,
            })
        };
        let connector = |connector: &ConnectorState| {
            json!({
                "connector": connector.name,
                "breaker": connector.breaker.as_str(),
                "open_for_ms": open_for(connector.breaker),
                "opened": connector.opened,
                "in_flight": connector.in_flight,
                "in_flight_max": connector.in_flight_max.and_then(bounded),
            })
        };
        json!({
            "surface": self.surface,
            "source": self.name(),
            "in_flight": state.in_flight,
            "in_flight_max": self.in_flight_max(),
            "calls": state.calls,
            "refused": { "full": state.refused_full, "open": state.refused_open },
            "tries": state.tries,
            "retries": state.retries,
            "retries_refused": state.retries_refused,
            "retry_budget": state.retry_budget,
            "hedges": state.hedges,
            "hedges_won": state.hedges_won,
            "addresses": state.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "connectors": state.connectors.iter().map(connector).collect::<Vec<_>>(),
        })
    }
}

impl<'a> From<&'a EndpointState> for Guarded<'a> {
    fn from(endpoint: &'a EndpointState) -> Self {
        Self {
            name: &endpoint.address,
            breaker: endpoint.breaker,
            opened: endpoint.opened,
            in_flight: endpoint.in_flight,
            tries: Some((endpoint.tries, endpoint.failures)),
        }
    }
}

impl<'a> From<&'a ConnectorState> for Guarded<'a> {
    fn from(connector: &'a ConnectorState) -> Self {
        Self {
            name: &connector.name,
            breaker: connector.breaker,
            opened: connector.opened,
            in_flight: connector.in_flight,
            tries: None,
        }
    }
}

fn bounded(limit: usize) -> Option<usize> {
    (limit < UNLIMITED).then_some(limit)
}

fn open_for(breaker: BreakerState) -> Option<u64> {
    match breaker {
        BreakerState::Open { left } => Some(millis(left)),
        _ => None,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// For `GET /sources`.
pub(super) fn to_json(states: &[StateOf]) -> Value {
    json!({ "sources": states.iter().map(StateOf::to_json).collect::<Vec<_>>() })
}

/// For `GET /metrics`.
pub(super) fn to_metrics(states: &[StateOf]) -> Vec<Scraped> {
    let mut metrics: Vec<Scraped> = COUNTERS
        .iter()
        .map(|(name, help, read)| {
            let series = states.iter().map(|of| (of.labels(), read(&of.state)));
            counter(name, help, series.collect())
        })
        .collect();
    metrics.push(gauge(
        "source_retry_budget",
        "Retries that the budget allows now, by surface and source",
        states.iter().map(|of| (of.labels(), of.state.retry_budget)).collect(),
    ));
    bulkheads(states, &mut metrics);
    addresses(states, &mut metrics);
    connectors(states, &mut metrics);
    metrics
}

/// How many tasks there are: what grows without requests growing is a leak.
pub(super) fn tasks() -> Option<Scraped> {
    let runtime = tokio::runtime::Handle::try_current().ok()?;
    let alive = number(runtime.metrics().num_alive_tasks());
    Some(gauge(
        "tasks",
        "Tasks of the runtime that are alive",
        vec![(Vec::new(), alive)],
    ))
}

fn bulkheads(states: &[StateOf], metrics: &mut Vec<Scraped>) {
    let used = |of: &StateOf| (of.labels(), number(of.state.in_flight));
    metrics.push(gauge(
        "source_bulkhead_in_flight",
        "Calls that hold a place, by surface and source",
        states.iter().map(used).collect(),
    ));
    let limit = |of: &StateOf| Some((of.labels(), number(of.in_flight_max()?)));
    metrics.push(gauge(
        "source_bulkhead_limit",
        "Places for calls, by surface and source; absent where there is no limit",
        states.iter().filter_map(limit).collect(),
    ));
    let refused = |of: &StateOf| {
        [("full", of.state.refused_full), ("open", of.state.refused_open)]
            .map(|(reason, count)| (of.labels_and("reason", reason), count))
    };
    metrics.push(counter(
        "source_refused",
        "Calls not sent because the bulkhead was full or a breaker open, by surface, source and reason",
        states.iter().flat_map(refused).collect(),
    ));
}

fn addresses(states: &[StateOf], metrics: &mut Vec<Scraped>) {
    let all = || {
        states.iter().flat_map(|of| {
            let endpoints = of.state.endpoints.iter();
            endpoints.map(|endpoint| (of.labels_and("address", &endpoint.address), endpoint))
        })
    };
    metrics.push(gauge(
        "source_breaker",
        "1 for the state that the breaker of an address is in, by surface, source, address and state",
        all()
            .flat_map(|(labels, endpoint)| breaker(&labels, endpoint.breaker))
            .collect(),
    ));
    let counters: [CounterOf<EndpointState>; 3] = [
        (
            "source_breaker_opened",
            "Times a breaker was opened, by surface, source and address",
            |endpoint| endpoint.opened,
        ),
        (
            "source_tries",
            "Tries sent, retries and hedges included, by surface, source and address",
            |endpoint| endpoint.tries,
        ),
        (
            "source_tries_failed",
            "Tries that failed by the source's fault, by surface, source and address",
            |endpoint| endpoint.failures,
        ),
    ];
    metrics.extend(counters.into_iter().map(|(name, help, read)| {
        let series = all().map(|(labels, endpoint)| (labels, read(endpoint)));
        counter(name, help, series.collect())
    }));
}

fn connectors(states: &[StateOf], metrics: &mut Vec<Scraped>) {
    let all = || {
        states.iter().flat_map(|of| {
            let connectors = of.state.connectors.iter();
            connectors.map(|connector| (of.labels_and("connector", &connector.name), connector))
        })
    };
    if all().next().is_none() {
        return;
    }
    metrics.push(gauge(
        "connector_breaker",
        "1 for the state that the own breaker of a connector is in, by surface, source, connector and state",
        all()
            .flat_map(|(labels, connector)| breaker(&labels, connector.breaker))
            .collect(),
    ));
    metrics.push(counter(
        "connector_breaker_opened",
        "Times the own breaker of a connector was opened, by surface, source and connector",
        all().map(|(labels, connector)| (labels, connector.opened)).collect(),
    ));
    let limited = |(labels, connector): (Labels, &ConnectorState)| {
        let limit = connector.in_flight_max.and_then(bounded)?;
        Some((labels, number(connector.in_flight), number(limit)))
    };
    metrics.push(gauge(
        "connector_bulkhead_in_flight",
        "Calls that hold a place of a connector's own, by surface, source and connector",
        all()
            .filter_map(limited)
            .map(|(labels, used, _)| (labels, used))
            .collect(),
    ));
    metrics.push(gauge(
        "connector_bulkhead_limit",
        "A connector's own places for calls, by surface, source and connector",
        all()
            .filter_map(limited)
            .map(|(labels, _, limit)| (labels, limit))
            .collect(),
    ));
}

/// One series for each state there is; none where there is no breaker.
fn breaker(labels: &Labels, now: BreakerState) -> Vec<(Labels, f64)> {
    let states: &[&str] = match now {
        BreakerState::Off => &[],
        _ => &BREAKER_STATES,
    };
    let series = |state: &&str| {
        let mut labels = labels.clone();
        labels.push(("state", (*state).to_owned()));
        (labels, f64::from(u8::from(*state == now.as_str())))
    };
    states.iter().map(series).collect()
}

fn counter(name: &'static str, help: &'static str, series: Vec<(Labels, u64)>) -> Scraped {
    Scraped {
        name,
        help,
        series: Series::Counter(series),
    }
}

fn gauge(name: &'static str, help: &'static str, series: Vec<(Labels, f64)>) -> Scraped {
    Scraped {
        name,
        help,
        series: Series::Gauge(series),
    }
}

#[expect(clippy::cast_precision_loss, reason = "calls at once are thousands, not 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

/// The memory of sources' answers, for metrics.
pub(super) fn of_budget(budget: &Budget) -> [Scraped; 3] {
    let gauge = |name, help, value: usize| Scraped {
        name,
        help,
        series: Series::Gauge(vec![(Labels::new(), value as f64)]),
    };
    [
        gauge(
            "source_bytes_limit",
            "Bytes that answers of sources may take",
            budget.limit(),
        ),
        gauge("source_bytes_used", "Bytes that answers of sources take", budget.used()),
        Scraped {
            name: "source_bytes_refused",
            help: "Answers of sources that there was no room for",
            series: Series::Counter(vec![(Labels::new(), budget.refused())]),
        },
    ]
}
