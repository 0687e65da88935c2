//! `hoopctl completions`

use clap_complete::Shell;

use crate::error::{Exit, Failure};

/// Print a completion script.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl completions bash > ~/.local/share/bash-completion/completions/hoopctl
  hoopctl completions fish > ~/.config/fish/completions/hoopctl.fish")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn run(self, command: &mut clap::Command) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "hoopctl", &mut script);
        std::io::Write::write_all(&mut std::io::stdout().lock(), &script).map_err(|e| Failure::stdout(&e))?;
        Ok(Exit::Ok)
    }
}
