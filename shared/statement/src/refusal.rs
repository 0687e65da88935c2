//! Texts that are not judged, and what the client is told.

/// Why a text was refused before it was judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// PostgreSQL's own grammar does not take it.
    #[error("{message}")]
    Syntax {
        /// The grammar's message. It quotes the text near the fault, so it is for the client alone; the ledger gets
        /// [`Refusal::record`].
        message: String,
        /// Where, in characters from 1, as ErrorResponse field `P` counts (PostgreSQL protocol, error fields).
        position: Option<usize>,
    },
    /// Longer than the limit.
    #[error("statement text of {bytes} bytes is longer than the limit of {limit} bytes")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nested deeper than the limit.
    #[error("statement is nested too deeply, the limit is {limit} levels")]
    TooDeep {
        /// The limit in levels of brackets.
        limit: usize,
    },
    /// More statements in one text than the limit.
    #[error("{statements} statements in one text, the limit is {limit}")]
    TooMany {
        /// How many there are.
        statements: usize,
        /// The limit.
        limit: usize,
    },
    /// UNLOAD, which is Redshift's.
    #[error("UNLOAD is Redshift's way to write query results to S3, PostgreSQL has no such statement")]
    Unload,
    /// A NUL byte, which the protocol ends strings with.
    #[error("statement text holds a NUL byte")]
    Nul,
    /// The judge itself failed; the statement does not run.
    #[error("statement could not be judged")]
    Failed,
}

impl Refusal {
    /// SQLSTATE for the client (PostgreSQL manual, appendix A).
    #[must_use]
    pub const fn sqlstate(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "42601",
            Self::TooLong { .. } | Self::TooMany { .. } | Self::TooDeep { .. } => "54001",
            Self::Unload => "0A000",
            Self::Nul => "22021",
            Self::Failed => "XX000",
        }
    }

    /// What the reader can do.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { .. } | Self::Nul => None,
            Self::TooLong { .. } => Some("send large data by COPY … FROM STDIN or as parameters"),
            Self::TooDeep { .. } => Some("use IN (…), = ANY (array) or a temporary table instead of nesting"),
            Self::TooMany { .. } => Some("send the script in several parts"),
            Self::Unload => Some("use COPY (query) TO STDOUT and store the rows where you need them"),
            Self::Failed => Some("report this statement to the broker's administrator"),
        }
    }

    /// What the ledger and logs may hold: nothing of the text.
    #[must_use]
    pub fn record(&self) -> String {
        match self {
            Self::Syntax { position: Some(p), .. } => format!("syntax error at character {p}"),
            Self::Syntax { position: None, .. } => "syntax error".to_owned(),
            Self::TooLong { .. } | Self::TooDeep { .. } | Self::TooMany { .. } => self.to_string(),
            Self::Unload | Self::Nul | Self::Failed => self.to_string(),
        }
    }
}
