//! REST calls over HTTP/1.1, and over HTTP/2 where TLS agrees on it.
//!
//! Plain `http://` is spoken by `http1`, `https://` by reqwest. The reason is cost: `benches/calls.rs` has the figures. Inside a cluster that
//! counts; over TLS it is small beside the encryption.
//!
//! What a caller sees is the same. On the wire there is one difference: reqwest sends `accept: */*` when the call has
//! no `accept` of its own, which means the same as none.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, uri::Scheme};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Call, CallError, Counted, Reply, body,
    budget::Room,
    connect::{self, FRAME_BYTES_MAX, IDLE_TIMEOUT, PING_AFTER, PING_TIMEOUT, Served, Within},
    failure::{self, BoxError, classify, protocol},
    http1::Pool,
    names::Names,
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
    plain: Pool,
    names: Names,
    /// Made at the first `https` call, because it reads the system's certificates.
    secure: OnceCell<reqwest::Client>,
    trust: Trust,
    served: Served,
    connect_timeout: Duration,
    room: Room,
}

/// A request that can be sent twice.
#[derive(Clone)]
struct Parts {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Option<Bytes>,
}

// === impl RestClient ===

impl RestClient {
    /// A client with the limits of `settings`.
    ///
    /// # Errors
    /// When a certificate to trust is malformed.
    pub fn new(settings: &SourceSettings) -> Result<Self, TlsError> {
        let names = Names::new(settings.resolver(), settings.connect_timeout);
        let connector = connect::tcp(names.clone(), settings.connect_timeout);
        let connector = Within::new(connector, settings.connect_timeout);
        Ok(Self {
            inner: Arc::new(Inner {
                plain: Pool::new(connector, settings.room()),
                names,
                secure: OnceCell::new(),
                trust: Trust::new(&settings.tls)?,
                served: Served::new(),
                connect_timeout: settings.connect_timeout,
                room: settings.room(),
            }),
        })
    }
}

impl Transport for RestClient {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        _deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let inner = &self.inner;
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
            if uri.scheme() != Some(&Scheme::HTTPS) {
                let body = body.as_ref();
                return inner.plain.send(method, uri, headers, body).await;
            }
            let parts = Parts {
                method: method.clone(),
                uri: uri.clone(),
                headers: headers.clone(),
                body: body.clone(),
            };
            // Boxed: calls without TLS need not carry the room for it about.
            Box::pin(inner.send_secure(parts)).await
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Sends the request and reads the reply. One that is safe is sent once more where a kept connection was closed as we sent on it.
    async fn send_secure(&self, parts: Parts) -> Result<Reply, CallError> {
        let spare = parts.method.is_safe().then(|| parts.clone());
        let response = match (self.request_secure(parts).await, spare) {
            (Ok(response), _) => response,
            (Err(error), Some(parts)) if self.was_closed_while_kept(&*error) => {
                self.request_secure(parts).await.map_err(|error| self.classify(error))?
            }
            (Err(error), _) => return Err(self.classify(error)),
        };
        self.reply(response).await
    }

    async fn request_secure(&self, parts: Parts) -> Result<Response<reqwest::Body>, BoxError> {
        let request = Request::from(parts).map(reqwest::Body::from);
        let client = self.secure.get_or_try_init(|| self.build_secure()).await?;
        Ok(client.execute(request.try_into()?).await?.into())
    }

    async fn reply(&self, response: Response<reqwest::Body>) -> Result<Reply, CallError> {
        let (head, body) = response.into_parts();
        self.served.note(&head.extensions);
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            trailers: HeaderMap::new(),
            message: String::new(),
            details: Bytes::new(),
            body: body::collect(body, &self.room).await?,
            errors: Vec::new(),
            counted: Counted::default(),
        })
    }

    /// Nothing is added to a call: no redirects, proxies, referers, cookies, encodings, and no retries but our own.
    async fn build_secure(&self) -> Result<reqwest::Client, BoxError> {
        let trust = self.trust.clone();
        let config = tokio::task::spawn_blocking(move || trust.config(&["h2", "http/1.1"])).await?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .dns_resolver(Arc::new(self.names.clone()))
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
            Some(ours) if ours.is_connect() && ours.is_timeout() => CallError::ConnectTimeout(self.connect_timeout),
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
