//! `hoopctl policy`, offline: what administrators read of sound and unsound policies, and of their cases.

use std::fs;

use crate::run::Home;

const STARTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../broker/policy");

fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new();
    for (name, text) in files {
        fs::write(home.path().join(name), text).unwrap();
    }
    home
}

const PERMIT: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

#[test]
fn each_fault_is_shown_with_line_and_caret() {
    let home = home(&[(
        "a.cedar",
        "@id(\"reads\")\npermit (principal, action == Action::\"raed\", resource);\n\n\t@id(\"x\") @hold(\"two\") forbid (principal, action, resource);\n",
    )]);
    insta::assert_snapshot!(home.tell(&["policy", "check", "a.cedar"]));
}

#[test]
fn rules_that_decide_nothing_are_warned_of() {
    let home = home(&[(
        "a.cedar",
        r#"@id("all")
permit (principal, action, resource);
@id("reads")
permit (principal in Group::"x", action == Action::"read", resource) when { context.write };
@id("never")
permit (principal, action == Action::"read", resource) when { resource is Function };
@id("no-tokens")
forbid (principal, action in [Action::"token", Action::"token_session"], resource);
@id("tokens")
permit (principal, action == Action::"token", resource);
@id("no-reads-of-x")
forbid (principal, action == Action::"read", resource) when { context.write };
@id("held-reads")
@hold("1 of leads")
forbid (principal, action == Action::"read", resource)
unless { context.approvals.contains("held-reads") };
"#,
    )]);
    insta::assert_snapshot!(home.tell(&["policy", "check", "a.cedar"]));
    insta::assert_snapshot!("deny_warnings", home.tell(&["policy", "check", "a.cedar", "--deny-warnings"]));
}

#[test]
fn a_folder_is_one_policy() {
    let home = home(&[("a.cedar", PERMIT), ("b.cedar", PERMIT), ("notes.txt", "x")]);
    insta::assert_snapshot!(home.tell(&["policy", "check", "."]));
    insta::assert_snapshot!("no_policy", Home::new().tell(&["policy", "check", "."]));
    insta::assert_snapshot!("missing", Home::new().tell(&["policy", "check", "missing.cedar"]));
}

#[test]
fn the_starters_do_what_their_cases_expect_and_every_rule_has_one() {
    for starter in ["pci", "read-only-developers", "break-glass"] {
        let home = Home::new();
        let cedar = format!("{STARTERS}/{starter}.cedar");
        let checked = home.tell(&["policy", "check", &cedar, "--deny-warnings"]);
        assert!(checked.contains("exit 0"), "{checked}");
        let cases = format!("{STARTERS}/{starter}.tests.toml");
        let tested = home.tell(&["policy", "test", &cases, "--require-coverage"]);
        assert!(tested.contains("exit 0") && tested.contains(" 0 failed"), "{tested}");
    }
}

const CASES: &str = r#"policy = ["a.cedar"]
[principals.dan]
[targets.db]

[[case]]
as = "dan"
target = "db"
statement = "SELECT 1"
expect = "deny"

[[case]]
name = "writes"
as = "dan"
target = "db"
statement = "DELETE FROM t"
expect = "allow"
rules = ["all", "no-such-rule"]

[[case]]
as = "dan"
target = "db"
action = "session"
expect = "allow"

[[case]]
as = "dan"
target = "db"
statement = "SELEC"
expect = "refused"
"#;

#[test]
fn a_case_that_does_not_hold_says_what_came() {
    let more = format!("{PERMIT}@id(\"idle\")\nforbid (principal, action == Action::\"audit\", resource);\n");
    let home = home(&[("a.cedar", &more), ("a.tests.toml", CASES)]);
    insta::assert_snapshot!(home.tell(&["policy", "test", "a.tests.toml"]));
    for (from, to) in [
        ("as = \"dan\"", "as = \"eve\""),
        ("statement = \"SELECT 1\"", "statment = \"SELECT 1\""),
        ("action = \"session\"", "action = \"read\""),
        ("expect = \"deny\"", "expect = \"perhaps\""),
        ("statement = \"SELECT 1\"\n", ""),
    ] {
        fs::write(home.path().join("bad.toml"), CASES.replacen(from, to, 1)).unwrap();
        let told = home.tell(&["policy", "test", "bad.toml"]);
        assert!(told.contains("exit 2") && told.contains("bad.toml:"), "{to}: {told}");
    }
}

#[test]
fn a_changed_policy_shows_which_cases_change() {
    let held = format!(
        "{PERMIT}@id(\"deletes\")\n@hold(\"1 of leads\")\nforbid (principal, action == Action::\"write\", resource)\nunless {{ context.approvals.contains(\"deletes\") }};\n"
    );
    let home = home(&[("a.cedar", PERMIT), ("b.cedar", &held), ("c.toml", CASES)]);
    insta::assert_snapshot!(home.tell(&["policy", "diff", "a.cedar", "b.cedar", "--cases", "c.toml"]));
    let same = home.tell(&["policy", "diff", "a.cedar", "a.cedar", "--cases", "c.toml", "--exit-code"]);
    assert!(same.contains("exit 0") && same.contains("changed 0 of 4"), "{same}");
    let other = home.tell(&["policy", "diff", "a.cedar", "b.cedar", "--cases", "c.toml", "--exit-code"]);
    assert!(other.contains("exit 1"), "{other}");
}
