//! Splitting a script at its semicolons, as psql does. Convenience only: the broker judges each text anew, and a
//! wrong split is at worst a syntax error.

/// The statements of a script, in order, without the semicolons between them; blank ones are left out.
#[must_use]
pub fn statements(script: &str) -> Vec<&str> {
    let bytes = script.as_bytes();
    let mut found = Vec::new();
    let mut scan = Scan::default();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b';' && scan.parens == 0 && scan.blocks == 0 {
            keep(&mut found, &script[start..at], scan.blank);
            scan = Scan::default();
            at += 1;
            start = at;
            continue;
        }
        at = scan.step(script, at);
    }
    keep(&mut found, &script[start..], scan.blank);
    found
}

/// The first words of a statement, upper case, four at most; comments, quotes and signs are passed over.
#[must_use]
pub fn first_words(statement: &str) -> Vec<String> {
    let mut scan = Scan::default();
    let mut at = 0;
    while at < statement.len() && scan.words.len() < 4 {
        at = scan.step(statement, at);
    }
    scan.words
}

fn keep<'a>(found: &mut Vec<&'a str>, text: &'a str, blank: bool) {
    if !blank {
        // Only what the server takes for blank: a no-break space is part of a name there.
        found.push(text.trim_matches(|c| u8::try_from(c).is_ok_and(is_space)));
    }
}

/// What PostgreSQL's scanner takes for blank (`scan.l`, `space`).
fn is_space(b: u8) -> bool {
    b.is_ascii_whitespace() || b == 0x0b
}

/// Where in a statement the scan is.
struct Scan {
    parens: u32,
    /// Open `BEGIN ATOMIC` bodies of SQL functions, and `CASE`s within.
    blocks: u32,
    /// The first words, upper case: only `CREATE … FUNCTION|PROCEDURE` has blocks.
    words: Vec<String>,
    blank: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self { parens: 0, blocks: 0, words: Vec::new(), blank: true }
    }
}

impl Scan {
    /// Passes over one token at `at`; gives where the next one begins, always on a character's border.
    fn step(&mut self, script: &str, at: usize) -> usize {
        let rest = &script.as_bytes()[at..];
        let past = |len: usize| at + len;
        match rest {
            [b'-', b'-', ..] => past(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
            [b'/', b'*', ..] => past(comment(rest)),
            [b, ..] if is_space(*b) => past(1),
            [b'\'', ..] => self.token(past(quoted(rest, b'\'', false))),
            [b'"', ..] => self.token(past(quoted(rest, b'"', false))),
            [b'e' | b'E', b'\'', ..] => self.token(past(1 + quoted(&rest[1..], b'\'', true))),
            [b'$', ..] => self.token(past(dollar_quoted(rest))),
            [b'(', ..] => {
                self.parens += 1;
                self.token(past(1))
            }
            [b')', ..] => {
                self.parens = self.parens.saturating_sub(1);
                self.token(past(1))
            }
            [b, ..] if is_word(*b) => {
                let len = rest.iter().position(|b| !is_word(*b) && *b != b'$').unwrap_or(rest.len());
                self.word(&script[at..at + len]);
                self.token(past(len))
            }
            _ => self.token(past(1)),
        }
    }

    fn token(&mut self, next: usize) -> usize {
        self.blank = false;
        next
    }

    fn word(&mut self, word: &str) {
        let word = word.to_ascii_uppercase();
        if self.words.len() < 4 {
            self.words.push(word.clone());
        }
        let routine = self.words.first().is_some_and(|w| w == "CREATE")
            && self.words.iter().any(|w| w == "FUNCTION" || w == "PROCEDURE");
        if !routine || self.parens > 0 {
            return;
        }
        match word.as_str() {
            "BEGIN" => self.blocks += 1,
            "CASE" if self.blocks > 0 => self.blocks += 1,
            "END" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }
}

/// Letters, digits, underscore, and every byte beyond ASCII, so that a step never ends inside a character.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

/// Length of a nested comment, to the end of the text if it has no end.
fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// Length of a quoted text; a doubled quote is part of it, and with `escapes` a backslash hides what follows.
fn quoted(rest: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' if escapes => at += 2,
            b if b == quote => {
                if rest.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `$tag$ … $tag$`, or 1 for a lone dollar sign such as that of `$1`.
fn dollar_quoted(rest: &[u8]) -> usize {
    let Some(len) = rest[1..].iter().position(|b| !is_word(*b)) else { return 1 };
    if rest[1 + len] != b'$' || rest[1].is_ascii_digit() {
        return 1;
    }
    let tag = &rest[..len + 2];
    let body = &rest[tag.len()..];
    body.windows(tag.len()).position(|w| w == tag).map_or(rest.len(), |end| end + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_count_only_between_statements() {
        let cases: [(&str, &[&str]); 13] = [
            ("\u{b};SELECT 1\u{b};\u{a0}; ", &["SELECT 1", "\u{a0}"]),
            ("SELECT 1; SELECT 2", &["SELECT 1", "SELECT 2"]),
            (";; -- only a comment\n ; /* ; */", &[]),
            ("SELECT ';''; ' ; SELECT \";\"\"\"", &["SELECT ';''; '", "SELECT \";\"\"\""]),
            (r"SELECT E'\';' ; SELECT '\'; SELECT 3", &[r"SELECT E'\';'", r"SELECT '\'", "SELECT 3"]),
            (
                "SELECT $$;$$; SELECT $a$ $$;$$ $b$; $a$; 3",
                &["SELECT $$;$$", "SELECT $a$ $$;$$ $b$; $a$", "3"],
            ),
            ("SELECT $1; SELECT a$b;c$b$", &["SELECT $1", "SELECT a$b", "c$b$"]),
            ("SELECT /* /* ; */ ; */ 1; 2", &["SELECT /* /* ; */ ; */ 1", "2"]),
            (
                "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); 3",
                &["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "3"],
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
                &[
                    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                    "SELECT 3",
                ],
            ),
            ("BEGIN; SELECT 1; END; 2", &["BEGIN", "SELECT 1", "END", "2"]),
            ("SELECT 'é;ü', é; 2 -- ende", &["SELECT 'é;ü', é", "2 -- ende"]),
            ("SELECT 'open; 2", &["SELECT 'open; 2"]),
        ];
        for (script, expected) in cases {
            assert_eq!(statements(script), expected, "{script}");
        }
    }

    #[test]
    fn no_text_breaks_the_scan() {
        for script in
            ["$", "$é", "E'", "E'\\", "'", "/*", "--", "$a$", "é$$;é", "(((;", "\u{fe0f};$\u{fe0f}$;"]
        {
            let joined: String = statements(script).concat();
            assert!(joined.len() <= script.len());
        }
    }
}
