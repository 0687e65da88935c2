//! `hoopctl version`

use hoop_api::API_VERSION;

use crate::error::{Exit, Failure};
use crate::output;

/// Prints the version of hoopctl and of the API that it speaks.
///
/// # Errors
/// Stdout cannot be written.
pub fn run() -> Result<Exit, Failure> {
    output::line(&format!("hoopctl {} (api {API_VERSION})", env!("CARGO_PKG_VERSION")))?;
    Ok(Exit::Ok)
}
