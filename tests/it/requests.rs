//! Requests are made as the dialect says (DIALECT §1.3, §1.4): one case a line in `request_cases/*.jsonl`, each sent to a
//! backend and looked at there.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value};
use switchboard_harness::MockRest;

use crate::support::{Ask, TestEngine};

/// One line of a table. `fails` says that there is no call and why; without it exactly one is made, and what is said of it is
/// compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// What follows the backend's address in `baseURL`.
    #[serde(default)]
    base: String,
    /// Further arguments of the source's `http:`.
    #[serde(default)]
    source: String,
    /// The connector's `http:`; `BASE` stands for the backend's address.
    connect: String,
    #[serde(default)]
    without_source: bool,
    /// Whether our own additions are linked.
    #[serde(default)]
    additions: bool,
    /// Further type definitions.
    #[serde(default)]
    types: String,
    /// The field's arguments as declared, and as given.
    #[serde(default)]
    args: String,
    #[serde(default)]
    call: String,
    /// `$config`.
    #[serde(default)]
    config: Map<String, Value>,
    /// Headers of the client.
    #[serde(default)]
    client: Vec<(String, String)>,
    /// Part of the error's message.
    fails: Option<String>,
    method: Option<String>,
    /// Path and query.
    target: Option<String>,
    /// All values of some headers.
    headers: Option<Map<String, Value>>,
    body: Option<String>,
    /// The body, taken apart as servers do.
    form: Option<Vec<(String, String)>>,
}

// === impl Case ===

impl Case {
    fn schema(&self, url: &str) -> String {
        let additions = match self.additions {
            true => "@link(url: \"https://switchboard.example/bff/v0.1\")",
            false => "",
        };
        let (declared, named) = match self.without_source {
            true => (String::new(), ""),
            false => (
                format!(
                    "@source(name: \"api\", http: {{ baseURL: \"{url}{}\" {} }})",
                    self.base, self.source
                ),
                "source: \"api\"",
            ),
        };
        format!(
            "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@source\", \"@connect\"]) {additions} {declared}
             scalar Any {}
             type Query {{ f{}: Any @connect({named} http: {{ {} }} selection: \"$\") }}",
            self.types,
            self.args,
            self.connect.replace("BASE", url)
        )
    }

    async fn run(&self, api: &MockRest) -> Vec<String> {
        api.reset();
        let engine = TestEngine::configured(&self.schema(&api.url()), Value::Object(self.config.clone()));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.client {
            headers.append(
                name.parse::<HeaderName>().expect("a name"),
                value.parse().expect("a value"),
            );
        }
        let answer = engine
            .ask(Ask {
                query: format!("{{ f{} }}", self.call),
                headers,
                ..Ask::default()
            })
            .await;
        let log = api.log();
        match (&self.fails, &log[..]) {
            (Some(why), []) => {
                let error = &answer["errors"][0];
                let fits = error["message"].as_str().unwrap_or_default().contains(why)
                    && error["extensions"]["code"] == "BAD_USER_INPUT";
                (!fits).then(|| format!("answers {answer}")).into_iter().collect()
            }
            (None, [call]) => self.differences(call),
            _ => vec![format!("makes {} calls and answers {answer}", log.len())],
        }
    }

    fn differences(&self, call: &switchboard_harness::Call) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, sent: &str, expected: Option<&String>| {
            if let Some(expected) = expected.filter(|expected| *expected != sent) {
                found.push(format!("{what}\n        expected {expected}\n        sent     {sent}"));
            }
        };
        let body = String::from_utf8_lossy(&call.body);
        compare("method", call.method.as_str(), self.method.as_ref());
        compare("target", &call.path_and_query, self.target.as_ref());
        compare("body", &body, self.body.as_ref());
        for (name, expected) in self.headers.iter().flatten() {
            let values: Value = call.headers.get_all(name).iter().map(text).collect();
            compare(name, &values.to_string(), Some(&expected.to_string()));
        }
        let form = self.form.as_ref().map(|form| format!("{form:?}"));
        compare("form", &format!("{:?}", pairs(&body)), form.as_ref());
        found
    }
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// What a server reads from a form.
fn pairs(form: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

async fn run(table: &str) {
    let api = MockRest::start().await;
    let cases: Vec<Case> = table
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(!cases.is_empty(), "an empty table tests nothing");
    let mut failures = Vec::new();
    for case in &cases {
        for difference in case.run(&api).await {
            failures.push(format!("{}\n    {}\n    {difference}", case.name, case.connect));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[tokio::test]
async fn urls_are_joined_and_encoded_as_the_dialect_says() {
    run(include_str!("request_cases/urls.jsonl")).await;
}

#[tokio::test]
async fn headers_are_sent_as_the_dialect_says() {
    run(include_str!("request_cases/headers.jsonl")).await;
}

#[tokio::test]
async fn bodies_are_sent_as_the_dialect_says() {
    run(include_str!("request_cases/bodies.jsonl")).await;
}
