//! The dependency rule of ARCHITECTURE.md, kept by reading the sources: know your past, not your future.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::support::root;

/// The stages in order: each may import those before it.
const STAGES: [&str; 14] = [
    "mapping",
    "identity",
    "quota",
    "schema",
    "operation",
    "plan",
    "execute",
    "response",
    "engine",
    "http",
    "config",
    "app",
    "cli",
    "main",
];

/// Open to every stage; they import nothing of ours.
const COMMON: [&str; 2] = ["deadline", "telemetry"];

/// Crates whose names stay within some stages, and why.
const CONFINED: [(&[&str], &[&str], &str); 4] = [
    (
        &["hyper", "hyper_util", "axum", "tower", "tower_http"],
        &["http"],
        "only `http` names types of HTTP servers",
    ),
    (
        &["apollo_compiler"],
        &["schema", "operation"],
        "the validating library stops at `operation`",
    ),
    (
        &["async_graphql", "async_graphql_axum"],
        &["app"],
        "only `app` meets programs that have resolvers of their own",
    ),
    (
        &["reqwest", "tonic", "hyper_rustls", "h2"],
        &[],
        "only the crate `switchboard-clients` names transports",
    ),
];

/// Those that call sources or issuers of tokens, or set the clients up.
const CALLERS: [&str; 4] = ["execute", "config", "app", "identity"];

/// Those that read protobuf: they may name `switchboard_clients::proto`, and no more of that crate.
const PROTO_READERS: [&str; 2] = ["src/schema/", "src/mapping/wire"];

/// Lines of a file. Aim for 150, look again at 300.
const LINES_MAX: usize = 500;

/// Macros that say that something is not finished.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// A source file without its comments and the contents of its strings.
struct Source {
    /// From the root, with `/`.
    path: String,
    code: String,
}

/// A path such as `crate::plan::Step`: its first names, and the line it stands on.
struct Use<'a> {
    line: usize,
    first: &'a str,
    second: &'a str,
}

#[test]
fn stages_know_their_past_and_not_their_future() {
    let found: Vec<String> = sources("src").iter().flat_map(broken_rules).collect();

    assert!(found.is_empty(), "{}", list(&found));
}

#[test]
fn files_are_short_and_finished() {
    let mut found = Vec::new();
    for source in ["src", "clients/src", "tests/harness/src"]
        .into_iter()
        .flat_map(sources)
    {
        let lines = source.code.lines().count();
        if lines > LINES_MAX {
            found.push(format!(
                "{}:{lines}: a file has at most {LINES_MAX} lines; is this one idea?",
                source.path
            ));
        }
        for (at, name) in names(&source.code) {
            if UNFINISHED.contains(&name) && source.code[at + name.len()..].starts_with('!') {
                found.push(format!(
                    "{}:{}: `{name}!` stays out of what is committed",
                    source.path,
                    source.line(at)
                ));
            }
        }
    }

    assert!(found.is_empty(), "{}", list(&found));
}

#[test]
fn the_checks_see_what_they_are_for() {
    let broken = |path: &str, text: &str| {
        broken_rules(&Source {
            path: path.to_owned(),
            code: code_of(text),
        })
    };

    let grouped = broken(
        "src/plan/build.rs",
        "use std::fmt;\nuse crate::{\n    mapping::{Table, text},\n    engine::Request,\n};\n",
    );
    assert_eq!(
        grouped,
        ["src/plan/build.rs:4: `plan` comes before `engine` and may not import it"]
    );
    assert_eq!(broken("src/plan.rs", "fn f() { crate::http::serve() }").len(), 1);
    assert_eq!(broken("src/plan/build.rs", "use super::super::http::Server;").len(), 1);
    assert_eq!(broken("src/telemetry.rs", "use crate::plan::Plan;").len(), 1);
    assert_eq!(broken("src/app.rs", "use axum::Router;").len(), 1);
    assert_eq!(
        broken("src/plan.rs", "use switchboard_clients::proto::Method;").len(),
        1
    );
    assert_eq!(
        broken("src/schema/grpc.rs", "use switchboard_clients::{proto, Client};").len(),
        1
    );
    assert_eq!(broken("src/new_stage.rs", "").len(), 1);

    let fine = "//! After [`crate::http`].\nuse crate::{plan::Plan, telemetry};\nconst A: &str = \"crate::http::x\";\nlet h = http::Uri::default();";
    assert_eq!(broken("src/execute.rs", fine), [""; 0]);
    assert_eq!(
        broken("src/schema/grpc.rs", "use switchboard_clients::{proto::Method, proto};"),
        [""; 0]
    );
}

/// What a file of `src/` breaks, as `file:line: rule`.
fn broken_rules(source: &Source) -> Vec<String> {
    let stage = source
        .path
        .trim_start_matches("src/")
        .split(['/', '.'])
        .next()
        .unwrap_or_default();
    if stage == "lib" {
        return Vec::new();
    }
    if !STAGES.contains(&stage) && !COMMON.contains(&stage) {
        return vec![format!(
            "{}:1: `{stage}` has no place in the order of stages; give it one in {}",
            source.path,
            file!()
        )];
    }
    let mut found = Vec::new();
    for used in source.uses() {
        if let Some(why) = why_broken(source, stage, &used) {
            found.push(format!("{}:{}: {why}", source.path, used.line));
        }
    }
    found
}

fn why_broken(source: &Source, stage: &str, used: &Use<'_>) -> Option<String> {
    if used.first == "crate" {
        return imports(stage, used.second);
    }
    if used.first == "switchboard_clients" {
        let reads_proto = used.second == "proto" && PROTO_READERS.iter().any(|path| source.path.starts_with(path));
        let may = CALLERS.contains(&stage) || reads_proto;
        return (!may).then(|| format!("`{stage}` may not name `switchboard_clients::{}`", used.second));
    }
    let (_, stages, why) = CONFINED.iter().find(|(crates, ..)| crates.contains(&used.first))?;
    (!stages.contains(&stage)).then(|| format!("`{}` is named here, but {why}", used.first))
}

/// Why one module may not import another.
fn imports(stage: &str, other: &str) -> Option<String> {
    let place = |name: &str| STAGES.iter().position(|stage| *stage == name);
    if stage == other || COMMON.contains(&other) && !COMMON.contains(&stage) {
        return None;
    }
    match (place(stage), place(other)) {
        (None, _) => Some(format!(
            "`{stage}` is open to every stage and may import none, such as `{other}`"
        )),
        (Some(own), Some(other_place)) if other_place > own => {
            Some(format!("`{stage}` comes before `{other}` and may not import it"))
        }
        // Names of the crate's root that are no modules do not exist here.
        _ => None,
    }
}

fn list(found: &[String]) -> String {
    found.iter().fold(String::new(), |mut text, line| {
        let _ = write!(text, "\n{line}");
        text
    })
}

// === impl Source ===

impl Source {
    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Every path that begins outside of the module it stands in. Groups are taken apart.
    fn uses(&self) -> Vec<Use<'_>> {
        let code = &*self.code;
        let mut uses = Vec::new();
        for (at, first) in names(code) {
            let before = code[..at].trim_end();
            let after = &code[at + first.len()..];
            if before.ends_with("::") || before.ends_with('.') || first == "self" {
                continue;
            }
            let Some(mut rest) = after.trim_start().strip_prefix("::") else {
                continue;
            };
            let mut first = first;
            if first == "super" {
                let mut climbed = 1;
                while let Some(further) = rest.trim_start().strip_prefix("super::") {
                    climbed += 1;
                    rest = further;
                }
                if climbed < self.depth(at) {
                    continue;
                }
                first = "crate";
            }
            let start = code.len() - rest.len();
            uses.extend(seconds(rest).into_iter().map(|(offset, second)| Use {
                line: self.line(start + offset),
                first,
                second,
            }));
        }
        uses
    }

    /// How many modules a place is in, below the crate's root.
    fn depth(&self, at: usize) -> usize {
        let in_files = self.path.matches('/').count();
        let inline = self.code[..at]
            .lines()
            .filter(|line| line.trim_start().starts_with("mod ") && line.trim_end().ends_with('{'));
        in_files + inline.count()
    }
}

/// The names that follow `first::`: one, or those of a group, with their places.
fn seconds(rest: &str) -> Vec<(usize, &str)> {
    let start = rest.len() - rest.trim_start().len();
    if !rest[start..].starts_with('{') {
        return names(&rest[start..])
            .next()
            .map(|(at, name)| (start + at, name))
            .into_iter()
            .collect();
    }
    let mut found = Vec::new();
    let mut depth = 0;
    let mut is_first = false;
    for (at, char) in rest.char_indices().skip_while(|(at, _)| *at < start) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match char {
            '{' | ',' => is_first = depth == 1,
            '}' if depth == 0 => break,
            char if is_first && is_name(char) => {
                found.extend(names(&rest[at..]).next().map(|(_, name)| (at, name)));
                is_first = false;
            }
            _ => {}
        }
    }
    found
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Every identifier and its place.
fn names(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_name)?;
        let end = code[start..]
            .find(|char| !is_name(char))
            .map_or(code.len(), |length| start + length);
        at = end;
        Some((start, &code[start..end]))
    })
}

/// Reads the `.rs` files below a directory.
fn sources(directory: &str) -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root.join(directory), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "{directory} has no source files");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let path = path
            .strip_prefix(&root)
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/");
        Source {
            path,
            code: code_of(&text),
        }
    };
    paths.into_iter().map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// A text without comments and without what is between quotes; its lines stay where they are.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let length = skipped(rest);
        if length == 0 {
            code.push(char);
            rest = &rest[char.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().filter(|char| *char == '\n'));
            code.push(' ');
            rest = &rest[length..];
        }
    }
    code
}

/// Length of the comment or literal that a text begins with; 0: neither.
fn skipped(text: &str) -> usize {
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return until("*/", 2);
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
        }
    }
    if text.starts_with('"') {
        let mut is_escaped = false;
        let end = text.char_indices().skip(1).find(|(_, char)| {
            let ends = *char == '"' && !is_escaped;
            is_escaped = *char == '\\' && !is_escaped;
            ends
        });
        return end.map_or(text.len(), |(at, _)| at + 1);
    }
    // A character; lifetimes have no second quote.
    if text.starts_with("'\\") {
        return until("'", 3);
    }
    match text
        .strip_prefix('\'')
        .map(str::chars)
        .map(|mut chars| (chars.next(), chars.next()))
    {
        Some((Some(char), Some('\''))) => char.len_utf8() + 2,
        _ => 0,
    }
}
