//! PostgreSQL's own clients see no difference but the masks.

use hoop_harness::{Cluster, program};

use crate::support::{administrator, cards_in, developer, masked};

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
        "\\l",
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
fn pgbench_runs_in_every_mode() {
    let (broker, alice) = developer();
    let pgbench = |mut command: std::process::Command, args: &[&str]| program::run(command.args(args), b"");
    let cluster = Cluster::shared();
    pgbench(cluster.direct("pgbench", broker.database()), &["-i", "-q", "-s", "1"]).expect(0);
    let tunnel = alice.connect();
    for mode in ["simple", "extended", "prepared"] {
        let args = ["-S", "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "200"];
        let done = pgbench(tunnel.command("pgbench"), &args);
        assert!(done.ok().contains("800/800"), "{}", done.text());
    }
}

#[test]
fn pgbench_writes_too_and_the_money_adds_up() {
    let (broker, bob) = administrator();
    let cluster = Cluster::shared();
    program::run(cluster.direct("pgbench", broker.database()).args(["-i", "-q", "-s", "1"]), b"").expect(0);
    let tunnel = bob.connect();
    program::run(
        tunnel.command("pgbench").args(["-n", "-M", "prepared", "-c", "4", "-j", "2", "-t", "50"]),
        b"",
    )
    .expect(0);
    let sql = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history), \
               (SELECT count(*) FROM pgbench_history)";
    assert_eq!(cluster.superuser(broker.database(), sql), "t|200");
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
fn psycopg_and_its_features_work() {
    let (_broker, alice) = developer();
    let script = "
with connection.transaction():
    cursor = connection.cursor('named')
    cursor.itersize = 2
    cursor.execute('SELECT id FROM customers ORDER BY id')
    print([r[0] for r in cursor])
with connection.pipeline():
    cursors = [connection.execute('SELECT %s::int', [n], prepare=True) for n in range(5)]
print([c.fetchone()[0] for c in cursors])
try:
    connection.execute('SELECT 1/0')
except psycopg.errors.DivisionByZero as e:
    print('division', e.sqlstate)
with connection.cursor().copy('COPY (SELECT order_no FROM orders ORDER BY id) TO STDOUT') as copy:
    print([r[0] for r in copy.rows()][:1])
print(connection.info.server_version >= 130000, connection.info.encoding)
";
    let expected = "[1, 2, 3, 4, 5]\n[0, 1, 2, 3, 4]\ndivision 22012\n['8800112233445566']\nTrue utf-8";
    assert_eq!(crate::support::psycopg(&alice.connect(), script).ok(), expected);
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
