//! The one error that a command ends with: an exit code, a sentence, and what to do next.

use hoop_api::{ApprovalId, Code, Problem, Untrusted};

/// Exit codes; the table in `--help` is their documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// The target's own error.
    Target,
    /// The command line, a profile or a name is wrong.
    Usage,
    /// Policy says no.
    Denied,
    /// Not signed in, or the session has ended.
    NotSignedIn,
    /// An approval is needed first.
    Pending,
    /// Reviewers said no.
    Rejected,
    /// Broker or target could not be reached, or not be trusted.
    Unreachable,
    /// A limit is reached.
    Limit,
    /// `connect -- CMD` failed before CMD could run.
    OwnFailure,
    /// A time limit of the command line ran out.
    Timeout,
    /// Interrupted from the keyboard or by a signal.
    Interrupted,
    /// What the command run by `connect -- CMD` ended with.
    Child(u8),
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Target => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::NotSignedIn => 4,
            Self::Pending => 5,
            Self::Rejected => 6,
            Self::Unreachable => 7,
            Self::Limit => 8,
            Self::Timeout => 124,
            Self::OwnFailure => 125,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the process ends with.
    pub exit: Exit,
    /// A sentence: lower case, no final period; empty where nothing is to be said.
    pub message: String,
    /// Further lines, each with its label.
    pub notes: Vec<(&'static str, String)>,
    /// The broker's stable code, where the broker spoke.
    pub code: Option<Code>,
    /// The approval that it waits for, or that was refused.
    pub approval: Option<ApprovalId>,
}

impl Failure {
    /// A failure that ends the process with `exit`.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), notes: Vec::new(), code: None, approval: None }
    }

    /// Wrong command line, profile or name.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Not reached, or not trusted.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// Interrupted: nothing to say, the terminal shows `^C` already.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// Adds a labelled line.
    #[must_use]
    pub fn note(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((label, text.into()));
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(self, text: impl Into<String>) -> Self {
        self.note("hint", text)
    }

    /// A file of ours could not be read or written.
    #[must_use]
    pub fn file(act: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {act} `{}`: {}", path.display(), plain(error)))
    }

    /// Standard output could not be written. A reader that went away (`| head`) is not an error.
    #[must_use]
    pub fn stdout(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, "");
        }
        Self::usage(format!("cannot write the output: {}", plain(error)))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.code {
            Code::BadRequest | Code::NotFound => Exit::Usage,
            Code::NotSignedIn | Code::SessionEnded => Exit::NotSignedIn,
            Code::Denied => Exit::Denied,
            Code::ApprovalPending => Exit::Pending,
            Code::Rejected | Code::Conflict => Exit::Rejected,
            Code::LimitReached => Exit::Limit,
            Code::UseDpopNonce
            | Code::VersionUnsupported
            | Code::NotRecorded
            | Code::TargetUnavailable
            | Code::ShuttingDown
            | Code::Internal => Exit::Unreachable,
        };
        let mut failure = Self::new(exit, format!("{}: {}", problem.title, problem.detail));
        failure.code = Some(problem.code);
        failure.approval = problem.approval.map(|id| *id);
        for rule in problem.rules {
            failure = failure.note("rule", rule);
        }
        match problem.hint {
            Some(hint) => failure = failure.hint(hint),
            None if exit == Exit::NotSignedIn => failure = failure.hint("sign in with `hoopctl login`"),
            None => {}
        }
        match problem.request {
            Some(request) => failure.note("request", request),
            None => failure,
        }
    }
}

/// Writes a failure for a person to stderr, every part of it escaped: parts of it come from outside.
pub fn report(failure: &Failure) {
    if failure.message.is_empty() {
        return;
    }
    eprintln!("hoopctl: {}", Untrusted::new(failure.message.as_str()));
    for (label, text) in &failure.notes {
        eprintln!("{label}: {}", Untrusted::new(text.as_str()));
    }
}

/// An input or output error in few words, without the operating system's number.
#[must_use]
pub fn plain(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::AddrInUse => "already in use".to_owned(),
        ErrorKind::TimedOut => "timed out".to_owned(),
        // The resolver's own words differ from system to system.
        _ if error.to_string().starts_with("failed to lookup address") => {
            "its name is not known here".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_numbers_are_the_documented_ones() {
        let all = [
            (Exit::Ok, 0),
            (Exit::Target, 1),
            (Exit::Usage, 2),
            (Exit::Denied, 3),
            (Exit::NotSignedIn, 4),
            (Exit::Pending, 5),
            (Exit::Rejected, 6),
            (Exit::Unreachable, 7),
            (Exit::Limit, 8),
            (Exit::Timeout, 124),
            (Exit::OwnFailure, 125),
            (Exit::Interrupted, 130),
            (Exit::Child(17), 17),
        ];
        for (exit, number) in all {
            assert_eq!(exit.number(), number);
        }
    }

    #[test]
    fn a_denial_keeps_its_rule_and_a_lost_sign_in_says_how_to_renew() {
        let denied = Failure::from(Problem::new(Code::Denied, "no").with_rules(vec!["r1".into()]));
        assert_eq!((denied.exit, denied.notes), (Exit::Denied, vec![("rule", "r1".to_owned())]));
        let lost = Failure::from(Problem::new(Code::NotSignedIn, "no token"));
        assert_eq!(lost.exit, Exit::NotSignedIn);
        assert!(lost.notes[0].1.contains("hoopctl login"));
    }
}
