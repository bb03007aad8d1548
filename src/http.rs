//! GraphQL over HTTP: sockets in, answers out. The only stage that names HTTP server types.
//!
//! After [`crate::engine`], before `config`. The path of a request through the files here:
//!
//! | file | does |
//! |---|---|
//! | `serve`, `tls` | accepts connections, ends gracefully |
//! | `connection`, `watch`, `socket`, `head` | one connection: time-outs, framing that is refused, draining |
//! | `stack` | what stands around every request: id, limits, panics, metrics, log |
//! | `accept` | which media type the client wants |
//! | `peer` | where a request came from |
//! | `admission`, `credentials` | who asks, and whether they may now |
//! | `browser` | what pages of other sites may do: CSRF, CORS |
//! | `decode`, `body`, `json`, `params` | HTTP → [`engine::Request`] |
//! | `several` | requests that came as an array → one answer |
//! | `deliver`, `coding` | what caches may do with an answer, 304, compression |
//! | `encode`, `refusal` | [`engine::Response`] or a refusal → HTTP, with the table of statuses |
//! | `ide` | a page to try operations with, in development |
//! | `admin` | `/live`, `/ready`, `/metrics`, and what operators do, on a port of their own |

use std::{future::Future, sync::Arc, time::Duration};

use crate::{engine, identity::ClassSettings, telemetry::Scraped};

mod accept;
mod admin;
mod admission;
mod baggage;
mod body;
mod browser;
mod coding;
mod connection;
mod credentials;
mod decode;
mod deliver;
mod drain;
mod encode;
mod frames;
mod head;
mod ide;
mod json;
mod line;
mod params;
mod peer;
mod refusal;
mod request_id;
mod seen;
mod serve;
mod several;
mod socket;
mod stack;
mod stream;
mod tls;
mod unwritten;
mod watch;

pub use browser::Cors;
pub use coding::{Coding, Compression};
pub use drain::Drain;
pub use serve::{Server, ServerError, Stop};
pub use tls::{Tls, TlsError};

/// What answers requests: the engine, or a script in tests.
pub trait Answer: Send + Sync + 'static {
    /// Answers one request; whatever goes wrong becomes part of the response.
    ///
    /// # Cancel safety
    /// The future is dropped when the client leaves. What must not end with its connection, such as a mutation, runs in a task of its own.
    fn handle(&self, request: &engine::Request) -> impl Future<Output = Box<engine::Response>> + Send;

    /// Answers requests that came together to one surface, in their order.
    ///
    /// # Cancel safety
    /// As [`Answer::handle`].
    fn handle_batch(&self, requests: Vec<engine::Request>) -> impl Future<Output = Vec<engine::Response>> + Send {
        async move {
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                answers.push(*self.handle(&request).await);
            }
            answers
        }
    }

    /// Whether there is so much to do that a large request to a surface had better not be read.
    fn is_overloaded(&self, _surface: usize) -> bool {
        false
    }
}

/// What operators may see and do on the admin port, beside probes.
///
/// Its methods may block; they are called where that harms nobody.
pub trait Operate: Send + Sync + 'static {
    /// A page for people, as HTML.
    fn page(&self) -> String;

    /// Metrics that are counted elsewhere than in the registry, as they are now.
    fn metrics(&self) -> Vec<Scraped>;

    /// What a name stands for now; `None`: nothing.
    fn read(&self, name: &str) -> Option<serde_json::Value>;

    /// Changes what a name stands for, and tells what it is then; why not, if it cannot be. `None`: it stands for nothing that can be changed.
    fn change(&self, name: &str, text: &str) -> Option<Result<serde_json::Value, String>>;
}

/// Where a surface is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The surface's name, for logs and metrics.
    pub surface: String,
    /// Path of its requests, without a query.
    pub path: String,
    /// What is wanted of its clients, unless their class says otherwise.
    pub terms: Terms,
    /// What is wanted of classes of clients: of each the first that fits.
    pub classes: Vec<(ClassSettings, Terms)>,
}

/// What is wanted of clients before their requests are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Largest request body, in bytes; 0 = no limit.
    pub body_bytes_max: usize,
    /// How they must prove who they are.
    pub credentials: Credentials,
    /// The tier of [`crate::quota`] that they have; `None`: they are not counted.
    pub tier: Option<Arc<str>>,
}

/// Which credentials a request must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// None; those that there are must hold all the same.
    #[default]
    Optional,
    /// A token or an API key.
    Any,
    /// An API key.
    ApiKey,
    /// A token.
    Token,
}

/// How long and how much a client may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which statuses answers have.
    pub status_profile: StatusProfile,
    /// Time from the first byte of a request, or the opening of the connection, to the end of its headers. 5 s: a phone on a bad network
    /// takes one or two, and each slow client holds a connection.
    pub header_timeout: Duration,
    /// Time for the body after the headers. 10 s.
    pub body_timeout: Duration,
    /// How long a connection may stay open without a request. 60 s, longer than most clients and balancers keep theirs, so that they close
    /// first and no request meets a closing connection.
    pub idle_timeout: Duration,
    /// How long writing may make no progress. 30 s.
    pub write_timeout: Duration,
    /// From the head of a request to the latest moment for its answer. 5 s.
    pub operation_timeout: Duration,
    /// How long requests in flight may take to end after the signal to stop. 10 s.
    pub drain_timeout: Duration,
    /// How long new connections are still accepted after the signal to stop while `/ready` already fails, so that a balancer can notice.
    /// 0 by default.
    pub shutdown_delay: Duration,
    /// Open connections on the public port; more wait in the listener's queue. 10,000; less where the process may open
    /// fewer files.
    pub max_connections: usize,
    /// Bytes of answers that wait for their clients to take them, all together: a client that does not read has `write_timeout`, and what it asked for stays in
    /// memory. 256 MiB; queries whose answers find no room get 503. Answers of up to 64 KiB are not counted. 0 = no limit.
    pub answer_bytes: usize,
    /// Requests under way on one HTTP/2 connection. 100.
    pub max_streams: u32,
    /// Header lines in a request. 100.
    pub header_count_max: usize,
    /// Names and values of all headers of a request together. 16 KiB.
    pub header_bytes_max: usize,
    /// Path and query of a request. 8 KiB.
    pub uri_bytes_max: usize,
    /// How many proxies of our own stand before this server, each of which appends to `X-Forwarded-For` whom it got the request from; the client's address
    /// is the entry that many from the right. 0: the connection's address, whatever the headers say.
    pub trusted_proxies: usize,
    /// Whether one body may hold several requests, as a JSON array, and how many. By default none may; 10 where any may. Quotas count
    /// each of them.
    pub batch_max: Option<usize>,
    /// Whether a GET that a page of another site may have made is refused. True.
    pub csrf: bool,
    /// Which sites' pages may read answers.
    pub cors: Cors,
    /// Whether a browser that asks for HTML gets a page to try operations with. Only in development.
    pub ide: bool,
    /// How answers are compressed.
    pub compression: Compression,
    /// What the public port proves itself with; none: it speaks HTTP in clear. `tls`.
    pub tls: Option<Tls>,
}

/// Which HTTP status an answer has: see the table in `encode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatusProfile {
    /// 200 and 400; clients that accept only `application/json` get 200 for every well-formed request. What today's clients and the
    /// public audit expect.
    #[default]
    Compat,
    /// 200, 294, 400 and 422, as the draft of GraphQL over HTTP of 2026 has it.
    Draft2026,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            status_profile: StatusProfile::default(),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
            shutdown_delay: Duration::ZERO,
            max_connections: 10_000,
            answer_bytes: 256 * 1024 * 1024,
            max_streams: 100,
            header_count_max: 100,
            header_bytes_max: 16 * 1024,
            uri_bytes_max: 8 * 1024,
            trusted_proxies: 0,
            batch_max: None,
            csrf: true,
            cors: Cors::default(),
            ide: false,
            compression: Compression::default(),
            tls: None,
        }
    }
}
