//! A whole server on real sockets.

use std::net::SocketAddr;

use switchboard::{app::App, http::Stop};

/// A server on a port of its own. It runs until the test is over.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// The admin port, if there is one.
    pub(crate) admin: Option<SocketAddr>,
}

// === impl TestServer ===

impl TestServer {
    pub(crate) async fn start(app: App) -> Self {
        let server = app.listen().await.expect("a free port");
        let (address, admin) = (server.public_address(), server.admin_address());
        let (_, never) = Stop::channel();
        tokio::spawn(app.serve_on(server, never));
        Self { address, admin }
    }

    /// Where a surface is served.
    pub(crate) fn url(&self, surface: &str) -> String {
        format!("http://{}/{surface}/graphql", self.address)
    }
}
