//! Each rule of the starter policy: what it stops, and that an error in it stops everything.

use hoop_policy::{AccessLevel, Effect, Verdict};

use crate::{PCI, dba, developer, judged, load, pci};

/// A statement that each forbidding rule stops, run by the one who may most.
const STOPPED: &[(&str, &[&str])] = &[
    ("no-drop-table", &["drop table t", "drop schema s cascade", "drop owned by r", "drop database d"]),
    ("no-truncate", &["truncate t", "begin; truncate t; commit"]),
    (
        "no-unbounded-delete",
        &["delete from t", "update t set a = 1", "with x as (delete from t returning *) select 1"],
    ),
    ("no-copy-program", &["copy t to program 'curl'", "copy t from program 'id'"]),
    ("no-copy-file", &["copy t to '/tmp/x'", "copy t from '/etc/passwd'"]),
    (
        "no-foreign-servers",
        &[
            "create server s foreign data wrapper w",
            "create foreign table f (a int) server s",
            "import foreign schema x from server s into y",
            "create user mapping for u server s",
            "create foreign data wrapper w",
            "alter server s options (set host 'x')",
        ],
    ),
    (
        "no-replication",
        &[
            "create publication p for all tables",
            "alter publication p add table t",
            "create subscription s connection 'x' publication p",
            "drop subscription s",
        ],
    ),
    (
        "no-large-object-files",
        &["select lo_import('/x')", "select pg_catalog.lo_export(1, '/x')", "select lowrite(1, 'x')"],
    ),
    (
        "no-dblink",
        &["select * from dblink('x', 'select 1') as t(a int)", "select ext.dblink_exec('x', 'drop table t')"],
    ),
    (
        "no-cloud-export",
        &["select aws_s3.query_export_to_s3('select 1', 'b')", "select aws_lambda.invoke('x', '{}')"],
    ),
    (
        "no-server-files",
        &["select pg_read_file('/etc/passwd')", "select * from pg_ls_dir('.')", "select pg_stat_file('x')"],
    ),
    ("no-server-control", &["select pg_terminate_backend(1)", "select pg_reload_conf()"]),
    (
        "no-pinned-settings",
        &[
            "set client_encoding to 'GBK'",
            "set names 'SJIS'",
            "set standard_conforming_strings = off",
            "select set_config('Standard_Conforming_Strings', 'off', false)",
            "create function f() returns int language sql set client_encoding = 'GBK' as 'select 1'",
        ],
    ),
    (
        "no-role-change",
        &["set role x", "set session authorization x", "select set_config('role', 'x', true)"],
    ),
    ("no-superuser-settings", &["set session_replication_role = replica", "set log_statement = 'none'"]),
    (
        "no-accounts",
        &[
            "grant select on t to u",
            "revoke select on t from u",
            "create role r",
            "alter role r superuser",
            "drop role r",
            "alter table t owner to u",
            "alter table t disable row level security",
            "create policy p on t",
            "alter system set x = 1",
        ],
    ),
    ("no-do-blocks", &["do $$ begin end $$"]),
    (
        "no-opaque",
        &[
            "select query_to_xml('select 1', true, true, '')",
            "select set_config($1, $2, false)",
            "update pg_settings set setting = 'x' where name = 'role'",
        ],
    ),
    (
        "no-untrusted-code",
        &[
            "create function f() returns int language plpython3u as 'x'",
            "create function f() returns int language c as 'x', 'y'",
            "create extension dblink",
            "load 'x'",
        ],
    ),
];

/// Rules that stop sessions, not statements; tested in `sessions`.
const STOPS_SESSIONS: [&str; 1] = ["durable-ledger"];

#[test]
fn each_rule_stops_what_it_names() {
    let policy = pci();
    for (rule, texts) in STOPPED {
        for text in *texts {
            let Verdict::Deny(d) = judged(&policy, &dba(), AccessLevel::Write, text) else {
                panic!("{rule} does not stop {text}")
            };
            assert!(d.rules.contains(*rule), "{text}: {:?}", d.rules);
            assert!(!d.control_failure, "{text}");
        }
    }
}

#[test]
fn every_forbidding_rule_is_tested_and_speaks() {
    for rule in pci().rules() {
        assert!(rule.message.is_some() && rule.pci.is_some(), "{}", rule.id);
        if rule.effect == Effect::Forbid {
            assert!(rule.hint.is_some(), "{}", rule.id);
            let stops =
                STOPPED.iter().any(|(id, _)| *id == rule.id) || STOPS_SESSIONS.contains(&rule.id.as_str());
            assert!(stops, "{} has no test", rule.id);
        }
    }
}

#[test]
fn without_the_rule_the_statement_is_not_stopped_by_it() {
    // The test above must be able to fail.
    for (rule, texts) in STOPPED {
        let policy = load(&without(rule));
        let verdict = judged(&policy, &dba(), AccessLevel::Write, texts[0]);
        assert!(!verdict.rules().contains(*rule), "{rule}");
    }
}

/// The starter policy without one rule.
fn without(rule: &str) -> String {
    let start = PCI.find(&format!("@id(\"{rule}\")")).unwrap();
    let end = start + PCI[start..].find("};\n").unwrap() + 3;
    format!("{}{}", &PCI[..start], &PCI[end..])
}

/// The starter policy with an overflow, which Cedar tells only while it evaluates, before one rule's condition.
fn broken(rule: &str) -> String {
    let start = PCI.find(&format!("@id(\"{rule}\")")).unwrap();
    let when = start + PCI[start..].find("when {").unwrap();
    let boom = "when { 9223372036854775807 + context.statement_count > 0 }\n";
    format!("{}{boom}{}", &PCI[..when], &PCI[when..])
}

#[test]
fn an_error_in_a_forbidding_rule_denies_all_that_it_could_judge() {
    for (rule, _) in STOPPED {
        let policy = load(&broken(rule));
        let Verdict::Deny(d) = judged(&policy, &dba(), AccessLevel::Write, "select count(*) from t") else {
            panic!("{rule}: an error let the statement pass")
        };
        assert!(d.control_failure && d.rules.contains(*rule), "{rule}: {d:?}");
    }
}

#[test]
fn an_error_in_a_permitting_rule_denies_too() {
    let text = "@id(\"a\") permit (principal, action in Action::\"statement\", resource);
        @id(\"b\") permit (principal, action in [Action::\"read\"], resource)
        when { 9223372036854775807 + context.statement_count > 0 };";
    let Verdict::Deny(d) = judged(&load(text), &dba(), AccessLevel::Masked, "select 1") else { panic!() };
    assert!(d.control_failure);
}

#[test]
fn ordinary_clients_pass_for_a_developer() {
    let policy = pci();
    for text in include_str!("ordinary_reads.sql").split(";;\n").filter(|t| !t.trim().is_empty()) {
        let verdict = judged(&policy, &developer(), AccessLevel::Masked, text);
        assert!(verdict.is_allow(), "{text}\n{verdict:?}");
    }
}

#[test]
fn pgbench_passes_for_a_dba() {
    for text in [
        "begin",
        "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2",
        "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
        "vacuum pgbench_branches",
        "copy pgbench_accounts from stdin with (freeze on)",
        "create table pgbench_history(tid int,bid int)",
        "alter table pgbench_branches add primary key (bid)",
        "commit",
    ] {
        let verdict = judged(&pci(), &dba(), AccessLevel::Write, text);
        assert!(verdict.is_allow(), "{text}\n{verdict:?}");
    }
}
