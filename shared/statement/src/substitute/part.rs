//! One statement while it is rewritten.

use std::collections::HashSet;
use std::sync::Arc;

use super::Situation;
use super::fault::Unsubstitutable;
use super::mention::Mentions;
use crate::catalogue::{Column, Masked};
use crate::facts::Facts;

/// A relation with classified columns that stands in a FROM list.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// What it is called there.
    pub(super) alias: String,
    /// Whether that was written, so that its own name means nothing there.
    pub(super) renamed: bool,
    pub(super) schema: Box<str>,
    pub(super) name: String,
    pub(super) masked: Arc<Masked>,
    /// Which of its columns the subselect gives.
    pub(super) shown: Vec<usize>,
}

impl Source {
    pub(super) fn classified(&self, name: &str) -> Option<&Column> {
        self.masked.columns.iter().find(|c| *c.name == *name && c.is_masked())
    }
}

/// One statement while it is rewritten. The first fault ends it; later ones are not looked for.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) at: &'a Situation<'a>,
    pub(super) facts: &'a Facts,
    fault: Option<Unsubstitutable>,
    /// Names of common table expressions in scope, innermost last.
    pub(super) ctes: Vec<String>,
    /// Substituted relations, outermost level first.
    pub(super) scopes: Vec<Vec<Source>>,
    /// Names of columns anywhere in the statement.
    pub(super) mentions: Mentions,
    pub(super) masked: bool,
    pub(super) touches: bool,
    pub(super) withheld: bool,
    pub(super) defines: bool,
    /// The query at hand gives the answer of the statement.
    pub(super) answers: bool,
    /// Classes of the classified columns in its answer, and whether they are revealed.
    pub(super) in_answer: Vec<(Box<str>, bool)>,
    pub(super) guarded: Vec<(u32, bool)>,
    /// Columns that the INSERT at hand gives values to.
    pub(super) assigned: Vec<String>,
    pub(super) makes_temporary: Vec<Box<str>>,
}

impl<'a> Part<'a> {
    pub(super) fn new(at: &'a Situation<'a>, facts: &'a Facts) -> Self {
        Self {
            at,
            facts,
            fault: None,
            ctes: Vec::new(),
            scopes: Vec::new(),
            mentions: Mentions::default(),
            masked: false,
            touches: false,
            withheld: false,
            defines: false,
            answers: false,
            in_answer: Vec::new(),
            guarded: Vec::new(),
            assigned: Vec::new(),
            makes_temporary: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, fault: Unsubstitutable) {
        self.fault.get_or_insert(fault);
    }

    /// Gives what `result` holds, or keeps its fault.
    pub(super) fn take<T>(&mut self, result: Result<T, Unsubstitutable>) -> Option<T> {
        result.map_err(|fault| self.fault(fault)).ok()
    }

    /// # Errors
    /// The first fault.
    pub(super) fn done(&self) -> Result<(), Unsubstitutable> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Classified columns of these are read: notes what that means.
    pub(super) fn note_read(&mut self, masked: &Masked, shown: &[usize]) {
        self.touches = true;
        for column in shown.iter().filter_map(|at| masked.columns.get(*at)).filter(|c| c.is_masked()) {
            self.masked = true;
            self.withheld |= super::masks::withholds(column);
        }
    }

    /// The temporary relations here, those that this statement makes included.
    pub(super) const fn temporary(&self) -> &HashSet<Box<str>> {
        self.at.temporary
    }
}
