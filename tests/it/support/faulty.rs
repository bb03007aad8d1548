//! A surface over sources that fail: how it is called is as a server would call them, with shorter times.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;
use switchboard::{
    engine::{Engine, Settings},
    execute::{
        Backends,
        backends::{NO_SOURCE, SourceSettings},
    },
    schema::{self, LoadOptions, SourceFile, model::SourceTransport},
    telemetry::Metrics,
};
use switchboard_clients::{
    Registry,
    policy::{Breaker, Resilience, Retry},
    registry::{SourceSettings as ClientSettings, TransportSettings},
    state::{EndpointState, SourceState},
};
use tokio::time::Instant;

use super::{LINK, engine::anonymous, root};

/// Longest try. On a busy machine nothing that is meant to be in time takes as long.
pub(crate) const TRY: Duration = Duration::from_millis(400);

/// An engine whose sources may be looked at.
pub(crate) struct Faulty {
    engine: Engine,
    registry: Registry,
    /// Time of a request.
    pub(crate) time: Duration,
}

impl Faulty {
    /// Binds a schema to its sources by name, each at one address or several.
    pub(crate) fn new(sdl: &str, sources: &[(&str, Vec<String>)]) -> Self {
        Self::with(sdl, sources, |_| {})
    }

    /// The same with changes to how sources are called.
    pub(crate) fn with(sdl: &str, sources: &[(&str, Vec<String>)], change: impl Fn(&mut ClientSettings)) -> Self {
        let files = [SourceFile {
            path: "schema.graphql".to_owned(),
            text: format!("{LINK}{sdl}"),
        }];
        let options = LoadOptions {
            root: root(),
            ..LoadOptions::default()
        };
        let loaded = schema::load("test", &files, &options).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let urls: HashMap<&str, &Vec<String>> = sources.iter().map(|(name, urls)| (*name, urls)).collect();
        let mut settings_of = HashMap::new();
        let mut clients = vec![ClientSettings::new(NO_SOURCE, TransportSettings::Rest)];
        for source in &loaded.surface.sources {
            let urls = urls[&*source.name];
            let addresses = urls.iter().map(|url| url.parse().expect("a URL")).collect();
            let transport = match source.transport {
                SourceTransport::Grpc { .. } => TransportSettings::GrpcAt { addresses },
                _ => TransportSettings::RestAt { origins: addresses },
            };
            let mut client = ClientSettings {
                call_timeout: TRY,
                connect_timeout: TRY / 2,
                resilience: Resilience {
                    retry: Retry {
                        backoff: Duration::from_millis(5),
                        ..Retry::default()
                    },
                    breaker: Some(Breaker::default()),
                    ..Resilience::default()
                },
                ..ClientSettings::new(&*source.name, transport)
            };
            change(&mut client);
            clients.push(client);
            let settings = SourceSettings {
                override_url: urls.first().cloned(),
                ..SourceSettings::default()
            };
            settings_of.insert(source.name.to_string(), settings);
        }
        let registry = Registry::build(clients.iter()).expect("test clients");
        let metrics = Metrics::new(["test"], []);
        let client = |name: &str| registry.get(name).cloned();
        let backends = Backends::bind(&loaded.surface, &settings_of, &client, &metrics).expect("test sources");
        let engine = Engine::new(Arc::new(loaded.surface), Arc::new(backends), Settings::default());
        Self {
            engine,
            registry,
            time: Duration::from_secs(5),
        }
    }

    /// The answer to a query.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        let body = self.respond(query).await;
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
    }

    /// The bytes of it.
    pub(crate) async fn respond(&self, query: &str) -> Vec<u8> {
        let request = anonymous(query, Instant::now() + self.time);
        self.engine.handle(&request).await.body.to_vec()
    }

    /// How a source does.
    pub(crate) fn state(&self, source: &str) -> SourceState {
        let client = self.registry.get(source).expect("a source");
        client.state().expect("a stack has a state")
    }

    /// The only address of a source.
    pub(crate) fn endpoint(&self, source: &str) -> EndpointState {
        self.state(source).endpoints.swap_remove(0)
    }
}

/// Code, HTTP status or gRPC status, and path of each error of an answer.
pub(crate) fn errors(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let error = |error: &Value| {
        let extensions = &error["extensions"];
        let status = ["http", "grpc"].iter().find_map(|of| extensions[of]["status"].as_i64());
        let status = status.map(|status| format!(" {status}")).unwrap_or_default();
        let path = error["path"].as_array().map(Vec::as_slice).unwrap_or_default();
        let path: Vec<String> = path
            .iter()
            .map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned))
            .collect();
        format!(
            "{}{status} {}",
            extensions["code"].as_str().unwrap_or("?"),
            path.join(".")
        )
    };
    errors.iter().map(error).collect()
}

/// What `extensions.degraded` lists: source, kind and what is there instead, and path.
pub(crate) fn degraded(answer: &Value) -> Vec<String> {
    let entries = answer["extensions"]["degraded"].as_array();
    let entry = |entry: &Value| {
        let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        let path = entry["path"].as_array().map(Vec::as_slice).unwrap_or_default();
        let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
        format!(
            "{} {} {} {}",
            word("source"),
            word("kind"),
            word("used"),
            path.join(".")
        )
    };
    entries
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(entry)
        .collect()
}

/// The kind that goes with an error as [`errors`] writes it.
pub(crate) fn kind(error: &str, of_status: fn(u16) -> &'static str) -> &'static str {
    match error.split_once(' ') {
        Some(("CONNECTOR_FETCH", status)) => of_status(status.parse().expect("a status")),
        None if error == "UPSTREAM_TIMEOUT" => "TIMEOUT",
        None if error == "UPSTREAM_UNAVAILABLE" => "UNAVAILABLE",
        None if error == "UPSTREAM_CIRCUIT_OPEN" => "CIRCUIT_OPEN",
        _ => "INVALID_RESPONSE",
    }
}
