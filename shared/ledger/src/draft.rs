//! The two entries of every statement, written without building an [`Envelope`] and without an allocation: what stays
//! the same on a connection, and what stays the same for a text, is serialised once.
//!
//! The bytes are those that `serde_json` gives for the [`Envelope`]; a test compares them. Everything rarer goes through
//! [`Envelope`] itself.

use serde::Serialize;

use crate::entry::{ENVELOPE_VERSION, Origin, Outcome, Parameter, User};

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock, microseconds since the Unix epoch, UTC.
    pub time_us: i64,
    /// Monotonic microseconds since the broker's boot.
    pub mono_us: u64,
}

/// What every entry about one actor from one place has in common: boot, user and origin.
#[derive(Debug, Clone)]
pub struct Actor {
    /// From the comma after `mono_us` up to the value of `outcome`.
    middle: Box<str>,
}

/// What every entry about one text has in common.
#[derive(Debug, Clone)]
pub struct Statement {
    /// From `affected` up to the statement's id.
    before: Box<str>,
    /// From there up to the parameters.
    after: Box<str>,
}

/// What every outcome on one target has in common.
#[derive(Debug, Clone)]
pub struct Target {
    /// From `affected` up to the statement's id.
    before: Box<str>,
}

/// The words of [`Statement`].
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Target name; it is the first thing affected.
    pub target: &'a str,
    /// Relations and other objects.
    pub affected: &'a [String],
    /// Session id.
    pub session: &'a str,
    /// Connection id.
    pub connection: &'a str,
    /// Text without its constants.
    pub text: &'a str,
    /// Verbs, the worst first.
    pub verbs: &'a [String],
    /// It counts as a write.
    pub write: bool,
    /// Rules that allow it.
    pub rules: &'a [String],
}

/// How a statement ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Rows answered or changed.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// SQLSTATE, `00000` for success, empty when unknown.
    pub sqlstate: &'a str,
    /// Microseconds from admission to the end.
    pub duration_us: u64,
    /// Values masked in the answer, by class.
    pub masked: &'a [(&'a str, u64)],
    /// Values of classified columns shown as they are, by class.
    pub revealed: &'a [(&'a str, u64)],
}

impl Actor {
    /// Serialises what stays the same.
    ///
    /// # Errors
    /// None in practice: strings always serialise.
    pub fn new(boot: &str, user: &User, origin: &Origin) -> serde_json::Result<Self> {
        let middle = format!(
            r#","boot":{},"user":{},"origin":{},"outcome":"#,
            json(boot)?,
            json(user)?,
            json(origin)?
        );
        Ok(Self { middle: middle.into() })
    }

    /// The entry of an admitted statement: [`Event::Statement`](crate::entry::Event::Statement), outcome pending.
    /// Appended to `out`.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub fn statement(
        &self,
        out: &mut Vec<u8>,
        at: Moment,
        statement: &Statement,
        id: &str,
        parameters: &[Parameter],
    ) -> std::io::Result<()> {
        self.head(out, at, Outcome::Pending);
        out.extend_from_slice(statement.before.as_bytes());
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(statement.after.as_bytes());
        if !parameters.is_empty() {
            out.extend_from_slice(br#","parameters":"#);
            serde_json::to_writer(&mut *out, parameters)?;
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }

    /// The entry of an outcome: [`Event::StatementEnd`](crate::entry::Event::StatementEnd). Appended to `out`.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub fn statement_end(
        &self,
        out: &mut Vec<u8>,
        at: Moment,
        outcome: Outcome,
        target: &Target,
        id: &str,
        end: End<'_>,
    ) -> std::io::Result<()> {
        self.head(out, at, outcome);
        out.extend_from_slice(target.before.as_bytes());
        out.extend_from_slice(id.as_bytes());
        number(out, br#"","rows":"#, end.rows);
        number(out, br#","bytes":"#, end.bytes);
        out.extend_from_slice(br#","sqlstate":""#);
        // A target chooses these bytes; what is no SQLSTATE must not become JSON of its own.
        if end.sqlstate.bytes().all(|b| b.is_ascii_alphanumeric()) {
            out.extend_from_slice(end.sqlstate.as_bytes());
        }
        number(out, br#"","duration_us":"#, end.duration_us);
        if !end.masked.is_empty() {
            out.extend_from_slice(br#","masked":"#);
            serde_json::to_writer(&mut *out, end.masked)?;
        }
        if !end.revealed.is_empty() {
            out.extend_from_slice(br#","revealed":"#);
            serde_json::to_writer(&mut *out, end.revealed)?;
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }

    fn head(&self, out: &mut Vec<u8>, at: Moment, outcome: Outcome) {
        number(out, br#"{"v":"#, ENVELOPE_VERSION);
        number(out, br#","time_us":"#, at.time_us);
        number(out, br#","mono_us":"#, at.mono_us);
        out.extend_from_slice(self.middle.as_bytes());
        out.extend_from_slice(match outcome {
            Outcome::Success => br#""success""#,
            Outcome::Failure => br#""failure""#,
            Outcome::Pending => br#""pending""#,
            Outcome::Unknown => br#""unknown""#,
        });
    }
}

impl Statement {
    /// Serialises what stays the same.
    ///
    /// # Errors
    /// None in practice: strings always serialise.
    pub fn new(words: Words<'_>) -> serde_json::Result<Self> {
        let affected: Vec<&str> =
            [words.target].into_iter().chain(words.affected.iter().map(String::as_str)).collect();
        let before =
            format!(r#","affected":{},"event":{{"type":"statement","statement":""#, json(&affected)?);
        let after = format!(
            r#"","session":{},"connection":{},"text":{},"verbs":{},"write":{},"rules":{}"#,
            json(words.session)?,
            json(words.connection)?,
            json(words.text)?,
            json(words.verbs)?,
            words.write,
            json(words.rules)?
        );
        Ok(Self { before: before.into(), after: after.into() })
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.before.len() + self.after.len()
    }
}

impl Target {
    /// Serialises what stays the same.
    ///
    /// # Errors
    /// None in practice: strings always serialise.
    pub fn new(name: &str) -> serde_json::Result<Self> {
        let before =
            format!(r#","affected":{},"event":{{"type":"statement_end","statement":""#, json(&[name])?);
        Ok(Self { before: before.into() })
    }
}

/// Appends `before` and a number: half of what an entry costs, by `fmt`.
fn number(out: &mut Vec<u8>, before: &[u8], n: impl itoa::Integer) {
    out.extend_from_slice(before);
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

fn json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Envelope, Event};

    const NASTY: &str = "a\"b\\c\n\u{0}\u{1f}é\u{202e}</script>";

    fn actor(person_id: Option<&str>, bearer: bool) -> (Actor, Envelope) {
        let user = User { id: NASTY.into(), kind: "user".into(), person_id: person_id.map(str::to_owned) };
        let origin = Origin { address: "192.0.2.1:1".into(), via: "tunnel".into(), bearer };
        let actor = Actor::new(NASTY, &user, &origin).unwrap();
        let event = Event::BrokerStop { reason: String::new() };
        let envelope = Envelope {
            v: ENVELOPE_VERSION,
            time_us: -7,
            mono_us: u64::MAX,
            boot: NASTY.into(),
            user,
            origin,
            outcome: Outcome::Pending,
            affected: vec![],
            event,
        };
        (actor, envelope)
    }

    const AT: Moment = Moment { time_us: -7, mono_us: u64::MAX };

    #[test]
    fn a_statement_is_what_serde_makes_of_its_envelope() {
        for (person, bearer, count) in [(None, false, 0), (Some(NASTY), true, 3)] {
            let (actor, mut envelope) = actor(person, bearer);
            let list = [NASTY.to_owned(), "b".to_owned()];
            let parameters: Vec<_> =
                (0..count).map(|n| Parameter { oid: 0, binary: n == 1, len: n - 1 }).collect();
            let words = Words {
                target: NASTY,
                affected: &list,
                session: "ses_1",
                connection: "con_1",
                text: NASTY,
                verbs: &list,
                write: bearer,
                rules: &list,
            };
            let mut out = Vec::new();
            actor.statement(&mut out, AT, &Statement::new(words).unwrap(), "stm_1", &parameters).unwrap();
            envelope.affected = [NASTY.to_owned()].into_iter().chain(list.clone()).collect();
            envelope.event = Event::Statement {
                statement: "stm_1".into(),
                session: "ses_1".into(),
                connection: "con_1".into(),
                text: NASTY.into(),
                verbs: list.to_vec(),
                write: bearer,
                rules: list.to_vec(),
                parameters,
            };
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&envelope).unwrap());
        }
    }

    #[test]
    fn an_outcome_is_what_serde_makes_of_its_envelope() {
        let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Pending, Outcome::Unknown];
        for (outcome, masked) in outcomes.into_iter().zip([&[][..], &[("pan", 2), ("cvv", 1)]].repeat(2)) {
            let (actor, mut envelope) = actor(None, true);
            let end =
                End { rows: 1, bytes: u64::MAX, sqlstate: "42P01", duration_us: 0, masked, revealed: masked };
            let mut out = Vec::new();
            actor.statement_end(&mut out, AT, outcome, &Target::new(NASTY).unwrap(), "stm_1", end).unwrap();
            envelope.outcome = outcome;
            envelope.affected = vec![NASTY.into()];
            envelope.event = Event::StatementEnd {
                statement: "stm_1".into(),
                rows: 1,
                bytes: u64::MAX,
                sqlstate: "42P01".into(),
                duration_us: 0,
                masked: masked.iter().map(|(class, n)| ((*class).to_owned(), *n)).collect(),
                revealed: masked.iter().map(|(class, n)| ((*class).to_owned(), *n)).collect(),
            };
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&envelope).unwrap());
        }
    }

    #[test]
    fn a_target_cannot_write_into_an_entry_by_its_sqlstate() {
        let (actor, _) = actor(None, false);
        let end = End { rows: 0, bytes: 0, sqlstate: "1\",\"2", duration_us: 0, masked: &[], revealed: &[] };
        let mut out = Vec::new();
        let target = Target::new("t").unwrap();
        actor.statement_end(&mut out, AT, Outcome::Failure, &target, "stm_1", end).unwrap();
        assert!(String::from_utf8(out).unwrap().contains(r#""sqlstate":"","#));
    }
}
