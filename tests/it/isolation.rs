//! No claim, header or cookie of one user has any influence on another's answer, with everything on that is shared or kept.
//!
//! Random people ask random things at the same time. Each answer must be, byte for byte, what its user gets alone from a fresh server that neither
//! shares nor keeps anything. The sources answer nothing but what they were told of who asks, and in what is private a word that is never used
//! twice, so that whoever has another's answer is seen. `PROPTEST_CASES=2000` makes it a long run.

mod loaders;
mod people;
mod questions;
mod site;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::io::AsyncReadExt as _;

use people::Person;
use questions::{Ask, Case, How, case};
use site::{Site, Sources};

/// Who asks at the same time.
const AT_ONCE: usize = 16;

/// What has come back, and must be the same for a user who is alone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    status: u16,
    /// With a `*` for each word that is used once.
    body: String,
    /// `public`, `private` or `no-store`.
    kept: String,
    vary: Vec<String>,
    tag: Option<String>,
}

/// The same, and what may differ.
#[derive(Debug)]
struct Answered {
    seen: Seen,
    nonces: Vec<String>,
    /// Whether it was kept here as a whole.
    has_age: bool,
}

/// How often what this is about was met: a test in which nothing is shared shows nothing.
#[derive(Debug, Default)]
struct Met {
    answers: AtomicU64,
    calls_alone: AtomicU64,
    calls: AtomicU64,
    kept: AtomicU64,
    not_modified: AtomicU64,
    refused: AtomicU64,
    nulls: AtomicU64,
    public: AtomicU64,
    nonces: AtomicU64,
    nonces_seen_again: AtomicU64,
}

/// Asks a site in people's names.
struct Visitor<'a> {
    case: &'a Case,
    site: &'a Site,
    clients: [reqwest::Client; 2],
}

// === impl Visitor ===

impl<'a> Visitor<'a> {
    fn new(case: &'a Case, site: &'a Site) -> Self {
        let client = || reqwest::Client::builder().no_proxy();
        let clients = [client(), client().http2_prior_knowledge()].map(|client| client.build().unwrap());
        Self { case, site, clients }
    }

    async fn ask(&self, ask: &Ask, tag: Option<&str>) -> Answered {
        let text = &self.case.operations[ask.operation];
        let hash = sha2::Sha256::digest(text.as_bytes());
        let hash = hash
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        let mut body = json!({ "variables": { "n": ask.n } });
        if ask.nulls {
            body["onError"] = json!("NULL");
        }
        match ask.how {
            How::Post | How::Get => body["query"] = json!(text),
            How::PostHash | How::GetHash => body["extensions"] = extensions,
            How::GetId => body["documentId"] = json!("home"),
        }
        let is_get = matches!(ask.how, How::Get | How::GetHash | How::GetId);
        let answer = self.send(ask, &body, is_get, tag).await;
        if !answer.seen.body.contains("PERSISTED_QUERY_NOT_FOUND") {
            return answer;
        }
        let mut whole = body.clone();
        whole["query"] = json!(text);
        self.send(ask, &whole, false, None).await;
        self.send(ask, &body, is_get, tag).await
    }

    async fn send(&self, ask: &Ask, body: &Value, is_get: bool, tag: Option<&str>) -> Answered {
        let client = &self.clients[usize::from(ask.n % 2)];
        let mut url = self.site.url(ask.surface);
        let mut request = if is_get {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let pairs = body
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name, text(value)));
            let mut whole = reqwest::Url::parse(&url).unwrap();
            whole.query_pairs_mut().extend_pairs(pairs);
            url = whole.into();
            client.get(url)
        } else {
            client.post(url).json(body)
        };
        for (name, value) in &self.case.people[ask.person].headers {
            request = request.header(*name, value);
        }
        let more = [
            ("accept-encoding", ask.coding),
            ("x-switchboard-cost", ask.shows_cost.then_some("true")),
            ("if-none-match", tag),
        ];
        for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.expect("a whole answer");
        Answered::of(status, &headers, &decoded(&headers, &body).await, ask.shows_cost)
    }
}

async fn decoded(headers: &HeaderMap, body: &[u8]) -> String {
    let mut text = String::new();
    let coding = headers.get("content-encoding").map(|coding| coding.to_str().unwrap());
    match coding {
        Some("gzip") => GzipDecoder::new(body).read_to_string(&mut text).await,
        Some("br") => BrotliDecoder::new(body).read_to_string(&mut text).await,
        Some("zstd") => ZstdDecoder::new(body).read_to_string(&mut text).await,
        None => return String::from_utf8(body.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
    .unwrap();
    text
}

// === impl Answered ===

impl Answered {
    fn of(status: u16, headers: &HeaderMap, text: &str, shows_cost: bool) -> Self {
        let all = |name: &str| {
            let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap());
            values
                .flat_map(|value| value.split(", "))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let control = all("cache-control").join(", ");
        let kept = ["public", "private", "no-store"]
            .into_iter()
            .find(|word| control.contains(word));
        let mut nonces = Vec::new();
        let mut parts = text.split("\"nonce\":\"");
        let mut body = parts.next().unwrap().to_owned();
        for part in parts {
            let (nonce, rest) = part.split_once('"').unwrap();
            nonces.push(nonce.to_owned());
            body += &format!("\"nonce\":\"*\"{rest}");
        }
        if shows_cost && status == 200 {
            // What it took differs where something is kept, but who asked is told.
            let mut answer: Value = serde_json::from_str(&body).unwrap();
            let extensions = answer.get_mut("extensions").and_then(Value::as_object_mut);
            let cost = extensions.and_then(|extensions| extensions.remove("cost"));
            assert!(cost.is_some() || answer.get("data").is_none(), "{body}");
            body = answer.to_string();
        }
        Self {
            has_age: headers.contains_key("age"),
            seen: Seen {
                status,
                kept: kept.unwrap_or_default().to_owned(),
                vary: all("vary"),
                // A digest of words that are used once is used once itself.
                tag: all("etag").pop().filter(|_| nonces.is_empty()),
                body,
            },
            nonces,
        }
    }
}

/// What everybody gets who is alone with a server that shares and keeps nothing.
async fn alone(case: &Case, sources: &Sources) -> HashMap<String, Seen> {
    let mut alone = HashMap::new();
    for person in 0..case.people.len() {
        let site = sources.site("sharing: false, cache_bytes: 0", &listed(case)).await;
        let visitor = Visitor::new(case, &site);
        for ask in &case.asks {
            let asks = [Some(ask.person), ask.knows].contains(&Some(person));
            let ask = ask.alone(person);
            if asks && !alone.contains_key(&ask.key()) {
                let answer = visitor.ask(&ask, None).await;
                alone.insert(ask.key(), answer.seen);
            }
        }
    }
    alone
}

/// Documents by client that have the same id.
fn listed(case: &Case) -> [(&'static str, &str); 3] {
    let text = |number: usize| case.operations[number % case.operations.len()].as_str();
    [("", text(0)), ("ios", text(1)), ("web", text(2))]
}

/// Asks everything at the same time, of one server. Answers in the order of questions; `None`: nobody waited for it.
async fn together(case: &Case, sources: &Sources, alone: &HashMap<String, Seen>) -> Vec<Option<Answered>> {
    let site = sources.site("sharing: true", &listed(case)).await;
    let visitor = Visitor::new(case, &site);
    let (visitor, next, answers) = (&visitor, &AtomicUsize::new(0), &Mutex::new(HashMap::new()));
    let visits = (0..AT_ONCE).map(|_| async move {
        loop {
            let number = next.fetch_add(1, Relaxed);
            let Some(ask) = case.asks.get(number) else { return };
            let known = ask
                .knows
                .and_then(|person| alone[&ask.alone(person).key()].tag.as_deref());
            if ask.leaves {
                let patience = Duration::from_micros(300 * u64::from(ask.n) + 700);
                let _ = tokio::time::timeout(patience, visitor.ask(ask, known)).await;
                continue;
            }
            let answer = visitor.ask(ask, known).await;
            answers.lock().unwrap().insert(number, answer);
        }
    });
    futures_util::future::join_all(visits).await;
    let mut answers = answers.lock().unwrap();
    (0..case.asks.len()).map(|number| answers.remove(&number)).collect()
}

/// Each answer is that which its user gets alone.
fn compare(case: &Case, alone: &HashMap<String, Seen>, answers: &[Option<Answered>], met: &Met) -> TestCaseResult {
    for (ask, answer) in case.asks.iter().zip(answers) {
        let Some(Answered { seen, has_age, .. }) = answer else {
            continue;
        };
        let mut expected = alone[&ask.alone(ask.person).key()].clone();
        let known = ask
            .knows
            .and_then(|person| alone[&ask.alone(person).key()].tag.as_ref());
        if known.is_some() && expected.tag.as_ref() == known {
            (expected.status, expected.body) = (304, String::new());
            met.not_modified.fetch_add(1, Relaxed);
        }
        prop_assert_eq!(
            seen,
            &expected,
            "{:?}\nasked {}\nas {:#?}",
            ask,
            case.operations[ask.operation],
            case.people[ask.person]
        );
        met.answers.fetch_add(1, Relaxed);
        met.kept.fetch_add(u64::from(*has_age), Relaxed);
        met.refused.fetch_add(u64::from(seen.status == 401), Relaxed);
        met.nulls
            .fetch_add(u64::from(seen.body.contains("UNAUTHORIZED_FIELD_OR_TYPE")), Relaxed);
    }
    Ok(())
}

/// A word of a private answer is seen by one user, and by one request where nobody says who they are.
fn check_private(case: &Case, answers: &[Option<Answered>], met: &Met) -> TestCaseResult {
    let mut readers: HashMap<&str, String> = HashMap::new();
    for (number, (ask, answer)) in case.asks.iter().zip(answers).enumerate() {
        let identity = case.people[ask.person].identity.clone();
        let identity = identity.unwrap_or_else(|| format!("request {number}"));
        let nonces: HashSet<&str> = answer
            .iter()
            .flat_map(|answer| &answer.nonces)
            .map(String::as_str)
            .collect();
        for nonce in nonces {
            met.nonces.fetch_add(1, Relaxed);
            if let Some(before) = readers.insert(nonce, identity.clone()) {
                prop_assert_eq!(&before, &identity, "both have seen {} of {:?}", nonce, ask);
                met.nonces_seen_again.fetch_add(1, Relaxed);
            }
        }
    }
    Ok(())
}

/// A cache in front that does what it is told (`Cache-Control`, `Vary`) gives nobody another's answer.
fn check_outside(
    case: &Case,
    alone: &HashMap<String, Seen>,
    answers: &[Option<Answered>],
    met: &Met,
) -> TestCaseResult {
    for (ask, answer) in case.asks.iter().zip(answers) {
        let Some(Answered { seen, .. }) = answer else { continue };
        if seen.kept != "public" || ask.how == How::Post || ask.how == How::PostHash {
            continue;
        }
        met.public.fetch_add(1, Relaxed);
        for other in case.asks.iter().filter(|other| is_same_url(ask, other)) {
            let them = &case.people[other.person];
            let theirs = &alone[&other.alone(other.person).key()];
            let is_given_it = |name: &String| values(&case.people[ask.person], ask, name) == values(them, other, name);
            // What does not hold is refused here, and not looked at by those who give to everybody.
            let is_refused = theirs.status == 401 && them.is_impostor;
            if is_refused || !seen.vary.iter().all(is_given_it) {
                continue;
            }
            prop_assert_eq!(
                (theirs.status, &theirs.tag),
                (200, &alone[&ask.alone(ask.person).key()].tag),
                "{:?} of {:#?}\nwould be given to {:#?}",
                ask,
                case.people[ask.person],
                them
            );
        }
    }
    Ok(())
}

/// Whether two requests look alike from outside.
fn is_same_url(one: &Ask, other: &Ask) -> bool {
    if other.shows_cost {
        return false;
    }
    (one.operation, one.surface, one.n, one.how, one.nulls)
        == (other.operation, other.surface, other.n, other.how, other.nulls)
}

/// What a request says in a header.
fn values<'a>(person: &'a Person, ask: &'a Ask, name: &str) -> Vec<&'a str> {
    if name == "accept-encoding" {
        return ask.coding.into_iter().collect();
    }
    let own = person.headers.iter().filter(|(known, _)| *known == name);
    own.map(|(_, value)| value.as_str()).collect()
}

async fn check(case: &Case, met: &Met) -> TestCaseResult {
    let sources = Sources::start().await;
    let before = sources.calls();
    let alone = alone(case, &sources).await;
    let between = sources.calls();
    sources.delay(Duration::from_millis(2));
    let answers = together(case, &sources, &alone).await;
    let per_question = (between - before) as f64 / alone.len() as f64;
    met.calls_alone
        .fetch_add((per_question * case.asks.len() as f64) as u64, Relaxed);
    met.calls.fetch_add(sources.calls() - between, Relaxed);
    compare(case, &alone, &answers, met)?;
    check_private(case, &answers, met)?;
    check_outside(case, &alone, &answers, met)
}

#[test]
fn nobody_gets_anything_of_anybody_elses_whatever_is_shared_and_kept() {
    let met = Arc::new(Met::default());
    let config = ProptestConfig {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(16),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    };

    let result = TestRunner::new(config).run(&case(), |case| {
        // With all its servers it ends with its runtime.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(check(&case, &met))
    });

    result.unwrap_or_else(|failure| panic!("{failure}"));
    let counts = met.clone();
    let met = |count: fn(&Met) -> &AtomicU64| count(&met).load(Relaxed);
    assert!(met(|met| &met.answers) > 1_000);
    assert!(
        met(|met| &met.calls) * 4 < met(|met| &met.calls_alone) * 3,
        "much is shared or kept"
    );
    for (what, count) in [
        ("whole answers are kept", met(|met| &met.kept)),
        ("clients have an answer", met(|met| &met.not_modified)),
        ("credentials are refused", met(|met| &met.refused)),
        ("fields are refused", met(|met| &met.nulls)),
        ("others may keep answers", met(|met| &met.public)),
        (
            "private answers are kept for their users",
            met(|met| &met.nonces_seen_again),
        ),
    ] {
        assert!(count > 4, "{what}: {count} times of {counts:?}");
    }
}
