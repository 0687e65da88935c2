//! Who may do what under the starter policy: principal × level × statement, as one reviewed table.

use hoop_policy::{AccessLevel, PrincipalKind};

use crate::{judged, line, pci, principal};

const STATEMENTS: &[&str] = &[
    "begin",
    "set search_path = x",
    "select 1",
    "select * from cards where id = $1",
    "select lower(name), count(*) from s.cards group by 1",
    "select my_function(1)",
    "select nextval('s')",
    "select * from cards for update",
    "explain analyze select * from cards",
    "copy cards to stdout",
    "copy cards from stdin",
    "insert into cards values (1)",
    "update cards set a = 1 where id = 1",
    "with x as (update cards set a = 1 where id = 1 returning *) select * from x",
    "delete from cards",
    "create table t (a int)",
    "create index on cards (a)",
    "alter table cards add column b int",
    "drop index i",
    "drop table cards",
    "truncate cards",
    "grant select on cards to public",
    "select * from cards; drop table cards",
    "vacuum cards",
    "checkpoint",
    "call p()",
    "do 'x'",
    "set role postgres",
];

#[test]
fn starter_policy() {
    let policy = pci();
    let mut agent = principal("bot", &["developers"]);
    agent.kind = PrincipalKind::Agent;
    let people = [
        principal("nobody", &[]),
        principal("dora", &["developers"]),
        agent,
        principal("dan", &["dba"]),
        principal("ada", &["admins"]),
    ];
    let mut out = String::new();
    for text in STATEMENTS {
        out += &format!("{text}\n");
        for who in &people {
            for level in [AccessLevel::Masked, AccessLevel::Write] {
                let verdict = line(&judged(&policy, who, level, text));
                out += &format!("    {:<6} {:<6} {verdict}\n", who.id, level.as_str());
            }
        }
    }
    insta::assert_snapshot!(out);
}
