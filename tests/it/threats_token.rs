//! Who somebody is, is never taken on their own word: what it takes of a token, each with a forged token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use switchboard_harness::Answer;

use crate::support::guarded::{
    AUDIENCE, Guarded, ISSUER, JWKS, ME, QUERY, Signer, claims, claims_but, echo_header, is_refused, key_file, now,
    raw_token, start,
};

#[tokio::test]
async fn a_token_that_holds_tells_who_asks() {
    let server = start().await;

    let answer = server.ask_as(&Signer::good().sign(&claims("user-7")), QUERY).await;

    assert_eq!(answer.data(), json!({ "me": { "id": "user-7" } }));
    let nobody = server.ask(&[], QUERY).await;
    assert_eq!(
        nobody.data()["me"]["id"],
        json!(""),
        "without credentials there are no claims"
    );
}

/// Tokens that want to be verified their own way, and what is wrong with each.
#[allow(clippy::too_many_lines, reason = "one table")]
fn forged(server: &Guarded) -> Vec<(&'static str, String)> {
    let good = Signer::good();
    let claims = claims("user-1");
    let public = key_file("es256-a.pub.pem");
    let hs = |secret: &[u8]| Signer {
        algorithm: Algorithm::HS256,
        key: EncodingKey::from_secret(secret),
        id: Some("a".to_owned()),
    };
    let es256 = |more: Value| {
        let mut header = json!({ "alg": "ES256", "typ": "JWT", "kid": "a" });
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        header
    };
    let stolen = good.sign(&claims);
    let signature = stolen.rsplit('.').next().unwrap();
    let other = Signer::ec("es256-b.pem", "a");
    vec![
        (
            "alg none",
            raw_token(&json!({ "alg": "none", "typ": "JWT" }), &claims, ""),
        ),
        (
            "alg None",
            raw_token(&json!({ "alg": "None", "kid": "a" }), &claims, ""),
        ),
        (
            "alg nOnE with a signature",
            raw_token(&json!({ "alg": "nOnE", "kid": "a" }), &claims, signature),
        ),
        ("no alg", raw_token(&json!({ "kid": "a" }), &claims, signature)),
        (
            "alg is a list",
            raw_token(&json!({ "alg": ["ES256"], "kid": "a" }), &claims, signature),
        ),
        ("an empty signature", raw_token(&es256(json!({})), &claims, "")),
        ("an empty key", hs(b"").sign(&claims)),
        ("the public key as a secret", hs(&public).sign(&claims)),
        (
            "the public key as a secret, without its lines",
            hs(public.trim_ascii()).sign(&claims),
        ),
        (
            "another algorithm's name",
            good.sign_with(&json!({ "alg": "ES384", "kid": "a" }), &claims),
        ),
        ("another key under the same id", other.sign(&claims)),
        (
            "a key of its own",
            other.sign_with(&es256(json!({ "jwk": other.jwk() })), &claims),
        ),
        (
            "an address of keys",
            other.sign_with(
                &es256(json!({ "jku": format!("{}/mine", server.issuer.url()) })),
                &claims,
            ),
        ),
        (
            "an address of certificates",
            good.sign_with(&es256(json!({ "x5u": "https://evil.example" })), &claims),
        ),
        (
            "certificates",
            good.sign_with(&es256(json!({ "x5c": ["MIIB"] })), &claims),
        ),
        (
            "a critical extension",
            good.sign_with(&es256(json!({ "crit": ["b64"], "b64": false })), &claims),
        ),
        ("an unknown header", good.sign_with(&es256(json!({ "x": 1 })), &claims)),
        (
            "a compressed token",
            good.sign_with(&es256(json!({ "zip": "DEF" })), &claims),
        ),
        (
            "another type",
            good.sign_with(&json!({ "alg": "ES256", "kid": "a", "typ": "secevent+jwt" }), &claims),
        ),
        (
            "claims changed after signing",
            raw_token(&es256(json!({})), &self::claims("admin"), signature),
        ),
        ("a signature cut short", stolen[..stolen.len() - 2].to_owned()),
        ("four parts", format!("{stolen}.x")),
        ("two parts", stolen[..stolen.rfind('.').unwrap()].to_owned()),
        ("padding", format!("{stolen}=")),
        ("nothing", String::new()),
        ("a word", "x".to_owned()),
        ("a huge token", format!("{stolen}{}", "A".repeat(9_000))),
        ("bytes that are no base64", stolen.replace('.', "!.")),
    ]
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let server = start().await;
    for (why, token) in &forged(&server) {
        is_refused(&server.ask_as(token, QUERY).await, why);
    }
    assert_eq!(server.api.calls(), 0, "nobody was let through");
    assert_eq!(
        server.issuer.calls_to("GET /mine"),
        0,
        "nor asked for keys at an address of the token's"
    );
}

#[tokio::test]
async fn what_a_token_says_must_be_of_the_right_kind_and_time() {
    let server = start().await;
    let good = Signer::good();
    let forged = [
        ("exp is a text", json!({ "exp": (now() + 300).to_string() })),
        ("no exp", json!({ "exp": null })),
        ("exp is negative", json!({ "exp": -1 })),
        ("expired 61 s ago", json!({ "exp": now() - 61 })),
        ("no aud", json!({ "aud": null })),
        ("aud of another", json!({ "aud": "other" })),
        ("aud that begins like ours", json!({ "aud": "shop-api2" })),
        ("aud is a list", json!({ "aud": [AUDIENCE] })),
        (
            "aud is a list with ours among others",
            json!({ "aud": ["other", AUDIENCE] }),
        ),
        ("aud is an object", json!({ "aud": { "shop-api": true } })),
        ("no iss", json!({ "iss": null })),
        ("iss of another", json!({ "iss": "https://evil.example" })),
        ("iss with a slash", json!({ "iss": format!("{ISSUER}/") })),
        ("iss is a list", json!({ "iss": [ISSUER] })),
        ("nbf in the future", json!({ "nbf": now() + 120 })),
        ("nbf is a text", json!({ "nbf": "soon" })),
        ("iat in the future", json!({ "iat": now() + 120 })),
        ("iat is a text", json!({ "iat": "now" })),
        ("sub is a number", json!({ "sub": 7 })),
        ("sub is a list", json!({ "sub": ["a", "b"] })),
        ("jti is an object", json!({ "jti": {} })),
    ];
    for (why, changes) in forged {
        is_refused(&server.ask_as(&good.sign(&claims_but(changes)), QUERY).await, why);
    }
    for (why, changes) in [
        ("expired 59 s ago", json!({ "exp": now() - 58 })),
        ("nbf within the leeway", json!({ "nbf": now() + 30 })),
        ("times with fractions", json!({ "exp": now() as f64 + 10.5 })),
        ("a time beyond every calendar", json!({ "exp": 1_u64 << 62 })),
        ("nothing but what is needed", json!({ "sub": null, "iat": null })),
    ] {
        let answer = server.ask_as(&good.sign(&claims_but(changes)), QUERY).await;
        assert_eq!(answer.status, 200, "{why}: {answer:?}");
    }
}

#[tokio::test]
async fn lists_of_audiences_are_taken_where_the_configuration_says_so() {
    let auth = "  issuers: { main: { issuer: \"https://login.example\", audience: shop-api, audience_lists: true, jwks_url: \"{issuer}/keys\" } }";
    let server = Guarded::start(ME, auth, "").await;
    server.api.on("GET /me", echo_header("x-user"));
    let good = Signer::good();

    for (aud, status) in [
        (json!(["other", AUDIENCE]), 200),
        (json!(["other"]), 401),
        (json!([]), 401),
        (json!([1, AUDIENCE]), 401),
    ] {
        let answer = server
            .ask_as(&good.sign(&claims_but(json!({ "aud": aud }))), QUERY)
            .await;
        assert_eq!(answer.status, status, "{aud}");
    }
}

#[tokio::test]
async fn a_credential_that_does_not_hold_does_not_make_its_bearer_nobody() {
    let server = start().await;
    let token = Signer::good().sign(&claims("user-1"));
    for headers in [
        vec![("authorization", "Basic dXNlcjpwYXNz".to_owned())],
        vec![("authorization", "Bearer".to_owned())],
        vec![("authorization", "bearer  ".to_owned())],
        vec![("authorization", token.clone())],
        vec![
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("Bearer {token}")),
        ],
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        is_refused(&server.ask(&headers, QUERY).await, &format!("{headers:?}"));
    }
    assert_eq!(
        server
            .ask(&[("authorization", &format!("bEaReR {token}"))], QUERY)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_expired_token_reaches_no_cache() {
    let sdl = r#"
      type Query {
        me: Me @cacheControl(maxAge: 60, scope: PRIVATE)
          @connect(source: "api", http: { GET: "/me", headers: [{ name: "x-user", value: "{$context.claims.sub}" }] }, selection: "id: told")
      }
      type Me { id: ID }
    "#;
    let server = Guarded::start(sdl, JWKS, "").await;
    server.api.on("GET /me", echo_header("x-user"));
    // The leeway ends in a moment.
    let token = Signer::good().sign(&claims_but(json!({ "exp": now() - 57 })));
    assert_eq!(
        server.ask_as(&token, QUERY).await.data(),
        json!({ "me": { "id": "user-1" } })
    );
    let fresh = Signer::good().sign(&claims("user-1"));
    assert_eq!(server.ask_as(&fresh, QUERY).await.status, 200);
    assert_eq!(server.api.calls(), 1, "kept for the user, whatever the token");

    loop {
        let answer = server.ask_as(&token, QUERY).await;
        if answer.status != 200 {
            is_refused(&answer, "expired");
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn nothing_that_goes_wrong_shows_a_token() {
    let server = start().await;
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = fetched.clone();
    server.api.on("GET /me", move |_| {
        count.fetch_add(1, SeqCst);
        Answer::status(500)
    });
    let token = Signer::good().sign(&claims("user-1"));
    let secret = token.rsplit('.').next().unwrap();

    let failed = server.ask_as(&token, QUERY).await;
    let refused = server.ask_as(&format!("{token}x"), QUERY).await;

    for answer in [failed, refused] {
        assert!(!answer.text.contains(secret) && !format!("{:?}", answer.headers).contains(secret));
    }
    let before = fetched.load(SeqCst);
    assert!(before > 0, "the first was let through");
    let again = server.ask_as(&format!("{token}x"), QUERY).await;
    assert_eq!((again.status, fetched.load(SeqCst)), (401, before));
}
