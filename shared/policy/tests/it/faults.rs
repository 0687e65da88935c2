//! Faults of policy files, as the administrator reads them.

use hoop_policy::PolicySet;

fn faults(text: &str) -> String {
    match PolicySet::load(&[("a.cedar", text)]) {
        Ok(_) => "loaded".to_owned(),
        Err(faults) => faults
            .iter()
            .map(|f| format!("{f}\n    hint: {}", f.hint.as_deref().unwrap_or("-")))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn faults_with_place_and_hint() {
    let texts = [
        "",
        "// only a comment",
        "permit (principal, action, resource);",
        "@id(\"a\")\npermit (principal, action, resource",
        "@id(\"a\") permit (principal, action, resource);\n\n  @id(\"a\") forbid (principal, action, resource);",
        "@id(\"A b\") permit (principal, action, resource);",
        "@id(\"default\") permit (principal, action, resource);",
        "@id(\"a\") @msg(\"x\") permit (principal, action, resource);",
        "@id(\"a\") @message(\"\") permit (principal, action, resource);",
        "@id(\"a\") @hold(\"two\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"0 of x\") forbid (principal, action, resource);",
        "@id(\"a\") @ttl(\"15m\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") @ttl(\"2 days\") forbid (principal, action, resource) unless { context.approvals.contains(\"a\") };",
        "@id(\"a\") @hold(\"1 of x\") @ttl(\"15m\") forbid (principal, action, resource) unless { context.approvals.contains(\"a\") };",
        "@id(\"a\") @escalate(\"5m, oncall\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") @escalate(\"5m\") forbid (principal, action, resource) unless { context.approvals.contains(\"a\") };",
        "@id(\"a\") forbid (principal, action == Action::\"read\", resource) when { context.estimated_rows < 10 };",
        "@id(\"a\") forbid (principal, action == Action::\"read\", resource) when { !(context.estimated_rows > 10) };",
        "@id(\"a\") permit (principal, action == Action::\"read\", resource) unless { context.estimated_cost < 10 };",
        "@id(\"a\") @fresh(\"5m\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") @fresh(\"5s\") forbid (principal, action, resource) unless { context.approvals.contains(\"a\") };",
        "@id(\"a\") @max_rows(\"10\") @max_affected(\"-1\") @timeout(\"soon\") permit (principal, action, resource);",
        "@id(\"a\") @max_rows(\"10\") @max_affected(\"0\") @timeout(\"30s\") permit (principal, action, resource);",
        "@id(\"a\") @max_rows(\"10\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") permit (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") forbid (principal, action, resource);",
        "@id(\"a\") @hold(\"1 of x\") forbid (principal, action, resource) unless { context.approvals.contains(\"b\") };",
        "@id(\"a\") forbid (principal, action, resource) unless { context.approvals.contains(\"a\") };",
        "@id(\"a\") permit (principal, action, resource) when { context.approvals.contains(\"a\") };",
        "@id(\"a\") permit (principal, action, resource) when { context has approvals };",
        "@id(\"a\") permit (principal, action == Action::\"read\", resource) when { (if true then context else context).approvals.contains(\"a\") };",
        "@id(\"a\") permit (principal, action == Action::\"raed\", resource);",
        "@id(\"ok\") permit (principal, action, resource);\n@id(\"a\")\npermit (principal, action == Action::\"read\", resource)\nwhen { context.verb == \"x\" };",
        "@id(\"a\") permit (principal, action == Action::\"read\", resource) when { context.write > 1 };",
        "@id(\"a\") permit (principal, action == Action::\"call\", resource) when { resource.nmae == \"x\" };",
        "@id(\"a\") permit (principal == ?principal, action, resource);",
        "@id(\"a\") permit (principal in Team::\"x\", action, resource);",
    ];
    let out: Vec<String> = texts.iter().map(|t| format!("{t}\n=> {}\n", faults(t))).collect();
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn all_faults_are_told_together() {
    let bad =
        "permit (principal, action, resource);\n@id(\"b\") @x(\"y\") permit (principal, action, resource);";
    let found = PolicySet::load(&[("a.cedar", bad), ("b.cedar", "nonsense")]).unwrap_err();
    let files: Vec<&str> = found.iter().map(|f| f.file.as_str()).collect();
    assert_eq!(files, ["a.cedar", "a.cedar", "b.cedar"]);
}

#[test]
fn the_hash_changes_with_every_byte_and_place() {
    let one = "@id(\"a\") permit (principal, action, resource);";
    let two = "@id(\"b\") permit (principal, action, resource);";
    let hash = |files: &[(&str, &str)]| PolicySet::load(files).unwrap().hash().to_owned();
    let base = hash(&[("a", one), ("b", two)]);
    assert_eq!(base.len(), 64);
    assert_eq!(base, hash(&[("a", one), ("b", two)]));
    let joined = format!("{one}{two}");
    for other in [
        hash(&[("b", one), ("a", two)]),
        hash(&[("a", &joined)]),
        hash(&[("a", &format!("{one} ")), ("b", two)]),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn the_shipped_schema_file_is_the_embedded_one() {
    assert_eq!(include_str!("../../../../broker/policy/schema.cedarschema"), hoop_policy::SCHEMA);
}
