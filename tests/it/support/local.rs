//! Schemas in Rust mounted in a whole app, from texts.

use std::sync::{Arc, Mutex};

use async_graphql::{Executor as _, Request, Variables};
use http::HeaderMap;
use serde_json::Value;
use switchboard::{
    Builder,
    app::{App, AppError, SurfaceExecutor},
    config::Config,
    local::LocalSchema,
};

/// The head of every test schema: the links, and one source for each name.
pub(crate) fn head(sources: &[&str]) -> String {
    let sources: String = sources
        .iter()
        .map(|name| format!("\n  @source(name: \"{name}\", local: {{ schema: \"{name}\" }})"))
        .collect();
    format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl"]){sources}
"#
    )
}

/// What resolvers note down, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<String>>>);

/// One surface called `app`.
pub(crate) struct LocalApp {
    executor: SurfaceExecutor,
    app: App,
    _directory: tempfile::TempDir,
}

/// Builds an app of one surface whose schemas are mounted by their names. `config`: more of `switchboard.yaml`.
pub(crate) fn try_build(sdl: &str, config: &str, schemas: Vec<(&str, LocalSchema)>) -> Result<LocalApp, AppError> {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("app.graphql"), sdl).expect("a file");
    let yaml = format!("listen: 127.0.0.1:0\nadmin: off\nsurfaces: {{ app: {{ schema: app.graphql }} }}\n{config}");
    let file = directory.path().join("switchboard.yaml");
    let config = Config::parse(&yaml, &file, &|_| None).expect("a configuration");
    let builder = schemas
        .into_iter()
        .fold(Builder::new(config), |builder, (name, schema)| {
            builder.local(name, schema)
        });
    let app = builder.build()?;
    Ok(LocalApp {
        executor: app.executor("app").expect("the surface"),
        app,
        _directory: directory,
    })
}

pub(crate) fn build(sdl: &str, schemas: Vec<(&str, LocalSchema)>) -> LocalApp {
    try_build(sdl, "", schemas).unwrap_or_else(|error| panic!("{error}"))
}

// === impl Calls ===

impl Calls {
    pub(crate) fn note(&self, call: impl Into<String>) {
        self.0.lock().expect("nobody panics with it").push(call.into());
    }

    /// What was noted since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }
}

// === impl LocalApp ===

impl LocalApp {
    pub(crate) fn executor(&self) -> SurfaceExecutor {
        self.executor.clone()
    }

    pub(crate) fn app(self) -> (App, tempfile::TempDir) {
        (self.app, self._directory)
    }

    /// The answer to a query, as JSON.
    pub(crate) async fn run(&self, query: &str) -> Value {
        self.ask(query, Value::Null, HeaderMap::new()).await
    }

    pub(crate) async fn ask(&self, query: &str, variables: Value, headers: HeaderMap) -> Value {
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(headers);
        serde_json::to_value(self.executor.execute(request).await).expect("an answer")
    }
}
