//! `switchboard map`: evaluates mappings, one from the command line or many from standard input.

use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Failure, print, read};
use crate::mapping::{Evaluation, Limits, Spec, Vars, evaluate, parse_by_grammar};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The mapping
    #[arg(required_unless_present = "jsonl")]
    selection: Option<String>,
    /// JSON that the mapping is applied to; `-` for standard input. Without it, the mapping has no input
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    data: Option<PathBuf>,
    /// JSON object of variables, their names with `$`
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    vars: Option<PathBuf>,
    /// Version of the language: 0.1, 0.2, 0.3 or 0.4
    #[arg(long, default_value = "0.4", value_parser = spec)]
    spec: Spec,
    /// Read one {"selection", "data", "vars", "spec"} a line, answer one {"json"}, {"missing"} or {"parse_error"} a line
    #[arg(long, conflicts_with = "selection")]
    jsonl: bool,
}

/// One line of `--jsonl`.
#[derive(Debug, Deserialize)]
struct Task {
    selection: String,
    /// Absent is not null.
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
    #[serde(default)]
    vars: Option<Map<String, Value>>,
    #[serde(default)]
    spec: Option<String>,
}

/// Room for a line's answer before it is written.
const BUFFER_BYTES: usize = 64 * 1024;

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.selection {
        Some(selection) => one(selection, args),
        None => lines(args.spec)
            .map(|()| ExitCode::SUCCESS)
            .or_else(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
                _ => Err(Failure(format!("cannot go on: {error}"))),
            }),
    }
}

fn one(selection: &str, args: &Args) -> Result<ExitCode, Failure> {
    let json = |path: &PathBuf| {
        serde_json::from_str::<Value>(&read(path)?).map_err(|error| Failure(format!("{}: {error}", path.display())))
    };
    let data = args.data.as_ref().map(json).transpose()?;
    let vars = match args.vars.as_ref().map(json).transpose()? {
        None => Map::new(),
        Some(Value::Object(vars)) => vars,
        Some(_) => return Err(Failure("the variables must be a JSON object".to_owned())),
    };
    let answer = answer(
        &Task {
            selection: selection.to_owned(),
            data,
            vars: Some(vars),
            spec: None,
        },
        args.spec,
    );
    for error in answer["errors"].as_array().into_iter().flatten() {
        let _ = writeln!(io::stderr(), "note: {} (at {})", text(&error["message"]), error["path"]);
    }
    match answer {
        Value::Object(answer) if answer.contains_key("parse_error") => Err(Failure(text(&answer["parse_error"]))),
        Value::Object(answer) if answer.contains_key("missing") => {
            let _ = writeln!(io::stderr(), "the value is missing");
            Ok(ExitCode::SUCCESS)
        }
        answer => print(&format!("{:#}\n", answer["json"])).map(|()| ExitCode::SUCCESS),
    }
}

/// Answers line by line. What was answered is written out whenever the next line is not there yet, so that a program on the other side
/// may wait for it.
fn lines(default: Spec) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if !line.trim_ascii().is_empty() {
            let answer = match serde_json::from_slice::<Task>(&line) {
                Ok(task) => answer(&task, default),
                Err(error) => json!({ "parse_error": format!("the line is not a task: {error}") }),
            };
            serde_json::to_writer(&mut output, &answer)?;
            output.write_all(b"\n")?;
        }
        line.clear();
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()
}

fn answer(task: &Task, default: Spec) -> Value {
    let spec = match task.spec.as_deref().map(spec).transpose() {
        Ok(spec) => spec.unwrap_or(default),
        Err(message) => return json!({ "parse_error": message }),
    };
    let selection = match parse_by_grammar(&task.selection, spec) {
        Ok(selection) => selection,
        Err(error) => return json!({ "parse_error": error.message }),
    };
    let vars: Vec<(&str, &Value)> = task
        .vars
        .iter()
        .flatten()
        .map(|(name, value)| (name.strip_prefix('$').unwrap_or(name), value))
        .collect();
    let Evaluation {
        value,
        notes,
        errors,
        warnings,
    } = evaluate(
        &selection,
        spec,
        task.data.as_ref(),
        &Vars::new(&vars),
        &Limits::default(),
    );
    let remark = |message: String, path: Vec<String>| json!({ "message": message, "path": path });
    let notes = notes.into_iter().map(|note| remark(note.message, note.path));
    let warnings = warnings.into_iter().map(|note| remark(note.message, note.path));
    let declared = errors.into_iter().map(|error| {
        let mut told = remark(error.message, error.path);
        if let Some(extensions) = error.extensions {
            told["extensions"] = Value::Object(extensions);
        }
        told
    });
    let errors: Vec<Value> = notes.chain(declared).chain(warnings).collect();
    match value {
        Some(value) => json!({ "json": value, "errors": errors }),
        None => json!({ "missing": true, "errors": errors }),
    }
}

/// A version as it is written in `--spec`, in a line, or in a link.
fn spec(text: &str) -> Result<Spec, String> {
    match text.trim_start_matches("connect/").trim_start_matches('v') {
        // 0.1 is read as 0.2.
        "0.1" | "0.2" => Ok(Spec::V0_2),
        "0.3" => Ok(Spec::V0_3),
        "0.4" => Ok(Spec::V0_4),
        _ => Err(format!("there is no version `{text}`; write 0.1, 0.2, 0.3 or 0.4")),
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
