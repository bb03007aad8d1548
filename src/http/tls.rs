//! TLS on the public port: what the server proves itself with, read again when it changes.
//!
//! TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no data before the handshake is over (it could be sent twice). Certificates live a few weeks and
//! are replaced by programs, so their files are looked at while the server runs; what cannot be used changes nothing.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at. They are a few kilobytes.
const LOOK: Duration = Duration::from_secs(1);

/// What the server proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those between it and its authority, in this order (PEM). Read again when it changes. `certificate`.
    pub certificate: PathBuf,
    /// Its private key (PEM). Read again when it changes. `key`.
    pub key: PathBuf,
    /// Days that browsers are told to come by https only (`Strict-Transport-Security`), to this host and its subdomains. 0, which tells them nothing: it cannot be taken
    /// back. `hsts_days`.
    pub hsts_days: usize,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct TlsError {
    /// Which file.
    pub file: PathBuf,
    why: String,
}

/// Certificates of the public port as they are now.
pub(super) struct Certificates {
    settings: Tls,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    /// Of both files when they were read last.
    seen: [u8; 32],
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificates").field(&self.settings).finish()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

// === impl Tls ===

impl Tls {
    /// Reads both files as a start does.
    ///
    /// # Errors
    /// One cannot be read, or they do not fit together.
    pub fn check(&self) -> Result<(), TlsError> {
        Certificates::load(self).map(drop)
    }
}

// === impl Certificates ===

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// One cannot be read, or they do not belong together.
    pub(super) fn load(settings: &Tls) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = Files::read(settings)?;
        let key = files.certified(settings, &provider)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(key)));
        let refused = |error: rustls::Error| TlsError::of(&settings.certificate, &error);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Who comes back need not be proved to again, and nothing is kept for it here.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(refused)?;
        Ok(Self {
            settings: settings.clone(),
            provider,
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            seen: files.hash(),
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Follows the files for as long as it is polled.
    pub(super) async fn follow(mut self) {
        loop {
            sleep(LOOK).await;
            let settings = self.settings.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || Files::read(&settings)).await else {
                continue;
            };
            self.take(read);
        }
    }

    /// Uses what the files say now, or says why not, once.
    fn take(&mut self, read: Result<Files, TlsError>) {
        let seen = match &read {
            Ok(files) => files.hash(),
            Err(error) => Sha256::digest(error.to_string()).into(),
        };
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        match read.and_then(|files| files.certified(&self.settings, &self.provider)) {
            Ok(key) => {
                self.current.0.store(Arc::new(key));
                tracing::info!(certificate = %self.settings.certificate.display(), "the certificate was read again and is in use");
            }
            Err(error) => tracing::warn!(%error, "the certificate was read again and refused, the one before stays"),
        }
    }
}

/// Both files as they are.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

// === impl Files ===

impl Files {
    fn read(settings: &Tls) -> Result<Self, TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|error| TlsError::of(path, &error));
        Ok(Self {
            certificate: read(&settings.certificate)?,
            key: read(&settings.key)?,
        })
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Where one ends and the other begins takes part.
        hash.update((self.certificate.len() as u64).to_le_bytes());
        hash.update(&self.certificate);
        hash.update(&self.key);
        hash.finalize().into()
    }

    /// Certificates and key, of which it is known that they belong together.
    fn certified(&self, settings: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| TlsError::of(&settings.certificate, &error))?;
        if chain.is_empty() {
            return Err(TlsError::of(&settings.certificate, &"there is no certificate in it"));
        }
        // What is wrong with a key is not repeated: parts of it could be among the words.
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::of(&settings.key, &"there is no private key in it"))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| TlsError::of(&settings.key, &error))
    }
}

// === impl TlsError ===

impl TlsError {
    fn of(file: &Path, why: &dyn fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            why: why.to_string(),
        }
    }
}
