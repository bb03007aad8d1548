//! `switchboard serve` and `dev`: arguments → config → telemetry → app → serve → drain.

use std::process::ExitCode;

use tokio::runtime::{self, Runtime};

use super::Failure;
use crate::{
    app::{App, faults::FaultOf},
    config::Config,
    http::Stop,
    telemetry,
};

/// `faults`: what a developer asked for.
pub(super) fn run(config: Config, faults: &[FaultOf]) -> Result<ExitCode, Failure> {
    telemetry::init(&config.log).map_err(Failure::new)?;
    let runtime = runtime().map_err(Failure::new)?;
    runtime.block_on(async {
        let app = App::build(config).map_err(Failure::new)?;
        if let Some(known) = app.faults() {
            known.set(faults).map_err(|why| Failure(format!("--fault: {why}")))?;
        }
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
