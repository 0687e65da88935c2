//! What goes out instead of a text, where the target has classified columns: the judge's verdict on a text together with
//! its substitution, and what the client is told of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use hoop_api::AccessLevel;
use hoop_pgwire::backend::Severity;
use hoop_pgwire::backend::encode::LocalReport;
use hoop_pgwire::frontend::{Bind, encode};
use hoop_pgwire::{Format, SqlState};
use hoop_policy::{Column, Verdict};
use hoop_statement::{Facts, How};

use super::columns::Classes;
use super::conversation::{Conversation, End};
use super::judge::{CACHED_RECORD, CACHED_VERDICTS, Judge};
use super::judged::Judged;
use super::substituting::{Ours, Substituting};
use super::text::TextFacts;
use crate::gate::Reason;

impl Judge {
    /// At level `reveal`: which classified columns policy shows as they are.
    pub(super) fn reveal(&mut self) {
        self.renew();
        let Some(substituting) =
            self.substituting.as_mut().filter(|_| self.facts.level == AccessLevel::Reveal)
        else {
            return;
        };
        let policy = self.policy.load();
        substituting.reveal(policy.version, |schema, relation, name, class| {
            let text = str::to_owned;
            let column = Column {
                schema: text(schema),
                relation: text(relation),
                name: text(name),
                class: text(class),
            };
            let (principal, target) = (&self.session.principal, &self.target);
            let verdict = hoop_policy::judge_reveal(&policy.set, principal, &self.opening, target, &column);
            matches!(verdict, Verdict::Allow(_))
        });
    }

    /// Pending while the catalogue is read anew after what this connection changed; then what is judged rests on it.
    pub(super) fn poll_renewed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(substituting) = &mut self.substituting {
            std::task::ready!(substituting.poll_refreshed(cx));
        }
        self.reveal();
        Poll::Ready(())
    }

    /// What is judged rests on the catalogue in force.
    fn renew(&mut self) {
        let Some(known) = self.substituting.as_mut().and_then(Substituting::news_for_judge) else { return };
        self.target.classified = Arc::clone(&known.classified);
        self.classified.extend(known.relations.keys().cloned());
        self.relations = Arc::clone(&known.relations);
        self.verdicts.clear();
        self.by_text.clear();
    }

    /// Masks by origin, when they are others than before.
    fn new_classes(&mut self) -> Option<Arc<Classes>> {
        let known = self.substituting.as_mut().and_then(Substituting::news_for_masks)?;
        let revealed = self.revealed();
        Some(match revealed.is_empty() {
            true => Arc::clone(&known.classes),
            false => Arc::new(known.classes.revealing(revealed.into_iter())),
        })
    }

    /// Oids of relations and numbers of columns that are shown as they are.
    pub fn revealed(&mut self) -> Vec<(u32, i16)> {
        self.reveal();
        self.substituting.iter().flat_map(Substituting::shown).collect()
    }

    /// The verdict on `text`, and what goes out instead of it, if both are still in force.
    pub(super) fn known(&self, text: &str) -> Option<Arc<Judged>> {
        let now = self.substituting.as_ref()?.version()?;
        let (version, judged) = self.by_text.get(text)?;
        let valid = *version == now && judged.version == self.policy.load().version;
        valid.then(|| Arc::clone(judged))
    }

    /// The verdict on a text, with what goes out instead of it.
    pub(super) fn substituted(&mut self, text: &str, facts: &Arc<TextFacts>) -> Arc<Judged> {
        let judged = self.ruling(facts);
        let Some(substituting) = self.substituting.as_mut() else { return judged };
        let version = substituting.version();
        let judged = Arc::new(judged.with_ours(substituting.of(text)));
        if let Some(version) = version.filter(|_| text.len() <= CACHED_RECORD) {
            if self.by_text.len() >= CACHED_VERDICTS {
                self.by_text.clear();
            }
            self.by_text.insert(text.into(), (version, Arc::clone(&judged)));
        }
        judged
    }

    /// A classified column decides something in it.
    pub(super) fn compares(&self, facts: &TextFacts) -> bool {
        let decides = |s: &Facts| {
            hoop_policy::touched(&self.target.classified, s)
                .values()
                .any(|hows| hows.contains(&How::Predicate))
        };
        facts.statements.iter().any(decides)
    }

    /// Notes what a text that is let through does to the meaning of names.
    pub fn note(&mut self, judged: &Judged) {
        if let Some(substituting) = &mut self.substituting
            && substituting.note(&judged.facts, judged.ours.as_deref())
        {
            self.by_text.clear();
        }
    }

    /// A transaction has ended, or a part of it.
    pub fn transaction_ended(&mut self, well: bool) {
        if let Some(substituting) = &mut self.substituting
            && (if well { substituting.ended() } else { substituting.rolled_back() })
        {
            self.by_text.clear();
        }
    }
}

impl Conversation {
    /// Masks by origin follow the catalogue.
    pub(super) fn renew_classes(&mut self) {
        if let Some(classes) = self.judge.new_classes() {
            self.classes = classes;
            self.described = None;
        }
    }

    /// Notes what a text that is let through does to names, and tells once what masks mean for what it asks.
    pub(super) fn note_masks(&mut self, judged: &Judged) {
        self.judge.note(judged);
        let withheld = judged.ours.as_ref().is_some_and(|ours| ours.done.withheld);
        if (judged.compares || withheld) && self.session.tell_masks() {
            self.notice = masks_notice();
        }
    }
}

/// The message that goes out instead of a Query, where its text is substituted.
pub(super) fn instead_of_query(judged: &Judged) -> Result<Option<Vec<u8>>, End> {
    let Some(text) = judged.sent_instead() else { return Ok(None) };
    let mut out = Vec::with_capacity(text.len() + 8);
    encode::query(&mut out, text).map_err(End::ClientFault)?;
    Ok(Some(out))
}

/// Why a Bind is refused whose parameter would write a masked form into a classified column.
pub(super) fn writes_back(judged: &Judged, message: &Bind<'_>) -> Option<Arc<Reason>> {
    let guarded = judged.ours.as_ref().map(|ours| ours.done.guarded.as_slice()).filter(|g| !g.is_empty())?;
    let mut values = (1_u32..).zip(message.typed_params());
    let image = values.any(|(number, (format, value))| {
        let guard = guarded.iter().find(|(guarded, _)| *guarded == number);
        guard.is_some_and(|(_, null)| match value {
            Some(value) => hoop_statement::is_image_parameter(format == Format::Binary, value),
            None => *null,
        })
    });
    image.then(masked_form)
}

/// A parameter is a masked form, and would be stored.
fn masked_form() -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate: "0A000",
        rules: vec!["substitution.write_back".to_owned()],
        message:
            "refused by `substitution.write_back`: a masked value would be written into a classified column"
                .to_owned(),
        hint: Some("change only the columns that are meant; the stored value stays as it is".to_owned()),
        position: None,
        record: "a masked value would be written back".to_owned(),
        approval: None,
    })
}

/// What masks mean for a statement, told once a connection.
fn masks_notice() -> Option<Vec<u8>> {
    let text = "classified columns are masked here, and what is compared, joined, grouped or ordered by them sees the masks";
    let hint = "verification values, dates, free text and JSON are withheld whole; hoopctl target describe tells what is masked";
    let report = LocalReport::new(Severity::Notice, SqlState::parse(b"00000")?, text.to_owned()).hint(hint);
    let mut out = Vec::with_capacity(320);
    report.encode_notice(&mut out).ok()?;
    Some(out)
}

/// The server's ErrorResponse with its place in the client's own text instead of ours; `None` where its body has no end.
#[must_use]
pub fn with_position(body: &[u8], ours: &Ours) -> Option<Vec<u8>> {
    let mut out = vec![b'E', 0, 0, 0, 0];
    let mut rest = body;
    while let [code, after @ ..] = rest {
        if *code == 0 {
            break;
        }
        let end = after.iter().position(|b| *b == 0)?;
        let (value, next) = after.split_at_checked(end)?;
        out.push(*code);
        let position = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()).filter(|_| *code == b'P');
        match position {
            Some(position) => out.extend_from_slice(ours.position(position).to_string().as_bytes()),
            None => out.extend_from_slice(value),
        }
        out.push(0);
        rest = next.get(1..)?;
    }
    out.push(0);
    let len = u32::try_from(out.len() - 1).ok()?.to_be_bytes();
    out.get_mut(1..5)?.copy_from_slice(&len);
    Some(out)
}
