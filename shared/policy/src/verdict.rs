//! What the judge says.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rule::Reviewers;

/// The rule id of the default: nothing permits it.
pub const DEFAULT_RULE: &str = "default";

/// The judge's answer. Always names its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen.
    Allow(Allowed),
    /// It may happen once these holds are lifted.
    Hold(Requirement),
    /// It may not happen.
    Deny(Denial),
}

/// Why and how it may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Rules that permit it.
    pub rules: BTreeSet<String>,
    /// What must be done with the answer.
    pub obligations: Obligations,
}

/// What must be done with the answer of an allowed statement; several combine to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obligations {
    /// Classified columns are masked.
    pub mask: bool,
    /// How far it may go.
    pub bounds: Bounds,
}

/// How far a statement may go; `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Rows of its answer, COPY data included.
    pub rows: Option<u64>,
    /// Rows that it changes; with more it is rolled back.
    pub affected: Option<u64>,
    /// For how long it runs.
    pub time: Option<Duration>,
}

impl Bounds {
    /// True without any bound.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.rows.is_none() && self.affected.is_none() && self.time.is_none()
    }

    /// The strictest of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows.into_iter().chain(other.rows).min(),
            affected: self.affected.into_iter().chain(other.affected).min(),
            time: self.time.into_iter().chain(other.time).min(),
        }
    }
}

/// The holds to lift. All of them, each by its own reviewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Rules that hold it.
    pub rules: BTreeSet<String>,
    /// Who must approve, one entry a rule, in the order of `rules`.
    pub reviewers: Vec<Reviewers>,
    /// For the person who asks.
    pub reason: String,
    /// For how long the approval can be used, where a rule says.
    pub ttl: Option<Duration>,
    /// How recent the sign-in of whoever approves must be, with a second factor; the shortest of the rules that say.
    pub fresh: Option<Duration>,
}

/// Why it may not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Rules that forbid it, or `default`.
    pub rules: BTreeSet<String>,
    /// For the person. It can name relations and functions as written; the ledger takes `rules` alone.
    pub reason: String,
    /// What the person can do.
    pub hint: Option<String>,
    /// True when a rule could not be evaluated: an entry of its own (PCI DSS 10.7.2).
    pub control_failure: bool,
}

impl Verdict {
    /// Rules that decided.
    #[must_use]
    pub const fn rules(&self) -> &BTreeSet<String> {
        match self {
            Self::Allow(a) => &a.rules,
            Self::Hold(r) => &r.rules,
            Self::Deny(d) => &d.rules,
        }
    }

    /// True for [`Verdict::Allow`].
    #[must_use]
    pub const fn is_allow(&self) -> bool {
        match self {
            Self::Allow(_) => true,
            Self::Hold(_) | Self::Deny(_) => false,
        }
    }

    /// The stricter of two: any denial wins, then any hold; rules of equal verdicts are joined.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny(mut a), Self::Deny(b)) => {
                a.rules.extend(b.rules);
                a.control_failure |= b.control_failure;
                // A rule with words of its own says more than the default.
                if a.hint.is_none() && b.hint.is_some() {
                    (a.reason, a.hint) = (b.reason, b.hint);
                }
                Self::Deny(a)
            }
            (Self::Deny(d), Self::Hold(_) | Self::Allow(_))
            | (Self::Hold(_) | Self::Allow(_), Self::Deny(d)) => Self::Deny(d),
            (Self::Hold(a), Self::Hold(b)) => Self::Hold(a.and(b)),
            (Self::Hold(h), Self::Allow(_)) | (Self::Allow(_), Self::Hold(h)) => Self::Hold(h),
            (Self::Allow(mut a), Self::Allow(b)) => {
                a.rules.extend(b.rules);
                a.obligations.mask |= b.obligations.mask;
                a.obligations.bounds = a.obligations.bounds.and(b.obligations.bounds);
                Self::Allow(a)
            }
        }
    }
}

impl Requirement {
    /// All who must approve, `1 of leads and 2 of security`.
    #[must_use]
    pub fn asks(&self) -> String {
        let each: Vec<String> = self.reviewers.iter().map(ToString::to_string).collect();
        each.join(" and ")
    }

    fn and(self, other: Self) -> Self {
        let reason = self.reason.clone();
        // The shorter of two, where there is one.
        let ttl = self.ttl.into_iter().chain(other.ttl).min();
        let fresh = self.fresh.into_iter().chain(other.fresh).min();
        let mut pairs: std::collections::BTreeMap<String, Reviewers> =
            self.rules.into_iter().zip(self.reviewers).collect();
        pairs.extend(other.rules.into_iter().zip(other.reviewers));
        let (rules, reviewers): (BTreeSet<String>, Vec<Reviewers>) = pairs.into_iter().unzip();
        Self { rules, reviewers, reason, ttl, fresh }
    }
}
