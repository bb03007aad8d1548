//! What schema and configuration say of a source → how it is called.

use std::time::Duration;

use http::Uri;
use switchboard_clients::{
    policy::{Breaker, Resilience, Retry},
    registry::{SourceSettings as ClientSettings, TransportSettings},
};

use super::locals::Locals;
use crate::{
    config::{BreakerConfig, InFlight, RetryConfig, SourceConfig},
    execute::backends::{SourceSettings, base_url, breaker, retry},
    mapping::ScanLimits,
    schema::model::{self, Source, SourceTransport},
};

/// Time for one try, unless something else is said.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);
/// Calls in flight, unless something else is said.
const IN_FLIGHT_MAX: usize = 256;
/// As good as no limit on calls in flight.
pub(super) const UNLIMITED: usize = usize::MAX >> 4;
/// Levels of a source's answer that scanning stands, with room to spare.
const SOURCE_DEPTH_CEILING: u32 = 250;

/// What the engine is to know of a source.
pub(super) fn of_engine(config: &SourceConfig) -> SourceSettings {
    SourceSettings {
        told: None,
        override_url: config.override_url.first().cloned(),
        config: serde_json::Value::Object(config.config.reveal().clone()),
        max_requests_per_operation: unlimited(config.max_requests_per_operation),
        scan: ScanLimits {
            // The scanner recurses.
            depth: unlimited(config.limits.depth).min(SOURCE_DEPTH_CEILING),
            list: unlimited(config.limits.list),
        },
        repeatable_methods: config.resilience.retry.methods.clone(),
    }
}

/// The protocol and addresses of a source.
pub(super) fn transport(
    source: &Source,
    config: &SourceConfig,
    own: &SourceSettings,
    (env, locals): (&serde_json::Value, &Locals),
) -> Result<TransportSettings, String> {
    let several = config.override_url.len() > 1;
    match &source.transport {
        SourceTransport::Local { schema } => locals.transport(schema, config),
        SourceTransport::Http { .. } if several => Ok(TransportSettings::RestAt {
            origins: config
                .override_url
                .iter()
                .map(|url| address(url))
                .collect::<Result<_, _>>()?,
        }),
        SourceTransport::Http { .. } => Ok(TransportSettings::Rest),
        SourceTransport::Grpc { .. } if several => Ok(TransportSettings::GrpcAt {
            addresses: config
                .override_url
                .iter()
                .map(|url| address(url))
                .collect::<Result<_, _>>()?,
        }),
        SourceTransport::Grpc { .. } => Ok(TransportSettings::Grpc {
            address: address(&base_url(&source.transport, own, env)?)?,
        }),
    }
}

/// Where calls of a REST source go that has no list of addresses: scheme, host and port, without what may be a password.
pub(super) fn place(source: &Source, own: &SourceSettings, env: &serde_json::Value) -> String {
    let SourceTransport::Http { .. } = source.transport else {
        return String::new();
    };
    let base: Option<Uri> = base_url(&source.transport, own, env)
        .ok()
        .and_then(|url| url.parse().ok());
    base.and_then(|base| {
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{}{port}", base.scheme_str()?, base.host()?))
    })
    .unwrap_or_default()
}

fn address(text: &str) -> Result<Uri, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address such as http://host:50051"))
}

/// How a source is called: as the configuration says, else as the schema says, else as all are.
pub(super) fn of_client(
    name: &str,
    config: &SourceConfig,
    schema: Option<&model::Resilience>,
    transport: TransportSettings,
) -> ClientSettings {
    let of_schema = schema.cloned().unwrap_or_default();
    let in_flight = match (config.max_in_flight, of_schema.max_concurrent) {
        (Some(InFlight::Adapts), _) => IN_FLIGHT_MAX,
        (Some(InFlight::AtMost(0)), _) => UNLIMITED,
        (Some(InFlight::AtMost(limit)), _) => limit,
        (None, Some(limit)) => limit as usize,
        (None, None) => IN_FLIGHT_MAX,
    };
    ClientSettings {
        connect_timeout: config.connect_timeout,
        call_timeout: config.timeout.or(of_schema.timeout).unwrap_or(CALL_TIMEOUT),
        body_bytes_max: match config.limits.body_bytes {
            0 => usize::MAX,
            limit => limit,
        },
        calls_in_flight_max: in_flight,
        resilience: Resilience {
            retry: with_retry(&config.resilience.retry, of_schema.retry.as_ref().map(retry)),
            breaker: with_breaker(&config.resilience.breaker, of_schema.breaker.as_ref().map(breaker)),
            hedge: config.resilience.hedge,
            adapts_in_flight: config.max_in_flight == Some(InFlight::Adapts),
            balance: config.resilience.balance,
            deadline_header: config.resilience.deadline_header.clone(),
        },
        ..ClientSettings::new(name, transport)
    }
}

fn with_retry(config: &RetryConfig, schema: Option<Retry>) -> Retry {
    let schema = schema.unwrap_or_default();
    Retry {
        attempts: config.attempts.unwrap_or(schema.attempts),
        backoff: config.backoff.unwrap_or(schema.backoff),
        on: schema.on,
        budget: config.budget.unwrap_or(schema.budget),
    }
}

fn with_breaker(config: &BreakerConfig, schema: Option<Breaker>) -> Option<Breaker> {
    let schema = schema.unwrap_or_default();
    config.enabled.then(|| Breaker {
        failure_rate: config.failure_rate.unwrap_or(schema.failure_rate),
        window: config.window.unwrap_or(schema.window),
        in_a_row: config.in_a_row.unwrap_or(schema.in_a_row),
        open_for: config.open_for.unwrap_or(schema.open_for),
        slow_after: config.slow_after.or(schema.slow_after),
        slow_rate: config.slow_rate.unwrap_or(schema.slow_rate),
        counts_rate_limits: config.count_rate_limits,
    })
}

/// 0 means no limit.
fn unlimited(limit: usize) -> u32 {
    if limit == 0 {
        u32::MAX
    } else {
        u32::try_from(limit).unwrap_or(u32::MAX)
    }
}
