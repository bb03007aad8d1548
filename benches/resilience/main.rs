//! What clients get, and what sources are asked, while sources fail: the figures of `benches/resilience.md`.
//!
//! `benches/resilience.sh` runs all of it but the long one. Each part is the release binary over sources that are processes of their own, behind a
//! proxy that breaks what passes; this process only asks and looks. A figure that is missed fails the run.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no server")]

mod load;
mod parts;
mod random;
mod server;
mod source;

use std::{env, process::ExitCode};

/// The parts by name.
const USAGE: &str =
    "name a part: retries, breaker, addresses, hanging, places, or random [SECONDS] [REQUESTS A SECOND] [SEED]";

fn main() -> ExitCode {
    // Cargo adds a flag of its own.
    let mut args = env::args().skip(1).filter(|arg| arg != "--bench");
    let part = args.next().unwrap_or_default();
    let numbers: Vec<u64> = args.filter_map(|arg| arg.parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let report = match &*part {
        "source" => {
            runtime.block_on(source::serve());
            return ExitCode::SUCCESS;
        }
        "retries" => runtime.block_on(parts::retries()),
        "breaker" => runtime.block_on(parts::breaker()),
        "addresses" => runtime.block_on(parts::addresses()),
        "hanging" => runtime.block_on(parts::hanging()),
        "places" => runtime.block_on(parts::places()),
        "random" => runtime.block_on(random::run(&numbers)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    print!("{report}");
    if report.is_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
