//! What we accept as proof that a source is who it says.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// How sources prove who they are.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Certificates (PEM) to trust beside the system's own, e.g. of a private authority.
    pub authorities_pem: Vec<u8>,
}

/// A certificate of [`TlsSettings`] that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not a usable certificate: {0}")]
pub struct TlsError(String);

/// The authorities of one source, checked.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    own: RootCertStore,
}

// === impl Trust ===

impl Trust {
    /// Reads the certificates of `settings`.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let mut own = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&settings.authorities_pem) {
            let certificate = certificate.map_err(|error| TlsError(error.to_string()))?;
            own.add(certificate).map_err(|error| TlsError(error.to_string()))?;
        }
        Ok(Self { own })
    }

    /// TLS 1.2 and 1.3, names and dates checked, these authorities and the system's; offers `protocols` by ALPN.
    ///
    /// Reads the system's certificates from disk: milliseconds. A system without any is no error: then only our own
    /// are trusted.
    pub(crate) fn config(&self, protocols: &[&str]) -> ClientConfig {
        let mut roots = self.own.clone();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}
