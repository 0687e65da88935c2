//! Rows of findings and of their reviews.

use hoop_api::finding::Conclusion;
use hoop_api::{AccessLevel, FindingId, Untrusted};
use rusqlite::{Row, params};

use super::{Store, StoreError};
use crate::finding::{Finding, Reviewed};

/// Findings that are told at once, the newest; open ones are always among them.
const TOLD: u32 = 1000;

const COLUMNS: &str =
    "f.id, f.principal, f.person_id, f.target, f.level, f.reason, f.ticket, f.enrolled, f.opened_s, f.ends_s,
                       (SELECT count(*) FROM reviews r WHERE r.finding = f.id)";

fn read(row: &Row<'_>) -> rusqlite::Result<Result<Finding, StoreError>> {
    let (id, level): (String, String) = (row.get(0)?, row.get(4)?);
    let (principal, person_id, target) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let (reason, ticket): (String, String) = (row.get(5)?, row.get(6)?);
    let (enrolled, opened_s, ends_s) = (row.get(7)?, row.get(8)?, row.get(9)?);
    let parsed = || {
        Some(Finding {
            id: id.parse().ok()?,
            principal,
            person_id,
            target,
            level: level.parse::<AccessLevel>().ok()?,
            reason: Untrusted::new(reason),
            ticket: Untrusted::new(ticket),
            enrolled,
            opened_s,
            ends_s,
            reviews: Vec::new(),
        })
    };
    Ok(parsed().ok_or(StoreError::Damaged("finding")))
}

impl Store {
    /// Adds a finding.
    pub(crate) fn insert_finding(&self, finding: &Finding) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.execute(
                "INSERT INTO findings (id, principal, person_id, target, level, reason, ticket, enrolled, opened_s, ends_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    finding.id.to_string(),
                    finding.principal,
                    finding.person_id,
                    finding.target,
                    finding.level.as_str(),
                    finding.reason.raw(),
                    finding.ticket.raw(),
                    finding.enrolled,
                    finding.opened_s,
                    finding.ends_s
                ],
            )?;
            Ok(())
        })
    }

    /// Findings with their reviews, oldest first: all that are open, and closed ones up to a thousand in all.
    pub(crate) fn findings(&self) -> Result<Vec<Finding>, StoreError> {
        self.transact(|tx| {
            let reviewers = hoop_api::finding::REVIEWERS;
            let sql = format!(
                "SELECT {COLUMNS} AS n FROM findings f ORDER BY (n < ?1) DESC, f.id DESC LIMIT max(?2, (
                   SELECT count(*) FROM findings f
                   WHERE (SELECT count(*) FROM reviews r WHERE r.finding = f.id) < ?1))"
            );
            let mut statement = tx.prepare(&sql)?;
            let rows = statement.query_map([reviewers, TOLD], read)?.collect::<Result<Vec<_>, _>>()?;
            let mut findings = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
            findings.sort_by_key(|f| f.id);
            let mut statement = tx.prepare(
                "SELECT principal, person_id, conclusion, note, at_s FROM reviews WHERE finding = ?1 ORDER BY at_s, person_id",
            )?;
            for finding in &mut findings {
                let rows = statement.query_map([finding.id.to_string()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?, row.get(4)?))
                })?;
                for row in rows {
                    let (by, person_id, conclusion, note, at) = row?;
                    let conclusion = [Conclusion::Justified, Conclusion::Misused]
                        .into_iter()
                        .find(|c| c.as_str() == conclusion)
                        .ok_or(StoreError::Damaged("review"))?;
                    finding.reviews.push(Reviewed { by, person_id, conclusion, note: Untrusted::new(note), at });
                }
            }
            Ok(findings)
        })
    }

    /// Adds a review; false when that person has reviewed it before.
    pub(crate) fn insert_review(&self, finding: FindingId, review: &Reviewed) -> Result<bool, StoreError> {
        self.transact(|tx| {
            let added = tx.execute(
                "INSERT INTO reviews (finding, person_id, principal, conclusion, note, at_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                params![
                    finding.to_string(),
                    review.person_id,
                    review.by,
                    review.conclusion.as_str(),
                    review.note.raw(),
                    review.at
                ],
            )?;
            Ok(added == 1)
        })
    }
}
