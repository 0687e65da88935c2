//! Our text: written from the tree, parsed again and compared with it before it is sent (WALLS, rule 7); and which place
//! in it was which place in the text of the client.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use crate::edit::{Edit, Parts as _};
use crate::tree;

/// A place as a position; what has none is 0.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The text of a rewritten statement, with places in it and where they were.
pub(super) fn written(mut raw: pb::RawStmt) -> Result<(String, Vec<(u32, u32)>), Unsubstitutable> {
    let failed = |_| Unsubstitutable::failed("the statement could not be written with masks in it");
    raw.stmt_location = 0;
    raw.stmt_len = 0;
    let version = 0;
    let mut ours = pb::ParseResult { version, stmts: vec![raw] };
    let text = pg_query::deparse(&ours, pg_query::DeparseOptions::default()).map_err(failed)?;
    let again = pg_query::parse(&text, 0).map_err(failed)?.protobuf;
    let differs =
        || Unsubstitutable::failed("the statement means another thing when it is written with masks in it");
    let mut again = again.stmts.into_iter();
    let (Some(mut again), None) = (again.next(), again.next()) else { return Err(differs()) };
    let Some(mut mine) = ours.stmts.pop() else { return Err(differs()) };
    let (old, new) = (Places::taken(&mut mine), Places::taken(&mut again));
    if mine.stmt != again.stmt || old.len() != new.len() {
        return Err(differs());
    }
    let known = |(new, old): (i32, i32)| Some((u32::try_from(new).ok()?, u32::try_from(old).ok()?));
    let mut places: Vec<_> = new.into_iter().zip(old).filter_map(known).collect();
    places.sort_unstable();
    places.dedup_by_key(|(new, _)| *new);
    Ok((text, places))
}

/// Parses a statement of our own making; nothing in it stands anywhere in the client's text.
pub(super) fn ours(text: &str) -> Result<pb::Node, Unsubstitutable> {
    let failed = || Unsubstitutable::failed("the masked form of a relation could not be written");
    let mut parsed = pg_query::parse(text, 0).map_err(|_| failed())?.protobuf;
    let mut raw = parsed.stmts.pop().ok_or_else(failed)?;
    Places::taken(&mut raw);
    raw.stmt.map(|stmt| *stmt).ok_or_else(failed)
}

/// The expression `text`, of our own making.
pub(super) fn expression(text: &str) -> Result<pb::Node, Unsubstitutable> {
    let failed = || Unsubstitutable::failed("a mask could not be written");
    let Some(N::SelectStmt(mut select)) = ours(&format!("SELECT {text}"))?.node else { return Err(failed()) };
    match select.target_list.pop().and_then(|t| t.node) {
        Some(N::ResTarget(target)) => target.val.map(|v| *v).ok_or_else(failed),
        _ => Err(failed()),
    }
}

/// Takes all places out of a tree.
struct Places(Vec<i32>);

impl Places {
    fn taken(raw: &mut pb::RawStmt) -> Vec<i32> {
        let mut places = Self(Vec::new());
        raw.stmt.parts(&mut places);
        places.0
    }
}

impl Edit for Places {
    fn node(&mut self, node: &mut pb::Node) {
        if let Some(node) = node.node.as_mut() {
            tree::parts(node, self);
        }
    }

    fn location(&mut self, at: &mut i32) {
        self.0.push(std::mem::replace(at, -1));
    }

    fn edge(&mut self, at: &mut i32) {
        *at = 0;
    }
}
