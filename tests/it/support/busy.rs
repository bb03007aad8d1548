//! A server on real sockets whose source answers when it is told to, and what its metrics say.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use switchboard::{app::App, config::Config};
use switchboard_harness::{Answer, MockRest, RestRequest};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::Instant};

use super::{guarded::Answered, server::TestServer};

const SDL: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl"])
  @source(name: "api", http: { baseURL: "http://unused" })
type Query {
  thing(id: ID!): Thing @connect(source: "api", http: { GET: "/things/{$args.id}" }, selection: "id")
  traced: Thing
    @connect(source: "api", http: { GET: "/traced", headers: [{ name: "baggage", from: "baggage" }] }, selection: "id")
  kept: Thing @connect(source: "api", http: { GET: "/kept" }, selection: "id") @cacheControl(maxAge: 60)
}
type Mutation { rename(id: ID!): Thing @connect(source: "api", http: { POST: "/things/{$args.id}" }, selection: "id") }
type Thing { id: ID }
"#;

/// Documents that are listed where a surface has `operations: ops`.
const LISTED: [(&str, &str); 3] = [
    ("Buy", "query Buy { thing(id: 100) { id } }\n"),
    ("Extras", "query Extras { thing(id: 101) { id } }"),
    ("Browse", "query Browse { thing(id: 102) { id } }"),
];

/// What a test holds.
pub(crate) struct Busy {
    pub(crate) api: MockRest,
    pub(crate) server: TestServer,
    client: reqwest::Client,
    _files: TempDir,
}

// === impl Busy ===

impl Busy {
    /// A server with these keys in `overload` and of its surface.
    pub(crate) async fn start(overload: &str, surface: &str) -> Arc<Self> {
        let api = MockRest::start().await;
        let thing = |request: &RestRequest| Answer::json(json!({ "id": request.captured("id") }));
        api.on("GET /things/{id}", thing).on("POST /things/{id}", thing);
        api.on_json("GET /traced", json!({ "id": "traced" }));
        api.on("GET /kept", |_| {
            Answer::json(json!({ "id": "kept" })).with_header("cache-control", "max-age=60")
        });
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("schema.graphql"), SDL).unwrap();
        std::fs::create_dir(files.path().join("ops")).unwrap();
        for (name, text) in LISTED {
            std::fs::write(files.path().join(format!("ops/{name}.graphql")), text).unwrap();
        }
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\noverload: {{ {overload} }}\n\
             surfaces: {{ app: {{ schema: schema.graphql, {surface} }} }}\n\
             sources: {{ api: {{ override_url: \"{}\", timeout: 20s, resilience: {{ retry: {{ attempts: 1 }} }} }} }}\n\
             http: {{ operation_timeout: 30s }}\n",
            api.url(),
        );
        let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &|_| None)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let app = App::build(config).unwrap_or_else(|error| panic!("{error}"));
        Arc::new(Self {
            api,
            server: TestServer::start(app).await,
            client: reqwest::Client::new(),
            _files: files,
        })
    }

    /// Posts a document.
    pub(crate) async fn ask(&self, query: &str) -> Answered {
        self.ask_with(&[], query).await
    }

    /// The same with headers.
    pub(crate) async fn ask_with(&self, headers: &[(&str, &str)], query: &str) -> Answered {
        let mut request = self
            .client
            .post(self.server.url("app"))
            .json(&json!({ "query": query }));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answered::of(request.send().await.unwrap()).await
    }

    /// Posts a document in the background.
    pub(crate) fn asking(self: &Arc<Self>, query: impl Into<String>) -> JoinHandle<Answered> {
        self.asking_with(&[], query)
    }

    /// The same with headers.
    pub(crate) fn asking_with(
        self: &Arc<Self>,
        headers: &'static [(&'static str, &'static str)],
        query: impl Into<String>,
    ) -> JoinHandle<Answered> {
        let (server, query) = (self.clone(), query.into());
        tokio::spawn(async move { server.ask_with(headers, &query).await })
    }

    /// Takes places with executions that are under way when this returns.
    pub(crate) async fn fill(self: &Arc<Self>, places: usize) -> Vec<JoinHandle<Answered>> {
        self.api.hold();
        let before = self.api.calls();
        let tasks = (0..places).map(|id| self.asking(thing(id))).collect();
        self.api.wait_for_calls(before + places as u64).await;
        tasks
    }

    pub(crate) async fn metrics(&self) -> String {
        let admin = self.server.admin.expect("an admin port");
        let request = self.client.get(format!("http://{admin}/metrics"));
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Returns when the metrics have this line.
    pub(crate) async fn until(&self, line: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let metrics = self.metrics().await;
            if metrics.lines().any(|known| known == line) {
                return;
            }
            let ours = metrics.lines().filter(|line| line.contains("overload"));
            assert!(
                Instant::now() < deadline,
                "no {line}: {}",
                ours.collect::<Vec<_>>().join("\n")
            );
        }
    }
}

/// A query that shares nothing with others.
pub(crate) fn thing(id: usize) -> String {
    format!("query Thing {{ thing(id: {id}) {{ id }} }}")
}

/// Checks that none was sent away.
pub(crate) async fn all_answered(tasks: Vec<JoinHandle<Answered>>) {
    for task in tasks {
        task.await.unwrap().data();
    }
}
