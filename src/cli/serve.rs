//! `switchboard serve`: arguments → config → telemetry → app → serve → drain.

use std::process::ExitCode;

use tokio::runtime::{self, Runtime};

use super::Failure;
use crate::{app::Builder, config::Config, http::Stop, telemetry};

pub(super) fn run(config: Config) -> Result<ExitCode, Failure> {
    telemetry::init(&config.log).map_err(Failure::new)?;
    let runtime = runtime().map_err(Failure::new)?;
    runtime.block_on(async {
        let app = Builder::new(config).build().map_err(Failure::new)?;
        let stop = Stop::on_signals().map_err(Failure::new)?;
        app.serve(stop).await.map_err(Failure::new)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// On one core a second thread would only move requests between caches.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = if cores == 1 {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    builder.enable_all().build()
}
