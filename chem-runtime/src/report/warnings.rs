//! What a run that has gone well should not pass over in silence: a step that refused most of its records.

use serde::Serialize;

use super::{Refused, RunReport};
use crate::artifact::{ArtifactValue as _, Table};
use crate::step::CommonestReason;
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
