//! What a connection did before that can change what a later text means: settings such as `search_path`, definitions,
//! functions that may do either. A retry approval is bound to it, so that the statement that was shown cannot mean
//! another one on the connection that uses it.

use hoop_api::Untrusted;
use hoop_statement::{Class, Facts, SettingAct, Verb};
use sha2::{Digest as _, Sha256};

use crate::approval::{Bound, masked};

/// Settings that change neither what names mean nor what values do.
const HARMLESS: [&str; 10] = [
    "application_name",
    "client_min_messages",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "jit",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "work_mem",
];
/// Verbs whose effect on later statements their text does not tell.
const UNSEEN: [Verb; 4] = [Verb::Call, Verb::Do, Verb::Discard, Verb::TwoPhase];
/// Settings of a connection that are told to reviewers; who makes more is told so.
const TOLD: usize = 16;

/// What a text can do to the meaning of later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Settings go back to what the connection began with: nothing where none was changed, whether it succeeds or not.
    Reset,
    /// The same beside other statements, which can keep it from happening.
    ResetAmong,
    /// One setting, to a constant: the same each time.
    Setting,
    /// Something that the text alone does not tell.
    Unknown,
}

/// The effect of a text's statements. EXECUTE is judged by what it runs.
#[must_use]
pub fn effect(statements: &[Facts]) -> Effect {
    let whole = statements.iter().map(one).max().unwrap_or(Effect::Nothing);
    match whole {
        Effect::Reset if statements.len() > 1 => Effect::ResetAmong,
        // Of several statements a later one can undo what an earlier one set.
        Effect::Setting if statements.len() > 1 => Effect::Unknown,
        whole => whole,
    }
}

fn one(facts: &Facts) -> Effect {
    // SELECT INTO makes a table, which may be a temporary one that stands before others of its name.
    let makes = |v: Verb| v.class() >= Class::Ddl || UNSEEN.contains(&v);
    let unseen = !facts.changes.is_empty()
        || !facts.opaque.is_empty()
        || facts.verbs.iter().any(makes)
        || facts.functions.iter().any(|f| !f.listed && !f.is_set_config());
    if unseen {
        return Effect::Unknown;
    }
    let settings: Vec<_> = facts.settings.iter().filter(|s| !HARMLESS.contains(&s.name.as_str())).collect();
    if settings.is_empty() {
        return Effect::Nothing;
    }
    let at_once = facts.prepared.is_none()
        && facts.verbs.iter().all(|v| matches!(v, Verb::Set | Verb::Reset | Verb::Select))
        // Whether these succeed is decided by rights that may change.
        && settings.iter().all(|s| !["role", "session_authorization"].contains(&s.name.as_str()));
    if !at_once {
        Effect::Unknown
    } else if settings.iter().all(|s| s.act == SettingAct::Reset) {
        Effect::Reset
    } else {
        Effect::Setting
    }
}

/// The past of one connection.
#[derive(Debug)]
pub struct Past {
    digest: [u8; 32],
    told: Vec<Untrusted>,
    /// It did something whose effect is not known.
    disturbed: bool,
    /// It changed settings.
    changed: bool,
}

impl Past {
    /// A connection to `database` that was opened with these settings.
    #[must_use]
    pub fn new(database: &str, settings: &[(String, String)]) -> Self {
        let mut past = Self { digest: [0; 32], told: Vec::new(), disturbed: false, changed: false };
        past.chain(database);
        for (name, value) in settings.iter().filter(|(name, _)| !HARMLESS.contains(&name.as_str())) {
            past.chain(name);
            past.chain(value);
            past.tell(&format!("{name} = {value}"));
        }
        past
    }

    fn chain(&mut self, text: &str) {
        let next = Sha256::new().chain_update(self.digest).chain_update(text.as_bytes());
        self.digest = next.finalize().into();
    }

    fn tell(&mut self, text: &str) {
        if self.told.len() < TOLD {
            self.told.push(Untrusted::new(masked(text)));
        }
    }

    /// Notes a text that is let through. `alone`: nothing is unanswered and no transaction is open, so that what it
    /// sets stays set or fails by itself.
    pub fn note(&mut self, effect: Effect, text: Option<&str>, alone: bool) {
        match (effect, text) {
            (Effect::Nothing, _) => {}
            // What pools do with each connection that comes back (asyncpg: several statements, RESET ALL the last).
            (Effect::Reset | Effect::ResetAmong, _) if self.is_untouched() => {}
            (Effect::Setting | Effect::Reset, Some(text)) if alone && text.len() <= 4096 => {
                self.chain(text);
                self.tell(text);
                self.changed = true;
            }
            (Effect::Setting | Effect::Reset | Effect::ResetAmong | Effect::Unknown, _) => {
                self.disturbed = true;
            }
        }
    }

    /// False when nobody can say any more what a text means here as compared with another connection.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !self.disturbed
    }

    /// True when a new connection with the same start-up settings would read every text as this one does.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        !self.disturbed && !self.changed
    }

    /// Binds an approval to it.
    pub fn bind(&self, bound: &mut Bound) {
        bound.part(&self.digest);
        bound.part(&[u8::from(self.disturbed)]);
    }

    /// For reviewers.
    #[must_use]
    pub fn told(&self) -> Vec<Untrusted> {
        let mut told = self.told.clone();
        if told.len() == TOLD {
            told.push("and more settings".into());
        }
        if self.disturbed {
            told.push(
                "other statements that can change what names mean (definitions, functions, settings)".into(),
            );
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What asyncpg's pool sends for each connection that comes back.
    const ASYNCPG: &str = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";

    fn of(text: &str) -> Effect {
        effect(&hoop_statement::analyse(text, &hoop_statement::TextLimits::default()).unwrap().statements)
    }

    #[test]
    fn what_changes_the_meaning_of_later_texts_is_known() {
        for text in [
            "select 1",
            "select lower(a) from t",
            "begin",
            "update t set a = 1 where b = 2",
            "set application_name = 'x'",
            "set extra_float_digits = 3",
            "select set_config('application_name', 'x', false)",
            "execute p",
        ] {
            assert_eq!(of(text), Effect::Nothing, "{text}");
        }
        for text in ["set search_path = b", "select set_config('search_path', 'b', false)"] {
            assert_eq!(of(text), Effect::Setting, "{text}");
        }
        for text in ["reset search_path", "set search_path to default", "set time zone local", "reset all"] {
            assert_eq!(of(text), Effect::Reset, "{text}");
        }
        assert_eq!(of(ASYNCPG), Effect::ResetAmong);
        for text in [
            "set search_path = b; reset search_path",
            "select set_config('search_path', a, false) from t",
            "prepare p as select set_config('search_path', 'b', false)",
            "declare c cursor for select set_config('search_path', 'b', false)",
            "create temp view t as select * from u",
            "select * into temp t from u",
            "create temp table t as select * from u",
            "set role app",
            "reset role",
            "reset session authorization",
            "reset all; set search_path = b",
            "select my_function(); reset all",
            "set session authorization app",
            "alter table t add column a int",
            "drop table t",
            "select my_function()",
            "call p()",
            "do 'x'",
            "discard all",
        ] {
            assert_eq!(of(text), Effect::Unknown, "{text}");
        }
    }

    fn digest(past: &Past) -> ([u8; 32], bool) {
        (past.digest, past.disturbed)
    }

    #[test]
    fn the_same_past_is_the_same_and_another_is_another() {
        let path = |value: &str| vec![("search_path".to_owned(), value.to_owned())];
        let one = Past::new("db", &path("a"));
        assert_eq!(digest(&one), digest(&Past::new("db", &path("a"))));
        assert_ne!(digest(&one), digest(&Past::new("db", &path("b"))));
        assert_ne!(digest(&one), digest(&Past::new("other", &path("a"))));
        let mut set = Past::new("db", &path("a"));
        set.note(Effect::Setting, Some("set search_path = b"), true);
        assert_ne!(digest(&one), digest(&set));
        assert!(set.is_known() && set.told().len() == 2);
        let mut open = Past::new("db", &path("a"));
        open.note(Effect::Setting, Some("set search_path = b"), false);
        assert!(!open.is_known(), "in a transaction it may be undone");
    }

    #[test]
    fn a_reset_is_nothing_where_nothing_was_changed_and_never_undoes_what_was() {
        let new = Past::new("db", &[]);
        for text in [ASYNCPG, "reset all", "reset search_path"] {
            let note = |past: &mut Past| past.note(of(text), Some(text), true);
            let mut untouched = Past::new("db", &[]);
            note(&mut untouched);
            assert!(untouched.is_untouched() && digest(&untouched) == digest(&new), "{text}");
            let mut set = Past::new("db", &[]);
            set.note(Effect::Setting, Some("set search_path = b"), true);
            note(&mut set);
            assert!(!set.is_untouched() && digest(&set) != digest(&new), "{text}: it may have failed");
            // Several statements may stop before the last one.
            assert_eq!(set.is_known(), text != ASYNCPG, "{text}");
            let mut disturbed = Past::new("db", &[]);
            disturbed.note(Effect::Unknown, None, true);
            note(&mut disturbed);
            assert!(!disturbed.is_known(), "{text}");
        }
    }
}
