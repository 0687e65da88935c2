//! Raw TLS connections to the broker, for the tunnel and for looking at its certificate.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{CONNECT_TIMEOUT, no_broker};
use crate::error::{Failure, plain};
use crate::profile::BrokerUrl;
use crate::trust::{self, CertificateFault};

/// One TLS connection to the broker.
///
/// # Errors
/// It is not reached, not in time, or not trusted.
pub async fn tls(
    url: &BrokerUrl,
    config: Arc<rustls::ClientConfig>,
) -> Result<TlsStream<TcpStream>, Failure> {
    tls_or_fault(url, config).await?.map_err(Failure::from)
}

/// As [`tls`], with a certificate that is refused apart from a broker that is not reached.
///
/// # Errors
/// It is not reached, or not in time.
pub async fn tls_or_fault(
    url: &BrokerUrl,
    config: Arc<rustls::ClientConfig>,
) -> Result<Result<TlsStream<TcpStream>, CertificateFault>, Failure> {
    let name = ServerName::try_from(url.host().to_owned())
        .map_err(|_| no_broker(url, "its host is neither a name nor an address"))?;
    let connected = async {
        let tcp = TcpStream::connect((url.host(), url.port())).await?;
        // Small messages of a question-and-answer protocol: waiting for more to send costs a round trip.
        tcp.set_nodelay(true)?;
        TlsConnector::from(config).connect(name, tcp).await
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connected).await {
        Ok(Ok(stream)) => Ok(Ok(stream)),
        Ok(Err(e)) => {
            trust::fault(&e).map_or_else(|| Err(no_broker(url, &plain(&e))), |fault| Ok(Err(fault)))
        }
        Err(_) => Err(no_broker(url, "it does not answer in time")),
    }
}
