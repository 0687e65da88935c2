//! `hoopctl audit`: the ledger's files against the broker's public key, offline. Nothing here asks a broker anything,
//! trusts a key that was not given, or writes to the ledger.

mod approvals;
mod findings;
mod found;
mod key;
mod place;

use std::path::PathBuf;

use crate::error::{Exit, Failure};

/// Check the broker's ledger, offline.
#[derive(Debug, clap::Args)]
pub struct Audit {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Check that nothing in a ledger was changed, taken out or put in, and that approvals were decided by those who
    /// signed them: files and a public key suffice.
    #[command(after_help = "\
Stdout tells entries, tree size, root, last checkpoint, and the unsigned tail: the entries that no
checkpoint signs yet. A running broker's ledger can be verified where it lies; a torn tail, as a
crash or a write under way leaves it, is named and is no failure.
No log says by itself that its end was cut back to an earlier checkpoint: compare tree size and
root with those that you noted before.

Exit codes: 0 it holds, 1 it does not, 2 it could not be checked.

Examples:
  hoop-broker ledger-key --config broker.toml > ledger.pub
  hoopctl audit verify /var/lib/hoop-broker/ledger --key ledger.pub
  hoopctl audit verify ledger/00000000000000000000.seg --key ledger.pub")]
    Verify {
        /// The ledger's folder, or one segment of it with its checkpoints beside it.
        #[arg(value_name = "DIR|FILE")]
        place: PathBuf,
        /// The public key that signs checkpoints, as `hoop-broker ledger-key` prints it; from the broker's
        /// administrator, never from the ledger's own folder.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

impl Audit {
    /// Checks and reports.
    ///
    /// # Errors
    /// Something does not hold, or cannot be read.
    pub fn run(self) -> Result<Exit, Failure> {
        let Act::Verify { place: path, key: key_path } = self.act;
        let key = key::read(key_path.as_deref())?;
        let place = place::Place::open(&path)?;
        if let Some(key_path) = &key_path
            && place.holds(key_path)
        {
            eprintln!(
                "hoopctl: note: the key lies in the ledger's own folder: who changed one could change both"
            );
        }
        let found = place.verify(&key)?;
        found.print(&key)?;
        found.conclude()
    }
}
