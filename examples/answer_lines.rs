//! Answers operations line by line: `{"id", "sdl", "sources": {name: url}, "query", "variables"}` on stdin, `{"id", "answer"}` on
//! stdout in any order. `tests/e2e/reference` compares the answers with those of graphql-js.

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use switchboard::{engine::Settings, operation::Limits};
use tokio::sync::Semaphore;

#[allow(dead_code, reason = "shared with tests/it, which needs more of it")]
#[path = "../tests/it/support/engine.rs"]
mod support;

use support::{Ask, TestEngine};

/// A line of stdin.
#[derive(Deserialize)]
struct Question {
    id: u64,
    sdl: String,
    sources: HashMap<String, String>,
    query: String,
    variables: Option<Value>,
}

/// Operations under way at a time.
const IN_FLIGHT_MAX: usize = 16;

/// Engines kept; questions about one schema come together.
const ENGINES_MAX: usize = 16;

/// Engines by schema text; a schema that is refused has its problems instead.
type Engines = HashMap<String, Result<Arc<TestEngine>, String>>;

fn main() {
    // Problems of a schema are part of the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let mut engines = Engines::new();
    for line in std::io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line.expect("text on stdin")).expect("a question a line");
        let engine = {
            let _inside = runtime.enter();
            engine(&mut engines, &question)
        };
        let permit = runtime.block_on(slots.clone().acquire_owned()).expect("never closed");
        let out = out.clone();
        runtime.spawn(async move {
            let id = question.id;
            let answer = tokio::spawn(answer(engine, question)).await;
            let answer =
                answer.unwrap_or_else(|error| text(&json!({ "panic": panic_text(error.into_panic().as_ref()) })));
            let line = format!("{{\"id\":{id},\"answer\":{answer}}}\n");
            out.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line.as_bytes())
                .expect("somebody reads");
            drop(permit);
        });
    }
    runtime
        .block_on(slots.acquire_many(IN_FLIGHT_MAX as u32))
        .expect("never closed")
        .forget();
}

fn engine(engines: &mut Engines, question: &Question) -> Result<Arc<TestEngine>, String> {
    if let Some(known) = engines.get(&question.sdl) {
        return known.clone();
    }
    if engines.len() >= ENGINES_MAX {
        engines.clear();
    }
    let sources: Vec<(&str, String)> = question
        .sources
        .iter()
        .map(|(name, url)| (&**name, url.clone()))
        .collect();
    let limits = Limits {
        tokens: 100_000,
        depth: 0,
        aliases: 0,
        root_fields: 0,
        directives: 0,
        expanded_selections: 0,
        cost: 0,
        calls: 0,
        list_size: 0,
        input_list: 0,
        string_bytes: 0,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        TestEngine::of_files(&[("schema.graphql", &question.sdl)], &sources, settings)
    }));
    let made = made.map(Arc::new).map_err(|panic| panic_text(panic.as_ref()));
    engines.insert(question.sdl.clone(), made.clone());
    made
}

async fn answer(engine: Result<Arc<TestEngine>, String>, question: Question) -> String {
    match engine {
        Ok(engine) => {
            let ask = Ask {
                query: question.query,
                variables: question.variables,
                ..Ask::default()
            };
            let body = engine.respond(ask).await.body;
            let body = String::from_utf8_lossy(&body).into_owned();
            match serde_json::from_str::<&RawValue>(&body) {
                // What a custom scalar copies from its source may have line ends between tokens; in strings JSON has none.
                Ok(_) => body.replace(['\n', '\r'], " "),
                Err(error) => text(&json!({ "not_json": body, "why": error.to_string() })),
            }
        }
        Err(problems) => text(&json!({ "schema": problems })),
    }
}

fn text(value: &Value) -> String {
    value.to_string()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
