//! What is compared, and what of it is measured.

use std::fmt;

/// How hard the ledger is written before an answer is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Handed to the operating system.
    Os,
    /// Synced to the disk.
    Durable,
}

/// The way that a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// TCP as it is.
    Plain,
    /// TCP under TLS.
    Tls,
    /// hoopctl's local socket and its tunnel under TLS.
    Tunnel,
}

/// One of the things compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// PostgreSQL itself.
    Direct,
    /// pgbouncer in session mode.
    Pgbouncer(Way),
    /// The gateway.
    Ours(Durability, Way),
    /// The disk alone: what 16 writers make durable.
    Disk,
}

impl System {
    /// pgbouncer as it usually runs.
    pub const POOLER: Self = Self::Pgbouncer(Way::Plain);
    /// The gateway as it runs by default.
    pub const GATEWAY: Self = Self::Ours(Durability::Durable, Way::Plain);
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Os => "os",
            Self::Durable => "durable",
        })
    }
}

impl Way {
    /// What is added to a name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Tls => "-tls",
            Self::Tunnel => "-tunnel",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Pgbouncer(way) => write!(f, "pgbouncer{}", way.suffix()),
            Self::Ours(durability, way) => write!(f, "ours-{durability}{}", way.suffix()),
            Self::Disk => f.write_str("disk"),
        }
    }
}

/// pgbench's ways to send a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// One Query message.
    Simple,
    /// Parse, Bind, Execute each time.
    Extended,
    /// Parse once.
    Prepared,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Extended, Self::Prepared];

    /// pgbench's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// A long answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// `COPY … TO STDOUT`.
    Copy,
    /// `SELECT *`.
    Select,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Copy, Self::Select];

    /// Its statement.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Copy => "COPY stream TO STDOUT",
            Self::Select => "SELECT * FROM stream",
        }
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Select => "select",
        }
    }
}

/// What one number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Transactions a second of `pgbench -S`.
    Tps {
        /// How statements are sent.
        mode: Mode,
        /// Clients at once.
        clients: usize,
    },
    /// Seconds for two million rows.
    Stream(Stream),
    /// Entries a second that become durable.
    Floor,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tps { mode, clients } => write!(f, "{}-c{clients}", mode.as_str()),
            Self::Stream(stream) => write!(f, "stream-{}", stream.as_str()),
            Self::Floor => f.write_str("durable-floor"),
        }
    }
}
