//! A server on a real socket that wants to know who asks: an issuer of tokens, a source, and what a test adds to the configuration.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use switchboard::{Builder, config::Config, local::LocalSchema};
use switchboard_harness::{Answer, MockRest};
use tempfile::TempDir;

use super::{root, server::TestServer};

/// `iss` of all tokens.
pub(crate) const ISSUER: &str = "https://login.example";
/// `aud` of tokens for us.
pub(crate) const AUDIENCE: &str = "shop-api";

pub(crate) const LINK: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1",
        import: ["@cacheControl", "@authenticated", "@requiresScopes", "@policy", "@listSize", "@cost", "@fallback"])
      @source(name: "api", http: { baseURL: "http://unused" })
"#;

/// A key that tokens are signed with.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
    pub(crate) id: Option<String>,
}

/// What a test holds.
pub(crate) struct Guarded {
    pub(crate) api: MockRest,
    pub(crate) issuer: MockRest,
    pub(crate) server: TestServer,
    pub(crate) client: reqwest::Client,
    _files: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A file of `tests/it/keys`.
pub(crate) fn key_file(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/it/keys").join(name)).unwrap()
}

/// Claims that hold, of a user.
pub(crate) fn claims(subject: &str) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now(), "exp": now() + 300 })
}

/// The same with some of them replaced; null takes one out.
pub(crate) fn claims_but(changes: Value) -> Value {
    let mut all = claims("user-1");
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    all
}

/// A token of parts that need not fit.
pub(crate) fn raw_token(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

// === impl Signer ===

impl Signer {
    pub(crate) fn ec(file: &str, id: &str) -> Self {
        Self {
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_pem(&key_file(file)).unwrap(),
            id: Some(id.to_owned()),
        }
    }

    pub(crate) fn rsa(file: &str, id: &str) -> Self {
        Self {
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(&key_file(file)).unwrap(),
            id: Some(id.to_owned()),
        }
    }

    /// The issuer's own.
    pub(crate) fn good() -> Self {
        Self::ec("es256-a.pem", "a")
    }

    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid.clone_from(&self.id);
        header
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header(), claims, &self.key).unwrap()
    }

    /// A token whose header says more than it should.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{text}.{signature}")
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id.clone_from(&self.id);
        serde_json::to_value(jwk).unwrap()
    }
}

// === impl Guarded ===

impl Guarded {
    /// A server with this schema, an issuer whose key set has the good key, and these lines of configuration: `{issuer}` stands for the
    /// issuer's address, and what begins with `surface:` is of the surface.
    pub(crate) async fn start(sdl: &str, auth: &str, surface: &str) -> Self {
        Self::with(sdl, &[("auth", auth), ("surface", surface)]).await
    }

    /// The same, with more sections: `auth`, `surface`, `source`, `http` and `more`.
    pub(crate) async fn with(sdl: &str, sections: &[(&str, &str)]) -> Self {
        let issuer = MockRest::start().await;
        issuer.on_json("GET /keys", json!({ "keys": [Signer::good().jwk()] }));
        Self::beside(issuer, sdl, sections).await
    }

    /// The same beside an issuer of the test's own.
    pub(crate) async fn beside(issuer: MockRest, sdl: &str, sections: &[(&str, &str)]) -> Self {
        Self::between(MockRest::start().await, issuer, sdl, sections, Vec::new()).await
    }

    /// The same before a source of the test's own, with schemas in Rust. More sections: `sources` and `surfaces` beside the one there is, and
    /// `file:NAME`, a file beside the configuration.
    pub(crate) async fn between(
        api: MockRest,
        issuer: MockRest,
        sdl: &str,
        sections: &[(&str, &str)],
        schemas: Vec<(&str, LocalSchema)>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        for (name, text) in sections {
            if let Some(name) = name.strip_prefix("file:") {
                std::fs::write(files.path().join(name), text).unwrap();
            }
        }
        std::fs::write(files.path().join("schema.graphql"), format!("{LINK}{sdl}")).unwrap();
        for file in ["es256-a.pub.pem", "rs256.pub.pem", "rs1024.pub.pem", "es256-b.pem"] {
            std::fs::write(files.path().join(file), key_file(file)).unwrap();
        }
        let section = |name: &str| {
            let found = sections.iter().find(|(known, _)| *known == name);
            found
                .map_or("", |(_, text)| text)
                .replace("{issuer}", issuer.url().trim_end_matches('/'))
        };
        let mut text = format!(
            "listen: 127.0.0.1:0\nadmin: off\nlog: {{ requests: all }}\nsurfaces:\n  app: {{ schema: schema.graphql, {} }}\n{}\n\
             sources: {{ api: {{ override_url: \"{}\", {} }}, {} }}\nhttp: {{ {} }}\n",
            section("surface"),
            section("surfaces"),
            api.url(),
            section("source"),
            section("sources"),
            section("http"),
        );
        let auth = section("auth");
        if !auth.is_empty() {
            let _ = write!(text, "auth:\n{auth}\n");
        }
        text.push_str(&section("more"));
        let environment = |name: &str| (name == "SECRET").then(|| "a secret of at least thirty-two bytes".to_owned());
        let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &environment)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let builder = schemas
            .into_iter()
            .fold(Builder::new(config), |builder, (name, schema)| {
                builder.local(name, schema)
            });
        let server = TestServer::start(builder.build().unwrap_or_else(|error| panic!("{error}"))).await;
        Self {
            api,
            issuer,
            server,
            client: reqwest::Client::new(),
            _files: files,
        }
    }

    /// Posts a query with these headers.
    pub(crate) async fn ask(&self, headers: &[(&str, &str)], query: &str) -> Answered {
        self.post(headers, &json!({ "query": query })).await
    }

    /// Posts a query with a bearer token.
    pub(crate) async fn ask_as(&self, token: &str, query: &str) -> Answered {
        self.ask(&[("authorization", &format!("Bearer {token}"))], query).await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: &Value) -> Answered {
        let mut request = self.client.post(self.server.url("app")).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answered::of(request.send().await.unwrap()).await
    }
}

// === impl Answered ===

impl Answered {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The data of an answer without errors.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut answer = self.json();
        assert_eq!((self.status, answer.get("errors")), (200, None), "{self:?}");
        answer["data"].take()
    }

    /// Status and code of a refusal.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let answer = self.json();
        assert_eq!(answer.get("data"), None, "{self:?}");
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        (self.status, code.to_owned())
    }
}

/// An answer that says what a call had in a header.
pub(crate) fn echo_header(name: &'static str) -> impl Fn(&switchboard_harness::RestRequest) -> Answer {
    move |request| Answer::json(json!({ "told": request.header(name) }))
}

/// A schema whose only field says who asks.
pub(crate) const ME: &str = r#"
type Query {
  me: Me @connect(source: "api", http: { GET: "/me", headers: [{ name: "x-user", value: "{$context.claims.sub}" }] }, selection: "id: told")
}
type Me { id: ID }
"#;

/// The usual issuer.
pub(crate) const JWKS: &str =
    "  issuers: { main: { issuer: \"https://login.example\", audience: shop-api, jwks_url: \"{issuer}/keys\" } }";

pub(crate) const QUERY: &str = "{ me { id } }";

/// A server that says who asks.
pub(crate) async fn start() -> Guarded {
    let server = Guarded::start(ME, JWKS, "").await;
    server.api.on("GET /me", echo_header("x-user"));
    server
}

#[track_caller]
pub(crate) fn is_refused(answer: &Answered, why: &str) {
    assert_eq!(answer.refusal(), (401, "UNAUTHENTICATED".to_owned()), "{why}");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\""),
        "{why}"
    );
}
