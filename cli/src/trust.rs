//! Which certificate is the broker's: a pin taken at the first sign-in, or the system's roots. Never neither.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use sha2::Digest as _;

use crate::error::Failure;

/// SHA-256 of a certificate's DER bytes, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(sha2::Sha256::digest(der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || "expected a SHA-256 fingerprint: 64 hexadecimal digits, colons allowed".to_owned();
        let s = s.trim();
        let bare = s.get(..7).filter(|head| head.eq_ignore_ascii_case("sha256:")).map_or(s, |_| &s[7..]);
        let digits: Vec<u8> = bare.bytes().filter(|b| *b != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(bad());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let text = std::str::from_utf8(pair).map_err(|_| bad())?;
            // `from_str_radix` takes a sign too.
            if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad());
            }
            *byte = u8::from_str_radix(text, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Another certificate than the pinned one.
    #[error("the broker's certificate is not the one that this profile trusts")]
    Changed {
        /// The pin.
        pinned: Fingerprint,
        /// What the broker showed.
        shown: Fingerprint,
    },
    /// No root of the system vouches for it, and nothing is pinned.
    #[error("the broker's certificate is not known to this system: {why}")]
    Unknown {
        /// What the broker showed.
        shown: Fingerprint,
        /// What the check said.
        why: String,
    },
    /// Its end has passed.
    #[error("the broker's certificate expired on {until}")]
    Expired {
        /// Its end, UTC.
        until: String,
    },
    /// Its time has not begun by this machine's clock.
    #[error("the broker's certificate is valid only from {from}, and this machine's clock says {now}")]
    NotYet {
        /// Its begin, UTC.
        from: String,
        /// This machine's time, UTC.
        now: String,
    },
    /// It is no certificate.
    #[error("the broker's certificate cannot be read")]
    Unreadable,
}

impl From<CertificateFault> for Failure {
    fn from(fault: CertificateFault) -> Self {
        let failure = Self::unreachable(fault.to_string());
        match fault {
            CertificateFault::Changed { pinned, shown } => failure
                .note("trusted", pinned.to_string())
                .note("shown", shown.to_string())
                .hint("someone may be listening in: ask the broker's operator; if the certificate was renewed, \
                       sign in again with `hoopctl login --fingerprint SHA256`"),
            CertificateFault::Unknown { shown, .. } => failure
                .note("shown", shown.to_string())
                .hint("compare this with what the broker's operator says, then `hoopctl login --fingerprint SHA256`"),
            CertificateFault::Expired { .. } => {
                failure.hint("the broker's operator has to renew it; a wrong clock here looks the same")
            }
            CertificateFault::NotYet { .. } => failure.hint("set this machine's clock"),
            CertificateFault::Unreadable => failure.hint("is this a broker's address?"),
        }
    }
}

/// Whom to trust as the broker. A pin replaces the system's roots, host name included: it names one certificate.
#[derive(Debug)]
struct Verifier {
    pin: Option<Fingerprint>,
    roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(end_entity);
        if let Some(pinned) = self.pin.filter(|pin| *pin != shown) {
            return Err(refuse(CertificateFault::Changed { pinned, shown }));
        }
        check_dates(end_entity, now).map_err(refuse)?;
        if self.pin.is_some() {
            return Ok(ServerCertVerified::assertion());
        }
        let why = match &self.roots {
            Some(roots) => {
                match roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    Ok(verified) => return Ok(verified),
                    Err(rustls::Error::InvalidCertificate(e)) => in_words(&e),
                    Err(e) => e.to_string(),
                }
            }
            None => "the system has no trusted roots".to_owned(),
        };
        Err(refuse(CertificateFault::Unknown { shown, why }))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn refuse(fault: CertificateFault) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}

fn in_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "it is self-made, or its issuer is not trusted here".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is made for another host name".to_owned()
        }
        other => other.to_string(),
    }
}

fn check_dates(der: &[u8], now: UnixTime) -> Result<(), CertificateFault> {
    let (_, cert) = x509_parser::parse_x509_certificate(der).map_err(|_| CertificateFault::Unreadable)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = cert.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    if now > until {
        return Err(CertificateFault::Expired { until: crate::output::time(until) });
    }
    if now < from {
        return Err(CertificateFault::NotYet {
            from: crate::output::time(from),
            now: crate::output::time(now),
        });
    }
    Ok(())
}

/// TLS towards the broker, aws-lc-rs only, HTTP/1.1 only.
///
/// # Errors
/// The system's roots cannot be used.
pub fn tls(pin: Option<Fingerprint>) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unusable = |e: &dyn fmt::Display| Failure::unreachable(format!("TLS cannot be set up: {e}"));
    let roots = if pin.is_some() { None } else { system_roots(&provider).map_err(|e| unusable(&e))? };
    let verifier = Arc::new(Verifier { pin, roots, provider: Arc::clone(&provider) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(&e))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn system_roots(
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>, rustls::client::VerifierBuilderError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Ok(None);
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build().map(Some)
}

/// Finds our own certificate fault in a chain of transport errors.
#[must_use]
pub fn fault(error: &(dyn std::error::Error + 'static)) -> Option<CertificateFault> {
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) = e.downcast_ref() {
            return other.0.downcast_ref::<CertificateFault>().cloned();
        }
        // The source of an `io::Error` is the source of what it wraps: the wrapped error itself has to be asked for.
        let inner = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|i| i as &(dyn std::error::Error + 'static)).or_else(|| e.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let print = Fingerprint::of(b"certificate");
        let text = print.to_string();
        assert_eq!(text.parse(), Ok(print));
        assert_eq!(text.replace(':', "").to_lowercase().parse(), Ok(print));
        assert_eq!(format!("SHA256:{text}").parse(), Ok(print));
        for bad in ["", "ab", &"g".repeat(64), &"+1".repeat(32), &"é".repeat(32)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
