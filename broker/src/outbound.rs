//! The HTTP client for what the broker asks of others: our own TLS provider, the system's roots, no redirects, bounded
//! time.

use std::sync::Arc;
use std::time::Duration;

/// A client for `url`, whose requests take at most `patience`.
///
/// # Errors
/// Why there is none.
pub fn client(url: &str, patience: Duration) -> Result<reqwest::Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A redirect could lead the broker to an address of somebody else's choosing inside our network.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(patience);
    // Without TLS it is an address of this machine, and what goes there stays here, whatever proxy the environment names.
    let client = if url.starts_with("https://") { client } else { client.no_proxy() };
    client.build().map_err(|e| e.to_string())
}
