//! TLS towards targets: `verify-full` by default, and the channel binding that SCRAM wants.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{Target, UpstreamTls};

/// The target's TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with extra roots.
    #[error("cannot read the certificate authorities in `{file}`: {detail}")]
    Roots {
        /// The file.
        file: String,
        /// Why.
        detail: String,
    },
    /// No root at all.
    #[error("no certificate authority is known; set `ca_file` for the target")]
    NoRoots,
    /// rustls refused the settings.
    #[error("TLS settings: {0}")]
    Rustls(#[from] rustls::Error),
    /// The verifier refused the roots.
    #[error("certificate authorities: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// The client configuration for `target`, or `None` where its owner disabled TLS. Made once a target: roots and cipher
/// suites of its own would cost each connection more memory than all else that it holds.
///
/// # Errors
/// [`TlsError`] when roots cannot be read; the next connection tries again.
pub fn client_config(target: &Target) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    if let Some(made) = target.shared.tls.get() {
        return Ok(Some(Arc::clone(made)));
    }
    Ok(make(target)?.map(|made| Arc::clone(target.shared.tls.get_or_init(|| made))))
}

fn make(target: &Target) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let verify_name = match target.tls {
        UpstreamTls::Disable => return Ok(None),
        UpstreamTls::VerifyFull => true,
        UpstreamTls::VerifyCa => false,
    };
    let roots = Arc::new(match &target.ca_file {
        Some(file) => roots_from(file)?,
        None => system_roots()?,
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut config = if verify_name {
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build()?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName(inner))).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    // PostgreSQL resumes no TLS session; a cache of them would be memory for nothing.
    config.resumption = Resumption::disabled();
    Ok(Some(Arc::new(config)))
}

fn roots_from(file: &Path) -> Result<RootCertStore, TlsError> {
    let fault = |detail: String| TlsError::Roots { file: file.display().to_string(), detail };
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(file).map_err(|e| fault(e.to_string()))? {
        roots.add(cert.map_err(|e| fault(e.to_string()))?).map_err(|e| fault(e.to_string()))?;
    }
    if roots.is_empty() { Err(fault("no certificate in it".to_owned())) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that rustls cannot read are skipped: they could not verify anything anyway.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// `verify-ca`: the chain is verified, the name is not.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// `tls-server-end-point` channel binding (RFC 5929, 4.1): the certificate's hash under its own signature's hash
/// function, SHA-256 where that is MD5 or SHA-1. `None` when the function is not known (Ed25519 has none).
#[must_use]
pub fn server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
    use x509_parser::prelude::FromDer as _;

    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // md5, sha1, sha256 with RSA; ECDSA with SHA-1, SHA-256
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, certificate).as_ref().to_vec())
}
