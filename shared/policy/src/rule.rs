//! A rule and its annotations, parsed into types at load.

use std::time::Duration;

use cedar_policy::Policy;

use crate::verdict::Bounds;

/// Whether a rule permits or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Permits.
    Permit,
    /// Forbids; wins over every permit.
    Forbid,
}

/// Who must approve: `@hold("2 of leads")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewers {
    /// How many different persons.
    pub count: u32,
    /// The group that they are in.
    pub group: String,
    /// `@escalate`: who else may, when it has waited for long.
    pub escalation: Option<Escalation>,
}

/// Who may approve as well, and from when: `@escalate("30m, oncall")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long it has waited by then.
    pub after: Duration,
    /// The group that may then approve as those of `@hold` may.
    pub group: String,
}

impl Reviewers {
    /// Reads `2 of leads`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        reviewers(text)
    }
}

impl std::fmt::Display for Reviewers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.count, self.group)
    }
}

/// One statement of the policy set, by its `@id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `@id`: unique, in errors and ledger.
    pub id: String,
    /// Permits or forbids.
    pub effect: Effect,
    /// `@message`: the reason shown to the person.
    pub message: Option<String>,
    /// `@hint`: what the person can do.
    pub hint: Option<String>,
    /// `@pci`: the requirements that it serves.
    pub pci: Option<String>,
    /// `@hold`: who may lift it, for a rule that forbids.
    pub hold: Option<Reviewers>,
    /// `@fresh`: how recent the sign-in of whoever approves must be, with a second factor.
    pub fresh: Option<Duration>,
    /// `@max_rows`, `@max_affected`, `@timeout`: how far what it permits may go.
    pub bounds: Bounds,
    /// `@ttl`: for how long an approval of it can be used; the broker's limit when absent.
    pub ttl: Option<Duration>,
}

/// What is wrong with an annotation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnnotationFault {
    #[error("rule has no `@id`")]
    NoId,
    #[error("`@id` is `{0}`, only lower-case letters, digits and `-` are allowed, and `default` is taken")]
    BadId(String),
    #[error("`@{0}` is not an annotation known here")]
    Unknown(String),
    #[error("`@{0}` is empty")]
    Empty(String),
    #[error("`@hold` is `{0}`, not a number of reviewers and their group")]
    BadHold(String),
    #[error("`@hold` stands on a rule that permits")]
    HoldOnPermit,
    #[error("`@{0}` is `{1}`, not a number of rows")]
    BadRows(&'static str, String),
    #[error("`@timeout` is `{0}`, not a length of time from 1 s to 24 h")]
    BadTimeout(String),
    #[error("`@{0}` stands on a rule that forbids")]
    BoundOnForbid(String),
    #[error("`@ttl` is `{0}`, not a length of time from 1 s to 24 h")]
    BadTtl(String),
    #[error("`@escalate` is `{0}`, not a length of time from 1 s to 24 h and a group")]
    BadEscalation(String),
    #[error("`@{0}` stands on a rule without `@hold`")]
    WithoutHold(&'static str),
    #[error("`@fresh` is `{0}`, not a length of time from 1 min to 24 h")]
    BadFresh(String),
}

impl AnnotationFault {
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::NoId => "add `@id(\"a-short-name\")` before `permit` or `forbid`",
            Self::BadId(_) => "use a name such as `no-drop-table`",
            Self::Unknown(_) => {
                "known are @id, @message, @hint, @pci, @hold, @ttl, @fresh, @escalate, @max_rows, @max_affected and @timeout"
            }
            Self::Empty(_) => "give it a text or take it out",
            Self::BadHold(_) => "write `@hold(\"2 of leads\")`",
            Self::BadEscalation(_) => "write `@escalate(\"30m, oncall\")`",
            Self::BadTtl(_) => "write `@ttl(\"15m\")`",
            Self::BadRows(..) => "write a number, such as `@max_rows(\"1000\")`",
            Self::BadTimeout(_) => "write `@timeout(\"30s\")`",
            Self::BoundOnForbid(_) => "bounds stand on the `permit` that lets statements run",
            Self::BadFresh(_) => "write `@fresh(\"5m\")`",
            Self::WithoutHold(_) => "it is about approvals; take it out",
            Self::HoldOnPermit => {
                "put it on a `forbid` with `unless { context.approvals.contains(\"its id\") }`"
            }
        }
    }
}

impl Rule {
    pub(crate) fn parse(policy: &Policy) -> Result<Self, Vec<AnnotationFault>> {
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        let mut rule = Self {
            id: String::new(),
            effect,
            message: None,
            hint: None,
            pci: None,
            hold: None,
            fresh: None,
            bounds: Bounds::default(),
            ttl: None,
        };
        let mut faults = Vec::new();
        let mut escalate = None;
        for (key, value) in policy.annotations() {
            let text = value.trim().to_owned();
            if text.is_empty() {
                faults.push(AnnotationFault::Empty(key.to_owned()));
                continue;
            }
            if key == "escalate" {
                keep(&mut escalate, escalation(&text), &mut faults, AnnotationFault::BadEscalation(text));
            } else {
                rule.take(key, text, &mut faults);
            }
        }
        let given =
            [("ttl", rule.ttl.is_some()), ("fresh", rule.fresh.is_some()), ("escalate", escalate.is_some())];
        if let Some(hold) = &mut rule.hold {
            hold.escalation = escalate;
        }
        for (name, given) in given {
            if given && policy.annotation("hold").is_none() {
                faults.push(AnnotationFault::WithoutHold(name));
            }
        }
        if policy.annotation("id").is_none() {
            faults.push(AnnotationFault::NoId);
        }
        if faults.is_empty() { Ok(rule) } else { Err(faults) }
    }

    /// Takes one annotation that speaks for itself.
    fn take(&mut self, key: &str, text: String, faults: &mut Vec<AnnotationFault>) {
        match key {
            "id" if is_id(&text) => self.id = text,
            "id" => faults.push(AnnotationFault::BadId(text)),
            "message" => self.message = Some(text),
            "hint" => self.hint = Some(text),
            "pci" => self.pci = Some(text),
            "hold" => match reviewers(&text) {
                Some(_) if self.effect == Effect::Permit => faults.push(AnnotationFault::HoldOnPermit),
                Some(r) => self.hold = Some(r),
                None => faults.push(AnnotationFault::BadHold(text)),
            },
            "ttl" => keep(
                &mut self.ttl,
                within(&text, Duration::from_secs(1)),
                faults,
                AnnotationFault::BadTtl(text),
            ),
            "max_rows" | "max_affected" | "timeout" if self.effect == Effect::Forbid => {
                faults.push(AnnotationFault::BoundOnForbid(key.to_owned()));
            }
            "max_rows" => keep(
                &mut self.bounds.rows,
                text.parse().ok(),
                faults,
                AnnotationFault::BadRows("max_rows", text),
            ),
            "max_affected" => keep(
                &mut self.bounds.affected,
                text.parse().ok(),
                faults,
                AnnotationFault::BadRows("max_affected", text),
            ),
            "timeout" => keep(
                &mut self.bounds.time,
                within(&text, Duration::from_secs(1)),
                faults,
                AnnotationFault::BadTimeout(text),
            ),
            "fresh" => keep(
                &mut self.fresh,
                within(&text, Duration::from_secs(60)),
                faults,
                AnnotationFault::BadFresh(text),
            ),
            other => faults.push(AnnotationFault::Unknown(other.to_owned())),
        }
    }
}

/// Keeps what was parsed; else notes its fault.
fn keep<T>(
    slot: &mut Option<T>,
    parsed: Option<T>,
    faults: &mut Vec<AnnotationFault>,
    fault: AnnotationFault,
) {
    if parsed.is_none() {
        faults.push(fault);
    }
    *slot = parsed;
}

fn is_id(text: &str) -> bool {
    text != crate::verdict::DEFAULT_RULE
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A length of time from `least` to a day.
fn within(text: &str, least: Duration) -> Option<Duration> {
    let time = humantime::parse_duration(text).ok()?;
    (least..=Duration::from_secs(24 * 60 * 60)).contains(&time).then_some(time)
}

fn escalation(text: &str) -> Option<Escalation> {
    let (after, group) = text.split_once(',')?;
    let after = within(after.trim(), Duration::from_secs(1))?;
    let group = group.trim();
    (!group.is_empty()).then(|| Escalation { after, group: group.to_owned() })
}

fn reviewers(text: &str) -> Option<Reviewers> {
    let (count, group) = text.split_once(" of ")?;
    let count: u32 = count.trim().parse().ok()?;
    let group = group.trim();
    (count > 0 && !group.is_empty()).then(|| Reviewers { count, group: group.to_owned(), escalation: None })
}
