//! How time and memory grow with the size of what is asked.
//!
//! `micro --growth KIND SIZE` does one size in a process of its own and prints leaves, µs, and the most memory the process had,
//! in kB; `benches/growth.sh` makes the table.

use std::fmt::Write;

use tokio::time::{Duration, Instant, sleep};

use crate::work::Reach;

/// All kinds with the sizes that are measured.
pub(crate) const KINDS: &[(&str, &[usize])] = &[
    ("leaves", &[10, 100, 1_000, 10_000, 100_000, 1_000_000]),
    ("nested", &[10, 30, 100, 250]),
    ("batch", &[10, 100, 1_000, 5_000]),
    ("depth", &[8, 16, 32, 64]),
    ("waiting", &[50, 500, 5_000]),
];

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1")
  @source(name: "api", http: { baseURL: "http://api.example" })
type Query {
  wide: [Wide!] @connect(source: "api", http: { GET: "/wide" }, selection: "a b c d e f g h i j")
  grid: [Row!] @connect(source: "api", http: { GET: "/grid" }, selection: "cells { x }")
  posts: [Post!] @connect(source: "api", http: { GET: "/posts" }, selection: "id user { id }")
  deep: Deep @connect(source: "api", http: { GET: "/deep" }, selection: "DEEP")
  slow: Deep @connect(source: "api", http: { GET: "/slow" }, selection: "value")
}
type Wide { a: Int b: Int c: Int d: Int e: Int f: String g: String h: String i: String j: String }
type Row { cells: [Cell!] }
type Cell { x: Int }
type Post { id: Int user: User }
type User @connect(source: "api", http: { GET: "/users", queryParams: "id: $batch.id" }, batch: { maxSize: 10000 }, selection: "id name") {
  id: Int name: String }
type Deep { value: Int below: Deep }
"#;

/// Does one size.
pub(crate) fn run(kind: &str, size: usize) {
    let (query, bodies, leaves) = case(kind, size);
    let deep = (1..64).fold("value".to_owned(), |below, _| format!("value below {{ {below} }}"));
    let slow = if kind == "waiting" {
        Duration::from_secs(2)
    } else {
        Duration::ZERO
    };
    let reach = Reach::new(&SCHEMA.replace("DEEP", &deep), bodies, slow);
    if kind == "waiting" {
        return waiting(&reach, size, &query);
    }
    // The first request plans.
    let answer = reach.ask(&query);
    let start = String::from_utf8_lossy(&answer[..answer.len().min(300)]);
    assert!(start.starts_with(r#"{"data":{""#), "{start}");
    let times = (2_000_000 / leaves).clamp(3, 2_000);
    let start = Instant::now();
    for _ in 0..times {
        std::hint::black_box(reach.ask(&query));
    }
    tell(leaves, start.elapsed().as_secs_f64() * 1e6 / times as f64);
}

/// Requests that all wait for a slow source at once; time is what each costs, not how long it waits.
fn waiting(reach: &Reach, size: usize, query: &str) {
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
        stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
    };
    reach.ask(query);
    let before = cpu();
    reach.ask_all(&vec![query.to_owned(); size]);
    tell(size, cpu() - before);
}

fn tell(leaves: usize, micros: f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{leaves} {micros:.1} {}", peak.trim().trim_end_matches(" kB"));
}

/// Query, bodies by path, and how many leaves the answer has.
fn case(kind: &str, size: usize) -> (String, Vec<(&'static str, String)>, usize) {
    match kind {
        "leaves" => {
            let item = |n: usize| {
                format!(
                    r#"{{"a":{n},"b":2,"c":3,"d":4,"e":5,"f":"some text","g":"more text of it","h":"x","i":"yy","j":"the last of them"}}"#
                )
            };
            let body = list((0..size / 10).map(item));
            (
                "{ wide { a b c d e f g h i j } }".to_owned(),
                vec![("/wide", body)],
                size,
            )
        }
        "nested" => {
            let row = |_| format!(r#"{{"cells":{}}}"#, list((0..size).map(|n| format!(r#"{{"x":{n}}}"#))));
            let body = list((0..size).map(row));
            (
                "{ grid { cells { x } } }".to_owned(),
                vec![("/grid", body)],
                size * size,
            )
        }
        "batch" => {
            let posts = list((0..size).map(|n| format!(r#"{{"id":{n},"user":{{"id":{n}}}}}"#)));
            let users = list((0..size).map(|n| format!(r#"{{"id":{n},"name":"user {n}"}}"#)));
            let query = "{ posts { id user { id name } } }".to_owned();
            (query, vec![("/posts", posts), ("/users", users)], size * 3)
        }
        "depth" => {
            let body = (1..size).fold(r#"{"value":1}"#.to_owned(), |below, n| {
                format!(r#"{{"value":{n},"below":{below}}}"#)
            });
            let mut query = String::from("{ deep { ");
            for _ in 1..size {
                query.push_str("value below { ");
            }
            query.push_str("value ");
            write!(query, "{}", "} ".repeat(size + 1)).unwrap();
            (query, vec![("/deep", body)], size)
        }
        "waiting" => (
            "{ slow { value } }".to_owned(),
            vec![("/slow", r#"{"value":1}"#.to_owned())],
            size,
        ),
        other => panic!("nothing grows by {other}"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A pause that only waiting requests make.
pub(crate) async fn pause(time: Duration) {
    if time.is_zero() {
        tokio::task::yield_now().await;
    } else {
        sleep(time).await;
    }
}
