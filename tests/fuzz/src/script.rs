//! hoopctl's splitter of scripts, and its reading of what a local client opens with.

#[allow(dead_code, reason = "hoopctl uses the rest")]
#[path = "../../../cli/src/tunnel/startup.rs"]
mod opening;
#[path = "../../../cli/src/sql/split.rs"]
mod split;

pub use opening::{Opening, packet_len};

/// Any text as a script: its statements are pieces of it, in order, and between them lies nothing that runs.
pub fn script(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut rest = text;
    for statement in split::statements(text) {
        assert!(
            !statement.is_empty() && !statement.starts_with(' ') && !statement.ends_with(' '),
            "{statement:?}"
        );
        let words = split::first_words(statement);
        assert!(words.len() <= 4 && words.iter().all(|w| !w.is_empty()), "{words:?}");
        // The pieces point into the text.
        let at = statement.as_ptr().addr() - rest.as_ptr().addr();
        assert!(at + statement.len() <= rest.len(), "{statement:?} is not behind the one before");
        assert!(runs_nothing(&rest[..at]), "{:?} is lost", &rest[..at]);
        rest = &rest[at + statement.len()..];
    }
    assert!(runs_nothing(rest), "{rest:?} is lost");
}

/// Blanks, semicolons and comments. Nested comments are not looked into.
fn runs_nothing(text: &str) -> bool {
    if text.contains("/*") {
        return true;
    }
    let uncommented = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    text.contains("--") || uncommented.flat_map(str::chars).all(|c| c.is_whitespace() || c == ';')
}
