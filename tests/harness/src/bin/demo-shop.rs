//! Runs the demo shop on the ports `switchboard.yaml` expects, until Ctrl-C. With `--free-ports`, on any.

use std::io::{self, Write};

use switchboard_harness::{Ports, Shop};

#[tokio::main]
async fn main() -> io::Result<()> {
    let ports = match std::env::args().nth(1).as_deref() {
        None => Ports::FIXED,
        Some("--free-ports") => Ports::default(),
        Some(other) => {
            return Err(io::Error::other(format!(
                "unknown argument {other}; there is only --free-ports"
            )));
        }
    };
    let shop = Shop::start_on(ports).await?;
    for (name, backend) in shop.backends() {
        // Whoever runs this for long does not want a growing log; calls are counted all the same.
        backend.keep_log(false);
        writeln!(io::stdout(), "{name} {}", backend.url())?;
    }
    tokio::signal::ctrl_c().await
}
