//! How much a client may ask for: whose requests are counted together, and what is said of it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use sha2::Digest as _;
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

use crate::support::guarded::{Answered, Guarded, JWKS, ME, QUERY, Signer, claims, claims_but, echo_header};

/// Few, and so slow that none comes back within a test.
const FIVE: &str = "\nquotas: { tiers: { free: { requests: 5, per: 1h } } }";

async fn start(auth: &str, http: &str) -> Guarded {
    start_with(auth, http, "tier: free", FIVE).await
}

async fn start_with(auth: &str, http: &str, surface: &str, more: &str) -> Guarded {
    let sections = [("auth", auth), ("http", http), ("surface", surface), ("more", more)];
    let server = Guarded::with(ME, &sections).await;
    server.api.on("GET /me", echo_header("x-user"));
    server
}

/// The statuses of requests that differ in their headers.
async fn statuses(server: &Guarded, requests: impl IntoIterator<Item = Vec<(&str, String)>>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for headers in requests {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        statuses.push(server.ask(&headers, QUERY).await.status);
    }
    statuses
}

fn refused(statuses: &[u16]) -> usize {
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429)),
        "{statuses:?}"
    );
    statuses.iter().filter(|status| **status == 429).count()
}

/// Headers of a quota.
fn told(answer: &Answered) -> Vec<(String, String)> {
    let is_ours = |name: &str| name.contains("ratelimit") || name == "retry-after";
    let told = answer.headers.iter().filter(|(name, _)| is_ours(name.as_str()));
    told.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn beyond_its_quota_a_client_is_told_when_to_ask_again() {
    let server = start("", "").await;
    for left in (0..5).rev() {
        let answer = server.ask(&[], QUERY).await;
        assert_eq!(answer.data(), json!({ "me": { "id": "" } }));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
    }

    let answer = server.ask(&[], QUERY).await;

    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.text,
        r#"{"errors":[{"message":"too many requests; Retry-After says when to ask again","extensions":{"code":"REQUEST_RATE_LIMITED"}}]}"#
    );
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((700..=720).contains(&wait), "one comes in every twelve minutes: {wait}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(server.api.log().len(), 5, "a request that is refused reaches no source");
}

#[tokio::test]
async fn every_answer_says_how_its_client_stands() {
    let tiers = "\nquotas: { tiers: { free: { requests: 100, burst: 10 } } }";
    let server = start_with("", "", "tier: free", tiers).await;

    let first = server.ask(&[], QUERY).await;
    let headers = [
        ("ratelimit", "\"free\";r=9;t=1"),
        ("ratelimit-policy", "\"free\";q=100;w=60;burst=10"),
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "1"),
    ];
    for (name, value) in headers {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    assert_eq!(told(&first).len(), headers.len(), "{first:?}");

    let bodies = ["{ nothing }", "{", "{ me(first: 1) { id } }"].map(|query| json!({ "query": query }));
    for body in bodies.iter().chain(&[json!([]), json!({ "query": 1 })]) {
        let answer = server.post(&[], body).await;
        assert_eq!(told(&answer).len(), headers.len(), "{body}: {answer:?}");
    }
    let url = format!("{}?query=%7Bme%7Bid%7D%7D", server.server.url("app"));
    let get = server.client.get(url);
    let get = Answered::of(get.send().await.unwrap()).await;
    assert_eq!(get.header("x-ratelimit-limit"), Some("10"));
}

#[tokio::test]
async fn a_surface_without_a_tier_counts_nothing() {
    let server = start_with("", "", "introspection: true", FIVE).await;

    for _ in 0..20 {
        let answer = server.ask(&[], QUERY).await;
        assert_eq!((answer.status, told(&answer)), (200, vec![]));
    }
}

#[tokio::test]
async fn headers_that_clients_write_change_nothing() {
    // RELIABILITY §1, 40.
    let spoofed = |number: usize| {
        vec![
            ("x-forwarded-for", format!("203.0.113.{number}")),
            ("x-real-ip", format!("198.51.100.{number}")),
            ("forwarded", format!("for=192.0.2.{number}")),
            ("x-client-ip", format!("192.0.2.{number}")),
            ("true-client-ip", format!("192.0.2.{number}")),
            ("cf-connecting-ip", format!("192.0.2.{number}")),
        ]
    };
    let honest = start("", "").await;
    let hostile = start("", "").await;

    let without = statuses(&honest, (0..20).map(|_| vec![])).await;
    let with = statuses(&hostile, (0..20).map(spoofed)).await;

    assert_eq!(refused(&without), 15);
    assert_eq!(with, without);
}

#[tokio::test]
async fn behind_proxies_the_last_that_one_of_them_wrote_counts() {
    let chain = |left: &str, client: &str| vec![("x-forwarded-for", format!("{left}{client}, 10.0.0.7"))];
    let server = start("", "trusted_proxies: 2").await;

    let spoofing = (0..20).map(|number| chain(&format!("203.0.113.{number}, "), "198.51.100.1"));
    assert_eq!(refused(&statuses(&server, spoofing).await), 15);
    let honest = (0..20).map(|_| chain("", "198.51.100.2"));
    assert_eq!(
        refused(&statuses(&server, honest).await),
        15,
        "as many as with spoofing"
    );
    let strangers = (3..23).map(|number| chain("", &format!("198.51.100.{number}")));
    assert_eq!(refused(&statuses(&server, strangers).await), 0);
}

#[tokio::test]
async fn addresses_of_ipv6_are_one_client_by_their_first_64_bits() {
    let server = start("", "trusted_proxies: 1").await;
    let from = |address: String| vec![("x-forwarded-for", address)];

    let beside = (0..20).map(|number| from(format!("2001:db8:1:2:{number:x}::{number:x}")));
    assert_eq!(refused(&statuses(&server, beside).await), 15);
    let elsewhere = (0..20).map(|number| from(format!("2001:db8:1:{:x}::1", 100 + number)));
    assert_eq!(refused(&statuses(&server, elsewhere).await), 0);
    let mapped = (0..20).map(|number| from(format!("{}198.51.100.1", if number % 2 == 0 { "::ffff:" } else { "" })));
    assert_eq!(
        refused(&statuses(&server, mapped).await),
        15,
        "IPv4 that is written as IPv6 is the same client"
    );
}

#[tokio::test]
async fn who_is_known_is_counted_as_who_they_are() {
    let hash = |key: &str| {
        let hash = sha2::Sha256::digest(key);
        hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let keys = format!(
        "{JWKS}\n  api_keys: {{ keys: {{ a: {{ sha256: \"{}\" }}, b: {{ sha256: \"{}\" }} }} }}",
        hash("key-a"),
        hash("key-b")
    );
    let server = start(&keys, "").await;
    let of_user = |subject: &str, number: usize| {
        // Another token each time, of the same user.
        let token = Signer::good().sign(&claims_but(json!({ "sub": subject, "jti": number.to_string() })));
        vec![("authorization", format!("Bearer {token}"))]
    };
    let of_program = |key: &str| vec![("x-api-key", key.to_owned())];

    let one = statuses(&server, (0..10).map(|number| of_user("user-1", number))).await;
    assert_eq!(refused(&one), 5);
    let both = (0..10).map(|number| [of_user("user-1", number), of_program("key-b")].concat());
    assert_eq!(
        refused(&statuses(&server, both).await),
        10,
        "a program in between makes no other user"
    );
    assert_eq!(
        refused(&statuses(&server, (0..5).map(|number| of_user("user-2", number))).await),
        0
    );
    assert_eq!(
        refused(&statuses(&server, (0..10).map(|_| of_program("key-a"))).await),
        5
    );
    assert_eq!(
        refused(&statuses(&server, (0..5).map(|_| of_program("key-b"))).await),
        0
    );
    assert_eq!(
        refused(&statuses(&server, (0..10).map(|_| vec![])).await),
        5,
        "and nobody by the address"
    );
}

#[tokio::test]
async fn who_guesses_at_credentials_is_counted_by_their_address() {
    let server = start(JWKS, "").await;
    let guess = |number: usize| {
        let token = Signer::ec("es256-b.pem", "a").sign(&claims(&format!("user-{number}")));
        vec![("authorization", format!("Bearer {token}"))]
    };

    let guesses = statuses(&server, (0..8).map(guess)).await;
    assert_eq!(guesses, [401, 401, 401, 401, 401, 429, 429, 429]);

    let token = format!("Bearer {}", Signer::good().sign(&claims("user-1")));
    let answer = server.ask(&[("authorization", &token)], QUERY).await;
    assert_eq!(
        answer.data(),
        json!({ "me": { "id": "user-1" } }),
        "others at that address are not concerned"
    );
}

#[tokio::test]
async fn each_request_of_an_array_counts_and_all_of_it_is_refused_or_nothing() {
    let server = start("", "batching: true").await;
    let post = |count: usize| {
        let array = vec![json!({ "query": "{ __typename }" }); count];
        let request = server.client.post(server.server.url("app")).json(&array);
        async move {
            let answer = request.send().await.unwrap();
            let left = answer.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned();
            (answer.status().as_u16(), left)
        }
    };

    assert_eq!(post(3).await, (200, "2".to_owned()));
    // The first request of an array is taken when its head has come.
    assert_eq!(post(3).await, (429, "1".to_owned()));
    assert_eq!(post(1).await, (200, "0".to_owned()));
    assert_eq!(post(1).await.0, 429);
}

#[tokio::test]
async fn who_tries_tokens_at_the_path_of_sessions_is_counted_as_well() {
    let server = start(&format!("{JWKS}\n  session: {{ secure: false }}"), "").await;
    let session = format!("http://{}/session", server.server.address);
    let mut statuses = Vec::new();
    for number in 0..7 {
        let guess = server.client.post(&session).bearer_auth(format!("guess-{number}"));
        statuses.push(guess.send().await.unwrap().status().as_u16());
    }

    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    let leaving = server.client.delete(&session).send().await.unwrap();
    assert_eq!(leaving.status(), 204, "who logs out is not held back");
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_how_they_stand() {
    let server = start("", "cors: { origins: [\"https://shop.example\"] }").await;

    for status in [200, 200, 200, 200, 200, 429] {
        let answer = server.ask(&[("origin", "https://shop.example")], QUERY).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://shop.example")
        );
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for (name, _) in told(&answer) {
            assert!(exposed.split(", ").any(|known| known == name), "{name}: {exposed}");
        }
    }
}

/// What was logged, line by line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Lines of security events.
    fn events(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == "switchboard::security").collect()
    }
}

#[tokio::test]
async fn security_events_are_one_line_each_with_the_request_s_id_and_without_its_credentials() {
    let lines = Lines::default();
    let out = lines.clone();
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(move || out.clone());
    let format = format.with_filter(tracing_subscriber::filter::LevelFilter::WARN);
    // With one subscriber alone, what another test's thread logs first is taken for what nobody wants to know.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _logging = tracing::subscriber::set_default(tracing_subscriber::registry().with(format));
    let server = start(JWKS, "").await;
    let good = Signer::good().sign(&claims("user-1"));
    let forged = Signer::ec("es256-b.pem", "a").sign(&claims("user-2"));
    let bearer = |token: &str| format!("Bearer {token}");

    for number in 0..8 {
        let id = format!("request-{number}");
        server
            .ask(&[("authorization", &bearer(&good)), ("x-request-id", &id)], QUERY)
            .await;
    }
    server
        .ask(
            &[("authorization", &bearer(&forged)), ("x-request-id", "forged")],
            QUERY,
        )
        .await;

    let events = lines.events();
    let told: Vec<_> = events
        .iter()
        .map(|line| ["event", "reason", "request_id", "surface", "peer"].map(|key| line[key].as_str().unwrap_or("?")))
        .collect();
    assert_eq!(
        told,
        [
            [
                "over_quota",
                "more requests than tier free allows",
                "request-5",
                "app",
                "127.0.0.1"
            ],
            [
                "credentials_refused",
                "the token's signature is wrong",
                "forged",
                "app",
                "127.0.0.1"
            ],
        ],
        "a client that goes on is not told of again at once"
    );
    let text = serde_json::to_string(&events).unwrap();
    for secret in [&good, &forged].iter().flat_map(|token| token.split('.')) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains("user-1"), "{text}");
}
