//! `switchboard explain`: the plan of an operation.

use std::{path::PathBuf, process::ExitCode};

use super::{ConfigArg, Failure, Format, read, unknown_surface};
use crate::app::App;

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
    config: ConfigArg,
}

pub(super) fn run(_args: &Args) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
