//! Least privilege from what was seen: what statements were judged about, and the rules that would permit that and no
//! more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hoop_api::PrincipalKind;
use hoop_statement::Facts;

use crate::column;
use crate::entities::is_harmless;
use crate::facts::{Action, TargetFacts};
use crate::judge::{Thing, asked};

/// One question that the judge asks about a statement: may this be done to that?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Act {
    /// What is done.
    pub action: Action,
    /// To what.
    pub to: Named,
}

/// A thing of a target, by the names that statements write; an empty schema is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// The target itself.
    Target,
    /// A table or view.
    Relation {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
    },
    /// A classified column.
    Column {
        /// Schema.
        schema: String,
        /// Its relation.
        relation: String,
        /// Name.
        name: String,
    },
    /// Any function of the list of harmless ones.
    Harmless,
    /// Another function.
    Function {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
    },
}

/// What the judge asks about a statement.
#[must_use]
pub fn acts(target: &TargetFacts, facts: &Facts) -> BTreeSet<Act> {
    let touched = column::touched(&target.classified, facts);
    let owned = |schema: Option<&String>| schema.cloned().unwrap_or_default();
    let named = |thing: Thing<'_>| match thing {
        Thing::Target => Named::Target,
        Thing::Relation(r) => Named::Relation { schema: owned(r.schema.as_ref()), name: r.name.clone() },
        Thing::Column(c) => {
            Named::Column { schema: c.schema.clone(), relation: c.relation.clone(), name: c.name.clone() }
        }
        Thing::Function(f) if is_harmless(f) => Named::Harmless,
        Thing::Function(f) => Named::Function { schema: owned(f.schema.as_ref()), name: f.name.clone() },
    };
    asked(&touched, facts).map(|(action, thing)| Act { action, to: named(thing) }).collect()
}

/// Somebody who was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor {
    /// Principal id.
    pub id: String,
    /// Person, pipeline or agent.
    pub kind: PrincipalKind,
    /// Groups.
    pub groups: BTreeSet<String>,
}

/// Rules in Cedar that permit on `target` exactly what was seen, to the smallest group that all who did it are in, and
/// else to each of them. Rules that forbid come besides, by hand.
#[must_use]
pub fn suggest(target: &str, seen: &[(Actor, Act)]) -> String {
    let mut by_act: BTreeMap<&Act, BTreeSet<&Actor>> = BTreeMap::new();
    let everyone: BTreeSet<&Actor> = seen.iter().map(|(actor, _)| actor).collect();
    for (actor, act) in seen {
        by_act.entry(act).or_default().insert(actor);
    }
    let mut granted: BTreeMap<String, (BTreeSet<&Act>, BTreeSet<&Actor>)> = BTreeMap::new();
    let (on_target, on_things): (Vec<_>, Vec<_>) =
        by_act.into_iter().partition(|(act, _)| act.to == Named::Target);
    for (act, actors) in on_things {
        for (grantee, whom) in grantees(&actors, &everyone) {
            let (acts, all) = granted.entry(grantee).or_default();
            acts.insert(act);
            all.extend(whom);
        }
    }
    // The target is asked about first for everything: whoever is given a thing on it is given that, too.
    for (act, actors) in on_target {
        let mut others = actors.clone();
        for (acts, whom) in granted.values_mut().filter(|(_, whom)| !whom.is_disjoint(&actors)) {
            acts.insert(act);
            others.retain(|actor| !whom.contains(actor));
        }
        for (grantee, _) in grantees(&others, &everyone) {
            granted.entry(grantee).or_default().0.insert(act);
        }
    }
    let mut out = String::new();
    for (at, (grantee, (acts, _))) in granted.iter().enumerate() {
        rules(&mut out, at + 1, grantee, target, acts);
    }
    out
}

/// How Cedar names those who are given what `actors` did, and which of them each name stands for.
fn grantees<'a>(
    actors: &BTreeSet<&'a Actor>,
    everyone: &BTreeSet<&Actor>,
) -> Vec<(String, BTreeSet<&'a Actor>)> {
    let members = |group: &String| everyone.iter().filter(|a| a.groups.contains(group)).count();
    let mut shared: Option<BTreeSet<&String>> = None;
    for actor in actors {
        let own: BTreeSet<&String> = actor.groups.iter().collect();
        shared = Some(shared.map_or_else(|| own.clone(), |s| s.intersection(&own).copied().collect()));
    }
    match shared.unwrap_or_default().into_iter().min_by_key(|g| members(g)) {
        Some(group) => vec![(format!("principal in Group::{}", quoted(group)), actors.clone())],
        None => {
            let one = |a: &&'a Actor| {
                let kind = match a.kind {
                    PrincipalKind::User => "User",
                    PrincipalKind::Workload => "Workload",
                    PrincipalKind::Agent => "Agent",
                };
                (format!("principal == {kind}::{}", quoted(&a.id)), BTreeSet::from([*a]))
            };
            actors.iter().map(one).collect()
        }
    }
}

fn rules(out: &mut String, at: usize, grantee: &str, target: &str, acts: &BTreeSet<&Act>) {
    let target = quoted(target);
    let mut on_target = BTreeSet::new();
    // By action and kind of thing, what is named there.
    let mut named: BTreeMap<(Action, &str), Vec<String>> = BTreeMap::new();
    for act in acts {
        let (kind, condition) = match &act.to {
            Named::Target => {
                on_target.insert(act.action.as_str());
                continue;
            }
            Named::Relation { schema, name } => ("Relation", both(schema, name)),
            Named::Column { schema, relation, name } => {
                ("Column", format!("{} && resource.relation == {}", both(schema, name), quoted(relation)))
            }
            Named::Harmless => ("Function", "resource.harmless".to_owned()),
            Named::Function { schema, name } => ("Function", both(schema, name)),
        };
        named.entry((act.action, kind)).or_default().push(condition);
    }
    if !on_target.is_empty() {
        let actions: Vec<String> = on_target.iter().map(|a| format!("Action::{}", quoted(a))).collect();
        let _infallible = write!(
            out,
            "@id(\"seen-{at}-target\")\npermit (\n    {grantee},\n    action in [{}],\n    resource == Target::{target}\n);\n\n",
            actions.join(", ")
        );
    }
    for ((action, kind), conditions) in named {
        let any = conditions.iter().map(|c| format!("    ({c})")).collect::<Vec<_>>().join(" ||\n");
        let _infallible = write!(
            out,
            "@id(\"seen-{at}-{}-{}\")\npermit (\n    {grantee},\n    action == Action::{},\n    resource is {kind} in Target::{target}\n)\nwhen {{\n{any}\n}};\n\n",
            action.as_str().replace('_', "-"),
            kind.to_ascii_lowercase(),
            quoted(action.as_str()),
        );
    }
}

fn both(schema: &str, name: &str) -> String {
    format!("resource.schema == {} && resource.name == {}", quoted(schema), quoted(name))
}

/// A string of Cedar: its escapes are those of Rust.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
