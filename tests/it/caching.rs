//! What clients and caches before us are told of an answer: how long it is good, for whom, what took part in it, and whether they have it already.

mod compression;
mod tags;

use std::time::Duration;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use http::HeaderMap;
use serde_json::{Value, json};
use switchboard::{app::App, config::Config};
use switchboard_harness::{Answer, MockRest};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

use crate::support::{persisted::sha256, server::TestServer};

const SDL: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@cacheControl"])
  @source(name: "open", http: { baseURL: "http://unused" })
  @source(name: "own", http: { baseURL: "http://unused", headers: [{ name: "authorization", from: "authorization" }] })
type Query {
  plain: Thing @connect(source: "open", http: { GET: "/plain" }, selection: "id")
  minute: Thing @cacheControl(maxAge: 60) @connect(source: "open", http: { GET: "/minute" }, selection: "id part { id }")
  tenants: Thing @cacheControl(maxAge: 60)
    @connect(source: "open", http: { GET: "/minute", queryParams: "tenant: $context.claims.tenant" }, selection: "id part { id }")
  second: Thing @cacheControl(maxAge: 20) @connect(source: "open", http: { GET: "/second" }, selection: "id part { id }")
  private: Thing @cacheControl(maxAge: 60, scope: PRIVATE) @connect(source: "open", http: { GET: "/minute" }, selection: "id")
  number: Int @connect(source: "open", http: { GET: "/minute" }, selection: "$.id")
  goodNumber: Int @cacheControl(maxAge: 60) @connect(source: "open", http: { GET: "/minute" }, selection: "$.id")
  dated: Dated @connect(source: "open", http: { GET: "/minute" }, selection: "id more: { id } own: { id }")
  me: Thing @cacheControl(maxAge: 60) @connect(source: "own", http: { GET: "/me" }, selection: "id")
  public: Thing @cacheControl(maxAge: 60, scope: PUBLIC) @connect(source: "own", http: { GET: "/me" }, selection: "id")
  language: Thing @cacheControl(maxAge: 60)
    @connect(source: "open", http: { GET: "/minute", headers: [{ name: "x-lang", from: "accept-language" }] }, selection: "id tenant: $request.headers.'x-tenant'->first")
  headers: Thing @cacheControl(maxAge: 60)
    @connect(source: "open", http: { GET: "/minute" }, selection: "id tenant: $request.headers->jsonStringify")
  failing: Int @cacheControl(maxAge: 60) @connect(source: "open", http: { GET: "/failing" }, selection: "$.id")
  large: Thing @cacheControl(maxAge: 60) @connect(source: "open", http: { GET: "/large" }, selection: "id tenant: text")
  old: Int @deprecated(reason: "Use number. Since 2026-01-31, sunset 2026-12-31.")
    @connect(source: "open", http: { GET: "/minute" }, selection: "$.id")
  older: Int @deprecated(reason: "Gone on 2026-06-30.") @connect(source: "open", http: { GET: "/minute" }, selection: "$.id")
  undated(by: Int @deprecated): Int @connect(source: "open", http: { GET: "/minute" }, selection: "$.id")
}
type Mutation { change: Thing @cacheControl(maxAge: 60) @connect(source: "open", http: { POST: "/minute" }, selection: "id") }
type Thing { id: Int tenant: String part: Part inherited: Part @cacheControl(inheritMaxAge: true) short: Int @cacheControl(maxAge: 5) }
type Part { id: Int }
type Dated @cacheControl(maxAge: 30) { id: Int more: Inheriting own: Part }
type Inheriting @cacheControl(inheritMaxAge: true) { id: Int }
"#;

/// A server whose answers may be kept. The surface is called `web`.
struct Site {
    api: MockRest,
    server: TestServer,
    client: reqwest::Client,
    _files: TempDir,
}

/// An answer as it came.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

// === impl Site ===

impl Site {
    async fn start() -> Self {
        Self::with("", "").await
    }

    /// With what the surface and `http` say besides.
    async fn with(surface: &str, http: &str) -> Self {
        let api = MockRest::start().await;
        for route in ["GET /plain", "GET /minute", "GET /second", "POST /minute", "GET /me"] {
            api.on_json(route, json!({ "id": 1, "part": { "id": 2 } }));
        }
        let files = tempfile::tempdir().expect("a directory");
        std::fs::write(files.path().join("schema.graphql"), SDL).expect("a file");
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: off\nsurfaces: {{ web: {{ schema: schema.graphql{surface} }} }}\nhttp: {{ {http} }}\n\
             sources: {{ open: {{ override_url: \"{url}\" }}, own: {{ override_url: \"{url}\" }} }}\n",
            url = api.url()
        );
        let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &|_| None);
        let app =
            App::build(config.unwrap_or_else(|error| panic!("{error}"))).unwrap_or_else(|error| panic!("{error}"));
        Self {
            api,
            server: TestServer::start(app).await,
            client: reqwest::Client::new(),
            _files: files,
        }
    }

    /// Has a source say how long its answer is good.
    fn says(&self, route: &str, cache_control: &'static str) -> &Self {
        self.api.on(route, move |_| {
            Answer::json(json!({ "id": 1, "part": { "id": 2 } })).with_header("cache-control", cache_control)
        });
        self
    }

    async fn get(&self, query: &str) -> Got {
        self.get_as(query, &[]).await
    }

    async fn get_as(&self, query: &str, headers: &[(&str, &str)]) -> Got {
        self.ask(&[("query", query)], headers).await
    }

    async fn ask(&self, parameters: &[(&str, &str)], headers: &[(&str, &str)]) -> Got {
        let mut url = reqwest::Url::parse(&self.server.url("web")).expect("a URL");
        url.query_pairs_mut().extend_pairs(parameters);
        let request = self.client.get(url);
        Got::of(with_headers(request, headers)).await
    }

    async fn post(&self, body: Value, headers: &[(&str, &str)]) -> Got {
        let request = self.client.post(self.server.url("web")).json(&body);
        Got::of(with_headers(request, headers)).await
    }

    async fn control(&self, query: &str) -> String {
        self.get(query).await.header("cache-control")
    }
}

fn with_headers(mut request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

// === impl Got ===

impl Got {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("a body").to_vec(),
        }
    }

    /// A header's lines, joined; empty when there is none.
    #[track_caller]
    fn header(&self, name: &str) -> String {
        let lines: Vec<&str> = self
            .headers
            .get_all(name)
            .iter()
            .map(|line| line.to_str().expect("text"))
            .collect();
        lines.join(" | ")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body, decompressed by what the answer says of it.
    async fn decoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let body = &self.body[..];
        match &*self.header("content-encoding") {
            "gzip" => GzipDecoder::new(body).read_to_end(&mut out).await,
            "br" => BrotliDecoder::new(body).read_to_end(&mut out).await,
            "zstd" => ZstdDecoder::new(body).read_to_end(&mut out).await,
            other => panic!("not a coding: {other:?}"),
        }
        .expect("decompresses");
        out
    }
}

/// Lets the server's clock go on; sockets work in real time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

// --- how long ---

#[tokio::test]
async fn what_one_field_makes_of_who_asks_is_not_said_of_another_that_makes_the_same_call() {
    let site = Site::start().await;

    assert_eq!(site.control("{ tenants { id } }").await, "max-age=60, private");
    // Who has no tenant makes the call that everybody makes.
    assert_eq!(site.control("{ minute { id } }").await, "max-age=60, public");
    assert_eq!(site.api.calls(), 2);
}

#[tokio::test]
async fn what_the_schema_says_of_all_fields_is_what_clients_are_told() {
    let site = Site::start().await;
    let cases = [
        ("{ minute { id } }", "max-age=60, public"),
        ("{ minute { id } second { id } }", "max-age=20, public"),
        ("{ minute { id } private { id } }", "max-age=60, private"),
        ("{ private { id } }", "max-age=60, private"),
        ("{ goodNumber }", "max-age=60, public"),
        // Root fields and objects of which nobody says anything.
        ("{ number }", "no-store"),
        ("{ goodNumber number }", "no-store"),
        ("{ plain { id } }", "no-store"),
        ("{ minute { part { id } } }", "no-store"),
        // By the type; its objects inherit where they say so.
        ("{ dated { id } }", "max-age=30, public"),
        ("{ dated { more { id } } }", "max-age=30, public"),
        ("{ dated { own { id } } }", "no-store"),
        ("{ minute { inherited { id } } }", "max-age=60, public"),
        ("{ minute { short } }", "max-age=5, public"),
        // Nobody says how long these are good.
        ("{ __typename }", "no-store"),
        ("{ minute { id } __type(name: \"Thing\") { name } }", "no-store"),
    ];
    for (query, expected) in cases {
        assert_eq!(site.control(query).await, expected, "{query}");
    }
    let skipped = "query($no: Boolean = false) { minute { id part @include(if: $no) { id } } }";
    assert_eq!(
        site.control(skipped).await,
        "max-age=60, public",
        "what is left out does not count"
    );
}

#[tokio::test]
async fn of_schema_and_sources_the_strictest_counts() {
    let cases = [
        ("max-age=10", "max-age=10, public"),
        ("public, max-age=3600", "max-age=60, public"),
        ("s-maxage=30, max-age=5", "max-age=30, public"),
        ("private, max-age=50", "max-age=50, private"),
        ("private", "max-age=60, private"),
        ("no-store", "no-store"),
        ("no-cache", "no-store"),
        ("max-age=0", "no-store"),
        ("max-age=soon", "no-store"),
    ];
    for (said, expected) in cases {
        let site = Site::start().await;
        site.says("GET /minute", said);
        assert_eq!(site.control("{ minute { id } }").await, expected, "{said}");
        // Of two sources as well.
        let both = site.control("{ minute { id } second { id } }").await;
        let expected = match expected {
            "max-age=10, public" | "no-store" => expected,
            expected if expected.ends_with("private") => "max-age=20, private",
            _ => "max-age=20, public",
        };
        assert_eq!(both, expected, "{said}");
    }
}

#[tokio::test]
async fn a_source_alone_does_not_make_an_answer_public() {
    let site = Site::start().await;
    site.says("GET /plain", "public, max-age=60");

    assert_eq!(site.control("{ plain { id } }").await, "no-store");
}

#[tokio::test]
async fn errors_mutations_and_refusals_are_stored_by_nobody() {
    let site = Site::start().await;
    site.api.on("GET /failing", |_| Answer::status(500));

    for query in [
        "{ failing }",
        "{ minute { id } failing }",
        "{ nonsense }",
        "{ minute",
        "{ minute { id ...F } }",
    ] {
        let got = site.get(query).await;
        assert!(got.json()["errors"].is_array(), "{query}");
        assert_eq!(got.header("cache-control"), "no-store", "{query}");
        assert_eq!(got.header("etag"), "", "{query}");
    }
    let changed = site.post(json!({ "query": "mutation { change { id } }" }), &[]).await;
    assert_eq!((changed.status, &*changed.header("cache-control")), (200, "no-store"));
    let by_get = site.get("mutation { change { id } }").await;
    assert_eq!((by_get.status, &*by_get.header("cache-control")), (405, "no-store"));
    let nowhere = site.client.get(format!("http://{}/nowhere", site.server.address));
    let nowhere = Got::of(nowhere).await;
    assert_eq!((nowhere.status, &*nowhere.header("cache-control")), (404, "no-store"));
    let posted = site.post(json!({ "query": "{ minute { id } }" }), &[]).await;
    assert_eq!(posted.header("cache-control"), "max-age=60, public");
    assert_eq!(posted.header("vary"), "accept");
    assert_eq!(posted.header("etag"), "", "what has no URL is not asked for again");
}

#[tokio::test]
async fn an_answer_with_its_cost_does_not_stand_for_the_one_without() {
    let site = Site::start().await;

    let got = site
        .get_as("{ minute { id } }", &[("x-switchboard-cost", "true")])
        .await;
    assert_eq!(got.header("cache-control"), "no-store");
    let dry = site
        .get_as("{ minute { id } }", &[("x-switchboard-dry-run", "cost")])
        .await;
    assert_eq!(dry.header("cache-control"), "no-store");
}

// --- whose ---

#[tokio::test]
async fn what_credentials_have_brought_is_private_unless_declared_public() {
    let site = Site::start().await;
    let ann = [("authorization", "Bearer ann")];

    let mine = site.get_as("{ me { id } }", &ann).await;
    assert_eq!(mine.header("cache-control"), "max-age=60, private");
    assert_eq!(mine.header("vary"), "accept, authorization");
    let declared = site.get_as("{ public { id } }", &ann).await;
    assert_eq!(declared.header("cache-control"), "max-age=60, public");
    assert_eq!(declared.header("vary"), "accept, authorization");
    let unused = site.get_as("{ minute { id } }", &ann).await;
    assert_eq!(unused.header("cache-control"), "max-age=60, public", "nobody read it");
    assert_eq!(unused.header("vary"), "accept");
}

#[tokio::test]
async fn vary_names_every_header_of_the_client_that_a_step_used_and_no_other() {
    let site = Site::start().await;

    let got = site
        .get_as("{ language { id } }", &[("x-tenant", "t"), ("x-other", "o")])
        .await;
    assert_eq!(got.header("vary"), "accept, accept-language, x-tenant");
    assert_eq!(got.header("cache-control"), "max-age=60, public");
    let all = site.get("{ headers { tenant } }").await;
    assert_eq!(all.header("vary"), "*", "it may depend on any");
    assert_eq!(all.header("cache-control"), "no-store");
}

#[tokio::test]
async fn vary_names_the_origin_where_origins_are_listed() {
    let site = Site::with("", "cors: { origins: [\"https://shop.example\"] }").await;

    let got = site
        .get_as("{ minute { id } }", &[("origin", "https://shop.example")])
        .await;
    assert_eq!(got.header("vary"), "accept | origin");
    assert_eq!(got.header("access-control-allow-origin"), "https://shop.example");
    let other = site
        .get_as(
            "{ minute { id } }",
            &[("graphql-require-preflight", "1"), ("origin", "https://evil.example")],
        )
        .await;
    assert_eq!(other.header("vary"), "accept | origin");
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_document_that_is_one_clients_alone_varies_by_who_asks() {
    let files = tempfile::tempdir().expect("a directory");
    let manifest = files.path().join("ios.json");
    std::fs::write(&manifest, r#"{ "one": "{ minute { id } }" }"#).expect("a file");
    let listed = format!(
        ", persisted: {{ manifests: [{{ file: \"{}\", client: ios }}] }}",
        manifest.display()
    );
    let site = Site::with(&listed, "").await;

    let got = site
        .ask(&[("documentId", "one")], &[("graphql-client-name", "ios")])
        .await;
    assert_eq!(got.json()["data"]["minute"]["id"], 1);
    assert_eq!(
        got.header("vary"),
        "accept, apollographql-client-name, apollographql-client-version, graphql-client-name, graphql-client-version"
    );
}

// --- again ---

#[tokio::test]
async fn an_answer_that_was_kept_here_says_for_how_long() {
    let site = Site::start().await;

    let made = site.get("{ minute { id } }").await;
    assert_eq!(
        (made.header("age"), made.header("cache-control")),
        (String::new(), "max-age=60, public".to_owned())
    );
    pass(Duration::from_secs(25)).await;
    let kept = site.get("{ minute { id } }").await;
    assert_eq!(
        (&*kept.header("age"), &*kept.header("cache-control")),
        ("25", "max-age=60, public")
    );
    assert_eq!(kept.header("etag"), made.header("etag"));
    // Another operation, made of what is kept of the source.
    let partly = site.get("{ a: minute { id } }").await;
    assert_eq!(
        (&*partly.header("age"), &*partly.header("cache-control")),
        ("", "max-age=35, public")
    );
    assert_eq!(site.api.calls(), 1);
}

#[tokio::test]
async fn an_answer_is_not_kept_longer_than_its_fields_say() {
    let site = Site::start().await;
    let query = "{ minute { id short } }";

    assert_eq!(site.control(query).await, "max-age=5, public");
    pass(Duration::from_secs(4)).await;
    assert_eq!(site.get(query).await.header("age"), "4");
    pass(Duration::from_secs(1)).await;
    let fresh = site.get(query).await;
    assert_eq!(
        (&*fresh.header("age"), &*fresh.header("cache-control")),
        ("", "max-age=5, public")
    );
}

#[tokio::test]
async fn a_hash_by_get_can_be_kept_once_it_is_known_and_not_before() {
    let site = Site::start().await;
    let text = "{ minute { id } }";
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": sha256(text) } });
    let by_hash = [("extensions", &*extensions.to_string())];

    let missed = site.ask(&by_hash, &[]).await;
    assert_eq!(missed.header("cache-control"), "private, no-cache, must-revalidate");
    assert_eq!(missed.header("etag"), "");
    site.post(json!({ "query": text, "extensions": extensions }), &[]).await;
    let known = site.ask(&by_hash, &[]).await;
    assert_eq!(known.header("cache-control"), "max-age=60, public");
    let document = format!("sha256:{}", sha256(text));
    let again = site
        .ask(
            &[("documentId", &*document)],
            &[("if-none-match", &*known.header("etag"))],
        )
        .await;
    assert_eq!(again.status, 304);
}

// --- deprecation ---

#[tokio::test]
async fn an_operation_that_asks_for_something_deprecated_is_told_so() {
    let site = Site::start().await;
    let cases = [
        ("{ old }", "@1769817600", "Thu, 31 Dec 2026 00:00:00 GMT"),
        ("{ older }", "@0", "Tue, 30 Jun 2026 00:00:00 GMT"),
        ("{ old older }", "@1769817600", "Tue, 30 Jun 2026 00:00:00 GMT"),
        ("{ undated(by: 1) }", "@0", ""),
        ("{ undated }", "", ""),
        ("{ number }", "", ""),
        (
            "{ ...F } fragment F on Query { old @include(if: false) number }",
            "",
            "",
        ),
    ];
    for (query, since, sunset) in cases {
        let got = site.post(json!({ "query": query }), &[]).await;
        assert_eq!(
            (&*got.header("deprecation"), &*got.header("sunset")),
            (since, sunset),
            "{query}"
        );
    }
}

// --- compression ---
