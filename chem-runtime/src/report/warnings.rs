//! What a run that has gone well should not pass over in silence: a step that refused most of its records.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Refused, RunReport};
use crate::artifact::{ArtifactValue as _, ColumnData, Table};
use crate::store::{EventStore, StoreError, StoredArtifacts};

/// A step that refused more than half of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The step.
    pub step: String,
    /// The whole of it in words.
    pub message: String,
    /// How many records it refused.
    pub refused: usize,
    /// How many it was given.
    pub records: usize,
    /// The commonest reason, as it was given for the first of them.
    pub reason: Option<String>,
    /// How many were refused for that reason.
    pub for_reason: usize,
}

impl RunReport {
    /// The steps that refused more than half of their records, where it is known how many those are. What they refused is in
    /// the store, also for a step whose result was reused.
    ///
    /// # Errors
    /// What the store or an artifact in it has to complain of.
    pub fn warnings(&self, store: &dyn EventStore) -> Result<Vec<Warning>, StoreError> {
        let mut warnings = Vec::new();
        for refused in self.refused(store)? {
            if let Some(used) = refused.used.filter(|used| refused.records > *used) {
                warnings.push(Warning::of(&refused, refused.records + used, store)?);
            }
        }
        Ok(warnings)
    }
}

impl Warning {
    fn of(refused: &Refused<'_>, records: usize, store: &dyn EventStore) -> Result<Self, StoreError> {
        let commonest = match store.artifact(refused.table)? {
            Some(root) => {
                let table = Table::unpack(&root, &StoredArtifacts(store)).map_err(StoreError::Artifact)?;
                commonest_reason(&table)
            }
            None => None,
        };
        let (reason, for_reason) = commonest.map_or((None, 0), |(reason, count)| (Some(reason), count));
        let because = match &reason {
            Some(reason) if for_reason == refused.records => format!(", all for one reason: {reason}"),
            Some(reason) => format!(", {for_reason} of them for one reason: {reason}"),
            None => String::new(),
        };
        let step = refused.step.to_owned();
        let message = format!("step `{step}` refused {} of {records} records{because}", refused.records);
        Ok(Self { step, message, refused: refused.records, records, reason, for_reason })
    }
}

/// The commonest reason in a table of rejects, as it is given first, and how often it is given. Reasons that differ only in
/// the values and numbers that they quote are one.
fn commonest_reason(rejects: &Table) -> Option<(String, usize)> {
    let (_, ColumnData::Text(reasons)) = rejects.column("reason")? else { return None };
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (row, reason) in reasons.iter().enumerate() {
        counts.entry(kind_of(reason.as_deref()?)).or_insert((row, 0)).1 += 1;
    }
    // Of equally common ones the first.
    let (first, count) = counts.into_values().max_by_key(|(row, count)| (*count, std::cmp::Reverse(*row)))?;
    Some((reasons.get(first)?.as_deref()?.to_owned(), count))
}

/// A reason without what it quotes.
fn kind_of(reason: &str) -> String {
    let parts = reason.split('`').enumerate().filter(|(index, _)| index % 2 == 0);
    parts.flat_map(|(_, part)| part.chars().filter(|character| !character.is_ascii_digit()).chain(['`'])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnType};

    #[test]
    fn reasons_that_quote_different_values_are_one() {
        let reasons = ["has `a` in line 3", "is empty", "has `b` in line 14", "is empty", "has `c` in line 5"];
        let data = ColumnData::Text(reasons.map(|reason| Some(reason.into())).to_vec());
        let table = Table::new([(Column::new("reason", ColumnType::Text), data)]).unwrap();
        assert_eq!(commonest_reason(&table), Some(("has `a` in line 3".to_owned(), 3)));
        assert_eq!(commonest_reason(&Table::default()), None);
    }
}
