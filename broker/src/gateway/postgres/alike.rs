//! Texts that are alike: the same tokens, but for the values of whole numbers. Clients of the simple protocol write
//! numbers into their texts; parsing each of them anew would cost more than everything else that a statement costs.
//!
//! PostgreSQL's grammar reads every unsigned whole number of up to nine digits as one token, ICONST, and its actions look
//! at the value in a few places only (precisions, positions), where a wrong one is an error and nothing else. So two
//! texts with the same form parse to the same tree but for those values. That judging looks at none of them is asked of
//! the facts, by [`numbers_do_not_matter`].

use hoop_statement::{Facts, Verb};

/// Longest text whose form is looked for, bytes.
const LONGEST: usize = 4 << 10;
/// Longest number that is surely an ICONST: ten digits may be beyond 32 bits, and are another token then.
const DIGITS: usize = 9;
/// Statements in which a number is a value and nothing else.
const PLAIN: &[Verb] = &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete];

/// Writes the form of `text` into `form`: each whole number becomes `0`. False when the text has anything in it that
/// would need a lexer to be told from a number: quotes, dollars, backslashes, comments, other than ASCII.
pub(super) fn form(text: &str, form: &mut Vec<u8>) -> bool {
    form.clear();
    if text.len() > LONGEST {
        return false;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        match byte {
            b'\'' | b'"' | b'$' | b'\\' | 0x80.. => return false,
            b'-' if next == Some(b'-') => return false,
            b'/' if next == Some(b'*') => return false,
            b'0'..=b'9' => {
                let digits = bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
                let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied();
                let after = bytes.get(at + digits).copied();
                let run = bytes.get(at..at + digits).unwrap_or_default();
                if digits <= DIGITS && !joins(before) && !joins(after) {
                    form.push(b'0');
                } else {
                    form.extend_from_slice(run);
                }
                at += digits;
                continue;
            }
            _ => form.push(byte),
        }
        at += 1;
    }
    true
}

/// True for what makes a longer token of a number that it touches.
const fn joins(byte: Option<u8>) -> bool {
    matches!(byte, Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.'))
}

/// True when nothing that is known of these statements can depend on the value of a number in them.
pub(super) fn numbers_do_not_matter(statements: &[Facts]) -> bool {
    statements.iter().all(|f| {
        f.verbs.iter().all(|v| PLAIN.contains(&v))
            && f.settings.is_empty()
            && f.changes.is_empty()
            && f.languages.is_empty()
            && f.transaction.is_none()
            && f.copy.is_none()
            && f.prepared.is_none()
            && f.opaque.is_empty()
            && !f.functions.iter().any(hoop_statement::Function::is_set_config)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let mut out = Vec::new();
        form(text, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn whole_numbers_are_one_form() {
        let one = of("SELECT a1 FROM t WHERE id = 4711 AND b IN (1,22,-333) LIMIT 5;");
        assert_eq!(one.as_deref(), Some("SELECT a1 FROM t WHERE id = 0 AND b IN (0,0,-0) LIMIT 0;"));
        assert_eq!(of("42").as_deref(), Some("0"));
    }

    #[test]
    fn what_is_another_token_stays() {
        for text in [
            "1.5",
            "1e5",
            ".5",
            "1.",
            "0x1f",
            "1_000",
            "t1",
            "1a",
            "1234567890",
            "4111111111111111",
            "a.1",
            "1..2",
        ] {
            assert_eq!(of(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_needs_a_lexer_has_no_form() {
        for text in ["'1'", "\"1\"", "$1", "$$1$$", "1 -- 1", "1 /* 1 */", "E'\\1'", "1 é", "\\1"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert!(of(&"1 ".repeat(LONGEST)).is_none());
    }

    #[test]
    fn texts_of_one_form_have_the_same_facts() {
        let limits = hoop_statement::TextLimits::default();
        let facts = |text: &str| {
            let mut analysis = hoop_statement::analyse(text, &limits).unwrap();
            analysis.statements.iter_mut().for_each(|f| f.span = 0..0);
            analysis
        };
        for text in [
            "SELECT a FROM t WHERE id = # ORDER BY #, a LIMIT # OFFSET #",
            "SELECT sum(b) + # FROM t, u WHERE t.id = # GROUP BY # HAVING count(*) > #",
            "UPDATE t SET a = a + # WHERE id = #",
            "DELETE FROM t WHERE id BETWEEN # AND #",
            "INSERT INTO t VALUES (#, #, -#), (#, #, #)",
            "SELECT CAST(# AS numeric(#, #)), a[#], b[#:#] FROM t FETCH FIRST # ROWS ONLY",
            "SELECT #; SELECT # FROM t FOR UPDATE",
        ] {
            let (small, large) = (text.replace('#', "7"), text.replace('#', "999999999"));
            assert_eq!(of(&small), of(&large));
            assert_eq!(facts(&small), facts(&large), "{text}");
        }
    }

    #[test]
    fn only_plain_statements_may_be_alike() {
        let limits = hoop_statement::TextLimits::default();
        let plain =
            |text: &str| numbers_do_not_matter(&hoop_statement::analyse(text, &limits).unwrap().statements);
        assert!(plain("SELECT a FROM t WHERE id = 1") && plain("INSERT INTO t VALUES (1)"));
        for text in [
            "SET statement_timeout = 1",
            "SELECT set_config(a, b, false) FROM t WHERE id = 1",
            "PREPARE p AS SELECT 1",
            "EXECUTE p(1)",
            "COPY t TO STDOUT",
            "BEGIN",
            "CREATE TABLE t (a numeric(1))",
            "DO LANGUAGE plpgsql 'begin end'",
            "SELECT 1; SET statement_timeout = 1",
        ] {
            assert!(!plain(text), "{text}");
        }
    }
}
