//! Card numbers on the way back, in whatever form they come.

use hoop_harness::{Cluster, program};

use crate::support::{administrator, cards_in, developer, masked, psycopg};

/// Expressions over the demo's data, each of which holds a card number when it is run directly.
const EXPRESSIONS: [&str; 10] = [
    "SELECT pan FROM cards WHERE id = 1",
    "SELECT * FROM cards WHERE id = 1",
    "SELECT cards FROM cards WHERE id = 1",
    "SELECT pan || '' FROM cards WHERE id = 1",
    "SELECT 'card ' || pan || ', thanks' FROM cards WHERE id = 1",
    "SELECT ARRAY[pan, pan] FROM cards WHERE id = 1",
    "SELECT json_build_object('pan', pan) FROM cards WHERE id = 1",
    "SELECT row_to_json(cards) FROM cards WHERE id = 1",
    "SELECT to_jsonb(cards) FROM cards WHERE id = 1",
    "SELECT string_agg(pan, ', ') FROM cards",
];

/// The same, as numbers: a mask is none, so these fail as every text does that is no number.
const NUMBERS: [&str; 4] = [
    "SELECT pan::numeric FROM cards WHERE id = 1",
    "SELECT pan::bigint FROM cards WHERE id = 1",
    "SELECT ARRAY[pan::bigint] FROM cards WHERE id = 1",
    "SELECT json_build_object('pan', pan::bigint) FROM cards WHERE id = 1",
];

#[test]
fn the_expressions_hold_card_numbers_when_run_directly() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    for sql in EXPRESSIONS.into_iter().chain(NUMBERS) {
        assert!(!cards_in(cluster.superuser(&database, sql).as_bytes()).is_empty(), "without power: {sql}");
    }
}

#[test]
fn simple_queries_are_masked() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    for sql in EXPRESSIONS {
        let done = tunnel.psql(sql);
        done.expect(0);
        masked(&done, &["4111"]);
    }
    for sql in NUMBERS {
        masked(&tunnel.psql(sql), &["invalid input syntax"]);
    }
}

#[test]
fn extended_queries_are_masked_as_text_and_as_binary() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    for binary in ["False", "True"] {
        for sql in EXPRESSIONS {
            let script = format!(
                "for row in connection.cursor(binary={binary}).execute({sql:?}, prepare=True): print(row)"
            );
            let done = psycopg(&tunnel, &script);
            done.expect(0);
            masked(&done, &["4111"]);
        }
        for sql in NUMBERS {
            let done = psycopg(
                &tunnel,
                &format!("connection.cursor(binary={binary}).execute({sql:?}, prepare=True)"),
            );
            masked(&done, &["InvalidTextRepresentation"]);
        }
    }
}

#[test]
fn first_six_and_last_four_are_kept() {
    let (_broker, alice) = developer();
    let shown = alice.connect().psql("SELECT pan FROM cards ORDER BY id").ok();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[..3], ["411111******1111", "555555******4444", "378282*****0005"]);
}

#[test]
fn verification_values_and_dates_are_hidden_whole() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let shown =
        tunnel.psql("SELECT c.expiry, c.cvv FROM customers u JOIN cards c ON c.customer_id = u.id").ok();
    assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    let rows = tunnel.psql("SELECT cvv, expiry FROM cards").ok();
    assert!(!rows.contains(|c: char| c.is_ascii_digit()), "{rows}");
}

#[test]
fn copies_out_are_masked_in_each_format() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    for format in ["text", "csv", "binary"] {
        let sources =
            ["cards", "(SELECT pan, cvv FROM cards)", "notes", "(SELECT body, ARRAY[body] FROM notes)"];
        for source in sources {
            let done = tunnel.psql(&format!("COPY {source} TO STDOUT (FORMAT {format})"));
            done.expect(0);
            masked(&done, &[]);
            assert!(done.stdout.len() > 100, "COPY {source} as {format} gives rows");
        }
    }
}

#[test]
fn a_number_on_the_border_of_two_chunks_is_masked() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    // Rows of odd lengths, so that over a few megabytes every border of a read falls somewhere into a number.
    let sql = "COPY (SELECT repeat('x', n % 97), 'card 4111-1111-1111-1111 end' FROM generate_series(1, 60000) n) TO STDOUT";
    let done = tunnel.psql(sql);
    done.expect(0);
    masked(&done, &["card 4111-11**-****-1111 end"]);
    assert_eq!(done.text().matches("4111-11**-****-1111").count(), 60_000);
}

#[test]
fn free_text_and_json_that_nobody_classified_are_masked() {
    let (_broker, alice) = developer();
    let done = alice.connect().psql("SELECT body, extra FROM notes ORDER BY id");
    masked(&done, &["order 8800112233445566", "\"ticket\": 4711", "5105-10"]);
}

#[test]
fn types_stay_valid() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let json = tunnel.psql("SELECT json_build_object('pan', 4111111111111111, 'id', 1)").ok();
    let value: serde_json::Value = serde_json::from_str(&json).expect("masked JSON is JSON");
    assert!(value["pan"].is_number());
    assert_eq!(value["id"], 1);
    let script = "row = connection.cursor(binary=True).execute('SELECT 4111111111111111::numeric, \
                  4111111111111111, ARRAY[4111111111111111]').fetchone()\nprint(*(type(v).__name__ for v in row))\nprint(str(row[0])[:6])";
    let done = psycopg(&tunnel, script);
    done.expect(0);
    masked(&done, &["Decimal int list", "411111"]);
}

#[test]
fn what_is_no_card_number_passes_byte_by_byte() {
    let (broker, alice) = developer();
    let sql = "SELECT order_no, placed_at FROM orders ORDER BY id; SELECT 1719999999123456, 9400111899223197428490::numeric, \
               '0191f3c4-7a5b-7c3d-9e1f-0123456789ab'::uuid, 'ORD-2026-0102-0000-0017', 3.14159265358979::float8, now()::date";
    let direct = Cluster::shared().superuser(broker.database(), sql);
    assert_eq!(alice.connect().psql(sql).ok(), direct);
}

#[test]
fn errors_and_notices_are_masked() {
    let (broker, bob) = administrator();
    Cluster::shared().superuser(
        broker.database(),
        "CREATE FUNCTION shout(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'card %', t; RETURN 1; END $$;",
    );
    let tunnel = bob.connect();
    for sql in [
        "SELECT '4111111111111111 '::int",
        "SELECT 4111111111111111::int",
        "SELECT '{\"a\": 4111111111111111'::json",
        "INSERT INTO cards VALUES (9, 1, 'visa', '4111111111111111', NULL, '01/30')",
        "INSERT INTO cards VALUES (1, 1, 'visa', '4111111111111111', NULL, '01/30')",
        "SELECT \"4111111111111111\" FROM cards",
        "SELECT shout('4111 1111 1111 1111')",
        "SET application_name = '4111111111111111'; SHOW application_name",
    ] {
        let done = program::run(
            tunnel.command("psql").args(["-X", "-v", "VERBOSITY=verbose", "-c", sql]).env("PGOPTIONS", ""),
            b"",
        );
        // psql prints the offending line of what it was given itself, which the broker never sends back.
        let lines: Vec<_> = done.stderr.lines().filter(|l| !l.starts_with("LINE ")).collect();
        let shown = lines.join("\n") + &done.text();
        assert!(!shown.trim().is_empty(), "`{sql}` says something");
        assert!(cards_in(shown.as_bytes()).is_empty(), "`{sql}` shows\n{shown}");
    }
}

#[test]
fn notifications_are_masked() {
    let (_broker, bob) = administrator();
    let done =
        bob.connect().psql("LISTEN cards_seen;\nNOTIFY cards_seen, 'card 4111111111111111';\nSELECT 1;\n");
    done.expect(0);
    masked(&done, &["cards_seen", "411111"]);
}

#[test]
fn masked_values_are_counted_in_the_ledger() {
    let (broker, alice) = developer();
    alice.exec("SELECT pan, cvv FROM cards").expect(0);
    broker.stop();
    let entries = crate::support::entries(&broker.ledger());
    let ends = crate::support::events(&entries, "statement_end");
    let counted: Vec<_> =
        ends.iter().flat_map(|e| e["event"]["masked"].as_array().into_iter().flatten()).collect();
    assert!(counted.contains(&&serde_json::json!(["pan", 6])), "{counted:?}");
    assert!(counted.contains(&&serde_json::json!(["cvv", 6])), "{counted:?}");
}

#[tokio::test]
async fn errors_in_a_pipeline_are_withheld_by_their_own_transaction() {
    let (broker, bob) = administrator();
    let late = "ALTER TABLE cards ADD CONSTRAINT late UNIQUE (cvv) DEFERRABLE INITIALLY DEFERRED";
    Cluster::shared().superuser(broker.database(), late);
    let tunnel = bob.connect_with(&["--level", "write"]);
    let client = tunnel.client().await;
    let mut statements = Vec::new();
    for sql in [
        "SELECT pan FROM cards",
        "SELECT 1 / $1::int",
        "BEGIN",
        "INSERT INTO cards VALUES (99, 1, 'visa', '5', '737', '01/40')",
        "COMMIT",
    ] {
        statements.push(client.prepare(sql).await.expect("prepares"));
    }
    let [cards, divide, begin, insert, commit] = statements.try_into().expect("five");
    // All are sent before the first is answered.
    let (_, plain, _, inserted, withheld) = tokio::join!(
        client.query(&cards, &[]),
        client.query(&divide, &[&0_i32]),
        client.query(&begin, &[]),
        client.query(&insert, &[]),
        client.query(&commit, &[]),
    );
    let said = |result: Result<Vec<tokio_postgres::Row>, tokio_postgres::Error>| {
        let error = result.expect_err("fails");
        let error = error.as_db_error().expect("an error of the database");
        format!("{} {:?}", error.message(), error.detail())
    };
    assert_eq!(said(plain), "division by zero None", "an earlier transaction withholds nothing");
    inserted.expect("is checked at the end only");
    let withheld = said(withheld);
    assert!(withheld.contains("withheld") && !withheld.contains("737"), "{withheld}");
}
