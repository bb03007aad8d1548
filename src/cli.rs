//! The command line: `serve`, `check`, `explain`, `schema`, `diff`, `operations`, `map`, `config schema`.
//!
//! Last in the dependency order. Results go to standard output, everything else to standard error; the exit status is 0 when
//! nothing is wrong, 1 when something is, 2 when the command line itself is.

use std::{
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    app::{self, ReadSchema, faults::FaultOf},
    config::{Config, SurfaceConfig},
    schema::{self, LocalSchemas, LocalTypes, Surface, report},
};

mod check;
mod diff;
mod explain;
mod grpc;
mod listed;
mod map;
mod operations;
mod serve;

/// A GraphQL backend-for-frontend server: one schema per frontend, REST and gRPC behind it.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the surfaces of a configuration
    Serve {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Serve for development: read again on every save, with a page for operations, full errors, and faults on demand
    Dev {
        #[command(flatten)]
        config: ConfigArg,
        /// What happens to calls of a source: `down`, `hang`, `latency:3s`, `error:500`; `@10%` behind it for a share of calls
        #[arg(long, value_name = "SOURCE=FAULT")]
        fault: Vec<FaultOf>,
    },
    /// Tell every error of schemas and of the operations that are shipped with them
    Check(check::Args),
    /// Show how an operation would be answered: steps, keys, batches, calls
    Explain(explain::Args),
    /// Print a surface as its clients see it
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Schema {
        #[command(subcommand)]
        command: Option<SchemaCommand>,
        /// Which surface
        #[arg(long, required = true)]
        surface: Option<String>,
        /// Print its files as they are written, directives and all
        #[arg(long)]
        directives: bool,
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Tell what changed between two schemas, and which registered operations that breaks
    Diff(diff::Args),
    /// Make and verify manifests of operations
    #[command(subcommand)]
    Operations(operations::Command),
    /// Evaluate a mapping
    Map(map::Args),
    /// Keep what gRPC sources say of themselves
    #[command(subcommand)]
    Grpc(grpc::Command),
    /// About the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

/// The JSON Schema of the configuration. tests/it/config_schema.rs says when it is not current, and writes it anew.
const CONFIG_SCHEMA: &str = include_str!("../schema/switchboard.schema.json");

#[derive(Debug, Subcommand)]
enum SchemaCommand {
    /// The same as `switchboard diff`
    Diff(diff::Args),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "switchboard.yaml")]
    config: PathBuf,
}

/// Schemas that a program in Rust mounts.
#[derive(Debug, clap::Args)]
struct LocalArg {
    /// The SDL of a schema that a program in Rust mounts, by the name that sources call it. With one of them all are needed
    #[arg(long = "local", value_name = "NAME=FILE")]
    locals: Vec<String>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Why a command failed: told on standard error.
#[derive(Debug)]
struct Failure(String);

/// Runs the command that the arguments of the process name.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

// === impl Command ===

impl Command {
    fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Serve { config } => serve::run(config.load()?, &[]),
            Self::Dev { config, fault } => serve::run(config.load()?.for_development(), &fault),
            Self::Check(args) => check::run(&args),
            Self::Explain(args) => explain::run(&args),
            Self::Schema {
                command: Some(SchemaCommand::Diff(args)),
                ..
            }
            | Self::Diff(args) => diff::run(&args),
            Self::Operations(command) => command.run(),
            Self::Schema {
                surface,
                directives,
                config,
                ..
            } => print_schema(&config.load()?, surface.as_deref().unwrap_or_default(), directives),
            Self::Map(args) => map::run(&args),
            Self::Grpc(command) => grpc::run(&command),
            Self::Config(ConfigCommand::Schema) => print(CONFIG_SCHEMA).map(|()| ExitCode::SUCCESS),
        }
    }
}

// === impl ConfigArg ===

impl ConfigArg {
    fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config).map_err(Failure::new)
    }
}

// === impl LocalArg ===

impl LocalArg {
    /// Their types; `None` where none is named.
    fn load(&self) -> Result<Option<LocalSchemas>, Failure> {
        let load = |local: &String| {
            let (name, file) = local
                .split_once('=')
                .ok_or_else(|| Failure(format!("--local {local}: write NAME=FILE")))?;
            let types = LocalTypes::parse(&read(Path::new(file))?)
                .map_err(|why| Failure(format!("{file}: this is not the SDL of a schema: {why}")))?;
            Ok((name.to_owned(), Arc::new(types)))
        };
        let loaded: LocalSchemas = self.locals.iter().map(load).collect::<Result<_, Failure>>()?;
        Ok((!loaded.is_empty()).then_some(loaded))
    }
}

// === impl Failure ===

impl Failure {
    /// An error with its causes.
    fn new(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

fn print_schema(config: &Config, name: &str, directives: bool) -> Result<ExitCode, Failure> {
    let (read, surface) = loaded(config, configured(config, name)?)?;
    if directives {
        for file in &read {
            print(&format!("# {}\n\n{}\n\n", file.path, file.text.trim_end()))?;
        }
    } else {
        print(&schema::public_sdl(&surface))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a SurfaceConfig, Failure> {
    config
        .surfaces
        .iter()
        .find(|surface| surface.name == name)
        .ok_or_else(|| unknown_surface(config, name))
}

/// A surface that has no error, with its files.
fn loaded(config: &Config, surface: &SurfaceConfig) -> Result<(Vec<schema::SourceFile>, Surface), Failure> {
    let ReadSchema {
        files,
        surface,
        problems,
    } = app::read_schema(config, surface);
    match surface {
        Some(surface) => Ok((files, surface)),
        None => Err(Failure(report::to_text(&problems, &files))),
    }
}

fn unknown_surface(config: &Config, name: &str) -> Failure {
    let known: Vec<_> = config
        .surfaces
        .iter()
        .map(|surface| format!("`{}`", surface.name))
        .collect();
    Failure(format!(
        "there is no surface `{name}`; the configuration has {}",
        known.join(", ")
    ))
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Failure(format!("{}: cannot be read: {error}", path.display())))
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure(format!("cannot write: {error}"))),
        _ => Ok(()),
    }
}
