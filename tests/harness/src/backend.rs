//! The handle every backend gives to tests.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::time::timeout;

use crate::{
    control::{Call, Control, Failure, Rule},
    data::random::Random,
    listener::Listener,
};

// Far beyond any honest wait on loopback: reaching it means the calls never come.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// One backend on its own port: what it was asked, and the switches that make it misbehave.
///
/// Routes are written as they are registered: `GET /products/{id}` for REST,
/// `shop.inventory.v1.Inventory/BatchGetStock` or just `BatchGetStock` for gRPC.
///
/// Clones share the backend. It stops when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Backend {
    control: Arc<Control>,
    listener: Listener,
}

// === impl Backend ===

impl Backend {
    /// Serves `router`, which reports to `control`.
    pub(crate) fn start(port: u16, control: Arc<Control>, router: Router) -> io::Result<Self> {
        let listener = Listener::start(port, router)?;
        Ok(Self { control, listener })
    }

    /// `http://127.0.0.1:<port>`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where it listens; the same after [`Self::start_again`].
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Calls since the start or the last [`Self::reset`], failed ones included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.control.calls()
    }

    /// Calls to one route.
    #[must_use]
    pub fn calls_to(&self, route: &str) -> u64 {
        self.control.calls_to(route)
    }

    /// Every route that was called, with its calls, sorted by route.
    #[must_use]
    pub fn calls_by_route(&self) -> Vec<(String, u64)> {
        self.control.calls_by_route()
    }

    /// The last 10,000 calls, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        self.control.log()
    }

    /// How many different keys the logged calls to one route asked for.
    #[must_use]
    pub fn distinct_keys(&self, route: &str) -> usize {
        self.control.distinct_keys(route)
    }

    /// Calls being answered at this moment.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.control.in_flight()
    }

    /// The most calls that were being answered at one moment.
    #[must_use]
    pub fn in_flight_max(&self) -> u64 {
        self.control.in_flight_max()
    }

    /// Calls whose client went away before the answer.
    #[must_use]
    pub fn abandoned(&self) -> u64 {
        self.control.abandoned()
    }

    /// Forgets all calls. Switches stay as they are.
    pub fn reset(&self) {
        self.control.reset();
    }

    /// Whether calls are logged (they are always counted). Load tests turn it off.
    pub fn keep_log(&self, yes: bool) {
        self.control.keep_log(yes);
    }

    /// Waits until `calls` calls have arrived, answered or not.
    ///
    /// # Panics
    /// When they have not after ten seconds.
    pub async fn wait_for_calls(&self, calls: u64) {
        let mut arrivals = self.control.arrivals();
        let arrived = timeout(WAIT_MAX, arrivals.wait_for(|count| *count >= calls)).await;
        assert!(
            arrived.is_ok(),
            "waited for {calls} calls, {} came: {:?}",
            self.calls(),
            self.calls_by_route()
        );
    }

    /// Waits until the clients of `calls` calls have gone away.
    ///
    /// # Panics
    /// When they have not after ten seconds.
    pub async fn wait_for_abandoned(&self, calls: u64) {
        let mut abandonments = self.control.abandonments();
        let gone = timeout(WAIT_MAX, abandonments.wait_for(|count| *count >= calls)).await;
        assert!(
            gone.is_ok(),
            "waited for {calls} abandoned calls, there are {}",
            self.abandoned()
        );
    }

    /// Answers every call so much later. Adds to what delays there are.
    pub fn delay(&self, delay: Duration) {
        self.control.add_rule(Rule {
            route: None,
            delay,
            failure: None,
        });
    }

    /// As [`Self::delay`], for one route.
    pub fn delay_on(&self, route: &str, delay: Duration) {
        self.control.add_rule(Rule {
            route: Some(route.to_owned()),
            delay,
            failure: None,
        });
    }

    /// Answers every call with this HTTP status, or gRPC code.
    pub fn fail(&self, status: u16) {
        self.add_failure(None, status, None, None);
    }

    /// As [`Self::fail`], for one route.
    pub fn fail_on(&self, route: &str, status: u16) {
        self.add_failure(Some(route), status, None, None);
    }

    /// As [`Self::fail`], for the next `calls` calls only.
    pub fn fail_next(&self, calls: u64, status: u16) {
        self.add_failure(None, status, Some(calls), None);
    }

    /// As [`Self::fail`], for a share of the calls between 0 and 1. Which ones is the same in every run.
    pub fn fail_share(&self, share: f64, status: u16) {
        self.add_failure(None, status, None, Some((share, Random::new(1))));
    }

    fn add_failure(&self, route: Option<&str>, status: u16, left: Option<u64>, share: Option<(f64, Random)>) {
        let failure = Some(Failure { status, left, share });
        self.control.add_rule(Rule {
            route: route.map(str::to_owned),
            delay: Duration::ZERO,
            failure,
        });
    }

    /// Takes calls in but answers none, until [`Self::let_through`] or [`Self::release`].
    pub fn hold(&self) {
        self.control.hold(None);
    }

    /// As [`Self::hold`], for one route.
    pub fn hold_on(&self, route: &str) {
        self.control.hold(Some(route));
    }

    /// Answers this many of the held calls, or of those to come.
    pub fn let_through(&self, calls: usize) {
        self.control.let_through(calls);
    }

    /// Answers all held calls, and holds no more.
    pub fn release(&self) {
        self.control.release();
    }

    /// Takes back every delay and failure, and releases what is held.
    pub fn recover(&self) {
        self.control.recover();
    }

    /// Closes the port and drops every connection, also in the middle of an answer. Data and log stay.
    pub async fn stop(&self) {
        self.listener.stop().await;
    }

    /// Listens again on the same port.
    ///
    /// # Panics
    /// When somebody else has taken the port.
    pub async fn start_again(&self) {
        self.listener.start_again().await.expect("the port is still ours");
    }
}
