//! A surface in process over real backends: schema text in, answers out.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderMap;
use serde_json::Value;
use switchboard::{
    engine::{Engine, OnError, Request, Response, Settings},
    execute::{
        Backends,
        backends::{NO_SOURCE, SourceSettings},
    },
    identity::Caller,
    schema::{self, LoadOptions, SourceFile, model::SourceTransport},
    telemetry::Metrics,
};
use switchboard_clients::{
    Registry,
    policy::Resilience,
    registry::{SourceSettings as ClientSettings, TransportSettings},
};
use tokio::time::Instant;

/// The head of every test schema.
pub(crate) const LINK: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@listSize", "@cost", "@fallback"])
"#;

/// A document as a client that says nothing of itself sends it.
pub(crate) fn anonymous(query: impl Into<String>, deadline: Instant) -> Request {
    Request {
        surface: 0,
        query: Some(query.into()),
        operation_name: None,
        variables: None,
        extensions: None,
        document_id: None,
        on_error: OnError::default(),
        queries_only: false,
        headers: Arc::default(),
        caller: Caller::anonymous(),
        standing: switchboard::engine::Standing::default(),
        peer: None,
        deadline,
    }
}

/// An engine for one schema.
pub(crate) struct TestEngine {
    engine: Arc<Engine>,
}

/// A request being made.
#[derive(Clone, Default)]
pub(crate) struct Ask {
    pub(crate) query: String,
    pub(crate) variables: Option<Value>,
    pub(crate) operation: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) on_error: OnError,
    /// How long the answer may take; 20 s unless said.
    pub(crate) within: Option<Duration>,
}

impl TestEngine {
    /// Binds a schema to backends by source name. The head with `@link` is added.
    pub(crate) fn new(sdl: &str, sources: &[(&str, String)]) -> Self {
        Self::of_files(
            &[("schema.graphql", &format!("{LINK}{sdl}"))],
            sources,
            Settings::default(),
        )
    }

    /// An engine for a schema with a head of its own, whose sources are where it says, with this `$config`.
    pub(crate) fn configured(sdl: &str, config: Value) -> Self {
        Self::build(&[("schema.graphql", sdl)], &[], &config, Settings::default())
    }

    pub(crate) fn of_files(files: &[(&str, &str)], sources: &[(&str, String)], settings: Settings) -> Self {
        Self::build(files, sources, &SourceSettings::default().config, settings)
    }

    fn build(files: &[(&str, &str)], sources: &[(&str, String)], config: &Value, settings: Settings) -> Self {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let options = LoadOptions {
            root: root(),
            ..LoadOptions::default()
        };
        let loaded = schema::load("test", &files, &options).unwrap_or_else(|problems| {
            panic!(
                "{}",
                problems
                    .iter()
                    .map(|problem| format!("{problem:?}\n"))
                    .collect::<String>()
            )
        });
        let urls: HashMap<&str, &String> = sources.iter().map(|(name, url)| (*name, url)).collect();
        let mut settings_of = HashMap::new();
        let mut clients = vec![client(NO_SOURCE, TransportSettings::Rest)];
        for source in &loaded.surface.sources {
            let url = urls.get(&*source.name).copied();
            let transport = match (&source.transport, url) {
                (SourceTransport::Grpc { .. }, Some(url)) => TransportSettings::Grpc {
                    address: url.parse().expect("a URL"),
                },
                _ => TransportSettings::Rest,
            };
            clients.push(client(&source.name, transport));
            let settings = SourceSettings {
                override_url: url.cloned(),
                config: config.clone(),
                max_requests_per_operation: 10_000,
                ..SourceSettings::default()
            };
            settings_of.insert(source.name.to_string(), settings);
        }
        let registry = Registry::build(clients.iter()).expect("test clients");
        let metrics = Metrics::new(["test"], []);
        let backends = Backends::bind(
            &loaded.surface,
            &settings_of,
            &|name| registry.get(name).cloned(),
            &metrics,
        )
        .expect("test sources");
        Self {
            engine: Arc::new(Engine::new(Arc::new(loaded.surface), Arc::new(backends), settings)),
        }
    }

    /// The plan of a query, for people.
    pub(crate) fn explain(&self, query: &str) -> String {
        self.engine.explain(query, None).expect("a plan")
    }

    /// The answer to a query.
    pub(crate) async fn run(&self, query: &str) -> Value {
        self.ask(Ask {
            query: query.to_owned(),
            ..Ask::default()
        })
        .await
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Value {
        let response = self.respond(ask).await;
        serde_json::from_slice(&response.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&response.body)))
    }

    pub(crate) async fn respond(&self, ask: Ask) -> Response {
        let variables = ask.variables.map(|variables| match variables {
            Value::Object(variables) => variables,
            other => panic!("variables are an object, not {other}"),
        });
        let request = Request {
            surface: 0,
            query: Some(ask.query),
            operation_name: ask.operation,
            variables,
            extensions: None,
            document_id: None,
            on_error: ask.on_error,
            queries_only: false,
            peer: None,
            caller: Caller::anonymous(),
            standing: switchboard::engine::Standing::default(),
            headers: Arc::new(ask.headers),
            deadline: Instant::now() + ask.within.unwrap_or(Duration::from_secs(20)),
        };
        *self.engine.handle(&request).await
    }
}

/// The project's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn client(name: &str, transport: TransportSettings) -> ClientSettings {
    ClientSettings {
        call_timeout: Duration::from_secs(15),
        calls_in_flight_max: 100_000,
        // Tests of other things count calls; those of this set what they want.
        resilience: Resilience::off(),
        ..ClientSettings::new(name, transport)
    }
}
