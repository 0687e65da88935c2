//! `[policy]`: its files, and who must have signed them.

use std::num::NonZero;
use std::path::PathBuf;

use super::files::Role;
use super::section::{Report, Section};
use super::value::{self, Wrong};
use crate::signers::MAX_SIGNERS;

/// Who must have signed the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySigners {
    /// The file that names who may, in OpenSSH's format of allowed signers.
    pub file: PathBuf,
    /// How many of them must have.
    pub signatures: NonZero<usize>,
}

pub(super) fn policy(
    report: &mut Report<'_>,
    mut section: Section<'_, '_>,
) -> Option<(Vec<PathBuf>, Option<PolicySigners>)> {
    let files = section.required_list(report, "files", "[\"policy/pci.cedar\"]", value::owned_text);
    let signers = section.optional_path(report, "signers", Role::Public);
    let signatures = section.optional(report, "signatures", |value| {
        let number = value::count(value)?;
        let given = usize::try_from(number).ok().filter(|n| *n <= MAX_SIGNERS).and_then(NonZero::new);
        given.ok_or_else(|| {
            Wrong::new(format!("{number} is out of range"))
                .hint(format!("write how many people must have signed, from 1 to {MAX_SIGNERS}"))
        })
    });
    if signatures.is_some() && !section.has("signers") {
        let wrong = Wrong::new("`signatures`: nobody is named who could sign")
            .hint("add `signers = \"policy/allowed_signers\"`");
        report.wrong(section.span_of("signatures"), wrong);
    }
    section.finish(report);
    let files = files.into_iter().map(|(text, span)| report.path(&text, Role::Public, span)).collect();
    Some((
        files,
        signers.map(|file| PolicySigners { file, signatures: signatures.unwrap_or(NonZero::<usize>::MIN) }),
    ))
}
