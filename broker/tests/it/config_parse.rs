use std::path::{Path, PathBuf};
use std::time::Duration;

use hoop_broker::config::{
    Config, Faults, IdentityProvider, LIMITS, Limits, MAX_BYTES, RowBudget, SecretRef, UpstreamAddress,
    UpstreamTls, parse,
};
use hoop_mask::Class;
use proptest::prelude::*;

fn read(text: &str) -> Result<Config, Faults> {
    parse(text, Path::new("broker.toml"), Path::new("/etc/hoop"))
}

/// The smallest sound configuration.
const LEAST: &str = r#"
name = "hoop"
state_dir = "state"
listen = "127.0.0.1:8443"
public_url = "https://hoop.example.com/"
[tls]
certificate = "keys/tls.crt"
key = "/keys/tls.key"
[identity]
provider = "local"
[ledger]
dir = "ledger"
key = "keys/ledger.key"
[policy]
files = ["policy/pci.cedar"]
"#;

fn with(more: &str) -> Result<Config, Faults> {
    read(&format!("{LEAST}{more}"))
}

/// The messages and hints of all faults, without places.
fn said(result: Result<Config, Faults>) -> String {
    match result {
        Ok(_) => "sound".to_owned(),
        Err(faults) => faults
            .to_string()
            .lines()
            .filter_map(|line| {
                line.strip_prefix("error: ")
                    .or(line.trim_start().strip_prefix("= "))
                    .map(|l| format!("{l}\n"))
            })
            .collect(),
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = with("").expect("sound");
    assert_eq!(config.public_url, "https://hoop.example.com");
    assert_eq!(config.tls.certificate, PathBuf::from("/etc/hoop/keys/tls.crt"));
    assert_eq!(config.tls.key, PathBuf::from("/keys/tls.key"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.ledger.origin, "local/hoop/1");
    assert_eq!(config.sessions.idle, Duration::from_secs(900));
    assert!(matches!(config.identity, IdentityProvider::Local));
    assert!(config.targets.is_empty() && config.postgres_listen.is_none());
    // Not the code's own formula: sha256sum of the text above.
    assert_eq!(config.sha256.len(), 64);
}

#[test]
fn who_signs_the_policy_is_named_with_how_many() {
    let signers =
        |more: &str| with(more).expect("sound").policy_signers.map(|s| (s.file, s.signatures.get()));
    let file = PathBuf::from("/etc/hoop/policy/signers");
    assert_eq!(signers(""), None);
    assert_eq!(signers("signers = \"policy/signers\""), Some((file.clone(), 1)));
    assert_eq!(signers("signers = \"policy/signers\"\nsignatures = 2"), Some((file, 2)));
    let wrong = [
        "signatures = 2",
        "signers = \"s\"\nsignatures = 0",
        "signers = \"s\"\nsignatures = 65",
        "signers = \"s\"\nsignatures = \"two\"",
        "signers = 2\nsignatures = 2",
        "signer = \"s\"",
    ];
    insta::assert_snapshot!(wrong.map(|more| said(with(more))).join("\n"));
}

#[test]
fn a_target_is_read_whole() {
    let config = with(
        r#"
[targets.payments-db]
kind = "postgres"
environment = "production"
address = "db.internal:5433"
ca_file = "ca.pem"
login = "hoop_gateway"
password = "file:secrets/db"
databases = ["payments", "Ledger 2"]
allow_weak_auth = ["md5"]
[targets.payments-db.classes]
"public.cards.pan" = "pan"
'public."Odd.Name"."a""b"' = "freetext"
[targets.local]
kind = "postgres"
address = "unix:/run/postgresql/.s.PGSQL.5432"
login = "hoop"
databases = ["x"]
"#,
    )
    .expect("sound");
    let target = &config.targets["payments-db"];
    assert_eq!(target.address, UpstreamAddress::Tcp { host: "db.internal".into(), port: 5433 });
    assert_eq!(target.tls, UpstreamTls::VerifyFull);
    assert_eq!(target.ca_file.as_deref(), Some(Path::new("/etc/hoop/ca.pem")));
    assert_eq!(target.password, Some(SecretRef::File("/etc/hoop/secrets/db".into())));
    assert_eq!(target.databases, ["payments", "Ledger 2"]);
    assert!(target.weak_auth.md5 && !target.weak_auth.cleartext);
    let columns: Vec<_> =
        target.classes.iter().map(|c| (&*c.schema, &*c.relation, &*c.column, &c.class)).collect();
    assert_eq!(
        columns,
        [("public", "Odd.Name", "a\"b", &Class::Freetext), ("public", "cards", "pan", &Class::Pan)]
    );
    // Nothing to verify on a socket of this machine.
    assert_eq!(config.targets["local"].tls, UpstreamTls::Disable);
}

#[test]
fn an_oidc_provider_is_read_whole() {
    let oidc = "provider = \"oidc\"\nissuer = \"https://login.example.com\"\nclient_id = \"hoop\"\nclient_secret = \"env:S\"";
    let config = read(&LEAST.replace("provider = \"local\"", oidc)).expect("sound");
    let IdentityProvider::Oidc(oidc) = config.identity else { panic!("not oidc") };
    assert_eq!(oidc.redirect_uri, "https://hoop.example.com/oidc/callback");
    assert_eq!(oidc.client_secret, SecretRef::Env("S".into()));
    assert_eq!((oidc.groups_claim.as_str(), oidc.person_claim.as_str()), ("groups", "sub"));
}

#[test]
fn a_webhook_is_read_whole_and_its_url_is_held_back() {
    let hook = "[webhooks.chat]\nurl = \"https://relay.example.com/t0ken/\"\nsecret = \"file:hook\"\n";
    let config = with(hook).expect("sound");
    let [chat] = &config.webhooks[..] else { panic!("one webhook") };
    assert_eq!((chat.name.as_str(), chat.url.as_str()), ("chat", "https://relay.example.com/t0ken/"));
    assert_eq!(chat.secret, SecretRef::File("/etc/hoop/hook".into()));
    assert!(!chat.statements, "no statement unless somebody asks for it");
    assert!(!format!("{chat:?}").contains("t0ken"));
    assert!(with(&format!("{hook}statements = true\n")).expect("sound").webhooks[0].statements);
    let local = hook.replace("https://relay.example.com", "http://127.0.0.1:8080");
    assert_eq!(said(with(&local)), "sound");
    let many: String = (0..17).map(|n| hook.replace("chat", &format!("chat{n}"))).collect();
    assert!(said(with(&many)).contains("more than 16"));
    let faulty = [
        hook.replace("https://", "http://"),
        hook.replace("https://", "https://user:hunter2@"),
        hook.replace("t0ken/", "?key=1"),
        hook.replace("file:hook", "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIy"),
        hook.replace("chat", "Chat"),
        format!("{hook}statements = \"yes\"\n"),
        format!("{hook}statement = true\n"),
        "[webhooks.chat]\n".to_owned(),
    ];
    insta::assert_snapshot!(faulty.map(|text| said(with(&text))).concat());
}

#[test]
fn all_faults_are_told_at_once() {
    insta::assert_snapshot!(read(include_str!("many_faults.toml")).expect_err("faulty"));
}

#[test]
fn an_empty_configuration_says_what_is_missing() {
    insta::assert_snapshot!(said(read("")));
}

#[test]
fn what_is_no_toml_is_told_with_the_rest() {
    insta::assert_snapshot!(read("name = \"hoop\nlisten = 1\n[tls\nkey = 'a' 'b'\n").expect_err("faulty"));
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let target = "[targets.a]\nkind = \"postgres\"\naddress = \"db:1\"\nlogin = \"l\"\ndatabases = [\"d\"]\n";
    for line in [
        "password = \"hunter2hunter2\"",
        "password = 'hunter2hunter2'",
        "password = \"\"\"\nhunter2hunter2\"\"\"",
        "\"password\" = \"hunter2hunter2\"",
    ] {
        let faults = with(&format!("{target}{line}")).expect_err(line);
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
        assert!(faults.to_string().contains("env:NAME"), "{faults}");
    }
    // A URL with a password in it, in whatever place.
    let faults = with(&target.replace("db:1", "postgres://app:hunter2@db/app")).expect_err("a URL");
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
}

#[test]
fn what_must_stay_within_pci_dss_does() {
    for (text, hint) in [
        ("[sessions]\nidle = \"16m\"", "PCI DSS 8.2.8"),
        ("[limits]\nlogin_attempts = 11", "PCI DSS 8.3.4"),
        ("[limits]\nlockout = \"29m\"", "PCI DSS 8.3.4"),
    ] {
        let faults = with(text).expect_err(text).to_string();
        assert!(faults.contains(hint), "{faults}");
    }
    for text in ["[sessions]\nidle = \"15m\"", "[limits]\nlogin_attempts = 10", "[limits]\nlockout = \"30m\""]
    {
        assert_eq!(said(with(text)), "sound", "{text}");
    }
}

#[test]
fn each_limit_is_read_in_its_unit() {
    let text = "[limits]\nstatement_bytes = \"2 MiB\"\nmessage_bytes = 134217728\nsessions = 7\nhandshake = \"1m\"\n";
    let limits = with(text).expect("sound").limits;
    assert_eq!((limits.statement_bytes, limits.message_bytes, limits.sessions), (2 << 20, 128 << 20, 7));
    assert_eq!(limits.handshake, Duration::from_secs(60));
    for wrong in [
        "statement_bytes = \"2 MB\"",
        "statement_bytes = -1",
        "handshake = 10",
        "sessions = \"7\"",
        "sessions = 0",
    ] {
        assert!(with(&format!("[limits]\n{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn the_table_of_limits_reads_back_what_it_writes() {
    let default = Limits::default();
    let written: Vec<String> =
        LIMITS.iter().map(|row| format!("{} = {}\n", row.key, row.written(row.value(&default)))).collect();
    assert_eq!(with(&format!("[limits]\n{}", written.concat())).expect("sound").limits, default);
    for row in LIMITS {
        assert!(row.range.contains(&row.value(&default)), "the default of {} is out of its range", row.key);
        assert!(row.meaning.ends_with('.'), "{} has no meaning", row.key);
    }
    insta::assert_snapshot!(written.concat());
}

#[test]
fn columns_are_what_the_catalogue_calls_them() {
    let target = "[targets.a]\nkind = \"postgres\"\naddress = \"db:1\"\nlogin = \"l\"\ndatabases = [\"d\"]\n";
    for bad in [
        "cards.pan",
        "public.cards.pan.x",
        "public.Cards.pan",
        "public..pan",
        "public.cards.",
        "a.b.\"c",
        "a.b.1c",
        "a.b.c d",
    ] {
        assert!(with(&format!("{target}[targets.a.classes]\n'{bad}' = \"pan\"\n")).is_err(), "{bad}");
    }
    let twice = "'a.b.c' = \"pan\"\n'a.\"b\".c' = \"cvv\"\n";
    let faults = with(&format!("{target}[targets.a.classes]\n{twice}")).expect_err("twice").to_string();
    assert!(faults.contains("classified twice"), "{faults}");
    let budget = |text: &str| {
        with(&format!("{target}[targets.a.classes]\n'a.b.c' = 'pan'\n[targets.a.budgets]\n{text}\n"))
    };
    let config = budget("pan = '200/hour, 1000 / day'").expect("sound");
    let RowBudget { class, hour, day } = &config.targets["a"].budgets[0];
    assert_eq!((class.as_str(), *hour, *day), ("pan", Some(200), Some(1000)));
    for bad in [
        "cvv = '1/hour'",
        "pan = '1'",
        "pan = '1/week'",
        "pan = '-1/day'",
        "pan = '1/day, 2/day'",
        "pan = 1",
        "pan = ''",
    ] {
        let faults = budget(bad).expect_err(bad).to_string();
        assert!(faults.contains("budget") || faults.contains("`pan`"), "{bad}: {faults}");
    }
    let own = format!("classes = [\"iban\"]\n{LEAST}{target}[targets.a.classes]\n'a.b.c' = \"iban\"\n");
    let config = read(&own).expect("sound");
    assert_eq!(config.targets["a"].classes[0].class, Class::Custom("iban".into()));
}

#[test]
fn a_file_that_is_too_long_is_not_parsed() {
    let text = format!("{LEAST}#{}", "x".repeat(MAX_BYTES));
    assert!(said(read(&text)).contains("more than 1048576"));
}

#[test]
fn deep_nesting_is_a_fault_and_not_a_crash() {
    for deep in
        ["[".repeat(50_000), format!("a = {}", "[".repeat(50_000)), "a.".repeat(50_000), "{a=".repeat(9_000)]
    {
        assert!(read(&deep).is_err());
    }
}

/// Pieces from which texts are made that come far into the parser.
fn piece() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = [
        "name",
        "listen",
        "public_url",
        "[tls]",
        "[limits]",
        "[targets.a]",
        "[targets.a.classes]",
        "classes",
        "key",
        "password",
        "handshake",
        "statement_bytes",
        "address",
        "databases",
        "=",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "\n",
        "\r\n",
        " ",
        "\t",
        "env:",
        "file:",
        "https://",
        "unix:",
        "15m",
        "64 KiB",
        "18446744073709551616",
        "-1",
        "0x",
        "1e400",
        "\"\"\"",
        "\\u00e9",
        "é",
        "\u{202e}",
        "\0",
        "#",
        "pan",
        "public.cards.pan",
        "1979-05-27",
    ]
    .to_vec();
    prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_sound_or_faulty(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        if let Err(faults) = read(&text) {
            // Showing a fault must not fail either, nor send anything to the terminal but text.
            let shown = faults.to_string();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
    }

    #[test]
    fn any_value_is_sound_or_a_fault_on_its_line(value in piece(), key in prop::sample::select(vec![
        "name", "listen", "public_url", "postgres_listen", "trusted_proxies", "state_dir", "classes"
    ])) {
        let text = format!("{key} = \"{value}\"\n");
        prop_assert!(read(&text).is_err());
    }
}
