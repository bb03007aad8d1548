//! What documents that mean no good cost: CPU time, and memory at the most, each against a limit.
//!
//! `cargo bench --bench hostile` makes the table of `benches/README.md` and fails where a document takes more than 5 ms, or more memory than ten times the
//! largest request (sixteen times, where it does not parse). With `-- stages` it shows what of the memory is the library's. Measured is
//! [`Engine::handle`] of a surface that has never seen the document, over a source that answers at once.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no server")]

mod documents;

use std::{collections::HashMap, fmt, process::ExitCode, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};
use switchboard::{
    engine::{Engine, OnError, Request, Settings},
    execute::{Backends, backends::SourceSettings},
    operation::Limits,
    schema::{self, LoadOptions, SourceFile, Surface},
    telemetry::Metrics,
};
use switchboard_clients::{Call, CallFuture, Client, Counted, Reply, Safety};
use tokio::{runtime::Runtime, time::Instant};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Runs of which the fastest counts: what else the machine does only adds.
const RUNS: usize = 5;

/// What a document may take: ten times the largest request. Where thousands of tokens are wrong the parser makes as many errors, and tells the
/// first only after the last.
const CPU_MAX: f64 = 5.0;
const BYTES_MAX: usize = 10 * 256 * 1024;
const BROKEN_BYTES_MAX: usize = 16 * 256 * 1024;

/// A surface over a source that answers at once.
struct Bench {
    runtime: Runtime,
    surface: Arc<Surface>,
}

/// What one document took.
struct Taken {
    milliseconds: f64,
    bytes: usize,
    /// The code of the first error, or `answered`.
    outcome: String,
}

/// Answers everything with one object.
#[derive(Debug)]
struct OneObject;

impl Client for OneObject {
    fn call(&self, _: Call, _: Safety, _: Instant) -> CallFuture {
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let reply = Reply {
            status: 200,
            headers,
            trailers: HeaderMap::new(),
            message: String::new(),
            details: Bytes::new(),
            errors: Vec::new(),
            body: Bytes::from_static(br#"{"id":1,"name":"Ada","kind":"u"}"#),
            counted: Counted::default(),
        };
        Box::pin(async move { Ok(reply) })
    }
}

fn main() -> ExitCode {
    let bench = Bench::new();
    if std::env::args().any(|argument| argument == "stages") {
        bench.stages();
        return ExitCode::SUCCESS;
    }
    let defaults = Limits::default();
    let wide = Limits {
        document_bytes: 256 * 1024,
        ..Limits::default()
    };
    let mut is_within = true;
    println!("| document | bytes | outcome | ms | kB | with `document_bytes: 262144`: bytes | outcome | ms | kB |");
    println!("|---|--:|---|--:|--:|--:|---|--:|--:|");
    let larger = documents::table(wide.document_bytes);
    for ((name, text), (_, other)) in documents::table(defaults.document_bytes).into_iter().zip(larger) {
        let taken = bench.take(&text, &defaults);
        is_within &= taken.is_within();
        let at_most = bench.take(&other, &wide);
        println!("| {name} | {} | {taken} | {} | {at_most} |", text.len(), other.len());
    }
    let (mut slowest, mut largest, mut bytes) = (0.0_f64, 0, 0);
    let generated: Vec<String> = documents::generated(400).collect();
    for text in &generated {
        let taken = bench.take(text, &defaults);
        if !taken.is_within() {
            is_within = false;
            println!("over: {taken}, {} bytes: {}", text.len(), &text[..200]);
        }
        slowest = slowest.max(taken.milliseconds);
        largest = largest.max(taken.bytes);
        bytes = bytes.max(text.len());
    }
    let count = generated.len();
    println!(
        "| {count} generated ones, the most of each | {bytes} | | {slowest:.2} | {} | | | | |",
        largest / 1000
    );
    if is_within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

// === impl Bench ===

impl Bench {
    fn new() -> Self {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: documents::SCHEMA.to_owned(),
        };
        Self {
            surface: Arc::new(schema::load("bench", &[file], &LoadOptions::default()).unwrap().surface),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// The least of several runs, each on an engine that has seen nothing.
    fn take(&self, text: &str, limits: &Limits) -> Taken {
        let runs = (0..RUNS).map(|_| self.take_once(text, limits));
        runs.reduce(|one, other| Taken {
            milliseconds: one.milliseconds.min(other.milliseconds),
            bytes: one.bytes.min(other.bytes),
            ..one
        })
        .unwrap()
    }

    /// What a document takes in the library alone: at most while it is parsed, parsed, at most while it is validated, and both.
    fn stages(&self) {
        println!(
            "| document | bytes | parsing, kB | parsed | validating | validated | whole request | bytes for each byte |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|--:|");
        let limits = Limits::default();
        for (name, text) in documents::table(limits.document_bytes) {
            let whole = self.take(&text, &limits).bytes;
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let mut parser = apollo_compiler::parser::Parser::new()
                .recursion_limit(limits.nesting)
                .token_limit(limits.tokens);
            let parsed = parser.parse_ast(&text, "operation.graphql");
            let figure = |bytes: usize| bytes.saturating_sub(before) / 1000;
            let parsing = (figure(ALLOCATOR.peak_usage()), figure(ALLOCATOR.current_usage()));
            ALLOCATOR.reset_peak_usage();
            let validated = parsed
                .ok()
                .and_then(|document| document.to_executable_validate(&self.surface.schema).ok());
            let validating = match validated {
                Some(_) => format!(
                    "{} | {}",
                    figure(ALLOCATOR.peak_usage()),
                    figure(ALLOCATOR.current_usage())
                ),
                None => " | ".to_owned(),
            };
            let ratio = whole as f64 / text.len() as f64;
            let (most, kept) = parsing;
            println!(
                "| {name} | {} | {most} | {kept} | {validating} | {} | {ratio:.1} |",
                text.len(),
                whole / 1000
            );
        }
    }

    fn take_once(&self, text: &str, limits: &Limits) -> Taken {
        let client: Arc<dyn Client> = Arc::new(OneObject);
        let metrics = Metrics::new(["bench"], []);
        let sources = HashMap::from([("api".to_owned(), SourceSettings::default())]);
        let backends = Backends::bind(&self.surface, &sources, &|_| Some(client.clone()), &metrics).unwrap();
        let settings = Settings {
            limits: limits.clone(),
            ..Settings::default()
        };
        let engine = Engine::new(self.surface.clone(), Arc::new(backends), settings);
        // Not the document's: what the first of all requests sets up.
        self.runtime.block_on(engine.handle(&request("{ x }")));
        let request = request(text);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let start = cpu();
        let answer = self.runtime.block_on(engine.handle(&request));
        let milliseconds = cpu() - start;
        let bytes = ALLOCATOR.peak_usage().saturating_sub(before);
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        Taken {
            milliseconds,
            bytes,
            outcome: code.map_or_else(|| "answered".to_owned(), |code| format!("`{code}`")),
        }
    }
}

// === impl Taken ===

impl Taken {
    fn is_within(&self) -> bool {
        let most = match self.outcome.contains("PARSE_FAILED") {
            true => BROKEN_BYTES_MAX,
            false => BYTES_MAX,
        };
        self.milliseconds <= CPU_MAX && self.bytes <= most
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {:.2} | {}", self.outcome, self.milliseconds, self.bytes / 1000)
    }
}

/// Milliseconds of CPU that this thread has had.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn request(text: &str) -> Request {
    Request {
        surface: 0,
        query: Some(text.to_owned()),
        operation_name: None,
        variables: None,
        extensions: None,
        document_id: None,
        on_error: OnError::default(),
        queries_only: false,
        headers: Arc::default(),
        peer: None,
        caller: switchboard::identity::Caller::anonymous(),
        standing: switchboard::engine::Standing::default(),
        deadline: Instant::now() + Duration::from_secs(60),
    }
}
