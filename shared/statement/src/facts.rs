//! All that policy and gateway may know of a statement. No constant of the statement is in here but the values of
//! settings, and those do not print.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::object::Change;
use crate::verb::{Class, Verb, Verbs, words};

/// What one statement does, by the worst node of its whole tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Command word for people, such as `SELECT` or `DROP TABLE`.
    pub tag: String,
    /// Where the statement lies in the text, in bytes.
    pub span: Range<usize>,
    /// Everything it does.
    pub verbs: Verbs,
    /// Relations that it names, common table expressions in scope excluded.
    pub relations: BTreeSet<Relation>,
    /// Columns that it touches, as far as names tell without a catalogue: rather too many than too few.
    pub touches: BTreeSet<Touch>,
    /// Functions that it calls, by written name; operators and casts are not listed.
    pub functions: BTreeSet<Function>,
    /// Settings that it changes: SET, RESET, `set_config` and the SET clauses of definitions.
    pub settings: Vec<Setting>,
    /// Objects that it creates, alters or drops.
    pub changes: BTreeSet<Change>,
    /// Languages of functions and blocks that it brings, lower case.
    pub languages: BTreeSet<String>,
    /// What it does to the transaction.
    pub transaction: Option<Transaction>,
    /// The COPY sub-protocol that follows, if any.
    pub copy: Option<Copy>,
    /// Prepared statements that it makes, runs or drops.
    pub prepared: Option<Prepared>,
    /// True if some UPDATE or DELETE in it has no WHERE.
    pub unbounded: bool,
    /// True if a common table expression in it writes: what it changes is in no command tag.
    pub nested_write: bool,
    /// True if some SELECT in it reads from something and has no WHERE.
    pub unfiltered: bool,
    /// True if the answer of its outermost SELECT has a LIMIT.
    pub limited: bool,
    /// Why part of it cannot be judged; empty is the normal case.
    pub opaque: BTreeSet<Opaque>,
}

impl Facts {
    /// How far the statement reaches: the worst of its verbs and of the objects that it changes.
    #[must_use]
    pub fn class(&self) -> Class {
        let verbs = self.verbs.iter().map(Verb::class);
        let changes = self.changes.iter().map(|c| c.kind.class());
        let worst = verbs.chain(changes).max().unwrap_or(Class::Session);
        if !self.opaque.is_empty() { worst.max(Class::Write) } else { worst }
    }

    /// True if running it can be forwarded before its record is durable (DESIGN, the gate): no verb that writes,
    /// nothing opaque, and every function known to be harmless.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.class() <= Class::Read
            && self.opaque.is_empty()
            && !self.verbs.contains(Verb::Execute)
            && self.functions.iter().all(|f| f.listed || f.is_set_config())
    }
}

words! {
    /// What a statement does with a relation.
    Access {
        /// Reads rows.
        Read = "read",
        /// Changes rows or definition, or locks.
        Write = "write",
    }
}

/// A relation as written. Names are folded as PostgreSQL folds them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relation {
    /// Schema, if written.
    pub schema: Option<String>,
    /// Name.
    pub name: String,
    /// What happens to it.
    pub access: Access,
}

words! {
    /// How a statement touches a column.
    How {
        /// Its value can come into the answer, or into another place that is read.
        Output = "output",
        /// Its value decides: WHERE, JOIN, GROUP, ORDER, DISTINCT.
        Predicate = "predicate",
        /// A value is assigned to it.
        Write = "write",
    }
}

impl How {
    /// Read or written.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Output | Self::Predicate => Access::Read,
            Self::Write => Access::Write,
        }
    }
}

/// A column that a statement touches, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Touch {
    /// Schema of the relation, if written.
    pub schema: Option<String>,
    /// The relation.
    pub relation: String,
    /// The column; `None` for all of them, as with `*` or a whole row.
    pub column: Option<String>,
    /// The relation was named in front of it, so that it is of no other one.
    pub qualified: bool,
    /// What happens to it.
    pub how: How,
}

/// A function as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function {
    /// Schema, if written.
    pub schema: Option<String>,
    /// Name.
    pub name: String,
    /// On the list of functions that neither write nor run text.
    pub listed: bool,
}

impl Function {
    /// `set_config`, whose effect is told in [`Facts::settings`] instead.
    #[must_use]
    pub fn is_set_config(&self) -> bool {
        self.name == "set_config" && self.schema.as_deref().is_none_or(|s| s == "pg_catalog")
    }
}

/// A change of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Lower case, such as `search_path`, `role`, `session_authorization`; `all` for RESET ALL.
    pub name: String,
    /// What happens to it.
    pub act: SettingAct,
    /// True with SET LOCAL and `set_config(…, true)`: undone at the end of the transaction.
    pub local: bool,
}

/// What happens to a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingAct {
    /// Set to these constants.
    To(SettingValue),
    /// Back to the default, of the session or the server.
    Reset,
}

/// A constant given to a setting. It may hold anything a user typed, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingValue(String);

impl SettingValue {
    /// Wraps the text as written.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for comparing only.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Setting {
    /// True if this leaves the pinned encoding and string syntax as the broker set them (DESIGN, session rules).
    #[must_use]
    pub fn keeps_pin(&self) -> bool {
        match (&*self.name, &self.act) {
            ("client_encoding", SettingAct::To(v)) => {
                matches!(&*v.raw().to_ascii_lowercase().replace(['-', '_'], ""), "utf8" | "unicode")
            }
            ("standard_conforming_strings", SettingAct::To(v)) => {
                matches!(&*v.raw().to_ascii_lowercase(), "on" | "true" | "yes" | "1")
            }
            _ => false,
        }
    }
}

/// What a statement does to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END; `chain` opens the next at once.
    Commit {
        /// AND CHAIN.
        chain: bool,
    },
    /// ROLLBACK, ABORT.
    Rollback {
        /// AND CHAIN.
        chain: bool,
    },
    /// SAVEPOINT.
    Savepoint(String),
    /// RELEASE.
    Release(String),
    /// ROLLBACK TO.
    RollbackTo(String),
    /// PREPARE TRANSACTION: ends the transaction here.
    Prepare,
    /// COMMIT PREPARED.
    CommitPrepared,
    /// ROLLBACK PREPARED.
    RollbackPrepared,
}

words! {
    /// Which way COPY data flows.
    Copy {
        /// The client sends CopyData (PostgreSQL protocol, COPY operations).
        FromStdin = "from_stdin",
        /// The server sends CopyData.
        ToStdout = "to_stdout",
        /// A file of the server.
        File = "file",
        /// A program on the server.
        Program = "program",
    }
}

/// What a statement does to the map of prepared statements, which Parse and Bind share (WALLS, rule 13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// PREPARE name AS …: the facts are those of the inner statement.
    Prepare(String),
    /// EXECUTE name, alone or in EXPLAIN or CREATE TABLE AS: judge the kept facts of that name as well.
    Execute(String),
    /// DEALLOCATE name.
    Deallocate(String),
    /// DEALLOCATE ALL, DISCARD ALL.
    DeallocateAll,
}

words! {
    /// Why part of a statement cannot be judged.
    Opaque {
        /// A node that the raw grammar does not give.
        UnknownNode = "unknown_node",
        /// A statement kind that no verb is known for.
        UnknownStatement = "unknown_statement",
        /// DO: code in a language of its own.
        Block = "block",
        /// A setting whose name or value is computed.
        ComputedSetting = "computed_setting",
        /// A function that runs text given to it as SQL.
        RunsText = "runs_text",
        /// More names than are judged one by one.
        TooManyNames = "too_many_names",
    }
}
