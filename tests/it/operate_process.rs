//! What only a process of its own shows of operating: signals, and lines in its log.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use serde_json::{Value, json};
use switchboard_harness::{Answer, MockRest};
use tempfile::TempDir;

use crate::{
    cli::free_port,
    operate::{SDL, write},
};

/// A server with its log.
struct Process {
    child: Child,
    files: TempDir,
    port: u16,
    admin: u16,
    lines: Receiver<Value>,
    client: reqwest::Client,
    api: MockRest,
}

impl Process {
    /// Serves this schema, whose sources all are one backend.
    async fn start(sdl: &str) -> Self {
        let api = MockRest::start().await;
        api.on_json("GET /x", json!({ "x": 1 }));
        api.on_json("POST /x", json!({ "x": 2 }));
        let (files, port, admin, url) = (tempfile::tempdir().unwrap(), free_port(), free_port(), api.url());
        let config = format!(
            "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:{admin}\nsurfaces:\n  web: {{ schema: schema.graphql }}\n\
             sources: {{ api: {{ override_url: \"{url}\" }}, news: {{ override_url: \"{url}\", resilience: {{ breaker: {{ open_for: 1s }} }} }} }}\nswitches: switches.yaml\n"
        );
        write(files.path(), "schema.graphql", sdl);
        write(files.path(), "switchboard.yaml", &config);
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .arg("serve")
            .current_dir(files.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            let parsed = log.lines().map_while(Result::ok);
            for line in parsed.filter_map(|line| serde_json::from_str(&line).ok()) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            files,
            port,
            admin,
            lines,
            client: reqwest::Client::new(),
            api,
        }
    }

    /// The next line of the log that is so.
    fn line(&self, mut is_so: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.expect("a line in the log");
            if is_so(&line) {
                return line;
            }
        }
    }

    fn says(&self, message: &str) -> Value {
        self.line(|line| line["message"].as_str().is_some_and(|of| of.starts_with(message)))
    }

    fn hang_up(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    async fn post(&self, port: u16, path: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = self.client.post(url).json(&body).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn run(&self, query: &str) -> Value {
        self.post(self.port, "/web/graphql", json!({ "query": query })).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_everything_again_and_what_is_wrong_leaves_the_last_good_one() {
    let server = Process::start(SDL).await;
    server.says("serving");
    let next = SDL.replace("x: Int", "y: Int");

    write(server.files.path(), "schema.graphql", &next);
    server.hang_up();
    let line = server.says("the configuration was read again and is in use");
    assert_eq!(line["reloads"], 1);
    assert_eq!(server.run("{ y }").await, json!({ "data": { "y": 1 } }));

    write(
        server.files.path(),
        "schema.graphql",
        &next.replace("selection: \"$.x\"", "selection: \"$.x->\""),
    );
    server.hang_up();
    let line = server.says("the configuration was read again and refused, the one before stays");
    let why = line["message"].as_str().unwrap();
    assert!(why.contains("schema.graphql:8:71: error[INVALID_SELECTION]"), "{why}");
    assert_eq!(server.run("{ y }").await, json!({ "data": { "y": 1 } }));

    write(server.files.path(), "schema.graphql", SDL);
    server.hang_up();
    assert_eq!(
        server.says("the configuration was read again and is in use")["reloads"],
        2
    );
    assert_eq!(server.run("{ x }").await, json!({ "data": { "x": 1 } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_switches_what_is_written_down_once() {
    let server = Process::start(SDL).await;
    server.says("serving");
    let audit = || {
        let line = server.line(|line| line["target"] == "switchboard::audit");
        let text = |of: &str| line[of].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {}: {}: {}",
            text("level"),
            text("message"),
            text("by"),
            text("changes")
        )
    };

    for switches in [
        json!({ "sources": ["news"], "fields": ["Query.tips"], "read_only": true }),
        // The same again is no change.
        json!({ "sources": ["news"], "fields": ["Query.tips"], "read_only": true }),
        json!({ "sources": ["news"], "operations": ["Home"], "clients": ["ios 7.0"] }),
    ] {
        let told = server.post(server.admin, "/switches", switches).await;
        assert!(told["error"].is_null(), "{told}");
    }
    assert_eq!(
        [audit(), audit()],
        [
            "INFO switched: admin: source news off, field Query.tips off, mutations off",
            "INFO switched: admin: field Query.tips on, operation Home off, client ios 7.0 off, mutations on",
        ]
    );

    write(server.files.path(), "switches.yaml", "sources: [api]\n");
    assert_eq!(audit(), "INFO switched: file: source api off");
    server.post(server.admin, "/switches", json!({})).await;
    assert_eq!(
        audit(),
        "INFO switched: admin: source news on, operation Home on, client ios 7.0 on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_that_cannot_stand_in_is_a_warning_at_the_start() {
    let sdl = SDL.replace(
        "type Mutation {",
        "extend type Query { page: Page @connect(source: \"api\", http: { GET: \"/page\" }, selection: \"title\") }\n\
         type Page { title: String @fallback(selection: \"$('none')\") }\n\
         type Mutation { sub: Int @fallback(selection: \"$(0)\") @connect(source: \"api\", http: { POST: \"/x\" }, selection: \"$.x\")",
    );
    let server = Process::start(&sdl).await;
    let mut warnings = Vec::new();
    loop {
        let line = server.line(|_| true);
        if line["message"] == "serving" {
            break;
        }
        let text = |of: &str| line[of].as_str().unwrap_or_default().to_owned();
        assert!(line["line"].is_u64(), "{line}");
        warnings.push(format!("{} {} {}", text("level"), text("file"), text("message")));
    }

    insta::assert_snapshot!(warnings.join("\n"), @r"
    WARN schema.graphql the fallback of `Page.title` never runs: its value comes with its object: when that call fails, there is no object for it to stand in
    WARN schema.graphql with this fallback `Mutation.sub` has no error when it has changed nothing
    ");
    assert_eq!(
        server.run("{ x }").await,
        json!({ "data": { "x": 1 } }),
        "it serves all the same"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_breaker_does_is_a_line_each_and_what_it_refuses_is_none() {
    let server = Process::start(SDL).await;
    server.says("serving");
    server.api.on("GET /news", |_| Answer::status(503));
    let mut refused = 0;
    while refused < 30 {
        let answer = server.run("{ news }").await;
        refused += usize::from(answer["errors"][0]["extensions"]["code"] == "UPSTREAM_CIRCUIT_OPEN");
    }
    server.api.on_json("GET /news", json!({ "text": "new" }));
    let is_well = async || server.run("{ news }").await["data"]["news"] == "new";
    for _ in 0..3 {
        while !is_well().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    server
        .post(server.admin, "/switches", json!({ "read_only": true }))
        .await;

    let mut told = Vec::new();
    server.line(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        if line["target"]
            .as_str()
            .is_some_and(|target| target != "switchboard::http::stack")
        {
            told.push(format!("{} {message} {} {}", line["level"], line["source"], line["of"]).replace('"', ""));
        }
        message == "switched"
    });

    let url = server.api.url();
    assert_eq!(
        told,
        [
            format!("WARN circuit breaker is open news {url}"),
            format!("INFO circuit breaker is half open news {url}"),
            format!("INFO circuit breaker is closed news {url}"),
            "INFO switched null null".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_restart_is_told_as_long_as_it_waits() {
    const WAITS: &str = "changes of listen, admin, overload, http, log, quotas and switches wait for a restart";
    let server = Process::start(SDL).await;
    server.says("serving");
    let first = std::fs::read_to_string(server.files.path().join("switchboard.yaml")).unwrap();
    let other = format!("{first}http: {{ idle_timeout: 30s }}\n");
    let mut told = Vec::new();
    for text in [&other, &other, &first] {
        write(server.files.path(), "switchboard.yaml", text);
        server.hang_up();
        let mut waits = false;
        server.line(|line| {
            waits |= line["message"] == WAITS;
            line["message"] == "the configuration was read again and is in use"
        });
        told.push(waits);
    }
    assert_eq!(told, [true, true, false]);
}
