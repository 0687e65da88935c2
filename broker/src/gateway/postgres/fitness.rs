//! Whether what was connected to may be gated at all: version, pinned settings, and a login without the attributes that
//! reach around every wall.

use super::pins;
use super::upstream::{Upstream, UpstreamError};

/// Server majors whose grammar the parser knows.
const MAJORS: std::ops::RangeInclusive<u32> = 13..=18;

/// Pinned settings hold and the server is one whose grammar we know.
pub(super) fn check(upstream: &Upstream) -> Result<(), UpstreamError> {
    let value = |name: &str| upstream.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    if value("is_superuser") == Some("on") {
        return Err(UpstreamError::Unfit(
            "its login is a superuser, which reads around every wall".to_owned(),
        ));
    }
    if let Some(missing) = pins::unreported(|n| value(n).is_some()).next() {
        return Err(UpstreamError::Unfit(format!("it does not report `{missing}`, which must be watched")));
    }
    for (name, setting) in &upstream.parameters {
        if let Some(broken) = pins::broken(name, setting.as_bytes()) {
            return Err(UpstreamError::Unfit(format!("its `{broken}` cannot be pinned")));
        }
    }
    let version = value("server_version").unwrap_or_default();
    let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|m| m.parse::<u32>().ok());
    match major {
        Some(major) if MAJORS.contains(&major) => Ok(()),
        _ => Err(UpstreamError::Unfit(format!(
            "its version is outside PostgreSQL {} to {}, whose grammar the parser knows",
            MAJORS.start(),
            MAJORS.end()
        ))),
    }
}

/// The login has none of the attributes that reach around the gateway.
pub(super) async fn check_login(upstream: &mut Upstream) -> Result<(), UpstreamError> {
    const ATTRIBUTES: &str =
        "SELECT rolsuper, rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let rows = upstream.query(ATTRIBUTES).await?;
    let Some(row) = rows.first() else {
        return Err(UpstreamError::Unfit("its login is not in pg_roles".to_owned()));
    };
    for (value, attribute) in row.iter().zip(["superuser", "replication"]) {
        if value.as_deref() != Some("f") {
            return Err(UpstreamError::Unfit(format!(
                "its login has the {attribute} attribute, which reads around every wall"
            )));
        }
    }
    Ok(())
}
