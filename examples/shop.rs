//! The demo shop: five backends with seeded data and both surfaces, in one process on localhost.
//!
//! Reads `switchboard.yaml` and `schema/` of this repository: change a file, start again, query it.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{error::Error, path::Path};

use switchboard::{app::App, config::Config, http::Stop, telemetry};
use switchboard_harness::{Ports, Shop};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("switchboard.yaml");
    let config = Config::load(&file)?;
    telemetry::init(&config.log)?;
    let shop = Shop::start_on(Ports::FIXED)
        .await
        .map_err(|error| format!("the demo backends need the ports 5001 to 5005 of localhost: {error}"))?;
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
