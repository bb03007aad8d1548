//! Answers of sources are read as the dialect says (DIALECT §1.5): one case a line in `reply_cases.jsonl`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use switchboard_harness::{Answer, MockRest};

use crate::support::TestEngine;

/// One line. Exactly one of `data`, `text` and `error` says what is expected of the field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "ok")]
    status: u16,
    /// Content type.
    r#type: Option<String>,
    header: Option<(String, String)>,
    #[serde(default)]
    body: String,
    /// A body that is no UTF-8.
    hex: Option<String>,
    /// Opening, how often, closing.
    body_repeat: Option<(String, usize, String)>,
    /// Further arguments of `@source` and `@connect`.
    #[serde(default)]
    source: String,
    #[serde(default)]
    connect: String,
    #[serde(default = "whole")]
    selection: String,
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
    /// The value's text in the answer.
    text: Option<String>,
    /// `message`, and what `extensions` hold beside `service` and `connector`.
    error: Option<Map<String, Value>>,
}

fn ok() -> u16 {
    200
}

fn whole() -> String {
    "$".to_owned()
}

/// Keeps `null` apart from nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

// === impl Case ===

impl Case {
    fn body(&self) -> Bytes {
        if let Some(hex) = &self.hex {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
            return (0..hex.len()).step_by(2).map(byte).collect();
        }
        match &self.body_repeat {
            Some((open, times, close)) => format!("{}{}", open.repeat(*times), close.repeat(*times)).into(),
            None => self.body.clone().into(),
        }
    }

    fn answer(&self) -> Answer {
        let mut answer = Answer::bytes(self.body()).with_status(self.status);
        if let Some(media) = &self.r#type {
            answer = answer.with_header("content-type", media);
        }
        match &self.header {
            Some((name, value)) => answer.with_header(name, value),
            None => answer,
        }
    }

    async fn difference(&self, api: &MockRest) -> Option<String> {
        let case = self.clone();
        api.on("GET /f", move |_| case.answer());
        let sdl = format!(
            "extend schema @source(name: \"api\", http: {{ baseURL: \"http://unused\" }} {})
             scalar Any
             type Query {{ f: Any @connect(source: \"api\", http: {{ GET: \"/f\" }} {} selection: {:?}) }}",
            self.source, self.connect, self.selection
        );
        let answer = TestEngine::new(&sdl, &[("api", api.url())]).run("{ f }").await;
        let value = &answer["data"]["f"];
        let fits = match (&self.data, &self.text, &self.error) {
            (Some(data), None, None) => value == data && answer.get("errors").is_none(),
            (None, Some(text), None) => {
                let written = value.to_string();
                written == *text && answer.get("errors").is_none()
            }
            (None, None, Some(error)) => {
                let mut told = answer["errors"][0]["extensions"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                told.remove("service");
                told.remove("connector");
                told.insert("message".to_owned(), answer["errors"][0]["message"].clone());
                value.is_null() && told == *error
            }
            _ => panic!("{}: one of data, text, error", self.name),
        };
        (!fits).then(|| format!("{}\n    answered {answer}", self.name))
    }
}

#[tokio::test]
async fn answers_are_decoded_and_judged_as_the_dialect_says() {
    let cases: Vec<Case> = include_str!("reply_cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let api = MockRest::start().await;
    let mut failures = Vec::new();
    for case in &cases {
        failures.extend(case.difference(&api).await);
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}
