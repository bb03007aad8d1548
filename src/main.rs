//! The `switchboard` program; all of it is in [`switchboard::cli`].

use std::process::ExitCode;

/// Small blocks freed by the thread that did not make them are what an answer is made of; mimalloc is half as dear there as the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    switchboard::cli::run()
}
