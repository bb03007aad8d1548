//! The demo shop: five backends with seeded data and both surfaces, in one process on localhost.
//!
//! `--kill NAME` stops a backend, to see what a screen is without it: `cargo run --example shop -- --kill reviews`.
//!
//! Reads `switchboard.yaml` and `schema/` of this repository: change a file, start again, query it.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{error::Error, path::Path, process::ExitCode};

use switchboard::{app::App, config::Config, http::Stop, telemetry};
use switchboard_harness::{Ports, Shop};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("switchboard.yaml");
    let config = Config::load(&file)?;
    telemetry::init(&config.log)?;
    let shop = Shop::start_on(Ports::FIXED).await.map_err(|error| {
        format!("the demo backends need the ports 5001 to 5005 of localhost: {error}. Is another shop running?")
    })?;
    for name in killed()? {
        let mut backends = shop.backends().into_iter();
        let found = backends.find(|(known, _)| *known == name);
        let names = || shop.backends().map(|(known, _)| known).join(", ");
        let (_, backend) = found.ok_or_else(|| format!("there is no backend `{name}`; there are {}", names()))?;
        backend.stop().await;
    }
    let app = App::build(config)?;
    let server = app.listen().await?;
    let public = server.public_address();

    println!("backends");
    for (name, backend) in shop.backends() {
        println!("  {name:<10} {}", backend.url());
    }
    println!("surfaces");
    for surface in ["mobile", "web"] {
        println!("  {surface:<10} http://{public}/{surface}/graphql");
    }
    println!("try");
    println!(
        "  curl -s http://{public}/mobile/graphql -H 'content-type: application/json' -H 'authorization: Bearer token-7' \\\n    \
         -d '{{\"query\":\"{{ home {{ user {{ name }} recommended {{ name }} }} }}\"}}'"
    );
    let admin = server
        .admin_address()
        .map_or_else(String::new, |admin| format!(" admin=http://{admin}"));
    println!("ready mobile=http://{public}/mobile/graphql web=http://{public}/web/graphql{admin}");
    app.serve_on(server, Stop::on_signals()?).await;
    Ok(())
}

/// Names of the backends that `--kill` stops.
fn killed() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument != "--kill" {
            return Err(format!("`{argument}` means nothing here; there is `--kill NAME`"));
        }
        names.push(
            arguments
                .next()
                .ok_or("--kill which backend? catalog, accounts, orders, inventory or reviews")?,
        );
    }
    Ok(names)
}
