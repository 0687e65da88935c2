//! The message at hand, and whether a reviewer can be shown all of it.

use hoop_api::Untrusted;

use super::parameter;

/// Longest text, and longest parameters, of a held statement: what a reviewer can be asked to read.
pub(super) const SHOWN_BYTES: usize = 64 << 10;

/// A text as the client sent it, kept where an approval may have to be bound to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// The text.
    pub text: Box<str>,
    /// Parameter types that Parse declared.
    pub types: Box<[u32]>,
    /// Parameter types that the target told, when the statement was described.
    pub told: Box<[u32]>,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sent")
    }
}

/// What is held: the message at hand.
pub(super) struct Message<'m> {
    /// It came by Query.
    pub(super) by_query: bool,
    /// Its text, `None` where it was not kept.
    pub(super) text: Option<&'m str>,
    /// Parameter types as declared.
    pub(super) types: &'m [u32],
    /// Parameter types as the target told them.
    pub(super) told: &'m [u32],
    /// Body of the Bind message, after its names.
    pub(super) parameters: Vec<parameter::Shown<'m>>,
}

impl<'m> Message<'m> {
    /// The text and the parameters, if all of it can be shown to a reviewer.
    pub(super) fn showable(&self) -> Result<(&'m str, Vec<Option<Untrusted>>), &'static str> {
        let text = self.text.ok_or("the policy changed since it was prepared; prepare it again")?;
        let parameters: usize = self.parameters.iter().filter_map(|p| p.value).map(<[u8]>::len).sum();
        if text.len() > SHOWN_BYTES || parameters > SHOWN_BYTES {
            return Err("it is too long for a reviewer to read; send less at once");
        }
        let oid = |at: usize| {
            let known = |types: &[u32]| types.get(at).copied().filter(|oid| *oid != 0);
            known(self.types).or_else(|| known(self.told)).unwrap_or(0)
        };
        let shown = self.parameters.iter().enumerate();
        let shown: Result<_, _> = shown.map(|(at, parameter)| parameter.shown(oid(at))).collect();
        let parameters = shown.map_err(|parameter::Unreadable| {
            "a binary parameter is of a type that cannot be shown to a reviewer; send it as text"
        })?;
        Ok((text, parameters))
    }
}
