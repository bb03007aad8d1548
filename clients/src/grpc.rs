//! Unary gRPC calls over HTTP/2: bytes of a message in, bytes of a message out.
//!
//! The h2 crate underneath, and on it what gRPC is: framing (`grpc/framing.rs`), status (`grpc/status.rs`), connections to all
//! addresses of a name (`grpc/balance.rs`, `maintain.rs`, `connection.rs`). Not tonic's client, made for generated code,
//! because it does three things we cannot have: it takes a stream that ends without `grpc-status` for a success, it panics
//! on status details that are not base64, and it hides whether a status came from the source or from a broken
//! connection. Without the tasks and buffers in between a call is also cheaper (`benches/calls.rs`).
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, TE},
    uri::{Authority, PathAndQuery, Scheme},
};
use tokio::time::Instant;

pub(crate) use self::pushback::StatusDetails;
use self::{
    balance::Balancer,
    connection::{Dialer, Trouble},
    framing::Encoding,
    status::Status,
};
pub use self::{
    pushback::{Pushback, pushback},
    reflection::{ReflectionError, reflect},
    status::code_name,
};
pub use crate::tls::TlsError;
use crate::{
    Call, CallError, Reply, budget::Room, failure::protocol, registry::SourceSettings, stack::Transport, tls::Trust,
};

mod balance;
mod connection;
mod framing;
mod health;
mod maintain;
pub mod metadata;
mod pushback;
mod reflection;
mod status;

// Connections that a call may find closed before it gives up: sources that accept and close at once are as good as down.
const GONE_MAX: usize = 3;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Calls one gRPC source: one connection to each address that its name has, made at the first call and again whenever it
/// is gone. Each call takes the connection with the fewest calls under way.
#[derive(Debug, Clone)]
pub struct GrpcClient {
    inner: Arc<Inner>,
}

/// Why an address is none.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AddressError {
    /// It is not `http://host:port` or `https://host:port`.
    #[error("\"{0}\" is not of the form http://host:port or https://host:port")]
    Form(Uri),
    /// A certificate to trust is malformed.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

struct Inner {
    balancer: Balancer,
    scheme: Scheme,
    authority: Authority,
    /// In front of every method's path; empty for nearly every address.
    base: String,
    room: Room,
}

// === impl GrpcClient ===

impl GrpcClient {
    /// A client of the source at `address`, with the limits of `settings`. Connects to nothing yet.
    ///
    /// # Errors
    /// When `address` is malformed, or a certificate to trust is.
    pub fn new(address: &Uri, settings: &SourceSettings) -> Result<Self, AddressError> {
        let malformed = || AddressError::Form(address.clone());
        let scheme = address.scheme().cloned().ok_or_else(malformed)?;
        let authority = address.authority().cloned().ok_or_else(malformed)?;
        if address.query().is_some() {
            return Err(malformed());
        }
        let (tls, port) = if scheme == Scheme::HTTP {
            (None, 80)
        } else if scheme == Scheme::HTTPS {
            (Some(Arc::new(Trust::new(&settings.tls)?.config(&["h2"]))), 443)
        } else {
            return Err(malformed());
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(port);
        let dialer = Dialer::new(host, tls, settings.connect_timeout).ok_or_else(malformed)?;
        Ok(Self {
            inner: Arc::new(Inner {
                balancer: Balancer::new(host, port, dialer, settings.resolver()),
                scheme,
                base: address.path().trim_end_matches('/').to_owned(),
                authority,
                room: settings.room(),
            }),
        })
    }
}

impl Transport for GrpcClient {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let inner = &self.inner;
        async move {
            let Call::Grpc {
                path,
                message,
                metadata,
            } = call
            else {
                return Err(protocol("not a gRPC call"));
            };
            if message.len() > inner.room.limit {
                return Err(CallError::RequestTooLarge {
                    limit: inner.room.limit,
                });
            }
            let uri = inner.uri(path.clone())?;
            inner.answer(uri, (metadata, deadline), framing::frame(message)).await
        }
    }
}

// === impl Inner ===

impl Inner {
    fn uri(&self, path: PathAndQuery) -> Result<Uri, CallError> {
        let path = if self.base.is_empty() {
            path
        } else {
            PathAndQuery::from_maybe_shared(format!("{}{path}", self.base)).map_err(protocol)?
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(protocol)
    }

    /// Makes the call. A connection that turns out to be gone before anything was sent is replaced by the next one, and
    /// what a source says that it has not looked at is sent once more, as the protocol allows: by REFUSED_STREAM, or by a
    /// GOAWAY that does not count our stream.
    async fn answer(
        &self,
        uri: Uri,
        (metadata, deadline): (&HeaderMap, Instant),
        message: Bytes,
    ) -> Result<Reply, CallError> {
        let mut refused = None;
        let mut gone = 0;
        loop {
            let connection = self.balancer.connection(refused.as_ref()).await?;
            let request = request(uri.clone(), headers(metadata, deadline));
            match connection.call(request, message.clone(), &self.room).await {
                Ok(reply) => return Ok(reply),
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Gone(error)) => {
                    self.balancer.lost(&connection, &error);
                    gone += 1;
                    if gone == GONE_MAX {
                        return Err(CallError::Connect(Arc::new(error)));
                    }
                }
                Err(Trouble::Refused(error)) => {
                    if error.is_go_away() {
                        self.balancer.lost(&connection, &error);
                    }
                    if refused.replace(connection).is_some() {
                        return Err(CallError::Refused(Arc::new(error)));
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base)
    }
}

/// What a request has beside its message: metadata, and what the protocol demands.
fn headers(metadata: &HeaderMap, deadline: Instant) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(metadata.len() + 3);
    for (name, value) in metadata {
        headers.append(name, value.clone());
    }
    headers.insert(TE, TRAILERS);
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert("grpc-timeout", time_left(deadline));
    headers
}

fn request(uri: Uri, headers: HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// The value of `grpc-timeout`: milliseconds, rounded up, at most the eight digits there may be.
fn time_left(deadline: Instant) -> HeaderValue {
    let left = deadline.saturating_duration_since(Instant::now());
    let millis = left.as_micros().div_ceil(1000).clamp(1, 99_999_999);
    HeaderValue::try_from(format!("{millis}m")).expect("digits and a letter are a header value")
}

/// Reads an answer to its end: head, message, trailers.
async fn reply(response: Response<h2::RecvStream>, room: &Room) -> Result<Reply, Trouble> {
    let (mut head, body) = response.into_parts();
    if let Some(status) = Status::take(&mut head.headers) {
        // Trailers only: what would be trailers came as the head, and nothing else comes.
        return if status.is_ok() {
            Err(protocol("success without a message").into())
        } else {
            Ok(status.into_reply(HeaderMap::new(), head.headers, Bytes::new()))
        };
    }
    if head.status != StatusCode::OK {
        return Ok(Status::from_http(head.status).into_reply(head.headers, HeaderMap::new(), Bytes::new()));
    }
    if !is_grpc(&head.headers) {
        return Err(protocol("the content type is not application/grpc").into());
    }

    let encoding = Encoding::of(&head.headers);
    let (message, mut trailers) = framing::read(body, room, encoding).await?;
    let status = Status::take(&mut trailers).ok_or_else(|| protocol("the reply ended without grpc-status"))?;
    match message {
        Some(message) if status.is_ok() => Ok(status.into_reply(head.headers, trailers, message)),
        None if status.is_ok() => Err(protocol("success without a message").into()),
        _ => Ok(status.into_reply(head.headers, trailers, Bytes::new())),
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()))
}
