//! Substitution on one connection: what names mean here now, and what is sent instead of each text.
//!
//! INVARIANT: on a target with classified columns nothing goes out that was not substituted in the situation of this
//! connection, or left as it is by substitution. The path and the temporary relations that are kept here decide which
//! relation a bare name means to us, and that one is written out: should they be wrong, the statement means another
//! relation than its author thought, or none, but never one that is unmasked.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hoop_statement::{Act, Catalogue, Exposure, Facts, Kind, SettingAct, Situation, Substituted, substitute};

use super::catalogue::{Known, Refreshing, Watched};
use super::text::TextFacts;
use crate::gate::Reason;

/// Substitutions kept by a connection, and the longest text of one.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 16 << 10;

/// A text and what is sent instead.
#[derive(Debug)]
pub struct Ours {
    /// As the client sent it.
    pub text: Box<str>,
    /// What goes to the target.
    pub done: Substituted,
    /// The catalogue that it was made by.
    version: u64,
    /// The path that it was made by: a prepared statement keeps what its names meant.
    path: Arc<[Box<str>]>,
}

impl Ours {
    /// What goes to the target instead of the client's text.
    #[must_use]
    pub fn sent(&self) -> Option<&str> {
        self.done.text.as_deref()
    }

    /// The place of an error in the client's own text, both counted in characters from one, as the protocol does.
    #[must_use]
    pub fn position(&self, sent: u32) -> u32 {
        let Some(ours) = self.sent() else { return sent };
        let count = |text: &str, bytes: u32| {
            let before = text.char_indices().take_while(|(at, _)| *at < bytes as usize).count();
            u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
        };
        let bytes = ours.char_indices().nth(sent.saturating_sub(1) as usize).map_or(ours.len(), |(at, _)| at);
        count(&self.text, self.done.origin(u32::try_from(bytes).unwrap_or(u32::MAX)))
    }
}

/// The situation of one connection.
#[derive(Debug)]
pub struct Substituting {
    known: Watched,
    may_assign: bool,
    /// Schemas of the search path, as the connection began and as they are now.
    initial: Arc<[Box<str>]>,
    path: Arc<[Box<str>]>,
    /// The path to which the end of the transaction goes back: always after SET LOCAL, else when it is rolled back.
    before: Option<(Arc<[Box<str>]>, bool)>,
    temporary: HashSet<Box<str>>,
    /// Temporary relations that this transaction made.
    fresh: Vec<Box<str>>,
    kept: HashMap<Box<str>, Result<Arc<Ours>, Arc<Reason>>>,
    kept_version: u64,
    /// Names mean other things than before.
    moved: bool,
    /// Versions of which the judge and the masks by origin were told.
    told: [u64; 2],
    /// This transaction made or dropped relations.
    defined: bool,
    /// The catalogue is read anew after a transaction that did; nothing is let through before.
    refreshing: Option<Refreshing>,
    /// It could not be.
    lost: bool,
    /// At level `reveal`: the catalogue with what is shown in it, and what that rests on: catalogue and policy.
    revealed: Option<(u64, u64, Arc<Catalogue>)>,
}

impl Substituting {
    /// A connection that begins with this path.
    #[must_use]
    pub fn new(known: Watched, path: &[Box<str>], may_assign: bool) -> Self {
        let path: Arc<[Box<str>]> = path.into();
        Self {
            known,
            may_assign,
            initial: Arc::clone(&path),
            path,
            before: None,
            temporary: HashSet::new(),
            fresh: Vec::new(),
            kept: HashMap::new(),
            kept_version: 0,
            moved: false,
            told: [0; 2],
            defined: false,
            refreshing: None,
            lost: false,
            revealed: None,
        }
    }

    /// Asks, where it was not asked under this catalogue and `policy`, which classified columns are shown as they are:
    /// schema, relation, column and class.
    pub fn reveal(&mut self, policy: u64, shows: impl Fn(&str, &str, &str, &str) -> bool) {
        let Some(known) = self.known.in_force() else { return };
        if self
            .revealed
            .as_ref()
            .is_some_and(|(catalogue, of, _)| (*catalogue, *of) == (known.version, policy))
        {
            return;
        }
        let mut catalogue = Catalogue::clone(&known.catalogue);
        for ((schema, relation), entry) in &mut catalogue.relations {
            let Exposure::Masked(masked) = &mut entry.exposure else { continue };
            for column in &mut Arc::make_mut(masked).columns {
                let class = column.class.as_deref();
                column.revealed = class.is_some_and(|class| shows(schema, relation, &column.name, class));
            }
        }
        self.revealed = Some((known.version, policy, Arc::new(catalogue)));
        self.kept.clear();
    }

    /// Oids of relations and numbers of columns that are shown as they are.
    pub fn shown(&self) -> impl Iterator<Item = (u32, i16)> {
        let relations = self.revealed.iter().flat_map(|(_, _, catalogue)| catalogue.relations.values());
        relations.flat_map(|entry| {
            let columns = match &entry.exposure {
                Exposure::Masked(masked) => masked.columns.as_slice(),
                Exposure::Plain | Exposure::Opaque(_) | Exposure::Shown(_) => &[],
            };
            columns.iter().filter(|c| c.revealed).map(|c| (entry.oid, c.attnum))
        })
    }

    /// What is sent instead of `text`.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn of(&mut self, text: &str) -> Result<Arc<Ours>, Arc<Reason>> {
        let known = self.known.in_force().filter(|_| !self.lost).ok_or_else(unconfirmed)?;
        if known.version != self.kept_version {
            self.kept.clear();
            self.kept_version = known.version;
        }
        if let Some(kept) = self.kept.get(text) {
            return kept.clone();
        }
        let made = self.made(&known, text, &self.path);
        if text.len() <= KEPT_BYTES {
            if self.kept.len() >= KEPT {
                self.kept.clear();
            }
            self.kept.insert(text.into(), made.clone());
        }
        made
    }

    /// The version of the catalogue that is in force, which what is kept of a verdict rests on; none while it is not
    /// confirmed.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.known.in_force().filter(|_| !self.lost).map(|known| known.version)
    }

    /// The catalogue, when it is another one than the last time that the judge asked.
    pub fn news_for_judge(&mut self) -> Option<Arc<Known>> {
        self.news(0)
    }

    /// The catalogue, when it is another one than the last time that the masks by origin were made.
    pub fn news_for_masks(&mut self) -> Option<Arc<Known>> {
        self.news(1)
    }

    fn news(&mut self, whose: usize) -> Option<Arc<Known>> {
        let known = self.known.in_force()?;
        let told = self.told.get_mut(whose)?;
        (std::mem::replace(told, known.version) != known.version).then_some(known)
    }

    /// Whether what was sent for a prepared statement is still what would be sent.
    ///
    /// # Errors
    /// Why it may not run any more.
    pub fn again(&self, ours: &Arc<Ours>) -> Result<Arc<Ours>, Arc<Reason>> {
        let known = self.known.in_force().ok_or_else(unconfirmed)?;
        if known.version == ours.version {
            return Ok(Arc::clone(ours));
        }
        let again = self.made(&known, &ours.text, &ours.path)?;
        if again.done.text == ours.done.text { Ok(again) } else { Err(changed()) }
    }

    fn made(&self, known: &Known, text: &str, path: &Arc<[Box<str>]>) -> Result<Arc<Ours>, Arc<Reason>> {
        // What is shown was asked of one version of the catalogue; in another everything is masked.
        let revealed = self.revealed.as_ref().filter(|(version, _, _)| *version == known.version);
        let situation = Situation {
            catalogue: revealed.map_or(&known.catalogue, |(_, _, catalogue)| catalogue),
            path,
            temporary: &self.temporary,
            may_assign: self.may_assign,
        };
        match substitute(text, &situation) {
            Ok(done) => {
                Ok(Arc::new(Ours { text: text.into(), done, version: known.version, path: Arc::clone(path) }))
            }
            Err(fault) => Err(Arc::new(Reason {
                sqlstate: fault.sqlstate,
                rules: vec![fault.rule.to_owned()],
                // A denial names its rule by itself.
                message: match fault.sqlstate {
                    "42501" => fault.message,
                    _ => format!("refused by `{}`: {}", fault.rule, fault.message),
                },
                hint: Some(fault.hint.to_owned()),
                position: None,
                record: "cannot be sent with masks in it".to_owned(),
                approval: None,
            })),
        }
    }

    /// Notes what a text that is let through does to the meaning of names; true when it does something.
    pub fn note(&mut self, facts: &TextFacts, ours: Option<&Ours>) -> bool {
        for statement in &facts.statements {
            self.note_settings(statement);
            if statement.changes.iter().any(|c| c.act == Act::Drop && c.kind == Kind::Table) {
                let dropped = statement.relations.iter().map(|r| r.name.as_str());
                let dropped: HashSet<&str> = dropped.collect();
                self.forget(|name| dropped.contains(name));
            }
            if statement.verbs.contains(hoop_statement::Verb::Discard) {
                self.forget(|_| true);
            }
        }
        if let Some(ours) = ours {
            self.defined |= ours.done.defines;
            for name in &ours.done.makes_temporary {
                if self.temporary.insert(name.clone()) {
                    self.fresh.push(name.clone());
                    self.moved = true;
                }
            }
        }
        self.settle()
    }

    /// Forgets what rested on other meanings; true if there were others.
    fn settle(&mut self) -> bool {
        let moved = std::mem::take(&mut self.moved);
        if moved {
            self.kept.clear();
        }
        moved
    }

    fn note_settings(&mut self, statement: &Facts) {
        for setting in &statement.settings {
            match (setting.name.as_str(), &setting.act) {
                ("search_path", SettingAct::To(value)) => self.go(schemas(value.raw()).into(), setting.local),
                // SET ROLE moves "$user", which is looked up by the name that the connection began with.
                ("search_path" | "all", SettingAct::Reset) => {
                    self.go(Arc::clone(&self.initial), setting.local);
                }
                _ => {}
            }
        }
    }

    fn go(&mut self, path: Arc<[Box<str>]>, local: bool) {
        let before = std::mem::replace(&mut self.path, path);
        let always = self.before.as_ref().map_or(local, |(_, always)| *always && local);
        let before = self.before.take().map_or(before, |(first, _)| first);
        self.before = Some((before, always));
        self.moved = true;
    }

    fn forget(&mut self, which: impl Fn(&str) -> bool) {
        let many = self.temporary.len();
        self.temporary.retain(|name| !which(name));
        self.moved |= self.temporary.len() != many;
    }

    /// A transaction, or part of it, was rolled back; true when names mean something else now.
    pub fn rolled_back(&mut self) -> bool {
        if let Some((before, _)) = self.before.take() {
            self.path = before;
            self.moved = true;
        }
        let fresh: HashSet<Box<str>> = self.fresh.drain(..).collect();
        self.forget(|name| fresh.contains(name));
        self.settle()
    }

    /// A transaction has ended well, or there was none; true when names mean something else now.
    pub fn ended(&mut self) -> bool {
        if let Some((before, true)) = self.before.take() {
            self.path = before;
            self.moved = true;
        }
        self.fresh.clear();
        if std::mem::take(&mut self.defined) {
            self.refreshing = Some(self.known.refresh());
        }
        self.settle()
    }

    /// Pending while the catalogue is read anew, after this connection changed it.
    pub fn poll_refreshed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(refreshing) = &mut self.refreshing else { return Poll::Ready(()) };
        let read = std::task::ready!(Pin::new(refreshing).poll(cx));
        self.lost = read.is_err();
        // Without it this connection knows less than it did itself: it is tried again until it is read.
        self.refreshing = self.lost.then(|| self.known.refresh());
        Poll::Ready(())
    }
}

/// The catalogue was not confirmed for too long: what a name means now is not known.
fn unconfirmed() -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate: "57P03",
        rules: vec!["gateway.catalogue".to_owned()],
        message: "the target's catalogue cannot be read, so what would be shown is not known".to_owned(),
        hint: Some("send the statement again when it can; the broker's log has the reason".to_owned()),
        position: None,
        record: "the catalogue is not confirmed".to_owned(),
        approval: None,
    })
}

/// The relations changed: drivers prepare again when they are told so in these words, which are PostgreSQL's.
fn changed() -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate: "0A000",
        rules: vec!["substitution.changed".to_owned()],
        message: "cached plan must not change result type".to_owned(),
        hint: Some("what it names changed on the target since it was prepared; prepare it again".to_owned()),
        position: None,
        record: "the relations changed since it was prepared".to_owned(),
        approval: None,
    })
}

/// Names in a list of schemas (PostgreSQL manual, 5.10.3), folded as PostgreSQL folds them. `"$user"` stands for no
/// schema here: a relation in it is not known by a bare name, and then the name is judged as one that could be anywhere.
fn schemas(list: &str) -> Vec<Box<str>> {
    let unquoted = |name: &str| match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    };
    list.split(',')
        .map(|name| unquoted(name.trim()))
        .filter(|n| !n.is_empty() && n != "$user")
        .map(Into::into)
        .collect()
}
