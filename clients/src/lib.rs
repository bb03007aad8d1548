//! Calls to sources: `Client`, `Call`, `Reply`, `CallError` are all that the engine ever sees of REST, gRPC and resolvers in this
//! process.
//!
//! The only crate that names `reqwest` or `tonic`. Knows no GraphQL, but for [`local`], whose sources are GraphQL schemas.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tokio::time::Instant;

mod body;
pub mod budget;
mod connect;
mod failure;
pub mod grpc;
mod http1;
pub mod local;
mod names;
pub mod policy;
pub mod proto;
pub mod registry;
pub mod rest;
mod stack;
mod tls;

pub use names::{Resolve, Resolving};
use policy::Tightening;
pub use registry::Registry;
pub use stack::{Breakers, Counted, Safety, Transport, state};

/// One request to a source, complete: nothing is added to it but what the protocol itself demands.
#[derive(Debug, Clone)]
pub enum Call {
    /// A REST call.
    Http {
        /// GET, POST, PUT, PATCH or DELETE.
        method: Method,
        /// Absolute, already encoded.
        uri: Uri,
        /// Exactly these are sent, beside `host`, `content-length` and the connection's own.
        headers: HeaderMap,
        /// `None`: no body at all.
        body: Option<Bytes>,
    },
    /// A unary gRPC call.
    Grpc {
        /// Path of the method, `/package.Service/Method`.
        path: http::uri::PathAndQuery,
        /// The request message, protobuf-encoded.
        message: Bytes,
        /// Metadata; values of `-bin` names are base64 text.
        metadata: HeaderMap,
    },
    /// A query to a schema in this process.
    Local(local::LocalCall),
}

/// What a source answered, whether it meant success or not.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status, or gRPC status code (0 = OK); of a resolver as [`local`] says.
    pub status: u16,
    /// Response headers or initial metadata.
    pub headers: HeaderMap,
    /// gRPC trailers; empty for REST.
    pub trailers: HeaderMap,
    /// gRPC status message; empty for REST.
    pub message: String,
    /// gRPC status details (`google.rpc.Status`, encoded); empty for REST.
    pub details: Bytes,
    /// The body, or the response message, protobuf-encoded; of a resolver, its value as JSON. At most the source's limit in bytes.
    pub body: Bytes,
    /// What a schema in this process told beside its value; empty for all others.
    pub errors: Vec<local::ReplyError>,
    /// Where it was counted as a success.
    pub counted: Counted,
}

/// Why a source gave no usable reply. Clients see a code; the log sees the source chain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// Nothing came within the time given.
    #[error("no reply within {0:?}")]
    Timeout(Duration),
    /// No connection came about within the time given. Nothing was sent.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The request had no time left. Nothing was sent.
    #[error("no time was left")]
    NoTime,
    /// No connection could be made: refused, unknown host, TLS. Nothing was sent.
    #[error("could not connect")]
    Connect(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The source said, by the protocol's own means, that it has not looked at the call, twice.
    #[error("the source refused the call")]
    Refused(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The connection broke while the call was under way.
    #[error("the connection broke")]
    Broken(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The body is larger than the source may send.
    #[error("the reply is larger than {limit} bytes")]
    TooLarge {
        /// The source's limit.
        limit: usize,
    },
    /// Replies of all sources take all the memory they may.
    #[error("there is no room for the reply")]
    NoRoom,
    /// The request message is larger than a source takes. Nothing was sent.
    #[error("the request is larger than {limit} bytes")]
    RequestTooLarge {
        /// The source's limit.
        limit: usize,
    },
    /// The reply breaks the protocol.
    #[error("the reply breaks the protocol")]
    Protocol(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The source has as many calls in flight as it may have. Nothing was sent.
    #[error("{limit} calls are in flight already")]
    Limited {
        /// The source's limit.
        limit: usize,
    },
    /// The source failed too often of late, or asked to be left alone. Nothing was sent.
    #[error("the source is left alone for another {left:?}")]
    CircuitOpen {
        /// Until a call is tried again; nothing: one is being tried.
        left: Duration,
    },
    /// The source said that it gets too many calls. Nothing was sent.
    #[error("the source is left alone for another {left:?} because it asked for fewer calls")]
    RateLimited {
        /// Until a call is tried again; nothing: one is being tried.
        left: Duration,
    },
}

/// The future of a call.
pub type CallFuture = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send>>;

/// One source, ready to be called.
///
/// # Cancel safety
/// Dropping the future drops the call; its connection is not used again unless the protocol allows it.
pub trait Client: Send + Sync + fmt::Debug {
    /// Makes one call, several times if need be and `safety` allows it. It ends by `deadline`.
    fn call(&self, call: Call, safety: Safety, deadline: Instant) -> CallFuture;

    /// Tells that a reply, though complete, could not be read: as good as a failed call.
    fn discredit(&self, _reply: &Reply) {}

    /// A client of the same source that is held to further limits beside the source's; `None`: there is nothing to limit.
    fn tightened(&self, _by: &Tightening) -> Option<Arc<dyn Client>> {
        None
    }

    /// How the source does; `None`: nothing is known of it.
    fn state(&self) -> Option<state::SourceState> {
        None
    }
}

// === impl CallError ===

impl CallError {
    /// Whether the source cannot have acted on the call: no byte of it was sent, or the source said so.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout(_)
                | Self::NoTime
                | Self::Connect(_)
                | Self::Refused(_)
                | Self::RequestTooLarge { .. }
                | Self::Limited { .. }
                | Self::CircuitOpen { .. }
                | Self::RateLimited { .. }
        )
    }

    /// Whether the source did not prove who it is.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(self, Self::Connect(error) if failure::is_tls(&**error))
    }
}
