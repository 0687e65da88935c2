//! What clients meet under the starter policy as people who may only read, and what `connect` and `exec` give them.
//! What each client can do, direct and through the gateway, is compared by `tests/clients`.

use hoop_harness::{Cluster, program};

use crate::support::{cards_in, developer, masked};

#[test]
fn psqls_describe_commands_answer_as_directly() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    for command in [
        "\\d",
        "\\d cards",
        "\\d+ payments",
        "\\dt+",
        "\\dt *.*",
        "\\di",
        "\\ds",
        "\\dv",
        "\\dn",
        "\\dn+",
        "\\df",
        "\\du",
        "\\dp",
        "\\dT",
        "\\dx",
        "\\db",
        "\\dD",
        "\\dL",
        "\\do pg_catalog.=",
        // Other tests make databases meanwhile; these stay.
        "\\l template*",
        "\\sf pg_catalog.upper(text)",
        "\\ddp",
        "\\dRp",
        "\\dy",
        "\\des",
        "\\z cards",
        "\\encoding",
    ] {
        let run = |mut psql: std::process::Command| {
            let done = program::run(psql.args(["-X", "-A", "-c", command]), b"");
            (done.code, done.text(), done.stderr)
        };
        let direct = run(Cluster::shared().direct("psql", broker.database()));
        assert_eq!(direct.0, 0, "{command}: {}", direct.2);
        assert_eq!(run(tunnel.command("psql")), direct, "{command}");
    }
}

#[test]
fn pg_dump_gives_a_masked_dump() {
    let (_broker, alice) = developer();
    let done = alice.through(&["pg_dump"], b"");
    done.expect(0);
    masked(
        &done,
        &["CREATE TABLE public.cards", "COPY public.cards", "411111******1111", "8800112233445566"],
    );
}

#[test]
fn connect_gives_its_command_settings_and_takes_its_exit_code() {
    let (_broker, alice) = developer();
    assert_eq!(alice.through(&["sh", "-c", "exit 42"], b"").code, 42);
    assert_eq!(alice.through(&["sh", "-c", "cat"], b"from stdin").text(), "from stdin");
    let settings = alice.through(&["env"], b"").ok();
    for name in ["PGHOST=", "PGPORT=", "PGUSER=", "PGDATABASE="] {
        assert!(settings.contains(name), "{name} is not set");
    }
    assert_eq!(alice.through(&["no-such-program"], b"").code, 125);
}

#[test]
fn tcp_asks_for_the_password_of_the_passfile() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect_with(&["--tcp"]);
    assert!(tunnel.settings()["PGHOST"].starts_with("127.") || tunnel.settings()["PGHOST"] == "localhost");
    assert_eq!(tunnel.psql("SELECT 1").ok(), "1");
    let mut without = tunnel.command("psql");
    without.args(["-X", "-w", "-c", "SELECT 1"]).env("PGPASSFILE", "/dev/null");
    program::run(&mut without, b"").expect(2);
}

#[test]
fn a_second_port_leaves_the_first_one_its_password() {
    let (_broker, alice) = developer();
    let tunnels = [alice.connect_with(&["--tcp"]), alice.connect_with(&["--tcp"])];
    assert_ne!(tunnels[0].settings()["PGPORT"], tunnels[1].settings()["PGPORT"]);
    for tunnel in &tunnels {
        assert_eq!(tunnel.psql("SELECT 1").ok(), "1");
    }
}

#[test]
fn exec_speaks_every_format() {
    let (_broker, alice) = developer();
    let sql = "SELECT k.id, pan, NULL AS nothing, '' AS empty FROM cards k WHERE id < 3 ORDER BY id";
    for format in ["table", "json", "ndjson", "csv"] {
        let done = alice.run(&["exec", hoop_harness::TARGET, "--format", format, "-c", sql]);
        let text = done.ok();
        assert!(cards_in(text.as_bytes()).is_empty() && text.contains("411111******1111"), "{text}");
        match format {
            "json" => assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap()[0]["nothing"],
                serde_json::Value::Null
            ),
            "ndjson" => assert_eq!(text.lines().filter(|l| l.starts_with('{')).count(), 2),
            "csv" => assert_eq!(text.lines().next(), Some("id,pan,nothing,empty")),
            _ => assert!(text.contains("(2 rows)"), "{text}"),
        }
    }
    let script = b"SELECT 1 AS a;\nSELECT $$;$$ AS b;\nSELECT 1/0;\nSELECT 'never' AS c;\n";
    let done = program::run(&mut alice.hoopctl(&["exec", hoop_harness::TARGET]), script);
    done.expect(1).says(&["22012"]);
    assert!(!done.text().contains("never"));
}
