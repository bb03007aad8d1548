//! Sources for tests: plain and TLS servers, and sockets that answer whatever bytes a test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use switchboard_clients::{
    Call, CallError, Client, Reply, Safety,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

/// With or without TLS: what a caller sees must not differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

pub(crate) const BOTH: [Scheme; 2] = [Scheme::Http, Scheme::Https];

/// A server's certificate and the authority to trust for it.
pub(crate) struct Identity {
    acceptor: TlsAcceptor,
    pub(crate) authority_pem: String,
}

/// A request as a source saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A source with a log.
pub(crate) struct Source {
    pub(crate) scheme: Scheme,
    pub(crate) address: SocketAddr,
    pub(crate) authority_pem: String,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

/// Either kind of connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

// === impl Identity ===

impl Identity {
    /// For `name`, offering `protocols` by ALPN.
    pub(crate) fn new(name: &str, protocols: &[&str]) -> Self {
        Self::with(name, protocols, |_| {})
    }

    pub(crate) fn with(name: &str, protocols: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority_pem: certificate.pem(),
        }
    }

    /// For localhost, with a certificate of `keys` that its authority has signed.
    pub(crate) fn signed(certificate: &str) -> Self {
        let file = |name: &str| std::fs::read(format!("{}/tests/it/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = CertificateDer::pem_slice_iter(&file(certificate))
            .collect::<Result<_, _>>()
            .unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(&file("leaf.key")).unwrap())
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority_pem: String::from_utf8(file("authority.pem")).unwrap(),
        }
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.acceptor.accept(stream).await?))
    }
}

// === impl Source ===

impl Source {
    /// Answers each connection with `serve`, which gets the connection's number and the connection.
    pub(crate) async fn raw<F, R>(scheme: Scheme, serve: F) -> Self
    where
        F: Fn(usize, Box<dyn Stream>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self::raw_with(scheme, &["http/1.1"], serve).await
    }

    async fn raw_with<F, R>(scheme: Scheme, protocols: &[&str], serve: F) -> Self
    where
        F: Fn(usize, Box<dyn Stream>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity::new("localhost", protocols);
        let authority_pem = identity.authority_pem.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let stream: Box<dyn Stream> = match scheme {
                    Scheme::Http => Box::new(stream),
                    Scheme::Https => match identity.accept(stream).await {
                        Ok(stream) => stream,
                        Err(_) => continue,
                    },
                };
                tokio::spawn(serve(number, stream));
            }
        });
        Self {
            scheme,
            address,
            authority_pem,
            seen: Arc::default(),
        }
    }

    /// A real HTTP server: every request is logged and answered by `answer`.
    pub(crate) async fn http(
        scheme: Scheme,
        protocols: &[&str],
        answer: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let source = Self::raw_with(scheme, protocols, move |_, stream| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, answer) = (log.clone(), answer.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let seen = Seen {
                            method: head.method,
                            uri: head.uri,
                            headers: head.headers,
                            body,
                        };
                        let response = answer(&seen);
                        log.lock().unwrap().push(seen);
                        Ok::<_, hyper::Error>(response)
                    }
                });
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            }
        })
        .await;
        Self { seen, ..source }
    }

    /// Answers every request on every connection with the same bytes, then does `after` with the connection.
    pub(crate) async fn bytes(scheme: Scheme, answer: &'static [u8], after: After) -> Self {
        Self::raw(scheme, move |_, mut stream| async move {
            while read_head(&mut stream).await {
                stream.write_all(answer).await.unwrap();
                stream.flush().await.unwrap();
                match after {
                    After::KeepOpen => {}
                    After::Close => {
                        let _ = stream.shutdown().await;
                        return;
                    }
                    After::Hang => std::future::pending().await,
                }
            }
        })
        .await
    }

    pub(crate) fn uri(&self, path: &str) -> Uri {
        let scheme = if self.scheme == Scheme::Http { "http" } else { "https" };
        format!("{scheme}://localhost:{}{path}", self.address.port())
            .parse()
            .unwrap()
    }

    pub(crate) fn settings(&self) -> SourceSettings {
        let mut settings = SourceSettings::new("source", TransportSettings::Rest);
        settings.tls.authorities_pem = self.authority_pem.clone().into_bytes();
        settings.resilience = Resilience::off();
        settings
    }

    pub(crate) fn client(&self) -> Arc<dyn Client> {
        self.settings().client().unwrap()
    }
}

/// What a source does once it has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    KeepOpen,
    Close,
    Hang,
}

/// Reads up to the empty line; false at the end of the connection.
pub(crate) async fn read_head(stream: &mut Box<dyn Stream>) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

pub(crate) fn get(uri: Uri) -> Call {
    Call::Http {
        method: Method::GET,
        uri,
        headers: HeaderMap::new(),
        body: None,
    }
}

pub(crate) fn post(uri: Uri, body: &'static str) -> Call {
    Call::Http {
        method: Method::POST,
        uri,
        headers: HeaderMap::new(),
        body: Some(Bytes::from_static(body.as_bytes())),
    }
}

/// Makes the call with more time than any test needs.
pub(crate) async fn send(client: &Arc<dyn Client>, call: Call) -> Result<Reply, CallError> {
    client
        .call(call, Safety::Once, Instant::now() + Duration::from_secs(10))
        .await
}

/// `Debug` of the variant alone, to compare kinds of errors.
pub(crate) fn kind(outcome: &Result<Reply, CallError>) -> String {
    match outcome {
        Ok(reply) => format!("Reply {}", reply.status),
        Err(error) => format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned(),
    }
}
