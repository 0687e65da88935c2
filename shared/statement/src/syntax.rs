//! Where a syntax error lies. The binding gives PostgreSQL's message only; the place is found from it.

use pb::Token as T;
use pg_query::Error as Fault;
use pg_query::protobuf as pb;

use crate::refusal::Refusal;
use crate::scan::scan;

/// Longest message passed on, in characters: an unterminated string quotes all that follows.
const MESSAGE_CHARS: usize = 200;

/// The refusal for a text that does not parse, with PostgreSQL's message.
pub(crate) fn refusal(text: &str, message: String) -> Refusal {
    if crate::analyse::is_too_deep(&message) {
        return Refusal::TooDeep { limit: crate::TextLimits::default().depth };
    }
    let near = near(&message);
    let byte = if message.ends_with("at end of input") {
        Some(text.len())
    } else {
        near.and_then(|near| place(text, near))
    };
    if is_unload(text, near) {
        return Refusal::Unload;
    }
    let position = byte.and_then(|b| text.get(..b)).map(|before| before.chars().count() + 1);
    Refusal::Syntax { message: shorten(message), position }
}

fn shorten(message: String) -> String {
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message,
    }
}

/// What stands in `… at or near "…"`.
fn near(message: &str) -> Option<&str> {
    message.split_once("at or near \"")?.1.strip_suffix('"')
}

/// The grammar reads left to right and stops at the first token that cannot follow: a text cut before that token
/// fails at its end, a text cut after it fails at the token. Among the places where the token stands, the first of
/// the second kind is the one.
fn place(text: &str, near: &str) -> Option<usize> {
    // Lexical errors quote all the rest of the text.
    let Some(tokens) = scan(text) else {
        return text.ends_with(near).then(|| text.len() - near.len()).or_else(|| text.find(near));
    };
    let spans: Vec<(usize, usize)> = tokens
        .iter()
        .filter_map(|t| Some((usize::try_from(t.start).ok()?, usize::try_from(t.end).ok()?)))
        .filter(|(start, end)| text.get(*start..*end) == Some(near))
        .collect();
    let first = spans.partition_point(|(_, end)| text.get(..*end).is_some_and(fails_at_end));
    spans.get(first).map(|(start, _)| *start)
}

fn fails_at_end(prefix: &str) -> bool {
    match pg_query::parse(prefix, 0) {
        Ok(_) => true,
        Err(Fault::Parse(message)) => message.ends_with("at end of input"),
        Err(_) => false,
    }
}

fn is_unload(text: &str, near: Option<&str>) -> bool {
    near.is_some_and(|n| n.eq_ignore_ascii_case("unload"))
        && scan(text).is_some_and(|tokens| {
            let mut start = true;
            tokens.iter().any(|t| {
                let kind = T::try_from(t.token).unwrap_or(T::Nul);
                let range = usize::try_from(t.start).unwrap_or(0)..usize::try_from(t.end).unwrap_or(0);
                let unload = start && text.get(range).is_some_and(|w| w.eq_ignore_ascii_case("unload"));
                start = match kind {
                    T::Ascii59 => true,
                    T::SqlComment | T::CComment => start,
                    _ => false,
                };
                unload
            })
        })
}
