//! Minutes of random faults: every answer is checked, and what the server holds is the same afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    load,
    parts::Report,
    server::{Held, Server},
    source::{Source, items, thing},
};

/// What is done to single requests.
const FAULTS: [&str; 16] = [
    "hang",
    "slow-header:300",
    "slow-body:5",
    "truncate",
    "truncate-chunked",
    "reset",
    "close",
    "length:5",
    "length:-5",
    "garbage",
    "status:500",
    "status:503",
    "status:429",
    "grpc:14",
    "rst:8",
    "goaway-now",
];

/// Longest that an answer may take: the deadline of requests, and room for a machine that does other things.
const ANSWER_MAX: Duration = Duration::from_millis(5_500);

/// A well server is asked for this long before it is looked at.
const SETTLE: Duration = Duration::from_secs(30);

/// Longer than a breaker stays open.
const OPEN_MAX: Duration = Duration::from_secs(6 * 60);

/// Longer than anybody keeps a connection that is not used.
const REST: Duration = Duration::from_secs(130);

/// Numbers that look random and follow from a seed.
struct Random(u64);

/// What came of all requests.
#[derive(Debug, Default)]
struct Seen {
    whole: u64,
    partial: BTreeMap<String, u64>,
    given_up: u64,
    wrong: Vec<String>,
    slowest: Duration,
}

// === impl Random ===

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*: https://doi.org/10.18637/jss.v008.i14
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

/// `numbers`: seconds, requests a second, seed.
pub(crate) async fn run(numbers: &[u64]) -> Report {
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (time, rate, seed) = (Duration::from_secs(number(0, 600)), number(1, 60), number(2, 1));
    let mut sources = [Source::start(), Source::start(), Source::start()];
    let [a, b, g] = &sources;
    // So that breakers come and go; all else is as it is by default.
    let settings = "resilience: { breaker: { open_for: 1s } }";
    let server = Server::start(&[("a", &[a]), ("b", &[b]), ("g", &[g])], settings).await;
    let number = Arc::new(AtomicU64::new(seed << 32));

    settle(&server, rate, &number).await;
    let before = server.held().await;
    println!("before: {before:?}");

    let until = Instant::now() + time;
    let public = server.public;
    let asking = tokio::spawn(ask(public, rate, until, number.clone()));
    let mut random = Random(seed | 1);
    let mut look = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let source = &mut sources[usize::try_from(random.below(3)).unwrap()];
        source.tell(&mode(&mut random));
        sleep(Duration::from_millis(500 + random.below(1500))).await;
        if Instant::now() >= look {
            println!("under way: {:?}", server.held().await);
            look += Duration::from_secs(60);
        }
    }
    sources.iter_mut().for_each(|source| source.tell("well"));
    let seen = asking.await.unwrap();

    // Breakers close again, the one that was opened most often last.
    let last = Instant::now() + OPEN_MAX;
    while Instant::now() < last && !server.is_closed().await {
        ask(public, 20, Instant::now() + Duration::from_secs(10), number.clone()).await;
    }
    settle(&server, rate, &number).await;
    let after = server.held().await;
    report(&server, time, &seen, (before, after)).await
}

/// Asks a server whose sources are well, then leaves it alone until all is over.
async fn settle(server: &Server, rate: u64, number: &Arc<AtomicU64>) {
    let seen = ask(server.public, rate, Instant::now() + SETTLE, number.clone()).await;
    assert!(seen.partial.is_empty(), "all is well: {:?}", seen.partial);
    sleep(REST).await;
}

/// What a source does next.
fn mode(random: &mut Random) -> String {
    let fault = |random: &mut Random| FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap()];
    match random.below(10) {
        0..4 => "well".to_owned(),
        4 => "down".to_owned(),
        5 => format!("always {}", fault(random)),
        _ => {
            let (seed, hundredths) = (random.below(1 << 30), 5 + random.below(60));
            let faults = [fault(random), fault(random), fault(random)];
            format!("seeded {seed} {hundredths} {}", faults.join(" "))
        }
    }
}

async fn ask(server: std::net::SocketAddr, rate: u64, until: Instant, number: Arc<AtomicU64>) -> Seen {
    let client = load::client();
    let mut seen = Seen::default();
    let mut under_way: JoinSet<(u64, Option<Value>, Duration)> = JoinSet::new();
    let mut next = Instant::now();
    while next < until {
        sleep_until(next).await;
        next += Duration::from_micros(1_000_000 / rate);
        let (client, number) = (client.clone(), number.fetch_add(1, Relaxed));
        under_way.spawn(async move {
            let begun = Instant::now();
            // Some clients do not wait.
            let patience = if number % 50 == 0 {
                Duration::from_millis(40)
            } else {
                Duration::from_secs(10)
            };
            let answer = timeout(patience, load::ask(&client, server, request(number))).await;
            (number, answer.ok(), begun.elapsed())
        });
        while let Some(over) = under_way.try_join_next() {
            seen.take(over.unwrap());
        }
    }
    while let Some(over) = under_way.join_next().await {
        seen.take(over.unwrap());
    }
    seen
}

/// What number `number` asks for.
fn ids(number: u64) -> [(&'static str, u64); 4] {
    let mut random = Random(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    ["a", "b", "g", "box"].map(|of| (of, 1 + random.below(5_000)))
}

/// One of fifteen operations, with the request's own ids.
fn request(number: u64) -> Value {
    let of = |field: &str| match field {
        "box" => "box(id: $box) { id items { id name size } }".to_owned(),
        of => format!("{of}(id: ${of}) {{ id name size }}"),
    };
    // All combinations but none of them.
    let chosen = ids(number)
        .into_iter()
        .enumerate()
        .filter(|(at, _)| (1 + number % 15) >> at & 1 == 1);
    let chosen: Vec<_> = chosen.map(|(_, chosen)| chosen).collect();
    let head: Vec<String> = chosen.iter().map(|(name, _)| format!("${name}: Int!")).collect();
    let body: String = chosen.iter().map(|(name, _)| of(name) + " ").collect();
    let variables: Map<String, Value> = chosen
        .iter()
        .map(|(name, id)| ((*name).to_owned(), json!(id)))
        .collect();
    json!({ "query": format!("query({}) {{ {body}}}", head.join(" ")), "variables": variables })
}

// === impl Seen ===

impl Seen {
    fn take(&mut self, (number, answer, took): (u64, Option<Value>, Duration)) {
        let Some(answer) = answer else {
            self.given_up += 1;
            return;
        };
        self.slowest = self.slowest.max(took);
        if let Some(why) = wrong(number, &answer, took) {
            if self.wrong.len() < 20 {
                println!("wrong: {why}: {} {answer}", request(number));
            }
            self.wrong.push(why);
        }
        match answer["errors"][0]["extensions"]["code"].as_str() {
            None => self.whole += 1,
            Some(code) => *self.partial.entry(code.to_owned()).or_default() += 1,
        }
    }
}

/// What is wrong with an answer.
fn wrong(number: u64, answer: &Value, took: Duration) -> Option<String> {
    if took > ANSWER_MAX {
        return Some(format!("it took {took:?}"));
    }
    let data = answer["data"].as_object();
    let Some(data) = data else {
        return Some("no data".to_owned());
    };
    let ids: BTreeMap<&str, u64> = ids(number).into();
    for (field, value) in data {
        let id = ids[&**field];
        match (&**field, value) {
            (_, Value::Null) if is_told(answer, &[field.as_str().into()]) => {}
            ("box", Value::Object(of_box)) => {
                if of_box["id"] != id {
                    return Some(format!("{field}: another box"));
                }
                let expected: Vec<Value> = items(id).into_iter().map(thing).collect();
                if let Some(why) = wrong_items(answer, &of_box["items"], &expected) {
                    return Some(why);
                }
            }
            (_, value) if *value == thing(id) => {}
            _ => return Some(format!("{field}: neither its value nor an error")),
        }
    }
    let paths = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut paths: Vec<String> = paths.iter().map(|error| error["path"].to_string()).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    (paths.len() < count).then(|| "two errors at one path".to_owned())
}

fn wrong_items(answer: &Value, items: &Value, expected: &[Value]) -> Option<String> {
    let Some(list) = items.as_array() else {
        return Some("box.items: no list".to_owned());
    };
    if list.len() != expected.len() {
        return Some("box.items: of another length".to_owned());
    }
    let is_wrong = |(at, (item, expected)): (usize, (&Value, &Value))| {
        let path = ["box".into(), "items".into(), at.into()];
        // An item whose call failed has its id from the box.
        let is_cut = item["id"] == expected["id"] && item["name"].is_null() && item["size"].is_null();
        let is_right = item == expected || (item.is_null() || is_cut) && is_told(answer, &path);
        (!is_right).then(|| format!("box.items.{at}: neither its value nor an error"))
    };
    list.iter().zip(expected).enumerate().find_map(is_wrong)
}

/// Whether an error is at the path, or below it.
fn is_told(answer: &Value, path: &[Value]) -> bool {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_at = |error: &Value| error["path"].as_array().is_some_and(|of| of.starts_with(path));
    errors.iter().any(is_at)
}

async fn report(server: &Server, time: Duration, seen: &Seen, (before, after): (Held, Held)) -> Report {
    let mut report = Report::default();
    let partial: u64 = seen.partial.values().sum();
    report.beside("time of random faults", format!("{time:?}"));
    report.beside("whole answers", seen.whole);
    report.beside("answers with errors", format!("{partial}: {:?}", seen.partial));
    report.beside("clients that did not wait", seen.given_up);
    report.beside("slowest answer", format!("{:?}", seen.slowest));
    report.at_most("wrong answers", seen.wrong.len() as f64, 0.0);
    let mut in_flight = 0.0;
    for (name, value) in server.metrics().await {
        if name.contains("in_flight") {
            in_flight += value;
        }
    }
    report.at_most("requests, calls and places still taken afterwards", in_flight, 0.0);
    let but = |held: u64| held as f64;
    report.beside("before, at rest", format!("{before:?}"));
    report.at_most("tasks afterwards, at rest", but(after.tasks), but(before.tasks));
    report.at_most("open files afterwards, at rest", but(after.files), but(before.files));
    report.at_most("threads afterwards", but(after.threads), but(before.threads));
    report.at_most(
        "resident memory afterwards, of before",
        but(after.rss_kib) / but(before.rss_kib),
        1.25,
    );
    report
}
