//! What `check` has found: for programs and for people, each thing once.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _},
};

use serde_json::{Value, json};

use super::counted;
use crate::{
    app::{self, ReadSchema},
    config::{Config, ConfigError, SurfaceConfig},
    operation::RequestError,
    response,
    schema::{Code, report},
};

/// What is told. Surfaces share files, so the same may be found twice.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// As one array.
    pub(super) json: Vec<Value>,
    texts: Vec<String>,
    seen: BTreeSet<String>,
    /// Sources that a surface does not use, by file: another that loads it may.
    unused: Vec<(String, Value, String)>,
    unused_seen: BTreeMap<String, usize>,
    /// How many of them are errors.
    pub(super) errors: usize,
    warnings: usize,
}

/// `error` red, `warning` yellow, marks in bold, hints in cyan.
fn painted(text: &str) -> String {
    const RED: &str = "\u{1b}[1;31m";
    const YELLOW: &str = "\u{1b}[1;33m";
    const CYAN: &str = "\u{1b}[36m";
    const RESET: &str = "\u{1b}[0m";
    let mut out = String::with_capacity(text.len() * 2);
    let mut colour = RED;
    for line in text.lines() {
        let head = [("error[", RED), ("warning[", YELLOW)]
            .into_iter()
            .find_map(|(word, colour)| Some((line.find(&format!(": {word}"))? + 2, colour)));
        let marks = line.split_once(" | ").filter(|(gutter, marks)| {
            gutter.trim().is_empty() && !marks.is_empty() && marks.chars().all(|c| matches!(c, ' ' | '^'))
        });
        let _ = match (head, marks) {
            (Some((at, of_head)), None) => {
                colour = of_head;
                let end = line[at..].find(']').map_or(line.len(), |end| at + end + 1);
                writeln!(out, "{}{colour}{}{RESET}{}", &line[..at], &line[at..end], &line[end..])
            }
            (_, Some((gutter, marks))) => writeln!(out, "{gutter} | {colour}{marks}{RESET}"),
            _ if line.starts_with("hint: ") => writeln!(out, "{CYAN}{line}{RESET}"),
            _ => writeln!(out, "{line}"),
        };
    }
    out
}

// === impl Findings ===

impl Findings {
    /// Everything for people, in colours where a terminal shows them.
    pub(super) fn text(&self) -> String {
        let text = self.texts.concat();
        let wants_colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wants_colours { painted(&text) } else { text }
    }

    /// `2 errors, 1 warning`.
    pub(super) fn summary(&self) -> String {
        let errors = match self.errors {
            0 => "no errors".to_owned(),
            errors => counted(errors, "error"),
        };
        match self.warnings {
            0 => errors,
            warnings => format!("{errors}, {}", counted(warnings, "warning")),
        }
    }

    fn add(&mut self, json: Value, text: String) {
        if self.seen.insert(json.to_string()) {
            let is_error = json["severity"] == "error";
            self.errors += usize::from(is_error);
            self.warnings += usize::from(!is_error);
            self.json.push(json);
            self.texts.push(text);
        }
    }

    /// Tells what was found in the files of a schema.
    pub(super) fn schema(&mut self, read: &ReadSchema) {
        for problem in &read.problems {
            let one = std::slice::from_ref(problem);
            let json = report::to_json(one)
                .as_array_mut()
                .and_then(Vec::pop)
                .unwrap_or_default();
            let text = format!("{}\n", report::to_text(one, &read.files));
            if problem.code == Code::UnusedSource {
                self.unused.push((problem.file.clone(), json, text));
            } else {
                self.add(json, text);
            }
        }
    }

    /// Tells the sources that no surface uses among those that load the file. What was not checked may use them.
    pub(super) fn unused_sources(&mut self, config: &Config) {
        for (file, json, text) in std::mem::take(&mut self.unused) {
            let loads = |surface: &&SurfaceConfig| {
                let mut files = surface.schema.iter();
                files.any(|path| app::shown(path, &config.base) == file)
            };
            let surfaces = config.surfaces.iter().filter(loads).count();
            let key = json.to_string();
            let seen = self.unused_seen.entry(key).or_insert(0);
            *seen += 1;
            if *seen == surfaces {
                self.add(json, text);
            }
        }
    }

    /// A file that is no use as a whole.
    pub(super) fn file_error(&mut self, file: &str, why: &str) {
        self.error("FILE_ERROR", &format!("cannot be read: {why}"), file, 1, 1);
    }

    /// Tells all that is wrong with the configuration.
    pub(super) fn config_error(&mut self, error: &ConfigError) {
        for problem in &error.problems {
            let key = if problem.key.is_empty() {
                String::new()
            } else {
                format!("{}: ", problem.key)
            };
            let message = format!("{key}{}; {}", problem.message, problem.hint);
            self.error(
                "CONFIG_ERROR",
                &message,
                &error.file,
                problem.line.max(1),
                problem.column.max(1),
            );
        }
    }

    /// Tells why a server would not start, though each line of its configuration may be right.
    pub(super) fn start_errors(&mut self, config: &Config, sources: Option<&BTreeSet<String>>) {
        let file = app::shown(&config.file, &config.base);
        for (why, may_be_elsewhere) in app::start_errors(config, sources) {
            let severity = if may_be_elsewhere { "warning" } else { "error" };
            self.found((severity, "CONFIG_ERROR"), &why, &file, 1, 1);
        }
    }

    /// Tells why a document is refused, with its line.
    pub(super) fn request_error(&mut self, file: &str, text: &str, error: &RequestError, severity: &str) {
        let code = response::error::request_code(error.kind);
        for detail in &error.errors {
            let (line, column) = detail.location.unwrap_or((1, 1));
            let message = &detail.message;
            let json = json!({
                "code": code, "message": message, "file": file, "line": line, "column": column, "severity": severity,
            });
            self.add(
                json,
                format!(
                    "{file}:{line}:{column}: {severity}[{code}]: {message}\n{}\n",
                    detail
                        .location
                        .map_or_else(String::new, |(line, column)| report::excerpt(
                            text,
                            line as usize,
                            column as usize
                        ))
                ),
            );
        }
    }

    fn error(&mut self, code: &str, message: &str, file: &str, line: usize, column: usize) {
        self.found(("error", code), message, file, line, column);
    }

    fn found(&mut self, (severity, code): (&str, &str), message: &str, file: &str, line: usize, column: usize) {
        let json = json!({
            "code": code, "message": message, "file": file, "line": line, "column": column, "severity": severity,
        });
        self.add(
            json,
            format!("{file}:{line}:{column}: {severity}[{code}]: {message}\n\n"),
        );
    }
}
