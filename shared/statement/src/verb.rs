//! What a statement does, in words that policy, ledger and CLI share.

/// An enum with one stable word a variant.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in policy, ledger and CLI.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// One thing that a statement does. A statement has the verbs of its whole tree, not of its first word.
    Verb {
        /// Reads rows: SELECT, VALUES, TABLE.
        Select = "select",
        /// SELECT … FOR UPDATE and its like, which lock rows and need a write privilege.
        LockRows = "lock_rows",
        /// SELECT … INTO, CREATE TABLE … AS: rows into a new relation.
        SelectInto = "select_into",
        /// INSERT.
        Insert = "insert",
        /// UPDATE.
        Update = "update",
        /// DELETE.
        Delete = "delete",
        /// MERGE.
        Merge = "merge",
        /// TRUNCATE.
        Truncate = "truncate",
        /// CREATE of anything.
        Create = "create",
        /// ALTER of anything.
        Alter = "alter",
        /// DROP of anything.
        Drop = "drop",
        /// GRANT.
        Grant = "grant",
        /// REVOKE.
        Revoke = "revoke",
        /// COPY … FROM STDIN.
        CopyIn = "copy_in",
        /// COPY … TO STDOUT.
        CopyOut = "copy_out",
        /// COPY from or to a program on the server.
        CopyProgram = "copy_program",
        /// COPY from or to a file on the server.
        CopyFile = "copy_file",
        /// CALL of a procedure.
        Call = "call",
        /// DO, an anonymous block of code.
        Do = "do",
        /// PREPARE; the verbs of the prepared statement are there too.
        Prepare = "prepare",
        /// EXECUTE; what it runs is known to whoever kept the PREPARE.
        Execute = "execute",
        /// DEALLOCATE.
        Deallocate = "deallocate",
        /// DECLARE … CURSOR.
        Declare = "declare",
        /// FETCH or MOVE.
        Fetch = "fetch",
        /// CLOSE.
        Close = "close",
        /// SET of a setting.
        Set = "set",
        /// RESET of a setting.
        Reset = "reset",
        /// SHOW.
        Show = "show",
        /// BEGIN or START TRANSACTION.
        Begin = "begin",
        /// COMMIT or END.
        Commit = "commit",
        /// ROLLBACK or ABORT, whole or to a savepoint.
        Rollback = "rollback",
        /// SAVEPOINT or RELEASE.
        Savepoint = "savepoint",
        /// PREPARE TRANSACTION and what ends it: two-phase commit.
        TwoPhase = "two_phase",
        /// SET CONSTRAINTS.
        SetConstraints = "set_constraints",
        /// LOCK TABLE in ACCESS SHARE mode, which a reader takes anyway (pg_dump says it aloud).
        LockShare = "lock_share",
        /// LOCK TABLE in any other mode.
        Lock = "lock",
        /// LISTEN.
        Listen = "listen",
        /// NOTIFY.
        Notify = "notify",
        /// UNLISTEN.
        Unlisten = "unlisten",
        /// EXPLAIN without running.
        Explain = "explain",
        /// EXPLAIN ANALYZE, which runs.
        ExplainAnalyze = "explain_analyze",
        /// VACUUM.
        Vacuum = "vacuum",
        /// ANALYZE.
        Analyze = "analyze",
        /// CLUSTER.
        Cluster = "cluster",
        /// REINDEX.
        Reindex = "reindex",
        /// CHECKPOINT.
        Checkpoint = "checkpoint",
        /// REFRESH MATERIALIZED VIEW.
        Refresh = "refresh",
        /// LOAD of a shared library.
        Load = "load",
        /// COMMENT ON.
        Comment = "comment",
        /// SECURITY LABEL.
        SecurityLabel = "security_label",
        /// DISCARD.
        Discard = "discard",
        /// REASSIGN OWNED.
        Reassign = "reassign",
    }
}

words! {
    /// How far a statement reaches; the worst of its verbs and objects.
    Class {
        /// Changes only its own session or transaction.
        Session = "session",
        /// Reads.
        Read = "read",
        /// Changes rows, locks them, or tells other sessions.
        Write = "write",
        /// Changes definitions.
        Ddl = "ddl",
        /// Changes who may do what, or the server itself.
        Administer = "administer",
    }
}

impl Verb {
    /// How far this verb reaches by itself.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Prepare | Self::Execute | Self::Deallocate | Self::Close | Self::Set | Self::Reset => {
                Class::Session
            }
            Self::Show | Self::Begin | Self::Commit | Self::Rollback | Self::Savepoint => Class::Session,
            Self::SetConstraints | Self::Unlisten | Self::Listen | Self::Discard | Self::Explain => {
                Class::Session
            }
            Self::Select | Self::CopyOut | Self::Declare | Self::Fetch | Self::LockShare => Class::Read,
            Self::ExplainAnalyze => Class::Read,
            Self::LockRows | Self::Insert | Self::Update | Self::Delete | Self::Merge | Self::CopyIn => {
                Class::Write
            }
            Self::Call | Self::Do | Self::Lock | Self::Notify | Self::Analyze | Self::TwoPhase => {
                Class::Write
            }
            Self::Truncate | Self::SelectInto | Self::Create | Self::Alter | Self::Drop => Class::Ddl,
            Self::Comment | Self::Refresh | Self::Vacuum | Self::Cluster | Self::Reindex => Class::Ddl,
            Self::Grant | Self::Revoke | Self::CopyProgram | Self::CopyFile | Self::Checkpoint => {
                Class::Administer
            }
            Self::Load | Self::SecurityLabel | Self::Reassign => Class::Administer,
        }
    }

    const fn bit(self) -> u64 {
        1 << self as u64
    }
}

/// A set of verbs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Verbs(u64);

const _: () = assert!(Verb::ALL.len() <= 64, "`Verbs` holds one bit a verb");

impl Verbs {
    /// Adds a verb.
    pub const fn insert(&mut self, verb: Verb) {
        self.0 |= verb.bit();
    }

    /// Adds all of `other`.
    pub const fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// True if `verb` is in the set.
    #[must_use]
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & verb.bit() != 0
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The verbs, in the order of [`Verb`].
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.iter().copied().filter(move |v| self.contains(*v))
    }
}

impl FromIterator<Verb> for Verbs {
    fn from_iter<I: IntoIterator<Item = Verb>>(iter: I) -> Self {
        let mut set = Self::default();
        iter.into_iter().for_each(|v| set.insert(v));
        set
    }
}

impl std::fmt::Display for Verbs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, verb) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(verb.as_str())?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Verbs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{self}]")
    }
}
