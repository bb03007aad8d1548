//! Unary gRPC calls over HTTP/2: bytes of a message in, bytes of a message out.
//!
//! hyper's HTTP/2 client underneath, and the protocol's framing (`grpc/framing.rs`) and status (`grpc/status.rs`) in
//! some two hundred lines of our own, because tonic's client, made for generated code, does three things we cannot have:
//! it takes a stream that ends without `grpc-status` for a success, it panics on status details that are not base64,
//! and it hides whether a status came from the source or from a broken connection. Without its buffer task a call is
//! also somewhat cheaper (`benches/calls.rs`).
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, TE},
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, ResponseFuture, connect::HttpConnector};
use tokio::time::Instant;

use self::{framing::Message, status::Status};
pub use crate::tls::TlsError;
use crate::{
    Call, CallError, Reply,
    connect::{self, FRAME_BYTES_MAX, PING_AFTER, PING_TIMEOUT, Within},
    failure::{cause, classify, protocol},
    registry::SourceSettings,
    stack::Transport,
    tls::Trust,
};

mod framing;
mod status;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Calls one gRPC source over one shared connection, made at the first call and again whenever it is gone.
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
    pool: Connections,
    scheme: Scheme,
    authority: Authority,
    /// In front of every method's path; empty for nearly every address.
    base: String,
    body_bytes_max: usize,
}

enum Connections {
    Plain(Pool<Within<HttpConnector>, Message>),
    Secure(Pool<Within<HttpsConnector<HttpConnector>>, Message>),
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
        let tcp = connect::tcp(settings.connect_timeout);
        let mut pool = connect::pool();
        pool.http2_only(true)
            .http2_max_frame_size(FRAME_BYTES_MAX)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        let pool = if scheme == Scheme::HTTP {
            Connections::Plain(pool.build(Within::new(tcp, settings.connect_timeout)))
        } else if scheme == Scheme::HTTPS {
            let config = Trust::new(&settings.tls)?.config(&[]);
            let tls = HttpsConnectorBuilder::new()
                .with_tls_config(config)
                .https_only()
                .enable_http2()
                .wrap_connector(tcp);
            Connections::Secure(pool.build(Within::new(tls, settings.connect_timeout)))
        } else {
            return Err(malformed());
        };
        let base = address.path().trim_end_matches('/').to_owned();
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                scheme,
                authority,
                base,
                body_bytes_max: settings.body_bytes_max,
            }),
        })
    }
}

impl Transport for GrpcClient {
    fn send(&self, call: Call, deadline: Instant) -> impl Future<Output = Result<Reply, CallError>> + Send + 'static {
        let inner = self.inner.clone();
        async move {
            let Call::Grpc {
                path,
                message,
                mut metadata,
            } = call
            else {
                return Err(protocol("not a gRPC call"));
            };
            metadata.insert(TE, TRAILERS);
            metadata.insert(CONTENT_TYPE, GRPC);
            metadata.insert("grpc-timeout", time_left(deadline));
            let uri = inner.uri(path)?;
            let response = inner.answer(uri, metadata, framing::frame(&message)).await?;
            reply(response, inner.body_bytes_max).await
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
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(protocol)
    }

    /// Sends the request and waits for the head of the answer; once more when the source says that it has not looked at
    /// it, which a connection that is being wound down does.
    async fn answer(&self, uri: Uri, headers: HeaderMap, body: Bytes) -> Result<Response<Incoming>, CallError> {
        match self
            .pool
            .request(request(uri.clone(), headers.clone(), body.clone()))
            .await
        {
            Ok(response) => Ok(response),
            Err(error) if was_refused(&error) => self
                .pool
                .request(request(uri, headers, body))
                .await
                .map_err(|error| classify(error.into())),
            Err(error) => Err(classify(error.into())),
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base)
    }
}

// === impl Connections ===

impl Connections {
    fn request(&self, request: Request<Message>) -> ResponseFuture {
        match self {
            Self::Plain(pool) => pool.request(request),
            Self::Secure(pool) => pool.request(request),
        }
    }
}

fn request(uri: Uri, headers: HeaderMap, body: Bytes) -> Request<Message> {
    let mut request = Request::new(Message::new(body));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// REFUSED_STREAM, or a graceful GOAWAY that does not count our stream: not processed, by the protocol's word.
fn was_refused(error: &hyper_util::client::legacy::Error) -> bool {
    cause::<h2::Error>(error).is_some_and(|error| {
        error.is_remote()
            && (error.reason() == Some(h2::Reason::REFUSED_STREAM)
                || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR))
    })
}

/// The value of `grpc-timeout`: milliseconds, rounded up, at most the eight digits there may be.
fn time_left(deadline: Instant) -> HeaderValue {
    let left = deadline.saturating_duration_since(Instant::now());
    let millis = left.as_micros().div_ceil(1000).clamp(1, 99_999_999);
    HeaderValue::try_from(format!("{millis}m")).expect("digits and a letter are a header value")
}

/// Reads an answer to its end: head, message, trailers.
async fn reply(response: Response<Incoming>, body_bytes_max: usize) -> Result<Reply, CallError> {
    let (mut head, body) = response.into_parts();
    if let Some(status) = Status::take(&mut head.headers) {
        // Trailers only: what would be trailers came as the head, and nothing else comes.
        return if status.is_ok() {
            Err(protocol("success without a message"))
        } else {
            Ok(status.into_reply(HeaderMap::new(), head.headers, Bytes::new()))
        };
    }
    if head.status != StatusCode::OK {
        return Ok(Status::from_http(head.status).into_reply(head.headers, HeaderMap::new(), Bytes::new()));
    }
    if !is_grpc(&head.headers) {
        return Err(protocol("the content type is not application/grpc"));
    }

    let (message, mut trailers) = framing::read(body, body_bytes_max).await?;
    let status = Status::take(&mut trailers).ok_or_else(|| protocol("the reply ended without grpc-status"))?;
    match message {
        Some(message) if status.is_ok() => Ok(status.into_reply(head.headers, trailers, message)),
        None if status.is_ok() => Err(protocol("success without a message")),
        _ => Ok(status.into_reply(head.headers, trailers, Bytes::new())),
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()))
}
