//! A server on a real socket whose clients name their documents, and the files that list them.

use std::{fmt::Write as _, path::Path, time::Duration};

use http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use switchboard::{
    app::{App, AppError},
    config::Config,
};
use switchboard_harness::MockRest;
use tempfile::TempDir;

use super::{LINK, server::TestServer};

const SDL: &str = r#"
extend schema @source(name: "api", http: { baseURL: "http://unused" })
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  me: User @connect(source: "api", http: { GET: "/me" }, selection: "id name")
}
type Mutation { add: User @connect(source: "api", http: { POST: "/me" }, selection: "id name") }
type User {
  id: ID
  name: String
  friend: User @connect(source: "api", http: { GET: "/friends/{$this.id}" }, selection: "id name")
}
"#;

/// What a test holds. The surface is called `web`.
pub(crate) struct Named {
    pub(crate) api: MockRest,
    pub(crate) files: TempDir,
    server: TestServer,
    client: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

// === impl Named ===

impl Named {
    /// With what the surface says beside its schema, and the files that it names.
    pub(crate) async fn start(surface: &str, files: &[(&str, &str)]) -> Self {
        let (api, directory, app) = Self::build(surface, files).await;
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        Self {
            api,
            files: directory,
            server: TestServer::start(app).await,
            client: reqwest::Client::new(),
        }
    }

    /// What a start comes to.
    pub(crate) async fn build(surface: &str, files: &[(&str, &str)]) -> (MockRest, TempDir, Result<App, AppError>) {
        let api = MockRest::start().await;
        let me = json!({ "id": 1, "name": "Ada" });
        api.on_json("GET /x", json!({ "x": 1 }));
        api.on_json("GET /me", me.clone());
        api.on_json("POST /me", me.clone());
        api.on_json("GET /friends/{id}", me);
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path(), "schema.graphql", &format!("{LINK}{SDL}"));
        files
            .iter()
            .for_each(|(name, text)| write(directory.path(), name, text));
        let surface = if surface.is_empty() {
            String::new()
        } else {
            format!(", {surface}")
        };
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nsurfaces:\n  web: {{ schema: schema.graphql{surface} }}\n\
             http: {{ operation_timeout: 60s }}\nsources: {{ api: {{ override_url: \"{}\", timeout: 50s }} }}\n",
            api.url()
        );
        let config = Config::parse(&text, &directory.path().join("switchboard.yaml"), &|_| None)
            .unwrap_or_else(|error| panic!("{error}"));
        let app = App::build(config);
        (api, directory, app)
    }

    /// Writes a file as tools do that care: beside it, and renamed over it.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        write(self.files.path(), &format!("{name}.new"), text);
        let path = self.files.path().join(name);
        std::fs::rename(path.with_file_name(format!("{name}.new")), path).expect("a file");
    }

    /// Posts a request.
    pub(crate) async fn post(&self, body: Value) -> Told {
        self.post_as(&[], body).await
    }

    /// Posts a request with headers.
    pub(crate) async fn post_as(&self, headers: &[(&str, &str)], body: Value) -> Told {
        let mut request = self.client.post(self.server.url("web")).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Told::of(request.send().await.expect("an answer")).await
    }

    /// Asks by GET.
    pub(crate) async fn get(&self, parameters: &[(&str, &str)]) -> Told {
        let mut url = reqwest::Url::parse(&self.server.url("web")).expect("a URL");
        url.query_pairs_mut().extend_pairs(parameters);
        Told::of(self.client.get(url).send().await.expect("an answer")).await
    }

    /// Asks for a document by the hash of its text.
    pub(crate) async fn by_hash(&self, text: &str) -> Told {
        self.post(json!({ "extensions": extension(text) })).await
    }

    /// Sends a document together with its hash.
    pub(crate) async fn register(&self, text: &str) -> Told {
        self.post(json!({ "query": text, "extensions": extension(text) })).await
    }

    /// Waits until a document that is asked for by its id is answered with data, or no longer is.
    pub(crate) async fn wait_for(&self, id: &str, is_listed: bool) {
        for _ in 0..400 {
            if self.post(json!({ "documentId": id })).await.json.get("data").is_some() == is_listed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{id} is still what it was");
    }

    /// The value of a line of `/metrics`.
    pub(crate) async fn metric(&self, line: &str) -> u64 {
        let admin = self.server.admin.expect("an admin port");
        let answer = self.client.get(format!("http://{admin}/metrics")).send().await;
        let text = answer.expect("an answer").text().await.expect("a text");
        let found = text
            .lines()
            .find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("{line}: {text}"))
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, text).expect("a file");
}

/// The SHA-256 of a text in hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// `extensions` that name a document by its hash.
pub(crate) fn extension(text: &str) -> Value {
    named(json!(sha256(text)))
}

/// `extensions` with this for a hash.
pub(crate) fn named(hash: Value) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

// === impl Told ===

impl Told {
    async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            json: response.json().await.expect("an answer is JSON"),
        }
    }

    /// Status and code of a refusal.
    #[track_caller]
    pub(crate) fn code(&self) -> (u16, &str) {
        assert_eq!(self.json.get("data"), None, "refused before it runs: {self:?}");
        let code = self.json["errors"][0]["extensions"]["code"].as_str();
        (self.status, code.unwrap_or_else(|| panic!("{self:?}")))
    }

    /// The data of an answer without errors.
    #[track_caller]
    pub(crate) fn data(&self) -> &Value {
        assert_eq!((self.status, self.json.get("errors")), (200, None), "{self:?}");
        &self.json["data"]
    }
}
