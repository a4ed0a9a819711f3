//! Warnings about a successful run: a step that refused most of its records.

use serde::Serialize;

use super::{Refused, RunReport};
use crate::artifact::{ArtifactValue as _, Table};
use crate::step::CommonestReason;
use crate::store::{ArtifactStore, PersistenceError, StoredArtifacts};

/// A step that refused more than half of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The id of the step.
    pub step: String,
    /// The complete warning as a sentence.
    pub message: String,
    /// The number of refused records.
    pub refused: usize,
    /// The number of all records that the step received.
    pub records: usize,
    /// The most common reason, as given for the first record with it.
    pub reason: Option<String>,
    /// The number of records refused for that reason.
    pub for_reason: usize,
}

impl RunReport {
    /// Returns the steps that refused more than half of their records, if the number of records is known. Includes
    /// reused steps, whose refused records are in the store too.
    ///
    /// # Errors
    /// Returns the error of the store, or of an artifact in it.
    pub fn warnings(&self, store: &dyn ArtifactStore) -> Result<Vec<Warning>, PersistenceError> {
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
    fn of(refused: &Refused<'_>, records: usize, store: &dyn ArtifactStore) -> Result<Self, PersistenceError> {
        let commonest = match store.read_artifact(refused.table)? {
            Some(root) => {
                let table = Table::unpack(&root, &StoredArtifacts(store)).map_err(PersistenceError::Artifact)?;
                CommonestReason::of(&table)
            }
            None => None,
        };
        let because =
            commonest.as_ref().map(|reason| format!(", {}", reason.describe(refused.records))).unwrap_or_default();
        let (reason, for_reason) = commonest.map_or((None, 0), |reason| (Some(reason.text), reason.count));
        let step = refused.step.to_owned();
        let message = format!("step `{step}` refused {} of {records} records{because}", refused.records);
        Ok(Self { step, message, refused: refused.records, records, reason, for_reason })
    }
}
