//! The server that is measured: the release binary, with what it tells of itself.

use std::{
    collections::HashMap,
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::source::{PROTO, Source};

const SDL: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1")
  @source(name: "a", http: { baseURL: "http://unused" })
  @source(name: "b", http: { baseURL: "http://unused" })
  @source(name: "g", grpc: { address: "http://unused", schema: { proto: ["things.proto"], includes: ["."] } })
type Query {
  a(id: Int!): Thing @connect(source: "a", http: { GET: "/things/{$args.id}" }, selection: "id name size")
  b(id: Int!): Thing @connect(source: "b", http: { GET: "/things/{$args.id}" }, selection: "id name size")
  g(id: Int!): Thing @connect(source: "g", grpc: { method: "bench.Things/Get", message: "id: $args.id" }, selection: "id name size")
  box(id: Int!): Box @connect(source: "a", http: { GET: "/boxes/{$args.id}" }, selection: "id items { id }")
}
type Thing { id: Int! name: String! size: Int! }
type Box { id: Int! items: [Item!] }
type Item @connect(source: "b", http: { GET: "/batch", queryParams: "id: $batch.id" }, batch: { maxSize: 50 }, selection: "id name size")
  { id: Int! name: String size: Int }
"#;

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) public: SocketAddr,
    admin: SocketAddr,
    client: reqwest::Client,
    _files: TempDir,
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) rss_kib: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
    pub(crate) tasks: u64,
}

// === impl Server ===

impl Server {
    /// `sources`: the processes behind each of `a`, `b` and `g`; those left out are nowhere. `settings`: further lines for each of them.
    pub(crate) async fn start(sources: &[(&str, &[&Source])], settings: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (public, admin) = (free_port(), free_port());
        let of_source = |name: &str| {
            let urls: Vec<&str> = sources
                .iter()
                .filter(|(of, _)| *of == name)
                .flat_map(|(_, all)| {
                    all.iter()
                        .map(|source| if name == "g" { &*source.grpc } else { &*source.rest })
                })
                .collect();
            let urls = if urls.is_empty() {
                vec!["http://127.0.0.1:9"]
            } else {
                urls
            };
            let settings = settings.replace('\n', "\n    ");
            format!("  {name}:\n    override_url: {urls:?}\n    {settings}\n")
        };
        let sources: String = ["a", "b", "g"].map(of_source).concat();
        let config = format!(
            "listen: {public}\nadmin: {admin}\nsurfaces:\n  bench: {{ schema: schema.graphql, path: /graphql }}\nsources:\n{sources}log: {{ requests: off }}\n"
        );
        fs::write(files.path().join("schema.graphql"), SDL).unwrap();
        fs::write(files.path().join("things.proto"), PROTO).unwrap();
        fs::write(files.path().join("switchboard.yaml"), config).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["serve", "--config"])
            .arg(files.path().join("switchboard.yaml"))
            .stderr(match std::env::var_os("BENCH_LOG") {
                Some(_) => Stdio::inherit(),
                None => Stdio::null(),
            })
            .spawn()
            .unwrap();
        let server = Self {
            process,
            public,
            admin,
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
            _files: files,
        };
        let started = Instant::now();
        while server.client.get(format!("http://{admin}/ready")).send().await.is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the server does not start; BENCH_LOG=1 shows why"
            );
            sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// What it tells of a source.
    pub(crate) async fn source(&self, name: &str) -> Value {
        let text = self.get("/sources").await;
        let mut told: Value = serde_json::from_str(&text).unwrap();
        let mut all = told["sources"].as_array_mut().unwrap().drain(..);
        all.find(|source| source["source"] == name).unwrap()
    }

    /// Whether no breaker keeps calls out.
    pub(crate) async fn is_closed(&self) -> bool {
        let metrics = self.metrics().await;
        let mut breakers = metrics
            .iter()
            .filter(|(series, _)| series.starts_with("switchboard_source_breaker{"));
        breakers.all(|(series, is_so)| (*is_so != 0.0) == series.contains("state=\"closed\""))
    }

    /// Metrics by series.
    pub(crate) async fn metrics(&self) -> HashMap<String, f64> {
        let text = self.get("/metrics").await;
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let parsed = series.filter_map(|line| line.rsplit_once(' '));
        parsed
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect()
    }

    async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.admin);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// What it holds now.
    pub(crate) async fn held(&self) -> Held {
        let tasks = self.metrics().await["switchboard_tasks"];
        let of_process = format!("/proc/{}", self.process.id());
        let count = |of: &str| fs::read_dir(format!("{of_process}/{of}")).unwrap().count() as u64;
        let status = fs::read_to_string(format!("{of_process}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Held {
            rss_kib: rss.trim().trim_end_matches(" kB").parse().unwrap(),
            files: count("fd"),
            threads: count("task"),
            tasks: tasks as u64,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago: what is not asked for twice is not given twice for a long time.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
