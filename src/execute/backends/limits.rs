//! `@resilience` → the settings of clients.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use switchboard_clients::{
    Client,
    policy::{Breaker, Kind, Retry, Tightening},
};

use super::Compiled;
use crate::schema::{
    Surface,
    model::{self, ConnectRequest, Connector, Fault},
};

/// `retry:`; what is not said is as for all sources.
#[must_use]
pub fn retry(retry: &model::Retry) -> Retry {
    let default = Retry::default();
    let kind = |fault: &Fault| match fault {
        Fault::Timeout => Some(Kind::Timeout),
        Fault::Unavailable => Some(Kind::Unavailable),
        Fault::Http4xx => Some(Kind::Http4xx),
        Fault::Http5xx => Some(Kind::Http5xx),
        Fault::GrpcStatus => Some(Kind::GrpcStatus),
        Fault::InvalidResponse => Some(Kind::InvalidResponse),
        Fault::NotFound => Some(Kind::NotFound),
        // Not made, so not made again; refused where it is written.
        Fault::CircuitOpen | Fault::Limited => None,
    };
    Retry {
        attempts: retry.attempts,
        backoff: retry.backoff.unwrap_or(default.backoff),
        on: retry.on.as_ref().map(|kinds| kinds.iter().filter_map(kind).collect()),
        budget: retry.budget.unwrap_or(default.budget),
    }
}

/// `breaker:`; what is not said is as for all sources.
#[must_use]
pub fn breaker(breaker: &model::Breaker) -> Breaker {
    let default = Breaker::default();
    Breaker {
        failure_rate: breaker.failure_rate,
        window: breaker.window,
        open_for: breaker.open_for,
        slow_after: breaker.slow_after,
        slow_rate: breaker.slow_rate.unwrap_or(default.slow_rate),
        ..default
    }
}

/// The client of a connector that has limits of its own.
pub(super) fn tightened(connector: &Connector, client: &Arc<dyn Client>) -> Option<Arc<dyn Client>> {
    let own = connector.resilience.as_ref()?;
    client.tightened(&tightening(connector, own))
}

fn tightening(connector: &Connector, own: &model::Resilience) -> Tightening {
    Tightening {
        name: connector.coordinate.to_string(),
        call_timeout: own.timeout,
        retry: own.retry.as_ref().map(retry),
        breaker: own.breaker.as_ref().map(breaker),
        calls_in_flight_max: own.max_concurrent.map(|max| max as usize),
    }
}

/// The client of a connector that has a URL of its own: one for each host, with a breaker, since what one host does says nothing of others.
/// `known`: those that there are.
pub(super) fn of_host(
    connector: &Connector,
    compiled: &Compiled,
    client: &Arc<dyn Client>,
    known: &mut HashMap<String, Arc<dyn Client>>,
) -> Option<Arc<dyn Client>> {
    let (scheme, authority) = compiled.base.origin.as_ref()?;
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = format!("{scheme}://{host}");
    if let Some(own) = &connector.resilience {
        return client.tightened(&Tightening {
            breaker: Some(own.breaker.as_ref().map_or_else(Breaker::default, breaker)),
            ..tightening(connector, own)
        });
    }
    if let Some(client) = known.get(&host) {
        return Some(client.clone());
    }
    let own = client.tightened(&Tightening {
        name: host.clone(),
        breaker: Some(Breaker::default()),
        ..Tightening::default()
    })?;
    known.insert(host, own.clone());
    Some(own)
}

/// Marks the connectors whose gRPC methods may be called twice though their `.proto` file does not say so.
///
/// # Errors
/// For each method that no connector of the source calls.
pub(super) fn allow_repeats(
    surface: &Surface,
    source: usize,
    methods: &[String],
    compiled: &mut [Compiled],
) -> Vec<String> {
    let mut unknown: HashSet<&str> = methods.iter().map(|name| name.trim_start_matches('/')).collect();
    let listed = unknown.clone();
    for (connector, compiled) in surface.connectors.iter().zip(compiled) {
        if connector.source.is_none_or(|id| id.0 as usize != source) {
            continue;
        }
        if let ConnectRequest::Grpc { method, .. } = &connector.request {
            let name = method.path.as_str().trim_start_matches('/');
            compiled.may_repeat |= listed.contains(name);
            unknown.remove(name);
        }
    }
    let name = &surface.sources[source].name;
    let mut errors: Vec<String> = unknown
        .into_iter()
        .map(|method| format!("source {name:?}: `retry.methods` has {method:?}, which no connector calls"))
        .collect();
    errors.sort();
    errors
}
