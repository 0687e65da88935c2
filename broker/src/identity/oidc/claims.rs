//! From the claims of a verified ID token to a principal, or to the reason why not. Pure.

use hoop_api::PrincipalKind;
use hoop_policy::Principal;
use serde_json::{Map, Value};

use crate::config::Oidc;
use crate::identity::device::Authenticated;

/// Why claims make no principal; the person is told, since only they or their administrator can act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// No subject.
    #[error("the identity provider named no subject")]
    Subject,
    /// The groups claim is not there.
    #[error(
        "the identity provider sent no claim `{0}`; ask its administrator to add your groups to the ID token"
    )]
    GroupsMissing(String),
    /// It is not a list of strings.
    #[error("the claim `{0}` of the identity provider is not a list of names")]
    GroupsMalformed(String),
    /// The provider cut the list (Entra ID: `_claim_names`, `hasgroups`) or it is longer than a whole one can be.
    #[error(
        "your account has too many groups for the identity provider to list them all, so none can be trusted; ask its administrator to send only the groups assigned to this application"
    )]
    GroupsOverage,
}

impl ClaimFault {
    /// The word in the ledger's `sign_in_failed`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Subject => "subject_missing",
            Self::GroupsMissing(_) => "groups_missing",
            Self::GroupsMalformed(_) => "groups_malformed",
            Self::GroupsOverage => "groups_overage",
        }
    }
}

/// Reads a principal out of verified claims.
///
/// # Errors
/// [`ClaimFault`]: a partial list of groups could miss the one that a policy forbids by, so it is refused whole.
pub fn principal(
    config: &Oidc,
    claims: &Map<String, Value>,
    now_s: i64,
) -> Result<Authenticated, ClaimFault> {
    let text = |key: &str| claims.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
    let subject = text("sub").ok_or(ClaimFault::Subject)?;
    let groups = groups(config, claims)?;
    let name = ["preferred_username", "name", "email"].into_iter().find_map(text).unwrap_or(subject);
    let amr = claims.get("amr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Authenticated {
        principal: Principal {
            // Scoped by the issuer: another provider's `alice` is another principal.
            id: format!("{}#{subject}", config.issuer),
            name: name.to_owned(),
            kind: PrincipalKind::User,
            person_id: text(&config.person_claim).map(str::to_owned),
            groups,
        },
        provider: "oidc",
        amr: amr.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        // Never later than now: a provider's fast clock must not make a sign-in look fresher than it is. A token that
        // does not say when is no fresh one, however new it is itself.
        auth_s: claims.get("auth_time").and_then(Value::as_i64).unwrap_or(0).min(now_s),
        credential: None,
    })
}

fn groups(config: &Oidc, claims: &Map<String, Value>) -> Result<Vec<String>, ClaimFault> {
    let elsewhere = claims
        .get("_claim_names")
        .and_then(Value::as_object)
        .is_some_and(|names| names.contains_key(&config.groups_claim) || names.contains_key("groups"));
    let flagged =
        claims.get("hasgroups").is_some_and(|flag| !matches!(flag, Value::Bool(false) | Value::Null));
    let counted = claims.keys().any(|key| key.starts_with("groups:src"));
    if elsewhere || flagged || counted {
        return Err(ClaimFault::GroupsOverage);
    }
    let name = &config.groups_claim;
    let list = match claims.get(name) {
        None | Some(Value::Null) => return Err(ClaimFault::GroupsMissing(name.clone())),
        Some(Value::Array(list)) => list,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return Err(ClaimFault::GroupsMalformed(name.clone()));
        }
    };
    if list.len() > config.max_groups {
        return Err(ClaimFault::GroupsOverage);
    }
    list.iter()
        .map(|group| group.as_str().filter(|s| !s.is_empty()).map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| ClaimFault::GroupsMalformed(name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretRef;
    use serde_json::json;

    fn read(claims: Value) -> Result<Authenticated, ClaimFault> {
        let config = Oidc {
            issuer: "https://idp.example".to_owned(),
            client_id: "c".to_owned(),
            client_secret: SecretRef::Env("X".to_owned()),
            redirect_uri: String::new(),
            scopes: vec![],
            groups_claim: "groups".to_owned(),
            person_claim: "employee".to_owned(),
            max_groups: 3,
        };
        let Value::Object(claims) = claims else { panic!("not an object") };
        principal(&config, &claims, 1000)
    }

    #[test]
    fn a_principal_is_scoped_by_its_issuer() {
        let who = read(json!({"sub": "a1", "name": "Al", "groups": ["x"], "employee": "E7", "amr": ["mfa"],
            "auth_time": 5000, "iat": 900}))
        .unwrap();
        assert_eq!(who.principal.id, "https://idp.example#a1");
        assert_eq!(who.principal.name, "Al");
        assert_eq!(who.principal.person_id.as_deref(), Some("E7"));
        assert_eq!(who.principal.groups, ["x"]);
        assert_eq!((who.amr, who.auth_s), (vec!["mfa".to_owned()], 1000));
    }

    #[test]
    fn without_the_person_claim_there_is_no_person() {
        assert_eq!(read(json!({"sub": "a", "groups": []})).unwrap().principal.person_id, None);
    }

    #[test]
    fn groups_missing_malformed_or_cut_are_refused() {
        let fault = |claims| read(claims).unwrap_err().reason();
        assert_eq!(fault(json!({"sub": "a"})), "groups_missing");
        assert_eq!(fault(json!({"sub": "a", "groups": null})), "groups_missing");
        assert_eq!(fault(json!({"sub": "a", "groups": "dba"})), "groups_malformed");
        assert_eq!(fault(json!({"sub": "a", "groups": ["dba", 7]})), "groups_malformed");
        assert_eq!(fault(json!({"sub": "a", "groups": ["1", "2", "3", "4"]})), "groups_overage");
        assert_eq!(fault(json!({"sub": "a", "_claim_names": {"groups": "src1"}})), "groups_overage");
        assert_eq!(fault(json!({"sub": "a", "groups": ["1"], "hasgroups": true})), "groups_overage");
        assert_eq!(fault(json!({"sub": "a", "groups": ["1"], "hasgroups": "true"})), "groups_overage");
        assert_eq!(fault(json!({"groups": ["1"]})), "subject_missing");
        assert!(read(json!({"sub": "a", "groups": ["1", "2", "3"], "hasgroups": false})).is_ok());
    }
}
