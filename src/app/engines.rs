//! An engine for each surface, bound to clients that the surfaces share.

use std::{
    collections::BTreeMap,
    sync::Arc,
};

use serde_json::Value;
use switchboard_clients::{
    Registry,
    registry::{SourceSettings as ClientSettings, TransportSettings},
};

use super::{AppError, LoadedSurface};
use crate::{
    config::{Config, Limits, SourceConfig},
    engine::{self, Engine, Request, Response},
    execute::{
        Backends,
        backends::{self, NO_SOURCE, SourceSettings},
    },
    http::Answer,
    mapping::ScanLimits,
    operation,
    schema::model::{Source, SourceTransport},
    telemetry::Metrics,
};

/// The engines, in the order of the surfaces.
#[derive(Debug)]
pub struct Engines(Vec<Engine>);

// === impl Engines ===

impl Engines {
    /// Makes a client for each source, one for all surfaces that name it, and binds the surfaces to them.
    ///
    /// # Errors
    /// All sources whose URL or client cannot be made, and configured ones that no schema declares.
    pub fn bind(config: &Config, surfaces: &[LoadedSurface], metrics: &Metrics) -> Result<Self, AppError> {
        let mut problems = undeclared_sources(config, surfaces);
        let registry = registry(config, surfaces, &mut problems);
        let settings = config.sources.iter().map(|(name, source)| (name.clone(), source_settings(source))).collect();
        let mut engines = Vec::with_capacity(surfaces.len());
        for loaded in surfaces {
            match Backends::bind(&loaded.surface, &settings, &|name| registry.get(name).cloned(), metrics) {
                Ok(backends) => {
                    let settings = engine_settings(&loaded.config.limits, loaded.config.introspection);
                    engines.push(Engine::new(Arc::clone(&loaded.surface), Arc::new(backends), settings));
                }
                Err(errors) => problems.extend(errors),
            }
        }
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(Self(engines)) } else { Err(AppError::Sources(problems)) }
    }

    /// The engine of a surface, by its number.
    #[must_use]
    pub fn get(&self, surface: usize) -> Option<&Engine> {
        self.0.get(surface)
    }
}

impl Answer for Engines {
    async fn handle(&self, request: Request) -> Response {
        let engine = self.0.get(request.surface).expect("routes are made from the same surfaces");
        engine.handle(request).await
    }
}

fn undeclared_sources(config: &Config, surfaces: &[LoadedSurface]) -> Vec<String> {
    let is_declared = |name: &str| surfaces.iter().any(|loaded| loaded.surface.sources.iter().any(|source| &*source.name == name));
    let undeclared = config.sources.keys().filter(|name| !is_declared(name));
    undeclared.map(|name| format!("sources.{name}: no schema declares this source; remove it, or correct its name")).collect()
}

/// One client a source, and one for connectors that name none.
fn registry(config: &Config, surfaces: &[LoadedSurface], problems: &mut Vec<String>) -> Registry {
    let env = backends::environment();
    let sources: BTreeMap<&str, &Source> =
        surfaces.iter().flat_map(|loaded| loaded.surface.sources.iter().map(|source| (&*source.name, source))).collect();
    let mut clients = vec![client_settings(NO_SOURCE, TransportSettings::Rest, &SourceConfig::default())];
    for (name, source) in sources {
        let settings = config.source(name);
        match transport(source, &settings, &env) {
            Ok(transport) => clients.push(client_settings(name, transport, &settings)),
            Err(why) => problems.push(format!("source {name:?}: {why}")),
        }
    }
    Registry::build(&clients).unwrap_or_else(|error| {
        let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
        problems.push(format!("{error}{why}"));
        Registry::default()
    })
}

fn transport(source: &Source, settings: &SourceConfig, env: &Value) -> Result<TransportSettings, String> {
    match &source.transport {
        SourceTransport::Http { .. } => Ok(TransportSettings::Rest),
        SourceTransport::Grpc { .. } => {
            let address = backends::base_url(&source.transport, &source_settings(settings), env)?;
            let address = address.parse().map_err(|_| format!("{address:?} is not an address"))?;
            Ok(TransportSettings::Grpc { address })
        }
    }
}

fn client_settings(name: &str, transport: TransportSettings, config: &SourceConfig) -> ClientSettings {
    ClientSettings {
        connect_timeout: config.connect_timeout,
        call_timeout: config.timeout,
        body_bytes_max: unless_zero(config.limits.body_bytes),
        calls_in_flight_max: unless_zero(config.max_in_flight),
        ..ClientSettings::new(name, transport)
    }
}

fn source_settings(config: &SourceConfig) -> SourceSettings {
    SourceSettings {
        override_url: config.override_url.clone(),
        config: Value::Object(config.config.reveal().clone()),
        max_requests_per_operation: narrow(config.max_requests_per_operation),
        scan: ScanLimits { depth: narrow(config.limits.depth), list: narrow(config.limits.list) },
    }
}

fn engine_settings(limits: &Limits, introspection: bool) -> engine::Settings {
    engine::Settings {
        limits: operation::Limits {
            document_bytes: limits.document_bytes,
            tokens: limits.tokens,
            nesting: limits.nesting,
            depth: limits.depth as u64,
            aliases: limits.aliases as u64,
            root_fields: limits.root_fields as u64,
            directives: limits.directives as u64,
            expanded_selections: limits.expanded_selections as u64,
            introspection,
        },
        response_bytes: unless_zero(limits.response_bytes),
    }
}

/// In the file 0 means «no limit».
fn unless_zero(limit: usize) -> usize {
    // A quarter of all there is: room for those who add to it, and no more than a semaphore's permits.
    if limit == 0 { usize::MAX >> 4 } else { limit }
}

fn narrow(limit: usize) -> u32 {
    u32::try_from(unless_zero(limit)).unwrap_or(u32::MAX)
}
