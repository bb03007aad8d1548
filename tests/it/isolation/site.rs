//! A site whose answers depend on who asks in every way there is: sources that are passed headers or told claims, mappings and rules that read
//! them, items of batches, loaders, gRPC, a schema in Rust; each kept for nobody, for all or for their user.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use async_graphql::{Context, EmptyMutation, EmptySubscription, Json, Object, Schema, SimpleObject};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use switchboard::local::{Caller, LocalSchema};
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest, RestRequest};

use crate::support::guarded::{Guarded, Signer};

/// Keys of programs, as they send them.
pub(super) const API_KEYS: [&str; 2] = ["partner-key-a", "partner-key-b"];

const PROTO: &str = r#"
syntax = "proto3";
package t;
service Echo { rpc Say(Asked) returns (Said) { option idempotency_level = NO_SIDE_EFFECTS; } }
message Asked { int32 n = 1; }
message Said { string echo = 1; string nonce = 2; }
"#;

const AUTH: &str = r#"  issuers: { main: { issuer: "https://login.example", audience: shop-api, jwks_url: "{issuer}/keys" } }
  session: { cookie: session, secure: false }
  api_keys: { keys: {
    a: { sha256: "{a}", claims: { tenant: t1, tier: pro }, scopes: [read] },
    b: { sha256: "{b}", claims: { sub: ann, tenant: "1" }, scopes: [read, write] } } }
  policies:
    staff: { rule: "$context.claims.role->eq('staff')" }
    own: { rule: "$context.claims.sub->eq($args.id)" }
    owner: { rule: "$context.claims.sub->eq($this.owner)" }
    tenant: { rule: "$context.claims.tenant->eq('t1')", refused: absent }
  forward:
    headers: { x-user: sub, x-tier: tier }
    token: { private_key_file: es256-b.pem, algorithm: ES256, claims: [sub, tenant, role] }
"#;

const SOURCES: &str = r#"
extend schema
  @source(name: "own", http: { baseURL: "http://unused", headers: [
    { name: "authorization", from: "authorization" } { name: "cookie", from: "cookie" } { name: "x-tenant", from: "x-tenant" } ] })
  @source(name: "told", http: { baseURL: "http://unused" })
  @source(name: "signed", http: { baseURL: "http://unused" })
  @source(name: "rpc", grpc: { address: "http://unused", schema: { proto: ["echo.proto"] },
    metadata: [{ name: "authorization", from: "authorization" } { name: "x-told", value: "{$context.claims.tenant}" }] })
  @source(name: "here", local: { schema: "here" })
scalar Any
type Echo { echo: Any who: Any nonce: String }
type Part { id: Int echo: Any who: Any nonce: String }
type Vault @authenticated { echo: Any }
type User @cacheControl(maxAge: 60)
  @connect(source: "own", http: { GET: "/users", queryParams: "id: $batch.id" }, batch: { maxSize: 50 },
    selection: "$.users { id echo friend: { id: friendId } }") { id: ID! echo: Any friend: User }
"#;

/// Sources that are asked over HTTP.
const REST: [&str; 4] = ["api", "own", "told", "signed"];

/// How long answers are good, and for whom: by the schema, or by the source.
const POLICIES: [(&str, &str); 6] = [
    ("plain", ""),
    ("kept", "@cacheControl(maxAge: 60)"),
    ("public", "@cacheControl(maxAge: 60, scope: PUBLIC)"),
    ("private", "@cacheControl(maxAge: 60, scope: PRIVATE)"),
    ("saidPublic", ""),
    ("saidPrivate", ""),
];

/// What mappings read of who asks.
const READERS: [(&str, &str); 4] = [
    ("language", "$request.headers.'accept-language'->first"),
    ("claim", "$context.claims.tenant"),
    ("scopes", "$context.scopes"),
    ("context", "$context"),
];

/// A field of the root that a question can have.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) name: String,
    /// With `N` where a number or a variable goes.
    pub(super) arguments: &'static str,
    /// What is asked of it; empty: some fields of items.
    pub(super) selection: &'static str,
    sdl: String,
}

/// A running site.
pub(super) struct Site {
    server: Guarded,
}

/// What a site's sources share with other sites, so that both answer alike.
pub(super) struct Sources {
    api: MockRest,
    issuer: MockRest,
    rpc: MockGrpc,
}

// === what is served ===

fn root(name: String, arguments: &'static str, selection: &'static str, rest: &str) -> Root {
    let takes = match arguments {
        "(id: N)" => "(id: ID)",
        _ => "(n: Int = 0)",
    };
    let ty = match selection {
        "" => "[Item]",
        "{ echo __typename }" => "Vault",
        _ => "Echo",
    };
    let sdl = format!("  {name}{takes}: {ty} {rest}\n");
    Root {
        name,
        arguments,
        selection,
        sdl,
    }
}

/// Whose nonce may be looked at: that of an answer which is its user's alone.
fn selection(policy: &str, reads: bool) -> &'static str {
    match (policy, reads) {
        ("private", false) => "{ echo nonce }",
        ("private", true) => "{ echo who nonce }",
        (_, false) => "{ echo }",
        (_, true) => "{ echo who }",
    }
}

/// All fields of the root.
pub(super) fn roots() -> Vec<Root> {
    const N: &str = "(n: N)";
    let mut roots = Vec::new();
    for (policy, directive) in POLICIES {
        let get = format!("http: {{ GET: \"/echo/{policy}/{{$args.n}}\" }}");
        for source in REST {
            let rest = format!("{directive} @connect(source: \"{source}\", {get}, selection: \"echo nonce\")");
            roots.push(root(format!("{source}_{policy}"), N, selection(policy, false), &rest));
        }
        for (reader, reads) in READERS {
            let rest =
                format!("{directive} @connect(source: \"api\", {get}, selection: \"\"\"echo nonce who: {reads}\"\"\")");
            roots.push(root(format!("{reader}_{policy}"), N, selection(policy, true), &rest));
        }
        if policy.starts_with("said") {
            continue;
        }
        for (source, call) in [
            ("rpc", "grpc: { method: \"t.Echo/Say\", message: \"n: $args.n\" }"),
            ("here", "local: { field: \"Query.say\", args: \"n: $args.n\" }"),
        ] {
            let rest = format!("{directive} @connect(source: \"{source}\", {call}, selection: \"echo nonce\")");
            roots.push(root(format!("{source}_{policy}"), N, selection(policy, false), &rest));
        }
        let sent = format!(
            "{directive} @connect(source: \"api\", http: {{ GET: \"/echo/{policy}/{{$args.n}}\", \
             headers: [{{ name: \"x-told\", value: \"{{$context.claims.role}}\" }}] }}, selection: \"echo nonce\")"
        );
        roots.push(root(format!("sent_{policy}"), N, selection(policy, false), &sent));
        let url = format!(
            "{directive} @connect(source: \"api\", http: {{ GET: \"/echo/{policy}/{{$context.claims.tenant}}\" }}, selection: \"echo nonce\")"
        );
        roots.push(root(format!("url_{policy}"), N, selection(policy, false), &url));
    }
    roots.extend(guarded_roots());
    roots.extend(failing_roots());
    for _ in 0..8 {
        // As often as all the others are there.
        roots.push(root("items".into(), N, "", ""));
    }
    roots
}

/// Fields that not everybody may have, kept for all who may.
fn guarded_roots() -> Vec<Root> {
    const N: &str = "(n: N)";
    let mut roots = Vec::new();
    let public = |guard: &str, selection: &str| {
        format!(
            "@cacheControl(maxAge: 60, scope: PUBLIC) {guard} \
             @connect(source: \"api\", http: {{ GET: \"/echo/guarded/0\" }}, selection: \"{selection}\")"
        )
    };
    roots.push(root(
        "known_public".into(),
        N,
        "{ echo }",
        &public("@authenticated", "echo"),
    ));
    let scopes = "@requiresScopes(scopes: [[\"read\", \"write\"], [\"admin\"]])";
    roots.push(root("scoped_public".into(), N, "{ echo }", &public(scopes, "echo")));
    roots.push(root(
        "staff_public".into(),
        N,
        "{ echo }",
        &public("@policy(policies: [[\"staff\"]])", "echo"),
    ));
    roots.push(root(
        "tenant_public".into(),
        N,
        "{ echo }",
        &public("@policy(policies: [[\"tenant\"]])", "echo"),
    ));
    roots.push(root(
        "self_public".into(),
        "(id: N)",
        "{ echo }",
        &public("@policy(policies: [[\"own\"]])", "echo"),
    ));
    roots.push(root(
        "vault_public".into(),
        N,
        "{ echo __typename }",
        &public("", "echo"),
    ));
    roots
}

/// Fields whose call fails: what stands in for them, and what is said of it, depends on who asks.
fn failing_roots() -> [Root; 2] {
    const N: &str = "(n: N)";
    let refused = "http: { GET: \"/refused\" }";
    let fallback = format!(
        "@fallback(selection: \"who: $context.claims.sub\") @connect(source: \"api\", {refused}, selection: \"echo\")"
    );

    let errors = format!(
        "@connect(source: \"api\", {refused}, errors: {{ message: \"$context.claims.sub ?? 'nobody'\", \
         extensions: \"\"\"language: $request.headers.'accept-language'->first\"\"\" }}, selection: \"echo\")"
    );
    [
        root("fallback".into(), N, "{ who }", &fallback),
        root("errors".into(), N, "{ who }", &errors),
    ]
}

/// Fields of items: what the schema says, and what a question selects.
pub(super) fn item_fields() -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (policy, directive) in POLICIES {
        let batch = |source: &str, reads: &str| {
            format!(
                "Part {directive} @connect(source: \"{source}\", http: {{ GET: \"/parts/{policy}\", queryParams: \"id: $batch.id\" }}, \
                 batch: {{ groupBy: \"id: id\" }}, selection: \"\"\"$.parts {{ id echo nonce {reads} }}\"\"\")"
            )
        };
        for source in REST {
            let name = format!("{source}_{policy}");
            fields.push((
                format!("{name}: {}", batch(source, "")),
                format!("{name} {}", selection(policy, false)),
            ));
        }
        for (reader, reads) in READERS {
            let name = format!("{reader}_{policy}");
            let sdl = format!("{name}: {}", batch("api", &format!("who: {reads}")));
            fields.push((sdl, format!("{name} {}", selection(policy, true))));
        }
    }
    let one = "@connect(source: \"api\", http: { GET: \"/echo/kept/{$this.id}\" }, selection: \"echo\")";
    for (name, guard) in [
        ("mine_kept", "@policy(policies: [[\"owner\"]])"),
        ("open_kept", "@policy(policies: [[\"owner\"], [\"staff\"]])"),
        ("scoped_kept", "@requiresScopes(scopes: [[\"admin\"]])"),
    ] {
        fields.push((
            format!("{name}: Echo @cacheControl(maxAge: 60) {guard} {one}"),
            format!("{name} {{ echo }}"),
        ));
    }
    for _ in 0..6 {
        let loaded = "holder { id echo friend { id echo friend { echo } } }";
        fields.push((String::new(), loaded.to_owned()));
    }
    fields
}

fn sdl() -> String {
    let mut text = format!("{SOURCES}type Query {{\n");
    roots()
        .iter()
        .filter(|root| root.name != "items")
        .for_each(|root| text.push_str(&root.sdl));
    text.push_str(
        "  items(n: Int = 0): [Item] @cacheControl(maxAge: 60, scope: PUBLIC)\n    @connect(source: \"api\", http: { GET: \"/items/{$args.n}\" }, \
         selection: \"$.items { id owner holder: { id: owner } }\")\n}\ntype Item {\n  id: Int\n  owner: ID\n  holder: User\n",
    );
    for (field, _) in item_fields().iter().filter(|(sdl, _)| !sdl.is_empty()) {
        let _ = writeln!(text, "  {field}");
    }
    text.push_str("}\n");
    text
}

// === the sources ===

/// What a source sees of who asks: it answers nothing else.
fn seen(headers: &HeaderMap) -> Value {
    let mut seen = Map::new();
    for name in ["authorization", "cookie", "x-tenant", "x-user", "x-tier", "x-told"] {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if !values.is_empty() {
            seen.insert(name.to_owned(), json!(values));
        }
    }
    if let Some(token) = headers.get("x-internal-token").and_then(|token| token.to_str().ok()) {
        let claims = token
            .split('.')
            .nth(1)
            .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let mut claims: Map<String, Value> = serde_json::from_slice(&claims.unwrap_or_default()).unwrap();
        // It is another one every minute, and says the same.
        claims.retain(|name, _| !matches!(name.as_str(), "iat" | "exp"));
        seen.insert("token".to_owned(), Value::Object(claims));
    }
    Value::Object(seen)
}

/// Different in every answer.
fn nonce() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("n{}", NEXT.fetch_add(1, Relaxed))
}

fn said(request: &RestRequest, answer: Value) -> Answer {
    let answer = Answer::json(answer);
    match request.path.split('/').nth(2) {
        Some("saidPublic") => answer.with_header("cache-control", "public, max-age=60"),
        Some("saidPrivate") => answer.with_header("cache-control", "private, max-age=60"),
        _ => answer,
    }
}

fn api(api: &MockRest) {
    api.on("GET /echo/{policy}/{n}", |request| {
        let echo = json!({ "path": request.path, "seen": seen(&request.headers) });
        said(request, json!({ "echo": echo, "nonce": nonce() }))
    });
    api.on("GET /parts/{policy}", |request| {
        let part =
            |id: String| json!({ "id": id.parse::<i32>().unwrap(), "echo": seen(&request.headers), "nonce": nonce() });
        let parts: Vec<_> = request.query_values("id").into_iter().map(part).collect();
        said(request, json!({ "parts": parts }))
    });
    api.on("GET /items/{n}", |request| {
        let n: usize = request.captured("n").parse().unwrap();
        let item = |id: usize| json!({ "id": id, "owner": (["ann", "bob", "a", "nn"])[id % 4] });
        Answer::json(json!({ "items": [item(n), item(n + 1), item(n + 2)] }))
    });
    api.on("GET /users", |request| {
        let user = |id: String| {
            let friend = match id.as_str() {
                "ann" => "bob",
                "bob" => "nn",
                _ => "ann",
            };
            json!({ "id": id, "echo": seen(&request.headers), "friendId": friend })
        };
        Answer::json(json!({ "users": request.query_values("id").into_iter().map(user).collect::<Vec<_>>() }))
    });
    api.on("GET /refused", |_| Answer::json(json!({})).with_status(400));
}

struct Here;

#[derive(SimpleObject)]
struct Said {
    echo: Json<Value>,
    nonce: String,
}

#[Object]
impl Here {
    async fn say(&self, ctx: &Context<'_>, n: Option<i32>) -> async_graphql::Result<Said> {
        let caller = ctx.data::<Caller>()?;
        let echo = json!({ "n": n, "seen": seen(caller.headers()), "language": caller.header("accept-language"), "context": caller.context() });
        Ok(Said {
            echo: Json(echo),
            nonce: nonce(),
        })
    }
}

// === impl Sources ===

impl Sources {
    pub(super) async fn start() -> Self {
        let (rest, issuer) = (MockRest::start().await, MockRest::start().await);
        api(&rest);
        rest.keep_log(false);
        issuer.on_json("GET /keys", json!({ "keys": [Signer::good().jwk()] }));
        let rpc = MockGrpc::start(&[("echo.proto", PROTO)]).await;
        rpc.on("t.Echo/Say", |request| {
            let echo = json!({ "n": request.message["n"], "seen": seen(&request.metadata) });
            GrpcAnswer::json(json!({ "echo": echo.to_string(), "nonce": nonce() }))
        });
        Self { api: rest, issuer, rpc }
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> u64 {
        self.api.calls() + self.rpc.calls()
    }

    /// Has them answer so much later.
    pub(super) fn delay(&self, delay: std::time::Duration) {
        self.api.delay(delay);
        self.rpc.delay(delay);
    }

    /// A site before them. `surface`: what each of its two surfaces has in its configuration. `listed`: documents with the id `home`, by client.
    pub(super) async fn site(&self, surface: &str, listed: &[(&str, &str)]) -> Site {
        let hash = |key: &str| {
            sha2::Sha256::digest(key.as_bytes())
                .iter()
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        };
        let auth = AUTH
            .replace("{a}", &hash(API_KEYS[0]))
            .replace("{b}", &hash(API_KEYS[1]));
        let manifests: Vec<(String, String)> = listed
            .iter()
            .map(|(client, text)| (format!("file:{client}.json"), json!({ "home": text }).to_string()))
            .collect();
        let named = listed.iter().map(|(client, _)| match *client {
            "" => "{ file: .json }".to_owned(),
            client => format!("{{ file: {client}.json, client: {client} }}"),
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let surface = format!("{surface}, persisted: {{ registrations_per_minute: 0, manifests: [{named}] }}");
        let members = format!("  members: {{ schema: schema.graphql, require_auth: true, {surface} }}");
        // Calls are counted: a busy machine must not have one made again because it took long.
        let url = |backend: String, more: &str| format!("{{ override_url: \"{backend}\", timeout: 30s, {more} }}");
        let sources = format!(
            "own: {}, told: {}, signed: {}, rpc: {}",
            url(self.api.url(), ""),
            url(self.api.url(), "identity: headers"),
            url(self.api.url(), "identity: token"),
            url(self.rpc.url(), ""),
        );
        let mut sections = vec![
            ("auth", auth.as_str()),
            ("surface", &surface),
            ("surfaces", &members),
            ("sources", &sources),
            ("http", "compression: { min_bytes: 1 }"),
            ("file:echo.proto", PROTO),
        ];
        sections.extend(manifests.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let here: LocalSchema = Schema::build(Here, EmptyMutation, EmptySubscription).into();
        let server = Guarded::between(
            self.api.clone(),
            self.issuer.clone(),
            &sdl(),
            &sections,
            vec![("here", here)],
        )
        .await;
        Site { server }
    }
}

// === impl Site ===

impl Site {
    /// Where a surface is served.
    pub(super) fn url(&self, surface: &str) -> String {
        self.server.server.url(surface)
    }
}
