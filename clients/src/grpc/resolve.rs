//! From a name to the addresses behind it.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};

/// The future of a look-up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks names up.
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, with `port`, in any order.
    fn resolve(&self, host: &str, port: u16) -> Resolving;
}

/// The system's resolver: `/etc/hosts`, DNS, and what else it is set up for. Runs on a thread for blocking work.
struct System;

/// What the system says.
pub(super) fn system() -> Arc<dyn Resolve> {
    Arc::new(System)
}

// === impl System ===

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }
}
