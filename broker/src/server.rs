//! The running broker. Its place; written out with the gateway.

use crate::config::Config;

/// Why the broker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// This build has no server.
    #[error("this build of hoop-broker has no server")]
    NotBuilt,
}

/// Serves until a signal says stop, then drains.
///
/// # Errors
/// [`ServeError`] when it cannot start.
#[expect(clippy::unused_async, reason = "the server's signature, ahead of the server")]
pub async fn serve(config: Config) -> Result<(), ServeError> {
    drop(config);
    Err(ServeError::NotBuilt)
}
