//! Keys that tokens are verified with come from their issuer alone, whatever a token says and whatever becomes of the issuer.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;
use switchboard_harness::{Answer, MockRest};

use crate::support::guarded::{
    Guarded, JWKS, ME, QUERY, Signer, claims, claims_but, echo_header, is_refused, key_file, start,
};

#[tokio::test]
async fn a_key_s_id_is_looked_up_and_nothing_else() {
    let server = start().await;
    let claims = claims("user-1");
    for id in [
        "../../dev/null",
        "/dev/null",
        "a\u{0}",
        "' OR 1=1 --",
        "http://evil.example",
        "A",
        "",
        &"a".repeat(300),
    ] {
        let signer = Signer {
            id: Some(id.to_owned()),
            ..Signer::good()
        };
        is_refused(&server.ask_as(&signer.sign(&claims), QUERY).await, id);
    }
    let header = json!({ "alg": "ES256", "kid": 1 });
    is_refused(
        &server.ask_as(&Signer::good().sign_with(&header, &claims), QUERY).await,
        "a number",
    );
    let nameless = Signer {
        id: None,
        ..Signer::good()
    };
    assert_eq!(
        server.ask_as(&nameless.sign(&claims), QUERY).await.status,
        200,
        "there is only one key"
    );
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_issuer_once() {
    let server = start().await;
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await.status,
        200
    );
    let before = server.issuer.calls_to("GET /keys");

    let asked = (0..100).map(|number| {
        let signer = Signer {
            id: Some(format!("random-{number}")),
            ..Signer::good()
        };
        let token = signer.sign(&claims("user-1"));
        let server = &server;
        async move { server.ask_as(&token, QUERY).await }
    });
    let answers = futures_util::future::join_all(asked).await;

    answers.iter().for_each(|answer| is_refused(answer, "an unknown key"));
    assert!(server.issuer.calls_to("GET /keys") <= before + 1, "one fetch in 30 s");
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await.status,
        200
    );
}

#[tokio::test]
async fn a_key_that_is_new_is_found_by_the_first_token_that_names_it() {
    let server = start().await;
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await.status,
        200
    );
    let new = Signer::ec("es256-b.pem", "b");
    server.issuer.on_json("GET /keys", json!({ "keys": [new.jwk()] }));

    let answer = server.ask_as(&new.sign(&claims("user-2")), QUERY).await;

    assert_eq!(answer.data(), json!({ "me": { "id": "user-2" } }));
    is_refused(
        &server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await,
        "a key that was withdrawn counts no longer, also for a token that was verified before",
    );
}

/// Makes an answer of an issuer.
type Make = Box<dyn Fn() -> Answer + Send + Sync>;

#[tokio::test]
async fn while_an_issuer_is_down_its_last_good_keys_hold_and_without_any_nobody_is_let_in() {
    let answers: [(&str, Make); 8] = [
        ("an error", Box::new(|| Answer::status(500))),
        (
            "a redirect",
            Box::new(|| Answer::status(302).with_header("location", "/keys2")),
        ),
        ("no JSON", Box::new(|| Answer::text("<html>"))),
        ("no keys", Box::new(|| Answer::json(json!({ "keys": [] })))),
        ("another shape", Box::new(|| Answer::json(json!([])))),
        (
            "10 MB",
            Box::new(|| Answer::json(json!({ "keys": [], "x": "a".repeat(10_000_000) }))),
        ),
        (
            "secrets",
            Box::new(|| {
                Answer::json(json!({ "keys": [{ "kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256" }] }))
            }),
        ),
        (
            "a key that is too short",
            Box::new(|| Answer::json(json!({ "keys": [Signer::rsa("rs1024.pem", "a").jwk()] }))),
        ),
    ];
    for (why, answer) in answers {
        let issuer = MockRest::start().await;
        issuer.on("GET /keys", move |_| answer());
        let server = Guarded::beside(issuer, ME, &[("auth", JWKS)]).await;
        server.api.on("GET /me", echo_header("x-user"));
        is_refused(&server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await, why);
        assert_eq!(server.api.calls(), 0, "{why}");
    }

    let server = start().await;
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await.status,
        200
    );
    server.issuer.on("GET /keys", |_| Answer::status(500));
    let unknown = Signer::ec("es256-b.pem", "b").sign(&claims("b"));
    is_refused(&server.ask_as(&unknown, QUERY).await, "a key nobody can be asked about");
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("c")), QUERY).await.status,
        200,
        "the last good keys hold"
    );
}

#[tokio::test]
async fn a_slow_issuer_costs_a_stranger_its_time_and_others_nothing() {
    let server = start().await;
    assert_eq!(
        server.ask_as(&Signer::good().sign(&claims("a")), QUERY).await.status,
        200
    );
    server.issuer.delay(Duration::from_secs(60));

    let unknown = Signer::ec("es256-b.pem", "b").sign(&claims("b"));
    let (stranger, user) = tokio::join!(server.ask_as(&unknown, QUERY), async {
        server.ask_as(&Signer::good().sign(&claims("d")), QUERY).await
    });

    is_refused(&stranger, "no key in time");
    assert_eq!(user.status, 200);
}

#[tokio::test]
async fn the_address_of_keys_may_come_from_the_issuer_s_own_configuration() {
    let issuer = MockRest::start().await;
    let base = issuer.url().trim_end_matches('/').to_owned();
    let found = json!({ "issuer": base, "jwks_uri": format!("{base}/keys") });
    issuer.on_json("GET /.well-known/openid-configuration", found);
    issuer.on_json(
        "GET /keys",
        json!({ "keys": [Signer::good().jwk(), Signer::rsa("rs256.pem", "r").jwk()] }),
    );
    let auth = "  issuers: { main: { issuer: \"{issuer}\", audience: shop-api, discovery: true } }";
    let server = Guarded::beside(issuer, ME, &[("auth", auth)]).await;
    server.api.on("GET /me", echo_header("x-user"));

    for signer in [Signer::good(), Signer::rsa("rs256.pem", "r")] {
        let token = signer.sign(&claims_but(json!({ "iss": base })));
        assert_eq!(
            server.ask_as(&token, QUERY).await.data(),
            json!({ "me": { "id": "user-1" } })
        );
    }
    let another = json!({ "issuer": "https://evil.example", "jwks_uri": format!("{base}/keys") });
    server.issuer.on_json("GET /.well-known/openid-configuration", another);
    let unknown = Signer::ec("es256-b.pem", "b").sign(&claims_but(json!({ "iss": base })));
    is_refused(&server.ask_as(&unknown, QUERY).await, "another issuer's configuration");
}

#[tokio::test]
async fn keys_of_the_configuration_are_each_for_one_algorithm() {
    let auth = "  issuers:\n    main:\n      issuer: https://login.example\n      audience: shop-api\n      keys:\n        \
                - { kid: a, algorithm: ES256, public_key_file: es256-a.pub.pem }\n        \
                - { kid: r, algorithm: RS256, public_key_file: rs256.pub.pem }\n        \
                - { kid: s, algorithm: HS256, secret: \"${SECRET}\" }";
    let server = Guarded::start(ME, auth, "").await;
    server.api.on("GET /me", echo_header("x-user"));
    let secret = b"a secret of at least thirty-two bytes";
    let hs = |id: &str, algorithm| Signer {
        algorithm,
        key: EncodingKey::from_secret(secret),
        id: Some(id.to_owned()),
    };

    for good in [Signer::good(), Signer::rsa("rs256.pem", "r"), hs("s", Algorithm::HS256)] {
        assert_eq!(server.ask_as(&good.sign(&claims("user-1")), QUERY).await.status, 200);
    }
    let ps = Signer {
        algorithm: Algorithm::PS256,
        ..Signer::rsa("rs256.pem", "r")
    };
    let confused = Signer {
        algorithm: Algorithm::HS256,
        key: EncodingKey::from_secret(&key_file("rs256.pub.pem")),
        id: Some("r".to_owned()),
    };
    for (why, forged) in [
        ("the same key, another padding", ps),
        ("a public key as a secret", confused),
        ("another hash", hs("s", Algorithm::HS512)),
        ("another key's id", hs("a", Algorithm::HS256)),
    ] {
        is_refused(&server.ask_as(&forged.sign(&claims("user-1")), QUERY).await, why);
    }
    let nameless = Signer {
        id: None,
        ..Signer::good()
    };
    is_refused(
        &server.ask_as(&nameless.sign(&claims("a")), QUERY).await,
        "which key is not said",
    );
}
