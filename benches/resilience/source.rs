//! A source as a process of its own: a REST and a gRPC service, each behind a proxy that breaks what passes.
//!
//! The process is told what to break by lines on its standard input; each is answered by a line. It ends with its input.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use switchboard_harness::{Answer, Fault, FaultProxy, GrpcAnswer, MockGrpc, MockRest, Plan};
use tokio::task::spawn_blocking;

pub(crate) const PROTO: &str = r#"
    syntax = "proto3";
    package bench;
    service Things { rpc Get(Key) returns (Thing) { option idempotency_level = NO_SIDE_EFFECTS; } }
    message Key { int32 id = 1; }
    message Thing { int32 id = 1; string name = 2; int32 size = 3; }
"#;

/// A running source.
pub(crate) struct Source {
    process: Child,
    tell: ChildStdin,
    told: BufReader<ChildStdout>,
    /// Base URL of its REST service.
    pub(crate) rest: String,
    /// Address of its gRPC service.
    pub(crate) grpc: String,
}

/// What a source knows of a thing.
pub(crate) fn thing(id: u64) -> Value {
    json!({ "id": id, "name": format!("thing {id}"), "size": id * 7 % 1000 })
}

/// The items of a box, by number.
pub(crate) fn items(id: u64) -> Vec<u64> {
    (0..id % 5).map(|item| id * 10 + item).collect()
}

// === impl Source ===

impl Source {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .arg("source")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let tell = process.stdin.take().unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let at: Value = serde_json::from_str(&line).unwrap();
        let url = |of: &str| at[of].as_str().unwrap().to_owned();
        Self {
            process,
            tell,
            rest: url("rest"),
            grpc: url("grpc"),
            told,
        }
    }

    /// Tells it what to do: `well`, `down`, `delay MILLISECONDS`, `always FAULT`, `seeded SEED HUNDREDTHS FAULT…`.
    pub(crate) fn tell(&mut self, what: &str) {
        writeln!(self.tell, "{what}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "{what}");
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is a source, until nobody is there to tell it more.
pub(crate) async fn serve() {
    let rest = MockRest::start().await;
    rest.on("GET /things/{id}", |request| {
        Answer::json(thing(request.captured("id").parse().unwrap_or(0)))
    });
    rest.on("GET /boxes/{id}", |request| {
        let id = request.captured("id").parse().unwrap_or(0);
        let items: Vec<Value> = items(id).into_iter().map(|id| json!({ "id": id })).collect();
        Answer::json(json!({ "id": id, "items": items }))
    });
    rest.on("GET /batch", |request| {
        let ids = request.query_values("id").into_iter().filter_map(|id| id.parse().ok());
        Answer::json(ids.map(thing).collect())
    });
    let grpc = MockGrpc::start(&[("things.proto", PROTO)]).await;
    grpc.on("bench.Things/Get", |request| {
        GrpcAnswer::json(thing(request.message["id"].as_u64().unwrap_or(0)))
    });
    rest.keep_log(false);
    grpc.backend().keep_log(false);
    let proxies = [
        FaultProxy::start(rest.address(), Plan::none()).await,
        FaultProxy::start(grpc.backend().address(), Plan::none()).await,
    ];
    println!("{}", json!({ "rest": proxies[0].url(), "grpc": proxies[1].url() }));
    let read = || {
        let mut line = String::new();
        (stdin().read_line(&mut line).unwrap() > 0).then_some(line)
    };
    while let Ok(Some(line)) = spawn_blocking(read).await {
        let line = line.trim_end();
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["down"] => {
                for proxy in &proxies {
                    proxy.refuse().await;
                }
            }
            ["delay", millis] => {
                let delay = Duration::from_millis(millis.parse().unwrap());
                rest.delay(delay);
                grpc.backend().delay(delay);
            }
            _ => {
                for proxy in &proxies {
                    proxy.resume();
                    proxy.set(plan(&words));
                }
            }
        }
        println!("done");
    }
}

fn plan(words: &[&str]) -> Plan {
    match words {
        ["well"] => Plan::none(),
        ["always", what] => Plan::always(fault(what)),
        ["seeded", seed, hundredths, faults @ ..] => Plan::seeded(
            seed.parse().unwrap(),
            hundredths.parse().unwrap(),
            faults.iter().map(|what| fault(what)).collect(),
        ),
        _ => panic!("{words:?}"),
    }
}

/// A fault as lines name it: a word, and a number where it has one.
fn fault(text: &str) -> Fault {
    let (word, number) = text.split_once(':').unwrap_or((text, "0"));
    let number: i64 = number.parse().unwrap();
    let millis = Duration::from_millis(number.unsigned_abs());
    let status = u16::try_from(number.unsigned_abs()).unwrap();
    match word {
        "hang" => Fault::Hang,
        "slow-header" => Fault::SlowHeader(millis),
        "slow-body" => Fault::SlowBody(millis),
        "truncate" => Fault::Truncate,
        "truncate-chunked" => Fault::TruncateChunked,
        "reset" => Fault::Reset,
        "close" => Fault::Close,
        "length" => Fault::Length(number),
        "garbage" => Fault::Body("{\"id\": 1, \"na".into()),
        "status" => Fault::Status(status, Vec::new()),
        "grpc" => Fault::Grpc(status, Vec::new()),
        "rst" => Fault::Rst(u32::from(status)),
        "goaway" => Fault::GoAway,
        "goaway-now" => Fault::GoAwayNow,
        _ => panic!("{text}"),
    }
}
