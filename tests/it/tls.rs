//! TLS on the public port: what is spoken, what is refused, and certificates that are replaced.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use switchboard::http::{Server, Settings, Tls};
use switchboard::telemetry::{LogRequests, Metrics};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::wire::{Client, Wire, post};

/// An authority, and the files of a server that it vouches for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
            files: tempfile::tempdir().unwrap(),
        };
        authority.write_new();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A new certificate and key, as PEM.
    fn pair(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn write_new(&self) {
        let (certificate, key) = self.pair();
        std::fs::write(self.file("key.pem"), key).unwrap();
        std::fs::write(self.file("certificate.pem"), certificate).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings {
            tls: Some(Tls {
                certificate: self.file("certificate.pem"),
                key: self.file("key.pem"),
                hsts_days: 1,
            }),
            ..Settings::default()
        }
    }

    /// Connects as one who trusts this authority.
    async fn connect(&self, wire: &Wire, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let tcp = TcpStream::connect(wire.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    /// The certificate that the server shows to the next client.
    async fn shown(&self, wire: &Wire) -> CertificateDer<'static> {
        let stream = self.connect(wire, &["http/1.1"]).await.unwrap();
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        chain[0].clone().into_owned()
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    let request = post(
        "content-type: application/json\r\nconnection: close\r\n",
        r#"{"query":"{ data }"}"#,
    );
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    // The end may come without a farewell.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_tls() {
    let authority = Authority::new();
    let wire = Wire::with(authority.settings()).await;

    let mut stream = authority.connect(&wire, &["http/1.1"]).await.unwrap();
    let answer = ask(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("\r\nstrict-transport-security: max-age=86400; includeSubDomains\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");

    let authority_pem = authority.issuer.pem();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/web/graphql", wire.address.port());
    let reply = client
        .post(url)
        .header("content-type", "application/json")
        .body(r#"{"query":"{ data }"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (reply.status().as_u16(), reply.version()),
        (200, reqwest::Version::HTTP_2)
    );
    assert_eq!(wire.probe("/live").await.status, 200, "the admin port is as it was");
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_gets_nothing_and_harms_nobody() {
    let authority = Authority::new();
    let wire = Wire::with(authority.settings()).await;

    let mut plain = TcpStream::connect(wire.address).await.unwrap();
    plain
        .write_all(&post("content-type: application/json\r\n", "{}"))
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), plain.read_to_end(&mut answer))
        .await
        .unwrap();
    // A fatal alert at most.
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    assert_eq!(wire.seen(), 0);

    let mut stream = authority.connect(&wire, &["http/1.1"]).await.unwrap();
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let authority = Authority::new();
    let wire = Wire::with(authority.settings()).await;
    let mut tcp = TcpStream::connect(wire.address).await.unwrap();

    // A ClientHello of TLS 1.1 (0x0302): random, no session, one cipher suite, no compression, no extensions.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let mut handshake = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    handshake.extend(&hello);
    let mut record = vec![0x16, 0x03, 0x01, 0, u8::try_from(handshake.len()).unwrap()];
    record.extend(&handshake);
    tcp.write_all(&record).await.unwrap();

    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), tcp.read_to_end(&mut answer))
        .await
        .unwrap();
    // A fatal alert (21), and no ServerHello (22).
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    assert_eq!(answer[5], 2, "{answer:?}");
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_is_let_go() {
    let authority = Authority::new();
    let wire = Wire::with(Settings {
        header_timeout: Duration::from_millis(200),
        ..authority.settings()
    })
    .await;

    let silent = Client::connect(wire.address).await;

    assert_eq!(silent.closed().await, "");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_used_for_the_next_connection_and_one_that_is_wrong_is_not() {
    let authority = Authority::new();
    let wire = Wire::with(authority.settings()).await;
    let first = authority.shown(&wire).await;
    let mut open = authority.connect(&wire, &["http/1.1"]).await.unwrap();

    // A key that does not belong to its certificate, then no certificate at all: the old one stays.
    let (_, stray) = authority.pair();
    std::fs::write(authority.file("key.pem"), stray).unwrap();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(authority.shown(&wire).await, first);
    std::fs::write(authority.file("certificate.pem"), "nothing").unwrap();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(authority.shown(&wire).await, first);

    authority.write_new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while authority.shown(&wire).await == first {
        assert!(Instant::now() < deadline, "the new certificate is used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        ask(&mut open).await.starts_with("HTTP/1.1 200 OK\r\n"),
        "connections stay"
    );
}

#[tokio::test]
async fn a_server_whose_certificate_cannot_be_used_does_not_start() {
    let authority = Authority::new();
    let bind = || async {
        let any = "127.0.0.1:0".parse().unwrap();
        let metrics = Arc::new(Metrics::new(["web"], []));
        let error = Server::bind(any, None, authority.settings(), LogRequests::Off, metrics)
            .await
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        cause.replace(&authority.files.path().display().to_string(), "…")
    };

    let (_, stray) = authority.pair();
    std::fs::write(authority.file("key.pem"), stray).unwrap();
    insta::assert_snapshot!(bind().await, @"…/key.pem: keys may not be consistent: KeyMismatch");
    std::fs::write(authority.file("key.pem"), "secret").unwrap();
    insta::assert_snapshot!(bind().await, @"…/key.pem: there is no private key in it");
    std::fs::write(authority.file("certificate.pem"), "").unwrap();
    insta::assert_snapshot!(bind().await, @"…/certificate.pem: there is no certificate in it");
    std::fs::remove_file(authority.file("certificate.pem")).unwrap();
    insta::assert_snapshot!(bind().await, @"…/certificate.pem: No such file or directory (os error 2)");
}
