//! What the gateway knows of a target's catalogue: which relations show classified columns, and how. One copy for all
//! connections to a database, read again when a look finds it changed.
//!
//! INVARIANT: a copy counts only while looks succeed. A connection whose copy was not confirmed for [`OLDEST`] refuses
//! its statements.

mod describe;
mod known;
mod queries;
mod read;
mod shared;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use hoop_policy::Classified;

pub use describe::describe;
pub use known::Known;
pub use shared::{Shared, carry_bindings};
pub use watch::{Refreshing, Watched};

use super::columns::Classes;
use super::copy::Relations;
use super::upstream::{self, Upstream, UpstreamError};
use crate::config::{Limits, Target};

/// How often it is looked whether the catalogue has changed: what is changed around the gateway is noticed within two
/// seconds (DESIGN, "The way of a statement" 4).
const EVERY: Duration = Duration::from_secs(1);

/// How long a copy counts after the last look that confirmed it.
pub const OLDEST: Duration = Duration::from_secs(10);

/// The catalogue as a connection begins with it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Classified columns by origin.
    pub classes: Arc<Classes>,
    /// Relations with classified columns, by (schema, relation): all their columns in order, with class.
    pub relations: Relations,
    /// The same for the judge.
    pub classified: Arc<[Classified]>,
    /// What is in force at any later moment, where there is anything to substitute.
    pub known: Option<Watched>,
    /// Schemas of the search path of a new connection.
    pub path: Vec<Box<str>>,
    /// The role that statements run under.
    pub role: Box<str>,
}

/// Has the catalogue of `database` of `target` confirmed, and connects with the client's `settings`; each within
/// `limits.upstream_connect`: nobody listens for the end of the session yet, so a target that falls silent here must not
/// be waited for.
///
/// # Errors
/// [`UpstreamError`]: without its catalogue nothing of it may be answered.
pub async fn reach(
    target: &Arc<Target>,
    database: &str,
    settings: &[(String, String)],
    limits: &Limits,
) -> Result<(Upstream, Catalog), UpstreamError> {
    // Nothing is read where nothing is classified.
    let watched = (!target.classes.is_empty()).then(|| Watched::join(target, database, limits));
    let confirmed = watched.as_ref().map(Watched::refresh);
    let (Some(watched), Some(confirmed)) = (watched, confirmed) else {
        return Ok((upstream::connect(target, database, settings, limits).await?, Catalog::default()));
    };
    upstream::within(limits.upstream_connect, confirmed).await?;
    let known = watched.in_force().ok_or_else(|| {
        UpstreamError::Unfit("its catalogue was not read in time; the broker's log has the reason".to_owned())
    })?;
    let mut settings = settings.to_vec();
    if known.catalogue.telling_indexes {
        // As the connection's own default, which RESET goes back to: an index-only scan would give rows in the order of
        // what is masked (WALLS, rule 12).
        settings.push(("enable_indexonlyscan".to_owned(), "off".to_owned()));
    }
    let mut upstream = upstream::connect(target, database, &settings, limits).await?;
    let (path, role) = upstream::within(limits.upstream_connect, situation(&mut upstream)).await?;
    let catalog = Catalog {
        classes: Arc::clone(&known.classes),
        relations: Arc::clone(&known.relations),
        classified: Arc::clone(&known.classified),
        known: Some(watched),
        path,
        role,
    };
    Ok((upstream, catalog))
}

/// Schemas of the search path, and the role, of a connection that was just opened.
async fn situation(upstream: &mut Upstream) -> Result<(Vec<Box<str>>, Box<str>), UpstreamError> {
    let rows = upstream.query(queries::SITUATION).await?;
    let Some([Some(path), Some(role)]) = rows.first().map(Vec::as_slice) else {
        return Err(UpstreamError::Unfit("it does not say what its search path is".to_owned()));
    };
    let path = path.split('\u{1}').filter(|schema| !schema.is_empty()).map(Into::into).collect();
    Ok((path, role.as_str().into()))
}
