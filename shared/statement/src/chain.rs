//! Shortens chains such as `1 + 1 + 1 + …`, which PostgreSQL parses into one tree level a link.

use pg_query::protobuf::Token as T;

use crate::scan::scan;

/// `text` with the middle links of constant chains overwritten by blanks, so that positions stay; `None` if it
/// holds no such chain. A link goes when the link before it in the chain has the same operator and both operands
/// are constants or parameters: what is left names the same relations, functions and verbs.
pub(crate) fn shorten(text: &str) -> Option<String> {
    let tokens = scan(text)?;
    let kinds: Vec<T> = tokens.iter().map(|t| T::try_from(t.token).unwrap_or(T::Nul)).collect();
    let mut bytes = text.as_bytes().to_vec();
    let mut changed = false;
    let mut i = 0;
    while i + 4 < tokens.len() {
        let link =
            |at: usize| is_operand(kinds[at]) && is_operator(kinds[at + 1]) && is_operand(kinds[at + 2]);
        let word = |at: usize| range(&tokens[at]).and_then(|r| text.get(r));
        // operand op operand op operand: blank the last two, then look on from the same first operand.
        let mut next = i + 3;
        while link(i) && next + 1 < tokens.len() {
            let same =
                kinds[next] == kinds[i + 1] && word(next) == word(i + 1) && is_operand(kinds[next + 1]);
            if !same {
                break;
            }
            for token in &tokens[next..=next + 1] {
                bytes.get_mut(range(token)?)?.fill(b' ');
            }
            changed = true;
            next += 2;
        }
        i = if next > i + 3 { next - 1 } else { i + 1 };
    }
    if changed { String::from_utf8(bytes).ok() } else { None }
}

fn range(token: &pg_query::protobuf::ScanToken) -> Option<std::ops::Range<usize>> {
    Some(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
}

fn is_operand(kind: T) -> bool {
    matches!(kind, T::Iconst | T::Fconst | T::Sconst | T::Param)
}

// Left-associative operators of equal rank; comparison does not chain, AND and OR make flat lists already.
fn is_operator(kind: T) -> bool {
    matches!(kind, T::Ascii43 | T::Ascii45 | T::Ascii42 | T::Ascii47 | T::Ascii37 | T::Op)
}
