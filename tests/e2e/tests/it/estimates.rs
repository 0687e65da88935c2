//! What the target's planner expects: rules that ask for it, where it cannot be asked, and who is told.

use hoop_harness::{Broker, Cluster, Person};
use tokio_postgres::error::SqlState;

use crate::approvals::asked;

/// `big` has 5,000 rows.
const RULES: &str = r#"
@id("large-reads")
@message("large reads with a second person")
@hold("1 of leads")
forbid (principal, action == Action::"read", resource is Relation)
when { context.estimated_rows > 100 || context.estimated_cost > 100000 }
unless { context.approvals.contains("large-reads") };

@id("no-large-writes")
@message("large writes are for the batch")
forbid (principal, action == Action::"write", resource is Relation)
when { resource.name == "big" && context.estimated_rows >= 100 };
"#;

fn scene() -> (Broker, Person, Person) {
    let broker = Broker::prepare();
    broker.add_rules(RULES);
    broker.start_again();
    owner(
        &broker,
        "CREATE TABLE big (id int PRIMARY KEY, note text); GRANT ALL ON big TO PUBLIC;
         INSERT INTO big SELECT n, 'x' FROM generate_series(1, 5000) n; ANALYZE big",
    );
    let (bob, ada) = (broker.person("bob", "dba"), broker.person("ada", "leads"));
    (broker, bob, ada)
}

fn owner(broker: &Broker, sql: &str) -> String {
    Cluster::shared().superuser(broker.database(), sql)
}

/// What psql says of each: `runs`, or the first line of its error.
fn all_say(bob: &Person, each: &[(&str, &str)]) {
    for (sql, said) in each {
        let done = bob.connect().psql(sql);
        let came = done.stderr.lines().find(|line| line.contains("ERROR")).unwrap_or("runs");
        assert!(came.contains(said), "{sql}: {came}");
    }
}

#[test]
fn a_rule_decides_by_what_the_target_expects() {
    let (broker, bob, _) = scene();
    all_say(
        &bob,
        &[
            ("SELECT * FROM big WHERE id = 7", "runs"),
            ("SELECT * FROM big LIMIT 5", "runs"),
            ("SELECT count(*) FROM big", "runs"),
            ("SELECT * FROM big", "held by rule `large-reads`"),
            ("SELECT * FROM big WHERE id < 50 -- few", "runs"),
            ("SELECT * FROM big a, big b ORDER BY a.note || b.note LIMIT 5", "held by rule `large-reads`"),
            ("UPDATE big SET note = 'y' WHERE id = 7", "runs"),
            ("UPDATE big SET note = 'y' WHERE id > 7", "large writes are for the batch"),
            ("DELETE FROM big WHERE id > 7", "large writes are for the batch"),
            ("INSERT INTO big VALUES (6000, 'z')", "runs"),
            // What runs in one message with another is not asked about.
            ("SELECT 1 FROM big LIMIT 1\\; SELECT 1", "held by rule `large-reads`"),
            ("EXPLAIN SELECT * FROM big", "runs"),
            ("SHOW search_path", "runs"),
            ("BEGIN; SELECT * FROM big LIMIT 5; COMMIT", "runs"),
        ],
    );
    assert_eq!(owner(&broker, "SELECT count(*) FROM big WHERE note = 'y'"), "1");
    let explained = bob.run(&["policy", "explain", "payments-db", "-c", "SELECT * FROM big"]);
    let told = String::from_utf8_lossy(&explained.stdout).into_owned() + &explained.stderr;
    assert!(told.contains("hold") && told.contains("what the target expects"), "{told}");
}

#[test]
fn where_it_cannot_be_asked_it_counts_as_without_end() {
    let (broker, bob, _) = scene();
    owner(
        &broker,
        "CREATE TABLE ran (by text); GRANT ALL ON ran TO PUBLIC;
         CREATE FUNCTION seen(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
           'BEGIN INSERT INTO ran VALUES (''planner''); RETURN $1; END'",
    );
    let held = "held by rule `large-reads`";
    all_say(
        &bob,
        &[
            // Planning would run it.
            ("SELECT * FROM big WHERE id = seen(7)", held),
            // Names mean something else on another connection.
            ("SET search_path = public; SELECT * FROM big WHERE id = 7", held),
            ("PREPARE p AS SELECT * FROM big WHERE id = 7", "denied by rule `large-reads`"),
            ("DECLARE c CURSOR FOR SELECT * FROM big WHERE id = 7", held),
            ("COPY (SELECT * FROM big WHERE id = 7) TO STDOUT", held),
        ],
    );
    // The name is of the list of harmless ones, and its function of a user.
    owner(
        &broker,
        "CREATE FUNCTION lower(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
           'BEGIN INSERT INTO ran VALUES (''planner''); RETURN $1; END'",
    );
    all_say(&bob, &[("SELECT * FROM big WHERE id = lower(7)", held)]);
    assert_eq!(owner(&broker, "SELECT count(*) FROM ran"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_part_of_the_question_and_reviewers_see_the_numbers() {
    let (broker, bob, ada) = tokio::task::block_in_place(scene);
    let tunnel = tokio::task::block_in_place(|| bob.connect());
    let client = tunnel.client().await;
    let below = client.prepare("SELECT id FROM big WHERE id < $1").await.expect("it may run with some");
    let rows = async |most: i32| client.query(&below, &[&most]).await;
    assert_eq!(rows(20).await.expect("few").len(), 19);
    let refused = rows(4000).await.expect_err("many");
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(rows(20).await.expect("still").len(), 19);
    tokio::task::block_in_place(|| {
        let id = asked(&broker).pop().expect("it is asked for");
        let own = bob.run(&["requests", "--format", "json"]).ok();
        assert!(own.contains("\"large\"") && !own.contains("\"cost\""), "{own}");
        let reviewed = ada.run(&["requests", "--format", "json"]).ok();
        assert!(reviewed.contains("\"cost\""), "{reviewed}");
        let shown = ada.run(&["approve", &id, "--yes"]).ok();
        let line = shown.lines().find(|line| line.contains("expected")).expect("it is shown");
        assert!(line.contains("large, about 39") || line.contains("large, about 40"), "{line}");
    });
    assert_eq!(rows(4000).await.expect("approved").len(), 3999);
    let again = rows(4000).await.expect_err("once");
    assert_eq!(again.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}
