//! `switchboard explain`: the plan of an operation.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{ConfigArg, Failure, Format, LocalArg, configured, print, read};
use crate::{app::Builder, operation::RequestError, response};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The operation, in a file; `-` for standard input
    #[arg(value_name = "OPERATION-FILE")]
    operation: PathBuf,
    /// Which surface it is for
    #[arg(long)]
    surface: String,
    /// Which operation of the file, where it has several
    #[arg(long, value_name = "NAME")]
    operation_name: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    locals: LocalArg,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let config = args.config.load()?;
    configured(&config, &args.surface)?;
    let text = read(&args.operation)?;
    let app = Builder::new(config)
        .for_plans(args.locals.load()?)
        .build()
        .map_err(Failure::new)?;
    let engine = app
        .engine(&args.surface)
        .expect("every configured surface has an engine");
    let name = args.operation_name.as_deref();
    let plan = match args.format {
        Format::Text => engine.explain(&text, name),
        Format::Json => engine.explain_json(&text, name).map(|plan| format!("{plan:#}")),
    };
    let plan = plan.map_err(|error| refused(&args.operation, &error))?;
    print(&format!("{}\n", plan.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}

fn refused(path: &Path, error: &RequestError) -> Failure {
    let code = response::error::request_code(error.kind);
    let lines = error.errors.iter().map(|detail| {
        let (line, column) = detail.location.unwrap_or((1, 1));
        format!("{}:{line}:{column}: error[{code}]: {}", path.display(), detail.message)
    });
    Failure(lines.collect::<Vec<_>>().join("\n"))
}
