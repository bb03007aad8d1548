//! The accept loop under every backend: HTTP/1 and HTTP/2 on one port, can be stopped and started again.

use std::{io, net::SocketAddr, sync::Arc};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Duration, sleep},
};

use crate::port::Port;

// A load test opens its connections all at once; what does not fit the backlog is retried by the kernel only
// after a second. The kernel may cap this at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

// One client holds one HTTP/2 connection; hyper's default of 200 streams would queue a load test inside the client.
const STREAMS_MAX: u32 = 10_000;

/// A port that answers, until told not to.
#[derive(Debug, Clone)]
pub(crate) struct Listener(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    port: Port,
    router: Router,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

// === impl Listener ===

impl Listener {
    /// Listens on the loopback `port`, 0 for any free one, and serves `router` there.
    pub(crate) fn start(port: u16, router: Router) -> io::Result<Self> {
        let port = Port::take(port)?;
        let running = Mutex::new(Some(Running::spawn(port.listen(BACKLOG)?, router.clone())));
        Ok(Self(Arc::new(Inner { port, router, running })))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.port.address()
    }

    /// Closes the port and drops every connection; returns when both are done.
    pub(crate) async fn stop(&self) {
        let running = self.0.running.lock().await.take();
        if let Some(Running { stop, task }) = running {
            // An error means the loop is gone already, which is what we want.
            let _ = stop.send(());
            let _ = task.await;
        }
    }

    /// Listens again on the port it had. Does nothing while it is listening.
    pub(crate) async fn start_again(&self) -> io::Result<()> {
        let mut running = self.0.running.lock().await;
        if running.is_none() {
            let socket = self.0.port.listen(BACKLOG)?;
            *running = Some(Running::spawn(socket, self.0.router.clone()));
        }
        Ok(())
    }
}

// === impl Running ===

impl Running {
    fn spawn(socket: TcpListener, router: Router) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(socket, router, stopped));
        Self { stop, task }
    }
}

/// Runs until told to stop, or until nobody is left who could tell.
async fn accept(socket: TcpListener, router: Router, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, router.clone()));
                }
                // Out of file descriptors, most likely: some will come back.
                Err(_) => sleep(Duration::from_millis(5)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(socket);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, router: Router) {
    // Small answers must not wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(STREAMS_MAX);
    // A connection that breaks is the client's business: it is what tests provoke.
    let _ = server
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}
