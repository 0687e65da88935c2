//! What clients say in the conversation target, and what the model server makes of it. Every text that runs something
//! has a ledger text of its own, so that what ran can be told from what was recorded.

/// A card number, in every answer that can hold one; it must never reach the client.
pub const CANARY: &str = "4111111111111111";
/// Names of prepared statements and of portals; SQL's PREPARE and DECLARE use the same.
pub const NAMES: [&str; 4] = ["", "p", "q", "c"];

/// What one statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Answers so many rows with a value of so many bytes; of the classified relation or not.
    Rows(usize, usize, bool),
    /// Ends with this tag and no rows.
    Done(&'static str),
    /// The same, but its transaction cannot be committed.
    Deferred(&'static str),
    Begin,
    Commit,
    Rollback,
    /// The name, and whether it runs an INSERT (otherwise a SELECT).
    Prepare(&'static str, bool),
    Execute(&'static str),
    Deallocate(&'static str),
    DeallocateAll,
    Discard,
    Declare(&'static str),
    CloseCursor(&'static str),
    CopyIn,
    CopyOut(usize, usize),
    /// Fails after so many rows.
    Fails(usize, &'static str),
    /// A notice comes first.
    Notice,
    /// A notification comes before the next ReadyForQuery.
    Notify,
    /// A setting is reported.
    Reports,
    /// The server goes away.
    Dies,
}

use Does::{
    Begin, CloseCursor, Commit, CopyIn, CopyOut, Deallocate, DeallocateAll, Declare, Deferred, Dies, Discard,
    Done, Execute, Fails, Notice, Notify, Prepare, Reports, Rollback, Rows,
};

/// Texts that policy allows.
pub const ALLOWED: &[(&str, &[Does])] = &[
    ("SELECT a FROM plain", &[Rows(1, 8, false)]),
    ("SELECT b FROM plain", &[Rows(3, 40, false)]),
    ("SELECT pan FROM cards", &[Rows(2, 16, true)]),
    ("SELECT wide FROM plain", &[Rows(2, 700, false)]),
    ("SELECT wide FROM cards", &[Rows(1, 900, true)]),
    ("INSERT INTO plain VALUES (1)", &[Done("INSERT 0 1")]),
    ("INSERT INTO cards VALUES (2)", &[Done("INSERT 0 1")]),
    ("UPDATE plain SET a = 1", &[Deferred("UPDATE 1")]),
    ("BEGIN", &[Begin]),
    ("COMMIT", &[Commit]),
    ("ROLLBACK", &[Rollback]),
    ("PREPARE p AS SELECT x FROM plain", &[Prepare("p", false)]),
    ("PREPARE q AS INSERT INTO plain VALUES (3)", &[Prepare("q", true)]),
    ("EXECUTE p", &[Execute("p")]),
    ("EXECUTE q", &[Execute("q")]),
    ("DEALLOCATE p", &[Deallocate("p")]),
    ("DEALLOCATE ALL", &[DeallocateAll]),
    ("DISCARD ALL", &[Discard]),
    ("DECLARE c CURSOR FOR SELECT a FROM plain", &[Declare("c")]),
    ("CLOSE c", &[CloseCursor("c")]),
    ("COPY plain FROM STDIN", &[CopyIn]),
    ("COPY plain TO STDOUT", &[CopyOut(3, 30)]),
    ("COPY wide TO STDOUT", &[CopyOut(1, 600)]),
    ("COPY cards TO STDOUT", &[CopyOut(2, 16)]),
    ("SELECT 1/zero FROM plain", &[Fails(1, "22012")]),
    ("SELECT 1/zero FROM cards", &[Fails(0, "22012")]),
    ("SELECT f(a) FROM plain", &[Notice]),
    ("NOTIFY channel", &[Notify]),
    ("SET application_name = 'x'", &[Reports]),
    ("SELECT pg_terminate_backend(a) FROM plain", &[Dies]),
    ("", &[]),
    (" -- nothing", &[]),
    ("SELECT m FROM plain; INSERT INTO plain VALUES (4)", &[Rows(1, 8, false), Done("INSERT 0 1")]),
    ("INSERT INTO plain VALUES (5); SELECT 2/zero FROM plain", &[Done("INSERT 0 1"), Fails(0, "22012")]),
    ("BEGIN; SELECT n FROM plain; COMMIT", &[Begin, Rows(1, 8, false), Commit]),
    ("COPY plain FROM STDIN; SELECT o FROM plain", &[CopyIn, Rows(1, 8, false)]),
    ("SELECT r FROM plain; COPY plain FROM STDIN", &[Rows(1, 8, false), CopyIn]),
    ("PREPARE p AS SELECT y FROM plain; EXECUTE p", &[Prepare("p", false), Execute("p")]),
    ("SELECT 3/zero FROM plain; PREPARE q AS SELECT z FROM plain", &[Fails(0, "22012"), Prepare("q", false)]),
    ("COPY plain TO STDOUT; COPY wide TO STDOUT", &[CopyOut(3, 30), CopyOut(1, 600)]),
    // Under bounds that they keep within.
    ("SELECT a FROM few", &[Rows(2, 40, false)]),
    ("UPDATE few SET a = 1", &[Done("UPDATE 2")]),
    ("SELECT 4/zero FROM few", &[Fails(1, "22012")]),
];

/// Texts that never reach the server: refused by policy, by a pin, by the parser or by what they are.
pub const REFUSED: &[&str] = &[
    "DROP TABLE plain",
    "SELECT a FROM plain; DROP TABLE plain",
    "SET client_encoding = 'GBK'",
    "COPY cards TO STDOUT (FORMAT binary)",
    "SELEC a",
    "SELECT 'open",
    "PREPARE p AS SELECT pan FROM vault",
    "SELECT pan FROM vault",
];

/// What the server makes of a text; nothing for one that it cannot parse.
pub fn does(text: &str) -> Option<&'static [Does]> {
    ALLOWED.iter().find(|(known, _)| *known == text).map(|(_, does)| *does)
}

/// What SQL's PREPARE takes (and so what its EXECUTE may run).
pub fn is_preparable(text: &str) -> bool {
    let Some(does) = does(text) else { return false };
    does.iter().any(|d| matches!(d, Prepare(..)))
        || does.iter().all(|d| match d {
            Rows(..) | Done(_) | Deferred(_) | Fails(..) | Notice | Dies => true,
            Begin | Commit | Rollback | Prepare(..) | Execute(_) | Deallocate(_) | DeallocateAll
            | Discard | Declare(_) | CloseCursor(_) | CopyIn | CopyOut(..) | Notify | Reports => false,
        })
}
