//! Raw TLS connections to the broker, for the tunnel and for looking at its certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{CONNECT_TIMEOUT, no_broker};
use crate::error::{Failure, plain};
use crate::profile::BrokerUrl;
use crate::trust::{self, CertificateFault};

/// A broker whose machine answers nothing for about a minute is gone, though nothing was closed.
const SILENCE: Duration = Duration::from_secs(30);
/// Between questions whether it is still there, once it is silent.
const QUESTION_EVERY: Duration = Duration::from_secs(10);
/// Questions without an answer after which it is given up.
const QUESTIONS: u32 = 3;

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
        ask_when_silent(&tcp)?;
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

/// Otherwise a client that waits for an answer through a tunnel would wait for ever.
fn ask_when_silent(tcp: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, SILENCE)?;
    sockopt::set_tcp_keepintvl(tcp, QUESTION_EVERY)?;
    sockopt::set_tcp_keepcnt(tcp, QUESTIONS)?;
    Ok(())
}
