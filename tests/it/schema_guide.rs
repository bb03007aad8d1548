//! docs/schema-guide.md, run: backends answer what the page says, schemas are checked, answers and calls are those shown.
//!
//! What a block is stands behind its language: `backend METHOD /path [status]`, `schema`, `schema wrong`, `operation`, `answer`,
//! `calls`, `headers`, `check`, `explain`, `config`, `resolvers` (compiled as `schema_guide/resolvers.rs`), `program` (part of an example). A heading
//! begins anew.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use async_graphql::{EmptyMutation, EmptySubscription, Schema};
use http::HeaderMap;
use serde_json::Value;
use switchboard::{
    config::Config,
    local::LocalSchema,
    schema::{self, Advice, LoadOptions, LocalSchemas, LocalTypes, SourceFile, report},
};
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::support::{TestEngine, local, root};

mod resolvers;

/// What is mounted as `badges`.
fn badges() -> LocalSchema {
    Schema::build(resolvers::Query, EmptyMutation, EmptySubscription).into()
}

/// A block of the page.
struct Block<'p> {
    line: usize,
    kind: &'p str,
    text: String,
}

/// What stands below one heading.
struct Section<'p> {
    title: &'p str,
    blocks: Vec<Block<'p>>,
}

#[tokio::test]
async fn everything_on_the_page_is_as_it_says() {
    let page = fs::read_to_string(root().join("docs/schema-guide.md")).unwrap();
    let sections = sections(&page);
    let mut wrong = Vec::new();
    for section in &sections {
        Run::new(section).await.all(&mut wrong).await;
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let count = |kind: &str| {
        let blocks = sections.iter().flat_map(|section| &section.blocks);
        blocks
            .filter(|block| block.kind.split(' ').any(|word| word == kind))
            .count()
    };
    assert!(
        count("schema") >= 10 && count("answer") >= 10 && count("calls") >= 3,
        "the page was not read"
    );
}

/// What the REST service answers: route, query if it is for one only, status, body.
type Answers = Arc<Mutex<Vec<(String, Option<String>, u16, Value)>>>;

/// One section being run.
struct Run<'p> {
    section: &'p Section<'p>,
    rest: MockRest,
    grpc: MockGrpc,
    answers: Answers,
    schema: Option<&'p str>,
    answer: Option<Value>,
    /// How the operation is answered, if it could be said.
    plan: String,
    report: String,
}

// === impl Run ===

impl<'p> Run<'p> {
    async fn new(section: &'p Section<'p>) -> Self {
        let proto = |path: &str| fs::read_to_string(root().join("schema/proto").join(path)).unwrap();
        let inventory = "shop/inventory/v1/inventory.proto";
        Self {
            section,
            rest: MockRest::start().await,
            answers: Answers::default(),
            grpc: MockGrpc::start(&[(inventory, proto(inventory).as_str())]).await,
            schema: None,
            answer: None,
            plan: String::new(),
            report: String::new(),
        }
    }

    async fn all(mut self, wrong: &mut Vec<String>) {
        for block in &self.section.blocks {
            if let Err(why) = self.one(block).await {
                let title = self.section.title;
                wrong.push(format!(
                    "docs/schema-guide.md:{}: {title}: {}\n{why}",
                    block.line, block.kind
                ));
            }
        }
    }

    async fn one(&mut self, block: &'p Block<'p>) -> Result<(), String> {
        let (language, what) = block.kind.split_once(' ').unwrap_or((block.kind, ""));
        match what.split(' ').next().unwrap_or_default() {
            "backend" => self.backend(what.trim_start_matches("backend "), &block.text),
            "schema" => self.check(&block.text, what == "schema wrong"),
            "operation" if self.schema.is_some_and(|sdl| sdl.contains("local: {")) => {
                let sdl = self.schema.unwrap_or_default();
                let shop = format!("sources: {{ shop: {{ override_url: \"{}\" }} }}", self.rest.url());
                let app =
                    local::try_build(sdl, &shop, vec![("badges", badges())]).map_err(|error| error.to_string())?;
                self.answer = Some(app.run(block.text.trim()).await);
                Ok(())
            }
            "operation" => {
                self.rest.reset();
                let sdl = self.schema.expect("a schema before an operation");
                let sources = [("shop", self.rest.url()), ("inventory", self.grpc.url())];
                let settings = switchboard::engine::Settings::default();
                let engine = TestEngine::of_files(&[("schema.graphql", sdl)], &sources, settings);
                self.plan = engine.explain(block.text.trim());
                self.answer = Some(engine.run(block.text.trim()).await);
                Ok(())
            }
            // Here the surface is called `web`.
            "explain" => same(
                block.text.trim_end(),
                self.plan.replace(" on test", " on web").trim_end(),
            ),
            "answer" => {
                let expected: Value = serde_json::from_str(&block.text).map_err(|error| error.to_string())?;
                let found = self.answer.take().expect("an operation before an answer");
                same(&format!("{expected:#}"), &format!("{found:#}"))
            }
            "calls" => {
                let mut expected: Vec<&str> = block.text.lines().collect();
                let log = self.rest.log();
                let mut found: Vec<String> = log
                    .iter()
                    .map(|call| format!("{} {}", call.method, call.path_and_query))
                    .collect();
                expected.sort_unstable();
                found.sort_unstable();
                same(&expected.join("\n"), &found.join("\n"))
            }
            "headers" => {
                let log = self.rest.log();
                let headers = log.last().map(|call| &call.headers).cloned().unwrap_or_default();
                block.text.lines().try_for_each(|line| has_header(&headers, line))
            }
            "config" => {
                let parsed = Config::parse(&block.text, Path::new("switchboard.yaml"), &|_| None);
                parsed.map(drop).map_err(|error| error.to_string())
            }
            "resolvers" => contains(include_str!("schema_guide/resolvers.rs"), &block.text),
            "program" => {
                let example = fs::read_to_string(root().join("examples/custom_resolver.rs")).unwrap();
                block.text.lines().try_for_each(|line| contains(&example, line))
            }
            "check" => same(block.text.trim_end(), self.report.trim_end()),
            _ => Err(format!("a `{language}` block must say what it is")),
        }
    }

    fn backend(&self, route: &str, body: &str) -> Result<(), String> {
        let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let Some((method, rest)) = route.split_once(' ') else {
            self.grpc.on(route, move |_| GrpcAnswer::json(body.clone()));
            return Ok(());
        };
        let (target, status) = rest.split_once(' ').unwrap_or((rest, "200"));
        let status: u16 = status.parse().map_err(|_| format!("{status} is no status"))?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let key = format!("{method} {path}");
        let answers = Arc::clone(&self.answers);
        answers.lock().unwrap().push((key.clone(), query, status, body));
        self.rest.on(&key.clone(), move |request| {
            let answers = answers.lock().unwrap();
            let of_route = || answers.iter().filter(|(of, ..)| *of == key);
            // The one for exactly this query, else the one for any.
            let found = of_route()
                .find(|(_, query, ..)| query.as_deref() == Some(&*request.query))
                .or_else(|| of_route().find(|(_, query, ..)| query.is_none()));
            match found {
                Some((_, _, status, body)) => Answer::json(body.clone()).with_status(*status),
                None => Answer::json(Value::Null).with_status(404),
            }
        });
        Ok(())
    }

    fn check(&mut self, sdl: &'p str, is_wrong: bool) -> Result<(), String> {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: sdl.to_owned(),
        };
        let types = LocalTypes::parse(badges().sdl()).expect("the SDL of a schema");
        let options = LoadOptions {
            root: root(),
            advice: Advice::IfLinked,
            local: Some(LocalSchemas::from([("badges".to_owned(), Arc::new(types))])),
            ..LoadOptions::default()
        };
        let problems = match schema::load("guide", std::slice::from_ref(&file), &options) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        self.report = report::to_text(&problems, &[file]);
        if !is_wrong {
            self.schema = Some(sdl);
        }
        match (is_wrong, problems.is_empty()) {
            (false, false) => Err(self.report.clone()),
            (true, true) => Err("nothing is wrong with it".to_owned()),
            _ => Ok(()),
        }
    }
}

fn contains(whole: &str, part: &str) -> Result<(), String> {
    match whole.contains(part.trim()) {
        true => Ok(()),
        false => Err(format!("this is not what is compiled:\n{part}")),
    }
}

fn has_header(headers: &HeaderMap, line: &str) -> Result<(), String> {
    let (name, value) = line.split_once(": ").expect("name: value");
    let found = headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    same(value, found)
}

fn same(expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("the page says\n{expected}\nand it is\n{found}"))
    }
}

/// The blocks of a page by the heading they stand below.
fn sections(page: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section {
        title: "",
        blocks: Vec::new(),
    }];
    let mut open: Option<Block<'_>> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => {
                let section = sections.last_mut().expect("there is one from the start");
                section.blocks.extend(open.take());
            }
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(kind)) => {
                open = Some(Block {
                    line: index + 1,
                    kind,
                    text: String::new(),
                });
            }
            (None, None) => {
                if let Some(title) = line.strip_prefix("## ") {
                    sections.push(Section {
                        title,
                        blocks: Vec::new(),
                    });
                }
            }
        }
    }
    sections
}
