//! Documents that another process has registered: had from where they are shared, and believed only if they are what they are called.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use http::HeaderMap;
use serde_json::{Value, json};
use switchboard::{
    engine::{Engine, OnError, Request, Settings},
    execute::Backends,
    operation::documents::{self, Mode, SharedStore},
    schema::{self, LoadOptions, SourceFile},
    telemetry::Metrics,
};
use tokio::time::{Duration, Instant};

use crate::support::persisted::{extension, sha256};

const TEXT: &str = "{ x }";

/// A store in memory that remembers what it was asked.
#[derive(Debug, Default)]
struct Memory {
    texts: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl SharedStore for Memory {
    fn get(&self, key: String, bytes_max: usize) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            let text = self.texts.lock().unwrap().get(&key).cloned();
            self.asked.lock().unwrap().push(key);
            text.map(|mut text| {
                text.truncate(bytes_max + 1);
                text
            })
        })
    }

    fn put(&self, key: String, text: &str) {
        self.texts.lock().unwrap().insert(key, text.as_bytes().to_vec());
    }
}

/// One process of several.
fn process(store: &Arc<Memory>, mode: Mode) -> Engine {
    let sdl = "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@connect\"])\n\
               type Query { x: Int @connect(selection: \"$(1)\") y: Int @connect(selection: \"$(2)\") }";
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: sdl.to_owned(),
    };
    let surface = schema::load("test", &[file], &LoadOptions::default())
        .expect("a schema")
        .surface;
    let metrics = Metrics::new(["test"], []);
    let backends = Backends::bind(&surface, &HashMap::new(), &|_| None, &metrics).expect("no sources");
    let settings = Settings {
        persisted: documents::Settings {
            mode,
            shared: Some(store.clone()),
            ..documents::Settings::default()
        },
        ..Settings::default()
    };
    Engine::new(Arc::new(surface), Arc::new(backends), settings)
}

async fn ask(engine: &Engine, text: Option<&str>, extensions: Value) -> Value {
    let Value::Object(extensions) = extensions else {
        panic!("extensions are an object");
    };
    let request = Request {
        surface: 0,
        query: text.map(str::to_owned),
        operation_name: None,
        variables: None,
        extensions: Some(extensions),
        document_id: None,
        on_error: OnError::default(),
        queries_only: false,
        headers: Arc::new(HeaderMap::new()),
        peer: None,
        caller: switchboard::identity::Caller::anonymous(),
        standing: switchboard::engine::Standing::default(),
        deadline: Instant::now() + Duration::from_secs(20),
    };
    serde_json::from_slice(&engine.handle(&request).await.body).expect("JSON")
}

fn key(text: &str) -> String {
    format!("switchboard:document:1:{}", sha256(text))
}

#[tokio::test]
async fn what_one_process_has_registered_all_of_them_know() {
    let store = Arc::new(Memory::default());
    let (one, other) = (process(&store, Mode::Automatic), process(&store, Mode::Automatic));

    let missed = ask(&other, None, extension(TEXT)).await;
    assert_eq!(missed["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
    ask(&one, Some(TEXT), extension(TEXT)).await;
    assert_eq!(ask(&other, None, extension(TEXT)).await, json!({ "data": { "x": 1 } }));
    assert_eq!(ask(&other, None, extension(TEXT)).await, json!({ "data": { "x": 1 } }));
    assert_eq!(
        *store.asked.lock().unwrap(),
        [key(TEXT), key(TEXT)],
        "what a process knows it does not ask for again"
    );
}

#[tokio::test]
async fn nothing_else_under_a_hash_is_believed() {
    let others: [&[u8]; 5] = [b"{ y }", b"", b"\xff\xfe", &[b' '; 2_000_000], b"{ x } "];
    for stored in others {
        let store = Arc::new(Memory::default());
        store.texts.lock().unwrap().insert(key(TEXT), stored.to_vec());
        let engine = process(&store, Mode::Automatic);

        let told = ask(&engine, None, extension(TEXT)).await;
        assert_eq!(told["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
        // The client sends the text next, and what stands there is put right.
        assert_eq!(ask(&engine, Some(TEXT), extension(TEXT)).await["data"]["x"], 1);
        assert_eq!(store.texts.lock().unwrap()[&key(TEXT)], TEXT.as_bytes());
    }
}

#[tokio::test]
async fn a_shared_document_passes_what_any_other_must_pass() {
    let store = Arc::new(Memory::default());
    let invalid = "{ nonsense }";
    store.put(key(invalid), invalid);
    let engine = process(&store, Mode::Automatic);

    let told = ask(&engine, None, extension(invalid)).await;
    assert_eq!(told["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    // Nor is one stored that does not pass.
    let other = "{ neither }";
    ask(&engine, Some(other), extension(other)).await;
    assert!(!store.texts.lock().unwrap().contains_key(&key(other)));
}

#[tokio::test]
async fn a_surface_that_takes_no_registrations_asks_for_none() {
    let store = Arc::new(Memory::default());
    store.put(key(TEXT), TEXT);
    for mode in [Mode::Off, Mode::Safelist, Mode::Only] {
        let told = ask(&process(&store, mode), None, extension(TEXT)).await;
        assert!(told["errors"].is_array(), "{mode:?}: {told}");
    }
    assert!(store.asked.lock().unwrap().is_empty());
}
