//! What of a target is classified, for those who may reach it.

use axum::Json;
use axum::extract::{Path, Query, State};
use hoop_api::description::TargetDescription;
use hoop_api::{Code, Problem};
use serde::Deserialize;

use super::sessions::no_target;
use super::{ApiProblem, Control};
use crate::identity::Caller;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
}

pub(super) async fn describe(
    State(control): State<Control>,
    caller: Caller,
    Path(target): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<TargetDescription>, ApiProblem> {
    let state = control.target(&target)?;
    let name = &state.target.name;
    // Whom policy keeps from the target does not learn that there is one.
    if control.levels(&caller, name).is_empty() && !control.may_break_glass(&caller, name) {
        return Err(no_target(&target).into());
    }
    let databases = &state.target.databases;
    let database = match &asked.database {
        None => databases.first(),
        Some(named) => databases.iter().find(|d| *d == named),
    };
    let Some(database) = database else {
        let known = databases.join(", ");
        let problem = Problem::new(Code::NotFound, format!("`{name}` has no such database"));
        return Err(problem.with_hint(format!("it has: {known}")).into());
    };
    let described = control.targets().describe(&state.target, database).await;
    let described =
        described.map_err(|why| Problem::new(Code::TargetUnavailable, format!("`{name}`: {why}")))?;
    Ok(Json(described))
}
