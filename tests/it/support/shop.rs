//! The demo shop as it is shipped: `switchboard.yaml` and `schema/` over its backends on free ports.

use std::{path::Path, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use switchboard::{
    app::App,
    config::Config,
    engine::{Engine, Request, Response},
    identity::Caller,
};
use switchboard_harness::Shop;
use tokio::time::Instant;

use super::{Ask, root, server::TestServer};

/// Both surfaces, bound to backends of their own.
pub(crate) struct TestShop {
    pub(crate) backends: Shop,
    app: App,
}

// === impl TestShop ===

impl TestShop {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With changes to what `switchboard.yaml` says.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let backends = Shop::start().await;
        let urls = backends
            .backends()
            .map(|(name, backend)| (format!("{}_URL", name.to_uppercase()), backend.url()));
        let environment = |name: &str| match name {
            "LISTEN" => Some("127.0.0.1:0".to_owned()),
            "ADMIN" => Some("off".to_owned()),
            _ => urls.iter().find(|(known, _)| known == name).map(|(_, url)| url.clone()),
        };
        let file = root().join("switchboard.yaml");
        let mut config =
            Config::parse(&read("switchboard.yaml"), &file, &environment).unwrap_or_else(|error| panic!("{error}"));
        // A test machine may be busy; what is tested with time says so itself.
        config.http.operation_timeout = Duration::from_secs(30);
        config
            .sources
            .values_mut()
            .for_each(|source| source.timeout = Some(Duration::from_secs(20)));
        change(&mut config);
        let app = App::build(config).unwrap_or_else(|error| panic!("{error}"));
        Self { backends, app }
    }

    /// The answer of a surface to a document.
    pub(crate) async fn ask(&self, surface: &str, ask: Ask) -> Value {
        let response = self.respond(surface, ask).await;
        serde_json::from_slice(&response.body).expect("an answer is JSON")
    }

    pub(crate) async fn respond(&self, surface: &str, ask: Ask) -> Response {
        *self.engine(surface).handle(&request(ask)).await
    }

    /// The answer to a shipped operation, asked by user 7, and what was called for it.
    pub(crate) async fn shipped(&self, operation: &str, variables: Value) -> (String, String) {
        let (surface, _) = operation.split_once('/').expect("surface/operation");
        self.asked(surface, &document(operation), 7, variables).await
    }

    /// The answer to a document, asked by a user, and what was called for it.
    pub(crate) async fn asked(&self, surface: &str, document: &str, user: u32, variables: Value) -> (String, String) {
        self.backends.reset();
        let answer = self
            .ask(
                surface,
                Ask {
                    variables: Some(variables),
                    ..Ask::query(document)
                }
                .by_user(user),
            )
            .await;
        (on_a_screen(&answer), self.calls())
    }

    /// What was called, a line for each route.
    pub(crate) fn calls(&self) -> String {
        let calls = self.backends.calls_by_route();
        calls
            .iter()
            .map(|(route, count)| format!("{count} {route}\n"))
            .collect()
    }

    /// What `explain` prints.
    pub(crate) fn explain(&self, surface: &str, document: &str) -> String {
        self.engine(surface).explain(document, None).expect("a valid operation")
    }

    /// The most calls that `explain` promises.
    pub(crate) fn explained_calls(&self, surface: &str, document: &str) -> u64 {
        let plan = self
            .engine(surface)
            .explain_json(document, None)
            .expect("a valid operation");
        plan["calls"].as_u64().expect("a number of calls")
    }

    /// The same behind HTTP. The backends stay reachable.
    pub(crate) async fn serve(self) -> (Shop, TestServer) {
        (self.backends, TestServer::start(self.app).await)
    }

    fn engine(&self, surface: &str) -> &Engine {
        self.app.engine(surface).expect("a surface of the shop")
    }
}

// === impl Ask ===

impl Ask {
    pub(crate) fn query(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            ..Self::default()
        }
    }

    pub(crate) fn by_user(mut self, id: u32) -> Self {
        self.headers = as_user(id);
        self
    }
}

/// The headers of a signed-in user.
pub(crate) fn as_user(id: u32) -> HeaderMap {
    let token = HeaderValue::try_from(format!("Bearer token-{id}")).expect("plain text");
    HeaderMap::from_iter([(AUTHORIZATION, token)])
}

/// A shipped operation, by `surface/Name`.
pub(crate) fn shipped(operation: &str) -> Ask {
    Ask::query(document(operation))
}

/// The text of a shipped operation, by `surface/Name`.
pub(crate) fn document(operation: &str) -> String {
    let (surface, name) = operation.split_once('/').expect("surface/operation");
    read(format!("schema/{surface}/operations/{name}.graphql"))
}

/// A file of the project.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// JSON with line breaks only where a value is too long for one line.
pub(crate) fn on_a_screen(value: &Value) -> String {
    let mut text = String::new();
    lay_out(value, 0, &mut text);
    text
}

/// So that a snapshot, indented, is no wider than code.
const COLUMNS: usize = 108;

fn lay_out(value: &Value, indent: usize, out: &mut String) {
    let line = value.to_string();
    let used = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
    if used + line.chars().count() < COLUMNS {
        out.push_str(&line);
        return;
    }
    let (open, close, items): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Object(fields) => (
            '{',
            '}',
            fields.iter().map(|(name, value)| (Some(name), value)).collect(),
        ),
        Value::Array(items) => ('[', ']', items.iter().map(|item| (None, item)).collect()),
        _ => return out.push_str(&line),
    };
    out.push(open);
    for (index, (name, item)) in items.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&" ".repeat(indent + 2));
        if let Some(name) = name {
            out.push_str(&format!("{}: ", json!(name)));
        }
        lay_out(item, indent + 2, out);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(close);
}

fn request(ask: Ask) -> Request {
    let variables = ask.variables.map(|variables| match variables {
        Value::Object(variables) => variables,
        other => panic!("variables are an object, not {other}"),
    });
    Request {
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
        deadline: Instant::now() + Duration::from_secs(30),
    }
}
