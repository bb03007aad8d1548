//! `switchboard grpc`: what gRPC sources say of themselves, kept in files.

use std::{collections::BTreeMap, fs, io, path::Path, process::ExitCode};

use clap::Subcommand;

use super::{ConfigArg, Failure, print};
use crate::{
    app::{
        self,
        descriptors::{Ask, Descriptors, Known, changes, contents},
    },
    config::Config,
    schema::{Advice, LoadOptions, Severity, report},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ask sources with `reflection: true` for their messages and keep the answer in `grpc.lock/SOURCE.binpb`
    Lock(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// These sources only
    sources: Vec<String>,
    /// Write nothing; the exit status is 1 if a lock is not what its source says
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::Lock(args) = command;
    let config = args.config.load()?;
    let known = ask(&config, &args.sources)?;
    let mut is_current = true;
    for (path, known) in &known {
        let shown = app::shown(path, &config.base);
        match &known.set {
            Err(why) => {
                is_current = false;
                print(&format!("{shown}: {} was not asked: {why}\n", known.name))?;
            }
            Ok(set) => is_current &= keep(path, &shown, set, args.check)?,
        }
    }
    Ok(if is_current {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the sources say, by the path of the lock.
fn ask(config: &Config, wanted: &[String]) -> Result<BTreeMap<std::path::PathBuf, Known>, Failure> {
    let descriptors = Descriptors::new(config, Ask::Anew(wanted.to_vec()));
    let options = LoadOptions {
        root: config.base.clone(),
        portable: false,
        advice: Advice::Off,
        local: None,
        reflection: descriptors.reflection(),
        policies: None,
    };
    let mut problems = Vec::new();
    for surface in &config.surfaces {
        let read = app::read_files(&surface.name, &surface.schema, &options);
        // Connectors may ask for what only the new lock will have.
        if read.problems.iter().any(|problem| problem.severity == Severity::Error) {
            problems.push(report::to_text(&read.problems, &read.files));
        }
    }
    let mut known = descriptors.known();
    if known.is_empty() {
        return Err(Failure(match problems.is_empty() {
            true => "no source has `reflection: true`".to_owned(),
            false => problems.join("\n"),
        }));
    }
    let names: Vec<&str> = known.values().map(|known| known.name.as_str()).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Failure(format!(
            "no source `{unknown}` has `reflection: true`; there is {}",
            names.join(", ")
        )));
    }
    known.retain(|_, known| wanted.is_empty() || wanted.contains(&known.name));
    Ok(known)
}

/// Writes a lock, or compares it; whether all is as it should be afterwards.
fn keep(path: &Path, shown: &str, set: &[u8], is_check: bool) -> Result<bool, Failure> {
    let old = match fs::read(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure(format!("{shown}: {error}"))),
    };
    if old.as_deref() == Some(set) {
        print(&format!("{shown}: unchanged\n"))?;
        return Ok(true);
    }
    let lines: String = match &old {
        Some(old) => changes(old, set).iter().map(|line| format!("  {line}\n")).collect(),
        None => String::new(),
    };
    if is_check {
        let what = if old.is_some() {
            "not what the source says"
        } else {
            "missing"
        };
        print(&format!("{shown}: {what}\n{lines}"))?;
        return Ok(false);
    }
    write(path, set).map_err(|error| Failure(format!("{shown}: {error}")))?;
    print(&format!("{shown}: written, {}\n{lines}", contents(set)))?;
    Ok(true)
}

/// All or nothing: a server that starts at this moment must not see half of it.
fn write(path: &Path, set: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("binpb.new");
    fs::write(&new, set)?;
    fs::rename(&new, path)
}
