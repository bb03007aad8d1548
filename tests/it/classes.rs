//! Classes of clients: who belongs to which, and what they are held to.

use serde_json::{Value, json};
use sha2::Digest as _;
use switchboard_harness::Answer;

use crate::support::guarded::{Answered, Guarded, JWKS, Signer, claims_but};

const SDL: &str = r#"
type Query {
  me: Me @connect(source: "api", http: { GET: "/me" }, selection: "id")
  broken: Me @connect(source: "api", http: { GET: "/broken" }, selection: "id")
}
type Me { id: ID, me: Me @connect(source: "api", http: { GET: "/me" }, selection: "id") }
"#;

const TWO_LEVELS: &str = "{ me { id } }";
const THREE_LEVELS: &str = "{ me { me { id } } }";
const FOUR_LEVELS: &str = "{ me { me { me { id } } } }";

fn auth() -> String {
    let hash = |key: &str| {
        let hash = sha2::Sha256::digest(key);
        hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    format!(
        "{JWKS}\n  api_keys: {{ keys: {{ partner: {{ sha256: \"{}\" }}, other: {{ sha256: \"{}\" }} }} }}",
        hash("key-partner"),
        hash("key-other")
    )
}

/// A server whose surface has these lines, and these classes.
async fn start(surface: &str, classes: &str) -> Guarded {
    let more = format!(
        "\nclasses:\n{classes}\nquotas: {{ tiers: {{ free: {{ requests: 100, per: 1h }}, pro: {{ requests: 1000, per: 1h }} }} }}\n"
    );
    let server = Guarded::with(SDL, &[("auth", &auth()), ("surface", surface), ("more", &more)]).await;
    server.api.on_json("GET /me", json!({ "id": 1 }));
    server.api.on("GET /broken", |_| Answer::status(422));
    server
}

fn token(more: Value) -> (&'static str, String) {
    (
        "authorization",
        format!("Bearer {}", Signer::good().sign(&claims_but(more))),
    )
}

async fn ask(server: &Guarded, headers: &[(&'static str, String)], query: &str) -> Answered {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.ask(&headers, query).await
}

fn key(key: &str) -> (&'static str, String) {
    ("x-api-key", key.to_owned())
}

#[tokio::test]
async fn each_class_has_limits_of_its_own() {
    let surface = "limits: { depth: 3 }, classes: { staff: { limits: { depth: 4 } }, old: { limits: { depth: 2 } } }";
    let classes = "  staff: { scopes: [staff] }\n  old: { clients: [\"ios@1\"] }";
    let server = start(surface, classes).await;
    let staff = [token(json!({ "scope": "read staff" }))];
    let old = [
        ("apollographql-client-name", "ios".to_owned()),
        ("apollographql-client-version", "1.9".to_owned()),
    ];
    let new = [
        ("graphql-client-name", "ios".to_owned()),
        ("graphql-client-version", "10.0".to_owned()),
    ];

    // Whatever one class has asked for says nothing of what another may.
    for _ in 0..2 {
        for (headers, query, passes) in [
            (&staff[..], FOUR_LEVELS, true),
            (&[], FOUR_LEVELS, false),
            (&[], THREE_LEVELS, true),
            (&old, THREE_LEVELS, false),
            (&old, TWO_LEVELS, true),
            (&new, THREE_LEVELS, true),
        ] {
            let answer = ask(&server, headers, query).await;
            match passes {
                true => drop(answer.data()),
                false => assert_eq!(answer.refusal().1, "MAX_DEPTH_LIMIT", "{headers:?} {query}"),
            }
        }
    }
}

#[tokio::test]
async fn bodies_answers_and_introspection_are_limited_by_class() {
    let surface = "limits: { body_bytes: 200, response_bytes: 20 }, \
                   classes: { partner: { introspection: true, limits: { body_bytes: 400, response_bytes: 2000 } } }";
    let server = start(surface, "  partner: { api_keys: [partner] }").await;
    let large = format!("{TWO_LEVELS}{}", " ".repeat(200));

    assert_eq!(ask(&server, &[], &large).await.status, 413);
    assert_eq!(ask(&server, &[key("key-other")], &large).await.status, 413);
    assert_eq!(
        ask(&server, &[key("key-partner")], &large).await.data(),
        json!({ "me": { "id": "1" } })
    );

    let cut = ask(&server, &[], TWO_LEVELS).await;
    assert_eq!(cut.json()["errors"][0]["extensions"]["code"], "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(
        ask(&server, &[key("key-partner")], TWO_LEVELS).await.data(),
        json!({ "me": { "id": "1" } })
    );

    let schema = "{ __schema { queryType { name } } }";
    assert_eq!(ask(&server, &[], schema).await.refusal().1, "INTROSPECTION_DISABLED");
    let answer = ask(&server, &[key("key-partner")], schema).await;
    assert_eq!(
        answer.data(),
        json!({ "__schema": { "queryType": { "name": "Query" } } })
    );
}

#[tokio::test]
async fn errors_say_as_much_as_their_class_may_know() {
    let surface = "errors: terse, classes: { staff: { errors: full }, partner: { errors: normal } }";
    let classes = "  staff: { claims: { role: [staff, admin] } }\n  partner: { api_keys: [partner] }";
    let server = start(surface, classes).await;
    let broken = "{ broken { id } }";
    let extensions = |answer: Answered| answer.json()["errors"][0]["extensions"].clone();

    insta::assert_json_snapshot!(extensions(ask(&server, &[], broken).await), @r#"
    {
      "code": "CONNECTOR_FETCH"
    }
    "#);
    insta::assert_json_snapshot!(extensions(ask(&server, &[key("key-partner")], broken).await), @r#"
    {
      "code": "CONNECTOR_FETCH",
      "service": "api",
      "connector": {
        "coordinate": "Query.broken"
      },
      "http": {
        "status": 422
      }
    }
    "#);
    let full = extensions(ask(&server, &[token(json!({ "role": "admin" }))], broken).await);
    assert!(full["debug"]["said"].is_string(), "{full}");
    let again = extensions(ask(&server, &[token(json!({ "role": "guest" }))], broken).await);
    assert_eq!(
        again,
        json!({ "code": "CONNECTOR_FETCH" }),
        "what one is told is never another's"
    );
}

#[tokio::test]
async fn classes_may_need_credentials_and_have_tiers() {
    let surface = "tier: free, classes: { mobile: { credentials: token }, pro: { tier: pro }, own: { tier: none } }";
    let classes =
        "  own: { claims: { tier: own } }\n  pro: { claims: { tier: pro } }\n  mobile: { clients: [ios, android] }";
    let server = start(surface, classes).await;
    let mobile = ("apollographql-client-name", "android".to_owned());
    let limit = |answer: &Answered| answer.header("x-ratelimit-limit").map(str::to_owned);

    let anonymous = ask(&server, &[], TWO_LEVELS).await;
    assert_eq!((anonymous.status, limit(&anonymous).as_deref()), (200, Some("100")));
    let refused = ask(&server, std::slice::from_ref(&mobile), TWO_LEVELS).await;
    assert_eq!(refused.refusal(), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(limit(&refused).as_deref(), Some("100"), "it was counted all the same");
    let by_key = ask(&server, &[mobile.clone(), key("key-partner")], TWO_LEVELS).await;
    assert_eq!(by_key.status, 401, "a key is no token");
    let user = ask(&server, &[mobile.clone(), token(json!({}))], TWO_LEVELS).await;
    assert_eq!((user.status, limit(&user).as_deref()), (200, Some("100")));
    let pro = ask(&server, &[mobile, token(json!({ "tier": "pro" }))], TWO_LEVELS).await;
    assert_eq!(
        (pro.status, limit(&pro).as_deref()),
        (200, Some("1000")),
        "the first class that fits"
    );
    let own = ask(&server, &[token(json!({ "tier": ["own"] }))], TWO_LEVELS).await;
    assert_eq!((own.status, limit(&own)), (200, None));
}

/// What is told of a surface with these lines, and these classes.
fn told(surface: &str, classes: &str) -> String {
    let text = format!(
        "surfaces: {{ web: {{ schema: a, {surface} }} }}\nquotas: {{ tiers: {{ free: {{ requests: 10 }}, pro: {{ requests: 20 }} }} }}\n{classes}"
    );
    let read = switchboard::config::Config::parse(&text, std::path::Path::new("shop.yaml"), &|_| None);
    read.err().map(|error| error.to_string()).unwrap_or_default()
}

const IOS: &str = "classes: { ios: { clients: [ios] } }";

#[test]
fn mistakes_in_classes_are_told() {
    let cases = [
        (
            "classes: { staf: {} }",
            IOS,
            "surfaces.web.classes.staf: there is no such class; there are: `ios`",
        ),
        (
            "",
            "classes: { all: {} }",
            "classes.all: everybody would belong to this class; say who does",
        ),
        (
            "",
            "classes: { staff: { scopes: [a] } }",
            "classes.staff: there is no way to be anybody; add `auth.issuers`",
        ),
        (
            "",
            "classes: { staff: { api_keys: [a] } }",
            "classes.staff: there is no API key `a`",
        ),
        (
            "tier: free, classes: { ios: { tier: gold } }",
            IOS,
            "surfaces.web.classes.ios.tier: there is no tier `gold`; there are: `free`, `pro`",
        ),
        (
            "classes: { ios: { credentials: maybe } }",
            IOS,
            "write one of `optional`, `any`, `api_key`, `token`",
        ),
    ];
    for (surface, classes, expected) in cases {
        let found = told(surface, classes);
        assert!(found.contains(expected), "{surface}\n{classes}\n{found}");
    }
}

#[test]
fn who_has_proved_nothing_cannot_have_more_than_everybody() {
    let more = "who belongs to this class has proved nothing, and would get more than everybody";
    let cases = [
        ("classes: { ios: { introspection: true } }", "introspection"),
        ("classes: { ios: { limits: { depth: 16 } } }", "limits.depth"),
        ("classes: { ios: { limits: { cost: 0 } } }", "limits.cost"),
        ("tier: free, classes: { ios: { tier: pro } }", "tier"),
        ("tier: free, classes: { ios: { tier: none } }", "tier"),
        ("classes: { ios: { errors: full } }", "errors"),
        ("classes: { ios: { priority: critical } }", "priority"),
    ];
    for (surface, key) in cases {
        let found = told(surface, IOS);
        let expected = format!("surfaces.web.classes.ios.{key}: {more}");
        assert!(found.contains(&expected), "{surface}\n{found}");
    }
    for surface in [
        "tier: pro, classes: { ios: { tier: free, credentials: token, limits: { depth: 5 } } }",
        "classes: { ios: { tier: free } }",
    ] {
        // A token may be wanted where nobody can have one.
        assert_eq!(told(surface, IOS), "", "{surface}");
    }
}
