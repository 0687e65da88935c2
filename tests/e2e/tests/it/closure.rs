//! Classified columns are followed to wherever their values can be read, and changes of the target's catalogue that are
//! made around the gateway are noticed.

use std::time::Duration;

use hoop_harness::{Broker, Cluster, Done, GATEWAY_ROLE, Tunnel, program};

use crate::support::{developer, masked, psycopg};

/// Runs SQL as the owner of the demo's tables, around the gateway.
fn around(broker: &Broker, sql: &str) {
    let mut psql = Cluster::shared().psql(GATEWAY_ROLE, broker.database());
    program::run(psql.arg("-f").arg("-"), sql.as_bytes()).expect(0);
}

/// What a query says by which the number of card 1 can be told.
fn told(tunnel: &Tunnel, from: &str, column: &str) -> Done {
    tunnel.psql(&format!("SELECT reverse({column}::text), {column} FROM {from} ORDER BY id LIMIT 1"))
}

/// The answer knows nothing but the mask of `4111111111111111`.
fn of_mask(done: &Done) {
    masked(done, &["1111******111114|411111******1111"]);
}

const EVERYWHERE: &str = r#"
CREATE TABLE spare (LIKE cards);
ALTER TABLE spare INHERIT cards;
INSERT INTO spare SELECT 0, customer_id, brand, pan, cvv, expiry FROM cards WHERE id = 1;
CREATE TABLE by_pan (id integer, pan text REFERENCES cards (pan), digest text GENERATED ALWAYS AS (reverse(pan)) STORED);
INSERT INTO by_pan SELECT id, pan FROM cards;
CREATE VIEW plain_view AS SELECT c.id, c.pan AS number, u.name FROM cards c JOIN customers u ON u.id = c.customer_id;
CREATE VIEW on_view AS SELECT v.id, v.number AS again FROM plain_view v UNION ALL SELECT 100, pan FROM cards WHERE id = 2;
CREATE VIEW computing AS SELECT id, left(pan, 15) AS number FROM cards;
CREATE VIEW filtering AS SELECT id, brand FROM cards WHERE pan LIKE '4111111111111111';
CREATE VIEW rows AS SELECT id, to_json(c) AS number FROM cards c;
CREATE VIEW harmless AS SELECT id, brand AS number FROM cards WHERE customer_id < 4;
CREATE MATERIALIZED VIEW stored AS SELECT id, pan AS number, reverse(pan) AS computed FROM cards;
CREATE FUNCTION number_of(integer) RETURNS text LANGUAGE sql AS 'SELECT pan FROM cards WHERE id = $1';
CREATE VIEW calling AS SELECT id, number_of(id) AS number FROM customers;
CREATE DOMAIN card_number AS varchar(19) CHECK (VALUE ~ '^[0-9]+$');
CREATE TABLE ranges (id integer, pan text) PARTITION BY RANGE (id);
CREATE TABLE ranges_1 PARTITION OF ranges FOR VALUES FROM (0) TO (100);
"#;

#[test]
fn values_are_masked_wherever_they_can_be_read() {
    let (broker, alice) = developer();
    around(&broker, EVERYWHERE);
    let tunnel = alice.connect();
    let places = [
        ("spare", "pan"),
        ("by_pan", "pan"),
        ("by_pan", "digest"),
        ("plain_view", "number"),
        ("on_view", "again"),
        ("stored", "number"),
        ("stored", "computed"),
    ];
    for (from, column) in places {
        let done = told(&tunnel, from, column);
        done.expect(0);
        masked(&done, &["******"]);
    }
    of_mask(&told(&tunnel, "plain_view", "number"));
    for (from, why) in [
        ("computing", "its column `number` is computed from classified columns"),
        ("filtering", "WHERE in it depends on a classified column"),
        ("rows", "it uses whole rows with classified columns"),
        ("calling", "number_of names cards"),
    ] {
        let done = tunnel.psql(&format!("SELECT * FROM {from}"));
        masked(&done, &[why]);
    }
    assert_eq!(tunnel.psql("SELECT count(DISTINCT number) FROM harmless").ok(), "3");
    assert_eq!(tunnel.psql("SELECT count(*) FROM pg_stats WHERE tablename IN ('cards', 'stored')").ok(), "0");
    tunnel.psql("SELECT * FROM pg_stat_activity").expect(0);
    masked(&tunnel.psql("SELECT * FROM pg_statistic"), &["cannot"]);
}

#[test]
fn a_partition_that_is_attached_later_is_classified() {
    let (broker, alice) = developer();
    around(&broker, EVERYWHERE);
    broker.change("targets.payments-db.classes", "\"public.ranges.pan\"", "\"pan\"");
    broker.reload();
    around(
        &broker,
        "CREATE TABLE later (id integer, pan text); INSERT INTO later VALUES (200, '4111111111111111');",
    );
    let script = format!(
        "{LIVE}\nlook('SELECT id FROM later')\n{}\nlook('SELECT reverse(pan), pan FROM later')\n\
         look('SELECT reverse(pan), pan FROM ranges')\nlook('SELECT reverse(pan), pan FROM fresh')",
        wait()
    );
    let done = while_it_lives(
        &broker,
        &alice.connect(),
        &script,
        "ALTER TABLE ranges ATTACH PARTITION later FOR VALUES FROM (200) TO (300); CREATE VIEW fresh AS SELECT pan FROM later",
    );
    masked(&done, &["[(200,)]"]);
    assert_eq!(done.text().matches("('1111******111114', '411111******1111')").count(), 3, "{}", done.text());
}

/// Looks through one connection, which stays open.
const LIVE: &str = r"
import time
def look(sql):
    try:
        print(connection.execute(sql).fetchall(), flush=True)
    except Exception as e:
        print(type(e).__name__, e, flush=True)
";

/// Waits until the change has been made around the gateway, and then for the two seconds in which it is noticed.
fn wait() -> &'static str {
    "while not connection.execute(\"SELECT 1 FROM pg_class WHERE relname = 'made'\").fetchall(): time.sleep(0.1)\n\
     time.sleep(2)"
}

/// Runs `script`, and makes `change` around the gateway while its connection is open.
fn while_it_lives(broker: &Broker, tunnel: &Tunnel, script: &str, change: &str) -> Done {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| psycopg(tunnel, script));
        std::thread::sleep(Duration::from_secs(2));
        around(broker, &format!("{change}; CREATE TABLE made ()"));
        running.join().expect("the script runs")
    })
}

#[test]
fn renames_around_the_gateway_are_noticed_on_a_live_connection_and_outlive_a_reload() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    let script = format!(
        "{LIVE}\nlook('SELECT reverse(pan), pan FROM cards WHERE id = 1')\n{}\n\
         look('SELECT reverse(number), number FROM attic.old_cards WHERE id = 1')\n\
         look('SELECT reverse(pan), pan FROM cards')",
        wait()
    );
    let change = "CREATE SCHEMA attic; ALTER TABLE cards RENAME COLUMN pan TO number; \
        ALTER TABLE cards SET SCHEMA attic; ALTER TABLE attic.cards RENAME TO old_cards; \
        CREATE TABLE cards (id integer, pan text, cvv text, expiry text); \
        INSERT INTO cards SELECT id, number FROM attic.old_cards WHERE id = 1";
    let done = while_it_lives(&broker, &tunnel, &script, change);
    masked(&done, &[]);
    assert_eq!(done.text().matches("('1111******111114', '411111******1111')").count(), 3, "{}", done.text());
    broker.reload();
    of_mask(&told(&tunnel, "attic.old_cards", "number"));
    of_mask(&told(&tunnel, "cards", "pan"));
}

#[test]
fn a_renamed_column_that_was_never_seen_hides_its_relation() {
    let (broker, alice) = developer();
    around(&broker, "ALTER TABLE cards RENAME COLUMN pan TO number");
    let done = told(&alice.connect(), "cards", "number");
    masked(&done, &["its classified column `pan` is not there; it may have been renamed"]);
}

#[test]
fn a_relation_that_is_dropped_and_made_again_is_classified_again() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    of_mask(&told(&tunnel, "cards", "pan"));
    around(
        &broker,
        "DROP TABLE cards CASCADE; CREATE TABLE cards (expiry text, cvv text, pan varchar(19), id integer); \
         INSERT INTO cards VALUES ('01/30', '737', '4111111111111111', 1)",
    );
    of_mask(&told(&tunnel, "cards", "pan"));
}

#[test]
fn while_the_catalogue_cannot_be_read_nothing_is_answered() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    let script = format!(
        "{LIVE}\nfor n in range(56):\n    look(\"SELECT 'fine', pan FROM cards WHERE id = 1\")\n    time.sleep(0.5)"
    );
    let done = std::thread::scope(|scope| {
        let running = scope.spawn(|| psycopg(&tunnel, &script));
        std::thread::sleep(Duration::from_secs(2));
        // Only the look at the catalogue reads it.
        let lock = "BEGIN; LOCK TABLE pg_extension IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(16); COMMIT";
        Cluster::shared().superuser(broker.database(), lock);
        running.join().expect("the script runs")
    });
    masked(&done, &["('fine', '411111******1111')"]);
    let text = done.text();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("HINT")).collect();
    let refused = |line: &&str| line.contains("catalogue cannot be read");
    assert!(lines.iter().filter(|l| refused(l)).count() >= 5, "{text}");
    assert!(lines.first().is_some_and(|l| !refused(l)), "{text}");
    assert!(lines.last().is_some_and(|l| l.contains("fine")), "{text}");
}

#[test]
fn what_is_made_through_the_gateway_counts_at_once() {
    let broker = Broker::start_with(&[("targets.payments-db.classes", "\"public.later.pan\"", "\"pan\"")]);
    let bob = broker.person("bob", "dba,leads");
    let script = format!(
        "{LIVE}\nconnection.execute('CREATE TABLE later (id integer, pan text)')\n\
         look('SELECT count(*) FROM later')\n\
         connection.execute(\"INSERT INTO later VALUES (1, '4111111111111111')\")\n\
         look('SELECT reverse(pan), pan FROM later')"
    );
    let done = psycopg(&bob.connect_with(&["--level", "write"]), &script);
    masked(&done, &["[(0,)]", "[('1111******111114', '411111******1111')]"]);
}

#[test]
fn a_target_is_described_to_those_who_may_reach_it() {
    let (broker, alice) = developer();
    around(&broker, EVERYWHERE);
    around(
        &broker,
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN PERFORM pan FROM cards; RETURN NEW; END'; \
         CREATE TRIGGER spies BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION spy(); \
         CREATE INDEX telling ON cards (pan, brand)",
    );
    let table = alice.run(&["target", "describe", "payments-db"]).ok();
    let words = |line: &str| line.split_whitespace().filter(|w| *w != "|").collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = table.lines().map(words).collect();
    for expected in [
        "masked public.cards pan (pan), cvv (cvv), expiry (expiry)",
        "masked public.by_pan pan (pan), digest (pan)",
        "masked public.stored number (pan), computed (pan)",
        "not shown public.computing its column `number` is computed from classified columns",
        "not written public.orders its trigger spies could reach classified columns: spy names cards",
        "definer public.spy runs with its owner's rights and can read classified columns",
        "index telling on public.cards its order tells of classified values",
    ] {
        assert!(rows.iter().any(|row| row.contains(expected)), "{expected}\n{table}");
    }
    let json =
        alice.run(&["target", "describe", "payments-db", "--json", "--database", broker.database()]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["walls"], serde_json::json!({"substitution": true, "roles": false, "scan": true}));
    assert_eq!(json["database"], broker.database());
    let insert = "INSERT INTO orders VALUES (9, 1, 'x', now())";
    let bob = broker.person("bob", "dba,leads");
    masked(&bob.connect().psql(insert), &["could reach classified columns"]);
    let eve = broker.person("eve", "visitors");
    eve.run(&["target", "describe", "payments-db"]).expect(2).says(&["there is no target"]);
}
