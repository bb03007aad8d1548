//! Programs, pages and sources: API keys, sessions, what is told of a caller, and tokens that no longer count.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use sha2::Digest as _;
use switchboard_harness::MockRest;

use crate::support::guarded::{
    Answered, Guarded, JWKS, ME, QUERY, Signer, claims, claims_but, echo_header, is_refused, now,
};

#[tokio::test]
async fn api_keys_are_known_by_their_hashes() {
    let hash = sha2::Sha256::digest(b"partner-key-1");
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let auth = format!(
        "{JWKS}\n  api_keys: {{ keys: {{ partner: {{ sha256: \"{hash}\", claims: {{ tier: pro }}, scopes: [read] }} }} }}"
    );
    let sdl = r#"
      type Query {
        me: Me @connect(source: "api", http: { GET: "/me",
            headers: [{ name: "x-user", value: "{$context.claims.sub} {$context.claims.tier}" }] }, selection: "id: told")
        scoped: Me @requiresScopes(scopes: [["read"]]) @connect(source: "api", http: { GET: "/me" }, selection: "id: told")
      }
      type Me { id: ID }
    "#;
    let server = Guarded::start(sdl, &auth, "require_auth: true").await;
    server.api.on("GET /me", echo_header("x-user"));

    let answer = server.ask(&[("x-api-key", "partner-key-1")], QUERY).await;
    assert_eq!(answer.data(), json!({ "me": { "id": "partner pro" } }));
    for key in ["partner-key-2", "", hash.as_str(), "PARTNER-KEY-1"] {
        is_refused(&server.ask(&[("x-api-key", key)], QUERY).await, key);
    }
    is_refused(
        &server
            .ask(&[("x-api-key", "partner-key-1"), ("x-api-key", "partner-key-1")], QUERY)
            .await,
        "two keys",
    );
    let token = format!("Bearer {}", Signer::good().sign(&claims("user-1")));
    let both = server
        .ask(&[("x-api-key", "partner-key-1"), ("authorization", &token)], QUERY)
        .await;
    assert_eq!(
        both.data(),
        json!({ "me": { "id": "user-1" } }),
        "what a user may is the token's affair"
    );
    is_refused(
        &server
            .ask(&[("x-api-key", "wrong"), ("authorization", &token)], QUERY)
            .await,
        "one of two is wrong",
    );
    let scoped = server
        .ask(
            &[("x-api-key", "partner-key-1"), ("authorization", &token)],
            "{ scoped { id } }",
        )
        .await;
    assert_eq!(
        scoped.json()["errors"][0]["extensions"]["code"],
        "UNAUTHORIZED_FIELD_OR_TYPE"
    );
    let nobody = server.ask(&[], QUERY).await;
    assert_eq!(nobody.refusal(), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn sources_are_told_who_asks_in_headers_that_no_client_can_set() {
    let auth =
        format!("{JWKS}\n  forward: {{ headers: {{ x-user-id: sub, x-tenant: tenant, x-level: level, x-odd: odd }} }}");
    let sdl = r#"
      type Query {
        me: Me @connect(source: "api", http: { GET: "/me", headers: [{ name: "x-user-id", from: "x-user-id" }, { name: "x-b", from: "x-tenant" }] }, selection: "id")
      }
      type Me { id: ID }
    "#;
    let server = Guarded::with(sdl, &[("auth", &auth), ("source", "identity: headers")]).await;
    let seen = |name: &str| {
        let log = server.api.log();
        let last = log.last().unwrap();
        last.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    server.api.on_json("GET /me", json!({ "id": 1 }));
    let forged = [
        ("x-user-id", "admin"),
        ("x-tenant", "other"),
        ("X-User-Id", "root"),
        ("x-odd", "1"),
    ];

    let token = format!(
        "Bearer {}",
        Signer::good().sign(&claims_but(json!({ "tenant": "t1", "level": 3, "odd": "a\r\nx: y" })))
    );
    let headers: Vec<_> = forged.iter().copied().chain([("authorization", &*token)]).collect();
    assert_eq!(server.ask(&headers, QUERY).await.status, 200);
    assert_eq!(seen("x-user-id"), ["user-1"]);
    assert_eq!(seen("x-tenant"), ["t1"]);
    assert_eq!(seen("x-level"), ["3"]);
    assert_eq!(seen("x-odd"), [""; 0], "what no header can hold is left out");
    assert_eq!(
        seen("x-b"),
        [""; 0],
        "the client's copy is gone before a mapping can read it"
    );
    assert_eq!(seen("authorization"), [""; 0], "the token itself stays here");

    assert_eq!(server.ask(&forged, QUERY).await.status, 200);
    assert_eq!(
        (seen("x-user-id"), seen("x-tenant")),
        (vec![], vec![]),
        "nobody is nobody"
    );
}

#[tokio::test]
async fn sources_may_be_told_by_a_short_token_of_our_own() {
    let auth = format!(
        "{JWKS}\n  forward: {{ token: {{ private_key_file: es256-b.pem, kid: internal, claims: [sub, tenant], lifetime: 60s }} }}"
    );
    let sdl = r#"
      type Query { me: Me @connect(source: "api", http: { GET: "/me" }, selection: "id: told") }
      type Me { id: ID }
    "#;
    let server = Guarded::with(sdl, &[("auth", &auth), ("source", "identity: token")]).await;
    server.api.on("GET /me", echo_header("x-internal-token"));
    let token = Signer::good().sign(&claims_but(json!({ "tenant": "t1", "email": "a@b.c" })));

    let headers = [
        ("authorization", &*format!("Bearer {token}")),
        ("x-internal-token", "forged"),
    ];
    let told = server.ask(&headers, QUERY).await.data()["me"]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let mut validation = jsonwebtoken::Validation::new(Algorithm::ES256);
    validation.set_audience(&["internal"]);
    validation.set_issuer(&["switchboard"]);
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(Signer::ec("es256-b.pem", "internal").jwk()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let claims = jsonwebtoken::decode::<Value>(&told, &key, &validation).unwrap().claims;
    assert_eq!(
        (&claims["sub"], &claims["tenant"], claims.get("email")),
        (&json!("user-1"), &json!("t1"), None)
    );
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    let header = URL_SAFE_NO_PAD.decode(told.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["kid"], "internal");
    let nobody = server.ask(&[("x-internal-token", "forged")], QUERY).await;
    assert_eq!(nobody.data()["me"]["id"], Value::Null);
}

/// A server that gives pages of one other origin their session.
async fn with_session() -> Guarded {
    let auth = format!("{JWKS}\n  session: {{ secure: false }}");
    let server = Guarded::with(
        ME,
        &[
            ("auth", &auth),
            (
                "http",
                "cors: { origins: [\"https://shop.example\"], credentials: true }",
            ),
        ],
    )
    .await;
    server.api.on("GET /me", echo_header("x-user"));
    server
}

#[tokio::test]
async fn a_page_s_session_is_a_cookie_that_other_sites_cannot_use() {
    let server = with_session().await;
    let token = Signer::good().sign(&claims("user-1"));
    let session = format!("http://{}/session", server.server.address);
    let bearer = format!("Bearer {token}");
    let made = server
        .client
        .post(&session)
        .header("authorization", &bearer)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), 204);
    let cookie = made.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with(&format!("session={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=")),
        "{cookie}"
    );
    assert_eq!(made.headers()["cache-control"], "no-store");

    let cookie = format!("other=1; session={token}; more=2");
    let own = format!("http://{}", server.server.address);
    for (origin, status) in [
        (None, 200),
        (Some(&*own), 200),
        (Some("https://shop.example"), 200),
        (Some("https://evil.example"), 403),
        (Some("null"), 403),
        (Some("https://shop.example.evil"), 403),
        (Some("http://127.0.0.1:1"), 403),
    ] {
        let mut headers = vec![("cookie", &*cookie)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = server.ask(&headers, QUERY).await;
        assert_eq!(answer.status, status, "{origin:?}");
        if status == 200 {
            assert_eq!(answer.data(), json!({ "me": { "id": "user-1" } }));
        }
    }
    for site in ["cross-site", "same-site"] {
        let answer = server
            .ask(&[("cookie", &cookie), ("sec-fetch-site", site)], QUERY)
            .await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN".to_owned()), "{site}");
    }
    let twice = format!("session={token}; session=x");
    is_refused(&server.ask(&[("cookie", &twice)], QUERY).await, "two sessions");
    let expired = Signer::good().sign(&claims_but(json!({ "exp": now() - 61 })));
    is_refused(
        &server.ask(&[("cookie", &format!("session={expired}"))], QUERY).await,
        "expired",
    );
}

#[tokio::test]
async fn a_session_is_made_and_dropped_by_our_own_pages_only() {
    let server = with_session().await;
    let token = Signer::good().sign(&claims("user-1"));
    let session = format!("http://{}/session", server.server.address);
    let bearer = format!("Bearer {token}");
    let cookie = format!("session={token}");

    for (method, headers, status) in [
        ("POST", vec![], 401),
        ("POST", vec![("authorization", "Bearer x")], 401),
        (
            "POST",
            vec![("authorization", &*bearer), ("origin", "https://evil.example")],
            403,
        ),
        ("DELETE", vec![("origin", "https://evil.example")], 403),
        ("GET", vec![], 405),
        ("DELETE", vec![("cookie", &*cookie)], 204),
        (
            "DELETE",
            vec![("cookie", &*cookie), ("origin", "https://shop.example")],
            204,
        ),
    ] {
        let mut request = server.client.request(method.parse().unwrap(), &session);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {headers:?}");
        if status == 204 {
            let cookie = answer.headers()["set-cookie"].to_str().unwrap();
            assert!(
                cookie.starts_with("session=; ") && cookie.contains("Max-Age=0"),
                "{cookie}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_ask_to_log_in_and_to_log_out() {
    let auth = format!("{JWKS}\n  session: {{ secure: false }}");
    let cors = "cors: { origins: [\"https://shop.example\"], credentials: true }";
    let server = Guarded::with(ME, &[("auth", &auth), ("http", cors)]).await;
    let address = server.server.address;

    for (path, methods) in [("/session", "POST, DELETE"), ("/app/graphql", "GET, POST")] {
        let asked = server
            .client
            .request(http::Method::OPTIONS, format!("http://{address}{path}"));
        let asked = asked
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "DELETE");
        let answer = Answered::of(asked.send().await.unwrap()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods), "{path}");
        assert_eq!(answer.header("allow"), Some(methods), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
}

#[tokio::test]
async fn where_everybody_has_to_say_who_they_are_no_answer_may_be_kept_for_all() {
    let sdl = r#"
      type Query {
        catalogue: Me @cacheControl(maxAge: 60, scope: PUBLIC) @connect(source: "api", http: { GET: "/me" }, selection: "id: told")
      }
      type Me { id: ID }
    "#;
    for (surface, control) in [
        ("require_auth: false", "max-age=60, public"),
        ("require_auth: true", "max-age=60, private"),
    ] {
        let server = Guarded::start(sdl, JWKS, surface).await;
        server.api.on_json("GET /me", json!({ "told": "1" }));
        let token = Signer::good().sign(&claims("user-1"));
        let answer = server.ask_as(&token, "{ catalogue { id } }").await;
        assert_eq!(answer.data(), json!({ "catalogue": { "id": "1" } }));
        assert_eq!(answer.header("cache-control"), Some(control), "{surface}");
    }
}

#[tokio::test]
async fn a_token_may_be_withdrawn_before_its_time() {
    let auth = format!("{JWKS}\n  revoked: {{ file: revoked.json }}");
    let issuer = MockRest::start().await;
    issuer.on_json("GET /keys", json!({ "keys": [Signer::good().jwk()] }));
    let sections = [("auth", &*auth)];
    let broken = std::panic::AssertUnwindSafe(Guarded::beside(issuer, ME, &sections));
    let failed = futures_util::FutureExt::catch_unwind(broken).await;
    assert!(failed.is_err(), "a list that is not there stops the start");

    let auth = format!("{JWKS}\n  revoked: {{ file: schema.graphql.revoked }}");
    let issuer = MockRest::start().await;
    issuer.on_json("GET /keys", json!({ "keys": [Signer::good().jwk()] }));
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), r#"{ "jti": ["stolen"], "versions": { "user-9": 3 } }"#).unwrap();
    let auth = auth.replace("schema.graphql.revoked", list.path().to_str().unwrap());
    let server = Guarded::beside(issuer, ME, &[("auth", &auth)]).await;
    server.api.on("GET /me", echo_header("x-user"));
    let good = Signer::good();
    let status = async |changes: Value| server.ask_as(&good.sign(&claims_but(changes)), QUERY).await.status;

    assert_eq!(status(json!({ "jti": "stolen" })).await, 401);
    assert_eq!(status(json!({ "jti": "mine" })).await, 200);
    assert_eq!(
        status(json!({ "sub": "user-9" })).await,
        401,
        "a token without a version is an old one"
    );
    assert_eq!(status(json!({ "sub": "user-9", "ver": 2 })).await, 401);
    assert_eq!(status(json!({ "sub": "user-9", "ver": 3 })).await, 200);

    let token = good.sign(&claims_but(json!({ "jti": "mine" })));
    assert_eq!(server.ask_as(&token, QUERY).await.status, 200);
    std::fs::write(list.path(), r#"{ "jti": ["stolen", "mine"] }"#).unwrap();
    while server.ask_as(&token, QUERY).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    std::fs::write(list.path(), "broken").unwrap();
    assert_eq!(
        server.ask_as(&token, QUERY).await.status,
        401,
        "what was read before holds"
    );
}
