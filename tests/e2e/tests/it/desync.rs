//! Pipelines that no driver sends, made to part the gateway's idea of the conversation from the server's.

use hoop_harness::Broker;
use serde_json::Value;

use crate::support::{administrator, developer, entries, events};
use crate::wire::{Answer, Script, Wire, bytes, shapes};

fn has(answers: &[Answer], sqlstate: &str) -> bool {
    answers.iter().any(|a| a.tag == 'E' && a.sqlstate() == sqlstate)
}

fn contains(answers: &[Answer], part: &[u8]) -> bool {
    bytes(answers).windows(part.len()).any(|w| w == part)
}

fn texts(entries: &[Value]) -> Vec<&str> {
    events(entries, "statement").iter().filter_map(|e| e["event"]["text"].as_str()).collect()
}

/// A name, how many ReadyForQuery come, and the messages.
type Case = (&'static str, usize, Script);

fn errors_and_names() -> Vec<Case> {
    let s = Script::default;
    let series = "SELECT n FROM generate_series(1,5) n";
    let fails = s().parse("", "SELECT nope").bind("", "").execute("", 0);
    let portions = s().query("BEGIN").parse("q", series).bind("p", "q").execute("p", 2).execute("p", 2);
    let savepoint = s().query("BEGIN").parse("q", series).bind("p", "q").sync().query("SAVEPOINT a");
    let savepoint = savepoint.run("SELECT nope").describe_portal("p").sync().query("ROLLBACK TO a");
    let unnamed = s().parse("", "SELECT 1").query("SELECT 2").bind("", "").execute("", 0).sync();
    vec![
        ("an error, then skip to Sync", 2, fails.query("SELECT 1").sync().query("SELECT 2")),
        ("two segments, the first fails", 2, s().run("SELECT nope").sync().run("SELECT 3").sync()),
        ("portions", 2, portions.execute("p", 0).execute("p", 0).sync()),
        ("a name in use again", 2, s().query("COMMIT").close_statement("q").sync()),
        ("a portal outlives its savepoint", 5, savepoint),
        ("the same portal after it", 2, s().execute("p", 2).sync().query("ROLLBACK")),
        ("unnamed things after a Query", 2, unnamed),
        ("PREPARE in a text that fails later", 1, s().query("PREPARE pa AS SELECT 1; SELECT 1/0")),
        ("it is there", 1, s().query("EXECUTE pa")),
        ("empty texts", 3, s().query("").run("").sync().query(";")),
        ("nothing", 2, s().describe_portal("nothing").execute("", 0).sync().query("SELECT 12")),
    ]
}

fn copies() -> Vec<Case> {
    let s = Script::default;
    let notes = "COPY notes FROM STDIN";
    let behind_failure = s().run("SELECT nope").sync().run(notes).copy_fail().sync().query("SELECT 9");
    let fails = s().run("COPY nope FROM STDIN").copy_data("1\n").copy_done().sync().query("SELECT 6");
    let out = s().run("COPY (SELECT 1) TO STDOUT").run("SELECT 10").sync().query("SELECT 11");
    vec![
        (
            "in, behind other answers",
            2,
            s().run("SELECT 1").run(notes).sync().copy_fail().sync().query("SELECT 4"),
        ),
        ("in by Query, behind another", 3, s().query("SELECT 1").query(notes).copy_fail().query("SELECT 5")),
        ("that fails at once", 2, fails),
        ("data out of place", 2, s().copy_data("x").copy_done().run("SELECT 7").sync().query("SELECT 8")),
        ("in, behind a failed segment", 3, behind_failure),
        ("out, in the extended protocol", 2, out),
    ]
}

#[test]
fn the_same_answers_as_straight() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut faults = String::new();
    for cases in [errors_and_names(), copies()] {
        let (mut gate, mut straight) = (Wire::through(&tunnel), Wire::straight(&broker));
        for (name, n, script) in cases {
            let (got, wanted) = (shapes(&gate.ask(&script, n)), shapes(&straight.ask(&script, n)));
            if got != wanted {
                faults += &format!("\n{name}:\n  gateway  {got:?}\n  straight {wanted:?}");
                (gate, straight) = (Wire::through(&tunnel), Wire::straight(&broker));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn an_answer_of_the_parser_counts_for_its_own_text_only() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let mut wire = Wire::through(&tunnel);
    for (round, n) in [1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000].into_iter().enumerate() {
        // Long, so that the parser thread still works on it when the server's error comes; and the error comes late
        // enough for the whole of it to be read.
        let late = format!("SELECT 1/(count(*)-{n}) FROM generate_series(1,{n})");
        let long = format!("SELECT ARRAY[{}{round}]", "1,".repeat(300_000));
        let script = Script::default().run(&late).flush().parse("x", &long).sync();
        let answers = wire.ask(&script, 1);
        assert!(has(&answers, "22012"), "{:?}", shapes(&answers));
        let answers =
            wire.ask(&Script::default().query(&format!("DELETE FROM notes WHERE id < -{round}")), 1);
        assert!(has(&answers, "42501"), "judged as another text: {:?}", shapes(&answers));
    }
}

#[test]
fn a_failing_write_in_one_packet_keeps_the_connection() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut wire = Wire::through(&tunnel);
    for round in 0..100 {
        let script = Script::default().run("INSERT INTO nope VALUES (1)").run("SELECT 1").sync();
        assert_eq!(shapes(&wire.ask(&script, 1)), ["E:42P01", "Z:I"], "round {round}");
    }
}

#[test]
fn names_that_are_one_to_the_server_are_one_here() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut wire = Wire::through(&tunnel);
    // The server keeps 63 bytes of a name.
    let (one, two) = (format!("{}1", "a".repeat(63)), format!("{}2", "a".repeat(63)));
    let copy = "COPY cards TO STDOUT";
    wire.ask(&Script::default().parse(&one, "SELECT 1").sync(), 1);
    wire.ask(&Script::default().close_statement(&two).parse(&two, copy).sync(), 1);
    let answers = wire.ask(&Script::default().bind("", &one).execute("", 0).sync(), 1);
    assert!(!answers.iter().any(|a| a.tag == 'd'), "a COPY under another name: {:?}", shapes(&answers));
    drop((wire, tunnel));
    broker.stop();
}

#[test]
fn execute_of_a_parsed_statement_is_recorded_and_masked_as_what_it_runs() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut wire = Wire::through(&tunnel);
    wire.ask(
        &Script::default()
            .parse("d", "DELETE FROM notes WHERE id < 0")
            .parse("c", "COPY cards TO STDOUT")
            .sync(),
        1,
    );
    let answers = wire.ask(&Script::default().query("EXECUTE c"), 1);
    assert!(!contains(&answers, b"737") && !contains(&answers, b"\t123\t"), "{:?}", shapes(&answers));
    wire.ask(&Script::default().query("EXECUTE d"), 1);
    drop((wire, tunnel));
    broker.stop();
    let entries = entries(&broker.ledger());
    let texts = texts(&entries);
    assert!(texts.iter().any(|t| t.contains("DELETE FROM notes")), "{texts:#?}");
}

#[test]
fn a_portal_runs_only_what_was_recorded_when_it_was_bound() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut wire = Wire::through(&tunnel);
    let script = Script::default()
        .parse("x", "SELECT 1")
        .parse("s", "EXECUTE x")
        .bind("p", "s")
        .close_statement("x")
        .parse("x", "DELETE FROM notes WHERE id < 0")
        .execute("p", 0)
        .sync();
    let answers = wire.ask(&script, 1);
    drop((wire, tunnel));
    broker.stop();
    let entries = entries(&broker.ledger());
    let ran = answers.iter().any(|a| a.shape().starts_with("C:DELETE"));
    let recorded = texts(&entries).iter().any(|t| t.contains("DELETE FROM notes"));
    assert!(!ran || recorded, "{:?}", shapes(&answers));
}

#[test]
fn a_cursor_does_not_take_the_place_of_a_portal() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let mut wire = Wire::through(&tunnel);
    let script = Script::default()
        .query("BEGIN")
        .parse("s", "SELECT 'x'::text FROM generate_series(1, 3)")
        .bind("p", "s")
        .describe_portal("p")
        .execute("p", 1)
        .sync()
        .query("CLOSE p")
        .query("DECLARE p CURSOR FOR SELECT cvv FROM cards ORDER BY id");
    wire.ask(&script, 4);
    let answers = wire.ask(&Script::default().execute("p", 0).sync(), 1);
    let rows: Vec<_> = answers.iter().filter(|a| a.tag == 'D').map(Answer::shape).collect();
    assert!(!rows.iter().any(|r| r.bytes().any(|b| b.is_ascii_digit())), "{rows:?}");
}

#[test]
fn small_values_beside_a_large_one_are_scanned_by_their_type() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let mut wire = Wire::through(&tunnel);
    let text = "SELECT repeat('x', 300000), 4111111111111111::int8, 4111111111111111::numeric, \
                '4111111111111111'::bytea, '4111111111111111'::text";
    for binary in [true, false] {
        let script = Script::default().parse("", text);
        let script = if binary { script.bind_binary("", "") } else { script.bind("", "") };
        let answers = wire.ask(&script.execute("", 0).sync(), 1);
        assert!(
            answers.iter().any(|a| a.tag == 'D'),
            "{:?}",
            answers.iter().map(|a| a.tag).collect::<Vec<_>>()
        );
        let shown = [
            4_111_111_111_111_111_i64.to_be_bytes().to_vec(),
            b"4111111111111111".to_vec(),
            b"34313131313131313131313131313131".to_vec(),
            // numeric_send: the groups of four digits.
            [0x10_0F_u16; 4].iter().flat_map(|d| d.to_be_bytes()).collect(),
        ];
        for part in shown {
            assert!(!contains(&answers, &part), "binary {binary}: {part:x?} is shown");
        }
    }
}

#[test]
fn a_pipeline_longer_than_the_limit_without_sync_goes_on() {
    let broker = Broker::start_with(&[("limits", "pipeline", "50")]);
    let alice = broker.person("alice", "developers");
    let tunnel = alice.connect();
    let mut wire = Wire::through(&tunnel);
    let mut script = Script::default();
    for _ in 0..6000 {
        script = script.close_statement("x");
    }
    // The server keeps small answers to itself until it is told to flush.
    let answers = wire.ask(&script.sync(), 1);
    assert_eq!(answers.iter().filter(|a| a.tag == '3').count(), 6000);
}
