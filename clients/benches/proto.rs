//! What a message costs: encoding a request, decoding an answer of about 26 kB, beside prost-reflect's own.
//!
//! `cargo bench -p switchboard-clients --bench proto`. Median µs of several rounds.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no server")]

use std::{hint::black_box, path::Path};

use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde::de::DeserializeSeed;
use serde_json::{Value, json};
use switchboard_clients::proto::{DecodeLimits, Descriptors, decode_to_json, encode};
use tokio::time::Instant;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    let pool = Descriptors::compile(&["kitchen.proto"], &[folder]).unwrap();
    let of = pool.get_message_by_name("kitchen.Everything").unwrap();
    let request = json!({"texts": ["p1", "p2", "p3"], "maybe": 3, "plain": {"someText": "x"}});
    let item = |n: i32| {
        json!({"i32": n, "i64": "123456789012", "someText": "a title of some length, and some more", "wide": 9.5,
                               "rawBytes": "AAECAwQFBgc=", "truth": true, "colour": "BLUE"})
    };
    let answer = encode(&of, &json!({"plains": (0..300).map(item).collect::<Vec<_>>()})).unwrap();
    println!("answer: {} bytes", answer.len());

    time("encode a request", || encode(&of, &request).unwrap().len());
    time("  by prost-reflect", || {
        of.clone().deserialize(&request).unwrap().encode_to_vec().len()
    });
    time("decode an answer", || {
        decode_to_json(&of, &answer, DecodeLimits::default())
            .unwrap()
            .as_object()
            .unwrap()
            .len()
    });
    time("  by prost-reflect", || {
        let message = DynamicMessage::decode(of.clone(), answer.clone()).unwrap();
        let options = SerializeOptions::new().skip_default_fields(false);
        let value: Value = message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .unwrap();
        value.as_object().unwrap().len()
    });
}

fn time(name: &str, work: impl Fn() -> usize) {
    let mut rounds: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..200 {
                black_box(work());
            }
            start.elapsed().as_secs_f64() * 1e6 / 200.0
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:20} {:8.2} µs", rounds[rounds.len() / 2]);
}
