//! The naive decoder of the wire crate's own tests, and the crate's answers in its terms.

#[path = "../../../shared/pgwire/tests/it/naive.rs"]
mod naive;
#[path = "../../../shared/pgwire/tests/it/rendered.rs"]
mod rendered;

pub use naive::{Item, backend, frontend};
pub use rendered::compare;
