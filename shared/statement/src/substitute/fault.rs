//! Why a statement cannot be substituted, in words for the person who wrote it.

/// Why a statement must not be sent to a target with classified columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unsubstitutable {
    /// PostgreSQL's code for it (appendix A).
    pub sqlstate: &'static str,
    /// The rule, as the ledger names it.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub hint: &'static str,
}

impl Unsubstitutable {
    fn new(rule: &'static str, message: String, hint: &'static str) -> Self {
        Self { sqlstate: "0A000", rule, message, hint }
    }

    /// The statement is deeper than it can be written again.
    pub(super) fn too_deep() -> Self {
        Self {
            sqlstate: "54001",
            ..Self::new(
                "substitution.depth",
                "the statement is nested too deeply for a target with classified columns".to_owned(),
                "split it, or write long lists as an array",
            )
        }
    }

    /// Our own text does not say what was meant. Nothing to do for the user, so it is told plainly.
    pub(super) fn failed(what: &str) -> Self {
        Self::new(
            "substitution.unverified",
            format!("{what}, so it is not sent to a target with classified columns"),
            "write it another way, and report the statement",
        )
    }

    /// A construct that is on no list.
    pub(super) fn unknown(what: &str) -> Self {
        Self::new(
            "substitution.unknown",
            format!("{what} is not known to be safe beside classified columns"),
            "write it another way",
        )
    }

    /// A relation that no mask can stand for.
    pub(super) fn opaque(relation: &str, why: &str) -> Self {
        Self::new(
            "substitution.opaque",
            format!("`{relation}` cannot be read masked: {why}"),
            "read the tables themselves; hoopctl target describe tells what is masked",
        )
    }

    /// Rows of it cannot be changed.
    pub(super) fn unwritable(relation: &str, why: &str) -> Self {
        Self::new(
            "substitution.unwritable",
            format!("rows of `{relation}` cannot be changed through a masked session: {why}"),
            "ask the owner of the target",
        )
    }

    /// A name without a schema that may mean a masked relation or none.
    pub(super) fn ambiguous(name: &str, schema: &str) -> Self {
        Self::new(
            "substitution.ambiguous",
            format!(
                "`{name}` is on no schema of the search path that is known here, and `{schema}.{name}` is masked"
            ),
            "write the schema in front of it",
        )
    }

    /// A write that would read what is masked.
    pub(super) fn reads_in_write(relation: &str) -> Self {
        Self::new(
            "substitution.write_reads",
            format!("a change of `{relation}` may not depend on its classified columns"),
            "name the rows and values by other columns",
        )
    }

    /// Masked values would be stored.
    pub(super) fn stores_masks(relation: &str) -> Self {
        Self::new(
            "substitution.stores_masks",
            format!("masked values would be stored in `{relation}`"),
            "leave the classified columns out, or use a temporary table",
        )
    }

    /// A classified column would be assigned at the level `masked`.
    pub(super) fn assigns(column: &str) -> Self {
        Self {
            sqlstate: "42501",
            ..Self::new(
                "substitution.assigns",
                format!("the classified column `{column}` cannot be assigned in a masked session"),
                "leave it out, or ask for a session with --level write",
            )
        }
    }

    /// Rows of COPY for a classified column.
    pub(super) fn copies_in(column: &str) -> Self {
        Self::new(
            "substitution.copies_in",
            format!(
                "COPY FROM does not reach the classified column `{column}`, since its rows are looked at nowhere"
            ),
            "send INSERT statements, or name the other columns",
        )
    }

    /// A masked form would be written back.
    pub(super) fn image(column: &str) -> Self {
        Self::new(
            "substitution.write_back",
            format!("a masked value would be written into the classified column `{column}`"),
            "change only the columns that are meant; the stored value stays as it is",
        )
    }

    /// A whole value is compared with a masked column.
    pub(super) fn lookup(column: &str) -> Self {
        Self::new(
            "substitution.lookup",
            format!("`{column}` is masked here, so comparing it with a whole value finds nothing"),
            "search by another column, or by its masked form; looking a value up is an action of its own",
        )
    }

    /// A definition that brings code or another way to the data.
    pub(super) fn definition(what: &str) -> Self {
        Self::new(
            "substitution.definition",
            format!("{what} could reach classified columns by a way that no statement shows"),
            "the owner of the target makes it in a reviewed migration",
        )
    }

    /// A setting that decides how plans are made.
    pub(super) fn planner(setting: &str) -> Self {
        Self {
            sqlstate: "42501",
            ..Self::new(
                "substitution.planner",
                format!("`{setting}` decides in which order rows come, which could follow masked values"),
                "leave it as it is",
            )
        }
    }

    /// A system column beside `*`.
    pub(super) fn system_column(name: &str) -> Self {
        Self::new(
            "substitution.system_column",
            format!("`{name}` of a relation with classified columns cannot be read together with `*`"),
            "name the columns",
        )
    }
}
