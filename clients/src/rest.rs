//! REST calls over HTTP/1.1, and over HTTP/2 where TLS agrees on it.
//!
//! Plain `http://` goes through hyper's pooled client directly, `https://` through reqwest, which stands on that same
//! client. The reason is cost: where hyper's client takes 8 µs of CPU for a call that answers 26 kB, ours takes 9 to 10
//! and reqwest 12 to 14, for parsing the URL anew, for its redirect and retry layers, for boxing the body
//! (`benches/calls.rs`). Inside a cluster that counts; over TLS it is small beside the encryption.
//!
//! What a caller sees is the same. On the wire there is one difference: reqwest sends `accept: */*` when the call has
//! no `accept` of its own, which means the same as none.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Call, CallError, Reply, body,
    connect::{self, FRAME_BYTES_MAX, IDLE_TIMEOUT, PING_AFTER, PING_TIMEOUT, Served, Within},
    failure::{self, BoxError, classify, protocol},
    registry::SourceSettings,
    stack::Transport,
    tls::{TlsError, Trust},
};

/// Calls one REST source. Connections are kept and shared; none is made before the first call.
#[derive(Debug, Clone)]
pub struct RestClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    plain: Pool<Within<HttpConnector>, Full<Bytes>>,
    /// Made at the first `https` call, because it reads the system's certificates.
    secure: OnceCell<reqwest::Client>,
    trust: Trust,
    served: Served,
    connect_timeout: Duration,
    body_bytes_max: usize,
}

/// A request that can be sent twice.
#[derive(Clone)]
struct Parts {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Option<Bytes>,
}

enum Answer {
    Plain(Response<Incoming>),
    Secure(Response<reqwest::Body>),
}

// === impl RestClient ===

impl RestClient {
    /// A client with the limits of `settings`.
    ///
    /// # Errors
    /// When a certificate to trust is malformed.
    pub fn new(settings: &SourceSettings) -> Result<Self, TlsError> {
        let connector = Within::new(connect::tcp(settings.connect_timeout), settings.connect_timeout);
        Ok(Self {
            inner: Arc::new(Inner {
                plain: connect::pool().build(connector),
                secure: OnceCell::new(),
                trust: Trust::new(&settings.tls)?,
                served: Served::new(),
                connect_timeout: settings.connect_timeout,
                body_bytes_max: settings.body_bytes_max,
            }),
        })
    }
}

impl Transport for RestClient {
    fn send(&self, call: Call, _deadline: Instant) -> impl Future<Output = Result<Reply, CallError>> + Send + 'static {
        let inner = self.inner.clone();
        async move {
            let Call::Http {
                method,
                uri,
                headers,
                body,
            } = call
            else {
                return Err(protocol("not a REST call"));
            };
            match inner
                .answer(Parts {
                    method,
                    uri,
                    headers,
                    body,
                })
                .await?
            {
                Answer::Plain(response) => inner.reply(response).await,
                Answer::Secure(response) => inner.reply(response).await,
            }
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Sends the request and waits for the head of the answer.
    ///
    /// A source may close a kept connection at the moment we send on it, and nothing tells that from a source that
    /// broke down over the request. So a safe request, and only that, is sent once more.
    async fn answer(&self, parts: Parts) -> Result<Answer, CallError> {
        let spare = parts.method.is_safe().then(|| parts.clone());
        let error = match self.request(parts).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match spare {
            Some(parts) if self.was_closed_while_kept(&*error) => Box::pin(self.request(parts))
                .await
                .map_err(|error| self.classify(error)),
            _ => Err(self.classify(error)),
        }
    }

    async fn request(&self, parts: Parts) -> Result<Answer, BoxError> {
        if parts.uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
            // Boxed: calls without TLS need not carry the room for it about.
            Box::pin(self.request_secure(parts)).await
        } else {
            Ok(Answer::Plain(
                self.plain.request(Request::from(parts).map(Full::new)).await?,
            ))
        }
    }

    async fn request_secure(&self, parts: Parts) -> Result<Answer, BoxError> {
        let request = Request::from(parts).map(reqwest::Body::from);
        let client = self.secure.get_or_try_init(|| self.build_secure()).await?;
        Ok(Answer::Secure(client.execute(request.try_into()?).await?.into()))
    }

    async fn reply<B>(&self, response: Response<B>) -> Result<Reply, CallError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let (head, body) = response.into_parts();
        self.served.note(&head.extensions);
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            trailers: HeaderMap::new(),
            message: String::new(),
            details: Bytes::new(),
            body: body::collect(body, self.body_bytes_max).await?,
            endpoint: 0,
        })
    }

    /// Nothing is added to a call: no redirects, proxies, referers, cookies, encodings, and no retries but our own.
    async fn build_secure(&self) -> Result<reqwest::Client, BoxError> {
        let trust = self.trust.clone();
        let config = tokio::task::spawn_blocking(move || trust.config(&["h2", "http/1.1"])).await?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_max_frame_size(FRAME_BYTES_MAX)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build()?;
        Ok(client)
    }

    fn was_closed_while_kept(&self, error: &(dyn Error + 'static)) -> bool {
        !failure::breaks_protocol(error) && self.served.was_kept(error)
    }

    /// reqwest keeps its own connect time-out to itself; it is told by asking.
    fn classify(&self, error: BoxError) -> CallError {
        match error.downcast_ref::<reqwest::Error>() {
            Some(ours) if ours.is_connect() && ours.is_timeout() => CallError::Timeout(self.connect_timeout),
            _ => classify(error),
        }
    }
}

// === impl Parts ===

impl From<Parts> for Request<Bytes> {
    fn from(parts: Parts) -> Self {
        let mut request = Request::new(parts.body.unwrap_or_default());
        *request.method_mut() = parts.method;
        *request.uri_mut() = parts.uri;
        *request.headers_mut() = parts.headers;
        request
    }
}
