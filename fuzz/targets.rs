//! What each fuzz target does with its input, and what must hold of it. Run by libFuzzer (`fuzz/run.sh`), and on the kept inputs
//! (`fuzz/corpus/`) by an ordinary test.
//!
//! Where two readers of one thing exist, they must agree: that finds more than waiting for a crash.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard::{
    config::Config,
    execute::Backends,
    mapping::{
        Context, Evaluation, LayoutId, Layouts, Limits, Projection, ScanLimits, Selection, Spec, Table, Vars,
        WireProjection, evaluate, output, parse, parse_by_grammar, reads, text,
    },
    schema::{
        self, Advice, LoadOptions, SourceFile,
        model::{ConnectRequest, ConnectorId},
    },
    telemetry::Metrics,
};
use switchboard_clients::{Call, CallFuture, Client, Safety, proto};
use tokio::time::Instant;

const SPECS: [Spec; 3] = [Spec::V0_2, Spec::V0_3, Spec::V0_4];

/// A client that nobody calls.
#[derive(Debug)]
struct Silent;

impl Client for Silent {
    fn call(&self, _: Call, _: Safety, _: Instant) -> CallFuture {
        Box::pin(std::future::pending())
    }
}

/// Splits an input at its first zero byte.
fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}

// --- mapping ---

/// A mapping, a zero byte, data: what is read prints as itself and is read again as the same; evaluating it ends.
pub(crate) fn mapping(input: &[u8]) {
    let (text, data) = halves(input);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let data = text::parse_value(data)
        .unwrap_or_else(|_| json!({"a": [{"b": 1, "id": "x"}, null, "text"], "b": {"a": 1.5, "b": [[1]]}, "id": 7}));
    for spec in SPECS {
        let Ok(selection) = parse_by_grammar(text, spec) else {
            continue;
        };
        let printed = selection.to_string();
        let again = parse_by_grammar(&printed, spec).map(|again| again.to_string());
        assert_eq!(again.as_ref(), Ok(&printed), "`{text}` prints as `{printed}`");
        let _ = (reads(&selection), output(&selection));
        let _ = evaluate(
            &selection,
            spec,
            Some(&data),
            &Vars::new(&[("a", &data)]),
            &Limits::default(),
        );
        let strict = parse(text, spec).is_ok();
        if strict && spec == Spec::V0_4 {
            agree(&selection.into(), &data);
        }
    }
}

/// The compiled reader and the evaluator say the same of the names that the mapping makes.
fn agree(selection: &Arc<Selection>, data: &Value) {
    let tree = output(selection);
    let names: Vec<Arc<str>> = tree.fields.iter().map(|field| field.name.clone()).collect();
    let bound = json!([1, { "a": 2 }]);
    let pairs = [("a", &bound)];
    let vars = Vars::new(&pairs);
    let evaluation = evaluate(selection, Spec::V0_4, Some(data), &vars, &Limits::default());
    if is_stopped(&evaluation) {
        return;
    }
    let mut layouts = Layouts::default();
    if !names.is_empty() {
        let layout = layouts.add();
        for name in &names {
            layouts.leaf(layout, name);
        }
    }
    let projection = Projection::compile(selection, Spec::V0_4, layouts);
    let Some(read) = read(&projection, data.to_string().into(), &vars) else {
        return;
    };
    let expected = cut(evaluation.value.unwrap_or_default(), &names);
    assert_eq!(without_nulls(read), without_nulls(expected), "`{selection}` on {data}");
}

/// Whether a limit ended it: then it depends on how the work was divided.
fn is_stopped(evaluation: &Evaluation) -> bool {
    evaluation
        .notes
        .iter()
        .any(|note| note.message.starts_with("the mapping "))
}

fn read(projection: &Projection, body: Bytes, vars: &Vars<'_>) -> Option<Value> {
    let mut table = Table::new(projection.layouts.len());
    let mut context = Context {
        vars,
        declared: Vec::new(),
    };
    let node = projection
        .read_json(body, ScanLimits::default(), &mut context, &mut table)
        .ok()?;
    Some(written(&table, &node, &projection.layouts))
}

fn written(table: &Table, node: &switchboard::mapping::Node, layouts: &Layouts) -> Value {
    let mut json = Vec::new();
    let layout = (!layouts.is_empty()).then_some(LayoutId(0));
    table.write_json(node, layouts, layout, &mut json);
    text::parse_value(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)))
}

fn cut(value: Value, names: &[Arc<str>]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| cut(item, names)).collect(),
        Value::Object(mut fields) if !names.is_empty() => names
            .iter()
            .filter_map(|name| Some((name.to_string(), fields.remove(&**name)?)))
            .collect(),
        value => value,
    }
}

/// To a GraphQL answer, a key that is missing is null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        scalar => scalar,
    }
}

// --- schema ---

/// A configuration, a zero byte, a schema: each is read, or all that is wrong with it is told.
pub(crate) fn schema(input: &[u8]) {
    let (config, sdl) = halves(input);
    if let Ok(config) = std::str::from_utf8(config)
        && let Err(error) = Config::parse(config, Path::new("switchboard.yaml"), &|_| None)
    {
        assert!(!error.to_string().is_empty());
    }
    let Ok(sdl) = std::str::from_utf8(sdl) else { return };
    if sdl.contains("proto") {
        // Files of this machine are no part of the input.
        return;
    }
    let files = [SourceFile {
        path: "schema.graphql".to_owned(),
        text: sdl.to_owned(),
    }];
    for portable in [false, true] {
        let options = LoadOptions {
            portable,
            advice: Advice::All,
            ..LoadOptions::default()
        };
        match schema::load("fuzz", &files, &options) {
            Ok(loaded) => drop(bind(&loaded.surface)),
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
}

fn bind(surface: &schema::Surface) -> Option<Backends> {
    Backends::bind(
        surface,
        &HashMap::new(),
        &|_| Some(Arc::new(Silent)),
        &Metrics::new(["fuzz"], []),
    )
    .ok()
}

// --- URLs ---

/// A URL template, a zero byte, data for its variable: host, port and scheme never come from data.
pub(crate) fn url(input: &[u8]) {
    let (template, data) = halves(input);
    let (Ok(template), Ok(data)) = (std::str::from_utf8(template), std::str::from_utf8(data)) else {
        return;
    };
    let data = text::parse_value(data.as_bytes()).unwrap_or_else(|_| Value::from(data));
    let sdl = format!(
        "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@source\", \"@connect\"])
           @source(name: \"api\", http: {{ baseURL: \"http://backend.test:81/api?k=v\" }})
         scalar Any
         type Query {{ f(x: Any): Any @connect(source: \"api\", http: {{ GET: {} queryParams: \"x: $args.x\" }}, selection: \"$\") }}",
        Value::from(template)
    );
    let files = [SourceFile {
        path: "schema.graphql".to_owned(),
        text: sdl,
    }];
    let Ok(loaded) = schema::load("fuzz", &files, &LoadOptions::default()) else {
        return;
    };
    assert!(matches!(
        loaded.surface.connectors[0].request,
        ConnectRequest::Http { .. }
    ));
    let Some(backends) = bind(&loaded.surface) else { return };
    let args = json!({ "x": data });
    if let Ok(uri) = backends.url_of(&loaded.surface, ConnectorId(0), &Vars::new(&[("args", &args)])) {
        assert_eq!(uri.scheme_str(), Some("http"), "{uri}");
        assert_eq!(
            uri.authority().map(|authority| authority.as_str()),
            Some("backend.test:81"),
            "{uri}"
        );
        assert!(uri.path().starts_with("/api"), "{uri}");
        assert!(uri.query().is_some_and(|query| query.starts_with("k=v")), "{uri}");
    }
}

// --- bodies ---

const SELECTIONS: [&str; 12] = [
    "a b c",
    "$.a",
    "$.a.b { a b }",
    "a { b { c } } b: c.a.b",
    "a: $.b ?? 'none' b: a->first c: { a b: c }",
    "a $.b { c } ",
    "...a->match([1, { b }], [@, null]) c",
    "a b: a->entries { a: key b: value }",
    "$->keysToCamelCaseDeep",
    "a: a->jsonStringify->jsonParse b: b->map({ a: @.a c: $.c })",
    "a { a: 1 b } b? { c: 'x' }",
    "$",
];

/// A byte that chooses a mapping, and a body: it is refused just when it is no JSON, and read as the evaluator reads it.
pub(crate) fn rest_body(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let text = SELECTIONS[usize::from(*choice) % SELECTIONS.len()];
    let selection: Arc<Selection> = parse(text, Spec::V0_4).expect(text).into();
    let mut layouts = Layouts::default();
    let layout = layouts.add();
    for name in ["a", "b", "c"] {
        layouts.leaf(layout, &name.into());
    }
    let projection = Projection::compile(&selection, Spec::V0_4, layouts);
    let vars = Vars::default();
    let parsed = text::parse_value(body);
    let found = read(&projection, Bytes::copy_from_slice(body), &vars);
    assert!(parsed.is_ok() || found.is_none(), "no JSON was read");
    let Ok(value) = parsed else { return };
    if found.is_none() {
        assert!(depth(&value) > 60 || longest(&value) > 10_000, "JSON was refused");
        return;
    }
    // Written again: a key that stands twice has no one meaning.
    agree(&selection, &value);
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn longest(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0).max(items.len()),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}

// --- protobuf ---

const MESSAGE_SELECTIONS: [&str; 8] = [
    "a b c d e f g h i j k l m n o p q r s",
    "$.t { a: c b: n c: p }",
    "$.u { a: c b: t.n c: s }",
    "a: aa b: ab c: v",
    "a: t.t.c b: x c: y d: z { c } e: z.n",
    "a: r->first b: n->size c: t { c n } d: ac",
    "u { a b c t { c } u { n } }",
    "$",
];

fn message() -> &'static proto::MessageDescriptor {
    static MESSAGE: OnceLock<proto::MessageDescriptor> = OnceLock::new();
    MESSAGE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = if folder.ends_with("fuzz") {
            folder.to_owned()
        } else {
            folder.join("fuzz")
        };
        let pool = proto::Descriptors::compile(&[folder.join("proto/fuzz.proto")], &[]).expect("the file compiles");
        proto::method(&pool, "fuzz.Fuzz/Get")
            .expect("the method is there")
            .output
    })
}

/// A byte that chooses a mapping, and a message: read from the wire and by way of JSON it says the same.
pub(crate) fn protobuf(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let limits = proto::DecodeLimits {
        depth: 64,
        list: 10_000,
        values: 100_000,
    };
    let decoded = proto::decode_to_json(message(), &body, limits);
    if let Ok(value) = &decoded
        && let Ok(encoded) = proto::encode(message(), value)
    {
        let again = proto::decode_to_json(message(), &encoded, limits);
        assert_eq!(again.as_ref().ok(), Some(value), "what is decoded encodes to the same");
    }
    let text = MESSAGE_SELECTIONS[usize::from(*choice) % MESSAGE_SELECTIONS.len()];
    let selection: Arc<Selection> = parse(text, Spec::V0_4).expect(text).into();
    let names: Vec<Arc<str>> = [
        "a", "b", "c", "d", "e", "f", "g", "h", "n", "o", "p", "q", "r", "s", "u",
    ]
    .into_iter()
    .map(Arc::from)
    .collect();
    let mut layouts = Layouts::default();
    let layout = layouts.add();
    for name in &names {
        if &**name == "u" && text.starts_with("u {") {
            let (_, inner) = layouts.object(layout, name);
            layouts.leaf(inner, &"c".into());
        } else {
            layouts.leaf(layout, name);
        }
    }
    let projection = Projection::compile(&selection, Spec::V0_4, layouts);
    let Some(wire) = WireProjection::compile(&projection, message()) else {
        return;
    };
    let vars = Vars::default();
    let mut context = Context {
        vars: &vars,
        declared: Vec::new(),
    };
    let mut table = Table::new(projection.layouts.len());
    let found = wire.read(&projection, &body, ScanLimits::default(), &mut context, &mut table);
    let (Ok(node), Ok(value)) = (found, decoded) else {
        return;
    };
    let mut by_json = Table::new(projection.layouts.len());
    let expected = projection.read_value(Some(&value), &mut context, &mut by_json);
    assert_eq!(
        without_points(without_nulls(written(&table, &node, &projection.layouts))),
        without_points(without_nulls(written(&by_json, &expected, &projection.layouts))),
        "{text}"
    );
}

/// Whole floats as one reader writes them and the other does not: `1` for `1.0`.
fn without_points(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_points).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, without_points(value)))
            .collect(),
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        other => other,
    }
}
