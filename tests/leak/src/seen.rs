//! All that a client sees of a statement, with what rightly differs between two databases taken out.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::corpus::parts;
use crate::wire::{Client, Message, Mode};

/// A way to one of the databases.
#[derive(Debug)]
pub struct Way<'a> {
    pub socket: &'a Path,
    pub user: &'a str,
    pub database: &'a str,
}

/// What was seen: messages as text, and how long it took.
#[derive(Debug)]
pub struct Seen {
    pub messages: Vec<String>,
    pub took: Duration,
}

impl Seen {
    /// Runs all parts of `sql` on one new connection.
    pub fn of(way: &Way<'_>, sql: &str, mode: Mode) -> Self {
        let start = Instant::now();
        let mut messages = Vec::new();
        let mut all = || -> std::io::Result<()> {
            let mut client = Client::connect(way.socket, way.user, way.database)?;
            for part in parts(sql) {
                messages.extend(client.run(part, mode)?.into_iter().map(|m| plain(m, way.database)));
            }
            Ok(())
        };
        if let Err(e) = all() {
            messages.push(format!("closed {:?}", e.kind()));
        }
        Self { messages, took: start.elapsed() }
    }

    /// It ended with an error, or the connection did.
    pub fn failed(&self) -> bool {
        self.messages.iter().any(|m| m.starts_with('E') || m.starts_with("closed"))
    }

    /// Rows, command tags and errors, these without the place in the server's own source: an error that the gateway
    /// answers comes from no file of the server's.
    pub fn shape(&self) -> Vec<String> {
        let told = |m: &&String| m.starts_with(['D', 'C', 'd', 'E']);
        self.messages
            .iter()
            .filter(told)
            .map(|m| if m.starts_with('E') { unplaced(m) } else { m.clone() })
            .collect()
    }

    /// Code and text of the first error.
    pub fn error(&self) -> String {
        let Some(error) = self.messages.iter().find(|m| m.starts_with('E')) else {
            return self.messages.last().cloned().unwrap_or_default();
        };
        let field =
            |code: char| error.split('\0').find_map(|f| f.strip_prefix(code)).unwrap_or_default().to_owned();
        format!("{} {}", field('C'), field('M'))
    }
}

fn unplaced(error: &str) -> String {
    let fields = error.split('\0').filter(|field| !field.starts_with(['F', 'L', 'R']));
    fields.collect::<Vec<_>>().join("\0")
}

fn plain((kind, body): Message, database: &str) -> String {
    let body = match kind {
        // The notifying backend's process.
        b'A' => body.get(4..).unwrap_or_default().to_vec(),
        b'T' => described(&body),
        _ => body,
    };
    let text: String = std::iter::once(kind).chain(body).map(char::from).collect();
    let target = database.replace('_', "-");
    without_ids(&text.replace(database, "DB").replace(&target, "DB"))
}

/// RowDescription by name, type, size, modifier and format: the oid of a table is another in each database.
fn described(body: &[u8]) -> Vec<u8> {
    let mut out = body.get(..2).unwrap_or_default().to_vec();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some(end) = rest.iter().position(|b| *b == 0) {
        let Some((column, after)) = rest.split_at_checked(end + 19) else { break };
        out.extend_from_slice(&column[..=end]);
        // Types of users have other oids in each database, too.
        match column.get(end + 7..end + 11) {
            Some([0, 0, high, low]) if u16::from_be_bytes([*high, *low]) < 16_384 => {
                out.extend_from_slice(&column[end + 7..]);
            }
            _ => out.extend_from_slice(&column[end + 11..]),
        }
        rest = after;
    }
    out
}

/// Identifiers of ours differ from run to run by right.
fn without_ids(text: &str) -> String {
    const PREFIXES: [&str; 5] = ["apr_", "ses_", "stm_", "req_", "con_"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = PREFIXES.iter().filter_map(|p| rest.find(p)).min() {
        let (before, id) = rest.split_at(at);
        let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let len = 4 + id[4..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(id.len() - 4);
        out.push_str(before);
        out.push_str(if inside || len == 4 { &id[..len] } else { "ID" });
        rest = &id[len..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_out_and_words_stay() {
        assert_eq!(without_ids("see stm_01ABC, ses_9; uses_it ses_"), "see ID, ID; uses_it ses_");
    }

    #[test]
    fn a_description_keeps_name_and_type() {
        let column = |table: u8| {
            let mut body = vec![0, 1];
            body.extend_from_slice(b"pan\0");
            body.extend_from_slice(&[0, 0, 0, table, 0, 3, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
            body
        };
        assert_eq!(described(&column(1)), described(&column(2)));
        assert_eq!(described(&column(1)).len(), 2 + 4 + 12);
    }
}
