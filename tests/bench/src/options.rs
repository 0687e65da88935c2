//! The command line, and how much a run measures.

use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "usage: ./dev bench [--quick] [--json FILE]

  --quick        three rounds instead of twenty, for a look; leaves the README alone
  --json FILE    writes every sample and every ratio there";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// A look instead of a measurement.
    pub quick: bool,
    /// Where all samples go.
    pub json: Option<PathBuf>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Alternating rounds.
    pub rounds: usize,
    /// The ways beside the four that the gates are about are measured at 16 clients in every n-th round.
    pub others_every: usize,
    /// The same at one client.
    pub others_alone_every: usize,
    /// The streams of two million rows are measured in every n-th round.
    pub streams_every: usize,
    /// Idle connections whose memory is measured.
    pub idle: usize,
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// What is wrong, with the usage.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--json" => {
                    let file = args.next().ok_or_else(|| format!("`--json` needs a file\n\n{USAGE}"))?;
                    options.json = Some(file.into());
                }
                "-h" | "--help" => return Err(USAGE.to_owned()),
                other => return Err(format!("unknown option `{other}`\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// The plan of this run.
    #[must_use]
    pub fn plan(&self) -> Plan {
        if self.quick {
            Plan { rounds: 3, others_every: 3, others_alone_every: 3, streams_every: 3, idle: 200 }
        } else {
            Plan { rounds: 20, others_every: 1, others_alone_every: 2, streams_every: 1, idle: 500 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(args.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn options_are_read() {
        assert_eq!(parse(&[]), Ok(Options::default()));
        let both = Options { quick: true, json: Some("out.json".into()) };
        assert_eq!(parse(&["--json", "out.json", "--quick"]), Ok(both));
    }

    #[test]
    fn wrong_ones_are_named() {
        assert!(parse(&["--json"]).unwrap_err().starts_with("`--json` needs a file\n\nusage: "));
        assert!(parse(&["--quik"]).unwrap_err().starts_with("unknown option `--quik`\n\nusage: "));
    }

    #[test]
    fn a_full_run_has_enough_rounds_for_its_intervals() {
        let plan = Options::default().plan();
        assert!(plan.rounds >= 20);
        for every in [plan.others_every, plan.others_alone_every, plan.streams_every] {
            let samples: Vec<f64> = (0..plan.rounds).step_by(every).map(|_| 0.0).collect();
            let estimate = crate::stats::estimate(&samples).expect("there are rounds");
            assert!(estimate.coverage >= crate::stats::WANTED);
        }
    }
}
