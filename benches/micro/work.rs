//! The work that is measured, by name.

use std::{collections::HashMap, fmt::Write, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use switchboard::{
    engine::{Engine, OnError, Request, Settings},
    execute::{self, Backends, Scope, backends::SourceSettings},
    identity::Caller,
    mapping::{self, Context, Layouts, Projection, ScanLimits, Spec, Table, Vars},
    operation::{self, Limits, Variables, Verdict},
    plan, response,
    schema::{self, LoadOptions, SourceFile, Surface},
    telemetry::Metrics,
};
use switchboard_clients::{Call, CallFuture, Client, Counted, Reply, Safety};
use tokio::runtime::Runtime;

use crate::growth;

/// One turn of the work; what it gives is only there to be used.
pub(crate) type Work = Box<dyn FnMut() -> usize>;

/// All there are.
pub(crate) const NAMES: &[&str] = &[
    "scan-pretty",
    "scan-compact",
    "scan-unused",
    "evaluate",
    "check-largest",
    "plan-largest",
    "write-lists",
    "request-lists",
    "request-object",
];

/// 100 posts by 10 users, one call for each list.
const LISTS: &str = "{ posts { id userId title user { id name email } } }";
const OBJECT: &str = "{ post(id: 1) { id title } }";

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1")
  @source(name: "api", http: { baseURL: "http://api.example" })
type Query {
  posts: [Post!] @connect(source: "api", http: { GET: "/posts" }, selection: "id userId title body")
  post(id: Int!): Post @connect(source: "api", http: { GET: "/posts/{$args.id}" }, selection: "id userId title body")
}
type Post {
  id: Int!
  userId: Int!
  title: String!
  body: String!
  user: User
    @connect(source: "api", http: { GET: "/users", queryParams: "id: $batch.userId" }
      batch: { groupBy: "userId: id" }, selection: "id name email")
}
type User { id: Int! name: String! email: String! }
"#;

/// The work called `name`, ready to be done.
pub(crate) fn set_up(name: &str) -> Work {
    match name {
        "scan-pretty" => scan(posts(100, true), &["id", "userId", "title"]),
        "scan-compact" => scan(posts(100, false), &["id", "userId", "title"]),
        "scan-unused" => scan(posts(100, true), &["none"]),
        "evaluate" => evaluate(),
        "check-largest" => check_largest(),
        "plan-largest" => plan_largest(),
        "write-lists" => write_lists(),
        "request-lists" => request(LISTS),
        "request-object" => request(OBJECT),
        other => panic!("no work is called {other}"),
    }
}

// --- scanning ---

fn posts(count: usize, pretty: bool) -> String {
    let (open, indent, separator, end) = match pretty {
        true => ("{", "\n    ", ": ", "\n  }"),
        false => ("{", "", ":", "}"),
    };
    let mut out = String::from("[");
    for number in 1..=count {
        if number > 1 {
            out.push(',');
        }
        out.push_str(if pretty { "\n  " } else { "" });
        let user = (number - 1) / 10 + 1;
        let title = "timber river upland after willow ember"
            .get(..20 + number % 18)
            .unwrap();
        let body = "silent glade lagoon after fjord upland\\nstone nectar gentle inlet\\namber bright before quarry open\\nprairie basin";
        write!(
            out,
            "{open}{indent}\"userId\"{separator}{user},{indent}\"id\"{separator}{number},{indent}\"title\"{separator}\"{title}\",{indent}\"body\"{separator}\"{body}\"{end}"
        )
        .unwrap();
    }
    out.push_str(if pretty { "\n]" } else { "]" });
    out
}

fn users(count: usize) -> String {
    let user = |number: usize| {
        format!(
            "{{\"id\": {number}, \"name\": \"Bruno Lindqvist\", \"username\": \"bruno.lindqvist\", \"email\": \"b.lindqvist@inlet.example\", \
             \"address\": {{\"street\": \"Narrow Lagoon\", \"suite\": \"Apt. 120\", \"geo\": {{\"lat\": \"-37.31\", \"lng\": \"81.14\"}}}}, \
             \"phone\": \"1-770-736-8031\", \"company\": {{\"name\": \"Romaguera\", \"bs\": \"harness real-time\"}}}}"
        )
    };
    format!("[{}]", (1..=count).map(user).collect::<Vec<_>>().join(","))
}

fn scan(body: String, wanted: &[&str]) -> Work {
    let selection = Arc::new(mapping::parse(&wanted.join(" "), Spec::V0_4).unwrap());
    let mut layouts = Layouts::default();
    let layout = layouts.add();
    for name in wanted {
        layouts.leaf(layout, &Arc::from(*name));
    }
    let projection = Projection::compile(&selection, Spec::V0_4, layouts);
    let body = Bytes::from(body);
    Box::new(move || {
        let mut context = Context {
            vars: &Vars::new(&[]),
            declared: Vec::new(),
        };
        let mut table = Table::new(1);
        projection
            .read_json(body.clone(), ScanLimits::default(), &mut context, &mut table)
            .unwrap();
        table.nodes.len()
    })
}

fn evaluate() -> Work {
    let text = "id total: $(price->mul(quantity)) label: title->slice(0, 8) tags: tags->map({ tag: @ }) \
                kind: kind->match(['a', 'ALPHA'], ['b', 'BETA'], [@, 'OTHER']) first: tags->first ?? 'none'";
    let selection = mapping::parse(text, Spec::V0_4).unwrap();
    let data = serde_json::json!({
        "id": 7, "price": 12, "quantity": 3, "title": "timber river upland", "tags": ["a", "b", "c"], "kind": "b",
    });
    Box::new(move || {
        let limits = mapping::Limits::default();
        let evaluation = mapping::evaluate(&selection, Spec::V0_4, Some(&data), &Vars::new(&[]), &limits);
        evaluation.value.map_or(0, |value| value.as_object().unwrap().len())
    })
}

// --- documents and plans ---

/// The demo's web surface and the longest operation shipped for it.
fn largest() -> (Surface, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = |path: &str| SourceFile {
        path: path.to_owned(),
        text: std::fs::read_to_string(root.join(path)).unwrap(),
    };
    let options = LoadOptions {
        root: root.to_owned(),
        ..LoadOptions::default()
    };
    let files = [file("schema/shared.graphql"), file("schema/web/schema.graphql")];
    let surface = schema::load("web", &files, &options).unwrap().surface;
    let operations = std::fs::read_dir(root.join("schema/web/operations")).unwrap();
    let texts = operations.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    (surface, texts.max_by_key(String::len).unwrap())
}

fn check_largest() -> Work {
    let (surface, text) = largest();
    Box::new(move || {
        let operation = operation::check::check(&surface, &text, None, &Limits::default()).unwrap();
        operation.selections.len()
    })
}

fn plan_largest() -> Work {
    let (surface, text) = largest();
    let operation = operation::check::check(&surface, &text, None, &Limits::default()).unwrap();
    Box::new(move || {
        plan::build::build(&surface, &operation, 0, &Verdict::default())
            .unwrap()
            .steps
            .len()
    })
}

// --- requests ---

/// Answers from memory, by path.
#[derive(Debug)]
struct Canned {
    bodies: HashMap<&'static str, Bytes>,
    pause: Duration,
}

impl Client for Canned {
    fn call(&self, call: Call, _safety: Safety, _deadline: tokio::time::Instant) -> CallFuture {
        let Call::Http { uri, .. } = call else {
            panic!("only REST is called")
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        let reply = Reply {
            status: 200,
            headers,
            trailers: HeaderMap::new(),
            message: String::new(),
            details: Bytes::new(),
            body: self.bodies[uri.path()].clone(),
            errors: Vec::new(),
            counted: Counted::default(),
        };
        let pause = self.pause;
        // Real replies do not come at once either.
        Box::pin(async move {
            growth::pause(pause).await;
            Ok(reply)
        })
    }
}

/// A server in process over canned answers, without limits, sharing and caches.
pub(crate) struct Reach {
    runtime: Runtime,
    surface: Arc<Surface>,
    backends: Arc<Backends>,
    engine: Arc<Engine>,
}

// === impl Reach ===

impl Reach {
    pub(crate) fn new(schema: &str, bodies: Vec<(&'static str, String)>, pause: Duration) -> Self {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: schema.to_owned(),
        };
        let surface = Arc::new(schema::load("bench", &[file], &LoadOptions::default()).unwrap().surface);
        let bodies = bodies.into_iter().map(|(path, body)| (path, Bytes::from(body)));
        let client: Arc<dyn Client> = Arc::new(Canned {
            bodies: bodies.collect(),
            pause,
        });
        let metrics = Metrics::new(["bench"], []);
        let source = SourceSettings {
            scan: ScanLimits {
                list: u32::MAX,
                ..ScanLimits::default()
            },
            ..SourceSettings::default()
        };
        let sources = HashMap::from([("api".to_owned(), source)]);
        let backends = Arc::new(Backends::bind(&surface, &sources, &|_| Some(client.clone()), &metrics).unwrap());
        let settings = Settings {
            limits: Limits {
                depth: 0,
                nesting: 500,
                cost: 0,
                calls: 0,
                ..Limits::default()
            },
            response_bytes: usize::MAX,
            sharing: false,
            answers_kept: 0,
            ..Settings::default()
        };
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            engine: Arc::new(Engine::new(surface.clone(), backends.clone(), settings)),
            surface,
            backends,
        }
    }

    /// The answer to a query.
    pub(crate) fn ask(&self, query: &str) -> Bytes {
        self.runtime.block_on(self.engine.handle(&request_for(query))).body
    }

    /// Asks many at once.
    pub(crate) fn ask_all(&self, queries: &[String]) {
        self.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for query in queries {
                let (engine, request) = (self.engine.clone(), request_for(query));
                tasks.spawn(async move { engine.handle(&request).await.body.len() });
            }
            assert!(tasks.join_all().await.into_iter().all(|length| length > 0));
        });
    }
}

fn request_for(query: &str) -> Request {
    Request {
        surface: 0,
        query: Some(query.to_owned()),
        operation_name: None,
        variables: None,
        extensions: None,
        document_id: None,
        on_error: OnError::default(),
        queries_only: false,
        peer: None,
        caller: Caller::anonymous(),
        standing: switchboard::engine::Standing::default(),
        headers: Arc::default(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(60),
    }
}

fn reach() -> Reach {
    let bodies = vec![
        ("/posts", posts(100, true)),
        ("/posts/1", posts(1, true)[1..].trim_end_matches(']').to_owned()),
        ("/users", users(10)),
    ];
    Reach::new(SCHEMA, bodies, Duration::ZERO)
}

fn request(query: &'static str) -> Work {
    let reach = reach();
    let answer: Value = serde_json::from_slice(&reach.ask(query)).unwrap();
    assert!(answer.get("errors").is_none(), "{answer}");
    Box::new(move || reach.ask(query).len())
}

fn write_lists() -> Work {
    let reach = reach();
    let operation = operation::check::check(&reach.surface, LISTS, None, &Limits::default()).unwrap();
    let plan = Arc::new(plan::build::build(&reach.surface, &operation, 0, &Verdict::default()).unwrap());
    let scope = Scope::new(
        reach.surface.clone(),
        reach.backends.clone(),
        plan.clone(),
        Variables::defaults(&reach.surface, &operation),
        Arc::default(),
        tokio::time::Instant::now() + Duration::from_secs(60),
    );
    let outcome = reach.runtime.block_on(execute::run(Arc::new(scope)));
    Box::new(move || {
        let settings = response::Settings {
            on_error: OnError::default(),
            bytes_max: 8 << 20,
            detail: switchboard::execute::Detail::default(),
            weighs: false,
        };
        response::assemble(&plan, &outcome, None, &settings).body.len()
    })
}
