//! A server on a real socket for requests that mean no good: a closed surface, an open one, and one without limits.

use std::fmt::Write as _;

use serde_json::{Value, json};
use switchboard::{app::App, config::Config};
use switchboard_harness::{Answer, MockRest};
use tempfile::TempDir;

use super::{LINK, server::TestServer};

const SDL: &str = r#"
extend schema @source(name: "api", http: { baseURL: "http://unused" })
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  me: User @connect(source: "api", http: { GET: "/me" }, selection: "id name")
  user(id: ID!): User @connect(source: "api", http: { GET: "/users/{$args.id}" }, selection: "id name")
  users(first: Int): [User!] @connect(source: "api", http: { GET: "/users" }, selection: "id name")
  node: Node @connect(source: "api", http: { GET: "/me" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
  search(colour: Colour, by: By): [ID] @connect(source: "api", http: { GET: "/search" }, selection: "$.ids")
  echo(text: String, number: Int, float: Float, any: JSON): JSON
    @connect(source: "api", http: { POST: "/echo", body: "text: $args.text number: $args.number" }, selection: "$")
}
type Mutation { add: User @connect(source: "api", http: { POST: "/users" }, selection: "id name") }
interface Node { id: ID node: Node }
type User implements Node {
  id: ID
  name: String
  node: Node @connect(source: "api", http: { GET: "/nodes/{$this.id}" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
  friends(first: Int): [User!] @connect(source: "api", http: { GET: "/users/{$this.id}/friends" }, selection: "id name")
}
type Robot implements Node {
  id: ID
  name: String
  node: Node @connect(source: "api", http: { GET: "/nodes/{$this.id}" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
}
enum Colour { RED GREEN }
input By { ids: [ID!] colour: Colour name: String }
scalar JSON
"#;

/// What a test holds.
pub(crate) struct Threats {
    pub(crate) api: MockRest,
    server: TestServer,
    client: reqwest::Client,
    _files: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) text: String,
}

// === impl Threats ===

impl Threats {
    pub(crate) async fn start() -> Self {
        let api = MockRest::start().await;
        let me = json!({ "id": 1, "name": "Ada", "kind": "u" });
        api.on_json("GET /x", json!({ "x": 1 }));
        api.on_json("GET /me", me.clone());
        api.on_json("GET /nodes/{id}", json!(null));
        api.on_json("GET /users/{id}", me.clone());
        api.on_json("GET /users", json!([me]));
        api.on_json("GET /users/{id}/friends", json!([me]));
        api.on("POST /echo", |request| {
            Answer::json(serde_json::from_slice(&request.body).unwrap_or_default())
        });
        let files = tempfile::tempdir().expect("a directory");
        std::fs::write(files.path().join("schema.graphql"), format!("{LINK}{SDL}")).expect("a file");
        let none = [
            "body_bytes",
            "document_bytes",
            "tokens",
            "nesting",
            "depth",
            "aliases",
            "root_fields",
            "directives",
            "cost",
            "calls",
        ];
        let none = none
            .iter()
            .chain(&["list_size", "input_list", "string_bytes", "expanded_selections"]);
        let none = none.fold(String::new(), |mut text, key| {
            let _ = write!(text, "{key}: 0, ");
            text
        });
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: off\nsurfaces:\n  \
               closed: {{ schema: schema.graphql }}\n  \
               open: {{ schema: schema.graphql, introspection: true }}\n  \
               loose: {{ schema: schema.graphql, introspection: true, limits: {{ {none} }} }}\n\
             http: {{ operation_timeout: 60s }}\nsources: {{ api: {{ override_url: \"{}\", timeout: 50s }} }}\n",
            api.url()
        );
        let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &|_| None)
            .unwrap_or_else(|error| panic!("{error}"));
        let server = TestServer::start(App::build(config).unwrap_or_else(|error| panic!("{error}"))).await;
        Self {
            api,
            server,
            client: reqwest::Client::new(),
            _files: files,
        }
    }

    /// Where a surface is served.
    pub(crate) fn url(&self, surface: &str) -> String {
        self.server.url(surface)
    }

    /// Posts `{"query": …}` to the closed surface.
    pub(crate) async fn query(&self, query: &str) -> Told {
        self.on("closed", query).await
    }

    pub(crate) async fn on(&self, surface: &str, query: &str) -> Told {
        self.post(surface, json!({ "query": query }).to_string()).await
    }

    /// With variables.
    pub(crate) async fn with(&self, query: &str, variables: Value) -> Told {
        self.post("closed", json!({ "query": query, "variables": variables }).to_string())
            .await
    }

    /// Posts a body as it is.
    pub(crate) async fn post(&self, surface: &str, body: impl Into<Vec<u8>>) -> Told {
        let request = self
            .client
            .post(self.server.url(surface))
            .header("content-type", "application/json");
        Told::of(request.body(body.into()).send().await.expect("an answer")).await
    }

    /// Asks by GET, with these parameters.
    pub(crate) async fn get(&self, surface: &str, parameters: &[(&str, &str)]) -> Told {
        let mut url = reqwest::Url::parse(&self.server.url(surface)).expect("a URL");
        url.query_pairs_mut().extend_pairs(parameters);
        Told::of(self.client.get(url).send().await.expect("an answer")).await
    }
}

// === impl Told ===

impl Told {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            text: response.text().await.expect("a text"),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a refusal: errors, no data, no 5xx.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let answer = self.json();
        assert!(self.status < 500, "{self:?}");
        assert_eq!(answer.get("data"), None, "refused before it runs: {self:?}");
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let code = errors[0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"));
        code.to_owned()
    }

    /// The data of an answer without errors.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut answer = self.json();
        assert_eq!((self.status, answer.get("errors")), (200, None), "{self:?}");
        answer["data"].take()
    }
}
