//! What holds of any text, whatever it says. The oracles are libpg_query's own tree and tokens, not our walk.

use std::collections::BTreeSet;

use hoop_statement::{Analysis, Class, Facts, RECORD_BYTES, Refusal, record};
use pg_query::NodeEnum as N;
use pg_query::protobuf::{ScanToken, Token as T};

/// Functions of `pg_catalog` whose names keep their digits.
const KEPT: [&str; 4] = ["sha224", "sha256", "sha384", "sha512"];

/// Checks one text of the file `name`.
pub(crate) fn holds(name: &str, text: &str, analysed: &Result<Analysis, Refusal>) {
    let parsed = pg_query::parse(text, 0);
    let analysis = match analysed {
        Ok(analysis) => analysis,
        Err(refusal) => {
            assert_ne!(*refusal, Refusal::Failed, "{name}: the judge failed\n{text}");
            assert!(parsed.is_err(), "{name}: refused though it parses: {refusal}\n{text}");
            return;
        }
    };
    let Ok(parsed) = parsed else { return };
    assert_eq!(analysis.statements.len(), parsed.protobuf.stmts.len(), "{name}: statements\n{text}");
    let mut end = 0;
    for (facts, raw) in analysis.statements.iter().zip(&parsed.protobuf.stmts) {
        assert!(facts.span.start >= end && text.get(facts.span.clone()).is_some(), "{name}: span\n{text}");
        end = facts.span.end;
        assert!(
            !facts.verbs.is_empty() || !facts.opaque.is_empty(),
            "{name}: neither judged nor opaque\n{text}"
        );
        let top = raw.stmt.as_ref().and_then(|s| s.node.as_ref()).unwrap();
        assert!(reads_at_most(top) || facts.class() >= Class::Write, "{name}: {}\n{text}", facts.class());
        assert!(reads_at_most(top) || !facts.is_read_only(), "{name}: read only\n{text}");
    }
    names_all(name, text, analysis, &parsed);
    no_constant(name, text, &analysis.record);
}

/// Statements that may be judged as reads or as changes of their own session, by the topmost node alone.
fn reads_at_most(top: &N) -> bool {
    matches!(
        top,
        N::SelectStmt(_)
            | N::ExplainStmt(_)
            | N::VariableShowStmt(_)
            | N::FetchStmt(_)
            | N::DeclareCursorStmt(_)
            | N::ClosePortalStmt(_)
            | N::CopyStmt(_)
            | N::TransactionStmt(_)
            | N::VariableSetStmt(_)
            | N::ConstraintsSetStmt(_)
            | N::PrepareStmt(_)
            | N::ExecuteStmt(_)
            | N::DeallocateStmt(_)
            | N::DiscardStmt(_)
            | N::ListenStmt(_)
            | N::UnlistenStmt(_)
            | N::LockStmt(_)
    )
}

/// Schemas and names of something in facts.
type Pick = fn(&Facts) -> Vec<(Option<&str>, &str)>;

/// Every relation and function that the binding's own walk finds is among the facts.
fn names_all(name: &str, text: &str, analysis: &Analysis, parsed: &pg_query::ParseResult) {
    if analysis.statements.iter().any(|f| !f.opaque.is_empty()) {
        return;
    }
    let of = |pick: Pick| -> BTreeSet<String> {
        let named = analysis.statements.iter().flat_map(pick);
        named
            .map(|(schema, name)| schema.map_or_else(|| name.to_owned(), |s| format!("{s}.{name}")))
            .collect()
    };
    let relations = of(|f| f.relations.iter().map(|r| (r.schema.as_deref(), r.name.as_str())).collect());
    for table in parsed.tables().iter().filter(|t| !parsed.cte_names.contains(t)) {
        assert!(relations.contains(table), "{name}: relation `{table}` is missing\n{text}\n{relations:?}");
    }
    let functions = of(|f| f.functions.iter().map(|g| (g.schema.as_deref(), g.name.as_str())).collect());
    for function in &parsed.call_functions() {
        assert!(
            functions.contains(function),
            "{name}: call of `{function}` is missing\n{text}\n{functions:?}"
        );
    }
}

/// The record holds no literal: none of its tokens is one, no name has more than two digits in a row, and what a longer
/// literal of the text says is not in it, unless a name says it as well.
fn no_constant(name: &str, text: &str, record_of: &str) {
    let mut plain = record_of.to_lowercase();
    for kept in KEPT {
        plain = plain.replace(kept, " ");
    }
    let longest = plain.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max();
    assert!(longest.unwrap_or_default() <= 2, "{name}: digits\n{text}\n{record_of}");
    if let Some(tokens) = tokens(record_of)
        && record_of.len() < RECORD_BYTES
    {
        let literal = tokens.iter().find(|(kind, _)| is_literal(*kind));
        assert!(literal.is_none(), "{name}: {literal:?}\n{text}\n{record_of}");
    }
    let Some(tokens) = tokens(text) else { return };
    let (literals, names): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|(kind, _)| is_literal(*kind));
    // Without blanks: a literal can say a name of several parts.
    let packed = |text: &str| text.split_whitespace().collect::<String>();
    let said: String = names.iter().map(|(_, word)| packed(word)).collect();
    for (_, literal) in literals {
        let bare = literal.trim_matches(|c: char| c == '\'' || c == '$');
        if bare.len() >= 6 && record_of.contains(bare) {
            assert!(said.contains(&packed(bare)), "{name}: `{bare}` is in the record\n{text}\n{record_of}");
        }
    }
    assert_eq!(record(text, |_| false).as_deref(), Some(record_of), "{name}: record\n{text}");
}

const fn is_literal(kind: T) -> bool {
    matches!(kind, T::Fconst | T::Sconst | T::Usconst | T::Bconst | T::Xconst | T::Iconst)
}

fn tokens(text: &str) -> Option<Vec<(T, &str)>> {
    let all = if text.trim().is_empty() { Vec::new() } else { pg_query::scan_tokens(text).ok()? };
    let token = |t: &ScanToken| {
        let range = usize::try_from(t.start).ok()?..usize::try_from(t.end).ok()?;
        let kind = T::try_from(t.token).ok()?;
        Some((kind, text.get(range)?)).filter(|_| !matches!(kind, T::SqlComment | T::CComment))
    };
    Some(all.iter().filter_map(token).collect())
}
