//! One reading of a target's catalogue, in the forms in which it is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use hoop_mask::Class;
use hoop_policy::Classified;
use hoop_statement::closure::{Closed, Configured, Note};
use hoop_statement::{Catalogue, Exposure};

use crate::config::Target;
use crate::gateway::postgres::columns::Classes;
use crate::gateway::postgres::copy::Relations;

/// A catalogue with its version.
#[derive(Debug, Default)]
pub struct Known {
    /// Rises with each reading that found something new; 0 before the first.
    pub version: u64,
    /// What the database holds.
    pub catalogue: Arc<Catalogue>,
    /// Classified columns by origin, those of views and partitions included.
    pub classes: Arc<Classes>,
    /// Relations with classified columns, by (schema, relation): all their columns in order, with class.
    pub relations: Relations,
    /// The same for the judge.
    pub classified: Arc<[Classified]>,
    /// What there is to say about it.
    pub notes: Arc<[Note]>,
}

/// The classified columns of `target` as the closure takes them.
pub(super) fn configured(target: &Target) -> Vec<Configured> {
    let column = |c: &crate::config::ClassifiedColumn| Configured {
        schema: c.schema.as_str().into(),
        relation: c.relation.as_str().into(),
        column: c.column.as_str().into(),
        class: c.class.as_str().into(),
    };
    target.classes.iter().map(column).collect()
}

impl Known {
    /// From a closure of the columns of `target`.
    pub(super) fn of(target: &Target, version: u64, closed: Closed) -> Self {
        let classes: HashMap<&str, &Class> =
            target.classes.iter().map(|c| (c.class.as_str(), &c.class)).collect();
        let class = |name: &str| classes.get(name).map(|c| (*c).clone());
        let mut origins = Vec::new();
        let mut relations = HashMap::new();
        for ((schema, name), entry) in &closed.catalogue.relations {
            let Exposure::Masked(masked) = &entry.exposure else { continue };
            let mut columns = Vec::with_capacity(masked.columns.len());
            for column in &masked.columns {
                let class = column.class.as_deref().and_then(class);
                origins.extend(class.clone().map(|class| (entry.oid, column.attnum, class)));
                columns.push((column.name.to_string(), class));
            }
            relations.insert((schema.to_string(), name.to_string()), columns);
        }
        let relations = Arc::new(relations);
        Self {
            version,
            catalogue: Arc::new(closed.catalogue),
            classes: Arc::new(Classes::new(origins)),
            classified: classified(target, &relations),
            relations,
            notes: closed.notes.into(),
        }
    }

    /// It says the same, whatever its version.
    pub(super) fn says(&self, closed: &Closed) -> bool {
        self.version > 0 && *self.catalogue == closed.catalogue && *self.notes == *closed.notes
    }
}

/// What the catalogue has, and what the configuration names besides: a column that is missing now may come.
fn classified(target: &Target, relations: &Relations) -> Arc<[Classified]> {
    let word = |class: &Option<Class>| class.as_ref().map(|c| c.as_str().to_owned());
    let mut all: Vec<Classified> = relations
        .iter()
        .map(|((schema, name), columns)| Classified {
            schema: schema.clone(),
            name: name.clone(),
            columns: columns.iter().map(|(column, class)| (column.clone(), word(class))).collect(),
            complete: true,
        })
        .collect();
    for named in crate::gateway::target_facts(target).classified.iter() {
        let Some(known) = all.iter_mut().find(|c| c.schema == named.schema && c.name == named.name) else {
            all.push(named.clone());
            continue;
        };
        for missing in &named.columns {
            if !known.columns.iter().any(|(name, _)| *name == missing.0) {
                known.columns.push(missing.clone());
            }
        }
    }
    all.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    all.into()
}
