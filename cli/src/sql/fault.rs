//! What the far side says when it does not do it, and which exit code that is.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;

use hoop_api::ApprovalId;

use crate::error::{Exit, Failure};

/// An ErrorResponse or NoticeResponse (PostgreSQL protocol, "Error and Notice Message Fields").
#[derive(Debug, Clone, Default)]
pub struct ServerFault {
    severity: String,
    code: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    position: Option<String>,
}

/// Why a statement has no result.
#[derive(Debug)]
pub enum Ended {
    /// The far side's own error; it may still be used.
    Fault(Box<ServerFault>),
    /// The connection is lost, or the output.
    Lost(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Lost(failure)
    }
}

impl ServerFault {
    /// Reads the fields.
    ///
    /// # Errors
    /// They are malformed.
    pub fn read(mut fields: ErrorFields<'_>) -> std::io::Result<Self> {
        let mut fault = Self::default();
        while let Some(field) = fields.next()? {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                // `V` is the severity that is never translated.
                b'V' => fault.severity = text,
                b'S' if fault.severity.is_empty() => fault.severity = text,
                b'C' => fault.code = text,
                b'M' => fault.message = text,
                b'D' => fault.detail = Some(text),
                b'H' => fault.hint = Some(text),
                b'W' => fault.context = Some(text),
                b'P' => fault.position = Some(text),
                // Further fields are for programs, and new ones may come ("unrecognized types are ignored").
                _ => {}
            }
        }
        Ok(fault)
    }

    /// True if the connection is over with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    /// Prints a notice on stderr.
    pub fn report_notice(&self) {
        eprintln!("{}: {}", crate::output::safe(&self.severity), crate::output::safe(&self.message));
        for (label, text) in [("detail", &self.detail), ("hint", &self.hint)] {
            if let Some(text) = text {
                eprintln!("{label}: {}", crate::output::safe(text));
            }
        }
    }

    /// The rule of the broker's policy that decided; PostgreSQL itself names none.
    fn rule(&self) -> Option<&str> {
        if self.code != "42501" {
            return None;
        }
        [self.detail.as_deref(), Some(self.message.as_str())].into_iter().flatten().find_map(|text| {
            let (before, after) = text.split_once("rule `")?;
            let (name, _) = after.split_once('`')?;
            (before.is_empty() || before.ends_with([' ', '(', ','])).then_some(name)
        })
    }

    /// The approval that the broker names, and where it stands: `approval apr_… is pending; …`.
    fn approval(&self) -> Option<(ApprovalId, &str)> {
        let (id, rest) = self.detail.as_deref()?.strip_prefix("approval ")?.split_once(" is ")?;
        let (state, _) = rest.split_once(';')?;
        Some((id.parse().ok()?, state))
    }

    fn exit(&self) -> Exit {
        match self.code.as_str() {
            "42501" if self.approval().is_some_and(|(_, state)| state == "pending") => Exit::Pending,
            "42501" if self.approval().is_some() => Exit::Rejected,
            "42501" if self.rule().is_some() => Exit::Denied,
            "57P01" => Exit::NotSignedIn,
            "53400" | "53300" => Exit::Limit,
            _ => Exit::Target,
        }
    }

    /// The failure that `exec` ends with.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let mut failure = Failure::new(self.exit(), format!("{} ({})", self.message, self.code));
        if let Some(rule) = self.rule() {
            failure = failure.note("rule", rule);
        }
        let notes = [
            ("detail", self.detail),
            ("context", self.context),
            ("position", self.position),
            ("hint", self.hint),
        ];
        for (label, text) in notes {
            if let Some(text) = text {
                failure = failure.note(label, text);
            }
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(code: &str, message: &str, detail: Option<&str>) -> Exit {
        let fault = ServerFault {
            code: code.into(),
            message: message.into(),
            detail: detail.map(str::to_owned),
            ..ServerFault::default()
        };
        fault.into_failure().exit
    }

    #[test]
    fn the_broker_denies_and_the_target_fails() {
        assert_eq!(exit_of("42501", "permission denied for table cards", None), Exit::Target);
        assert_eq!(exit_of("42501", "denied by rule `no-drop`", None), Exit::Denied);
        assert_eq!(exit_of("42501", "denied by policy", Some("rule `no-drop`: tables stay")), Exit::Denied);
        let held =
            |state: &str| format!("approval apr_01ARZ3NDEKTSV4RRFFQ69G5FAV is {state}; statement stm_1");
        assert_eq!(exit_of("42501", "held by rule `x`: m", Some(&held("pending"))), Exit::Pending);
        assert_eq!(exit_of("42501", "not approved", Some(&held("rejected"))), Exit::Rejected);
        for fake in ["approval 42 is pending; x", "approval apr_01 is pending; x", "my approval is pending"] {
            assert_eq!(exit_of("42501", "permission denied", Some(fake)), Exit::Target, "{fake}");
        }
        assert_eq!(exit_of("42601", "denied by rule `no-drop`", None), Exit::Target);
        assert_eq!(exit_of("57P01", "the session has ended", None), Exit::NotSignedIn);
        assert_eq!(exit_of("53400", "too many rows", None), Exit::Limit);
        assert_eq!(exit_of("53300", "too many connections", None), Exit::Limit);
        assert_eq!(exit_of("22012", "division by zero", None), Exit::Target);
    }
}
