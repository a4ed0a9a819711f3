//! What a row step counts over the batches of its input.

use serde::{Deserialize, Serialize};

use super::outcomes::Outcomes;
use super::output::{Counts, Tally};
use crate::artifact::Table;
use crate::fingerprint::canonical_text;
use crate::step::error::StepError;
use crate::step::rejects::Reasons;

/// What was counted so far.
pub(super) struct Sums {
    pub(super) tally: Tally,
    pub(super) outcomes: Outcomes,
    /// The reasons of the rejects; `None` if their share does not matter.
    pub(super) reasons: Option<Reasons>,
    /// What a resumed step needs; `None` if the step cannot be resumed.
    unreported: Option<Progress>,
}

/// What a step has counted since it reported last, and the outcomes of the rows.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    counts: Counts,
    outcomes: Outcomes,
    /// The reasons of the rejects, if their share matters.
    #[serde(default, skip_serializing_if = "Reasons::is_empty")]
    reasons: Reasons,
}

impl Sums {
    /// Starts with what was reported `so_far`.
    pub(super) fn new(so_far: Vec<Progress>, explains: bool, is_kept: bool) -> Self {
        let (mut tally, mut outcomes, mut reasons) = (Tally::default(), Outcomes::default(), Reasons::default());
        for Progress { counts, outcomes: more, reasons: further } in so_far {
            tally.add_all(&counts);
            outcomes.append(&more);
            reasons.append(further);
        }
        Self { tally, outcomes, reasons: explains.then_some(reasons), unreported: is_kept.then(Progress::default) }
    }

    /// Returns whether the reasons of rejects are counted.
    pub(super) fn explains(&self) -> bool {
        self.reasons.is_some()
    }

    /// Adds what was counted for the next rows, and their outcomes.
    pub(super) fn add(&mut self, counts: &Counts, outcomes: &Outcomes) {
        self.tally.add_all(counts);
        self.outcomes.append(outcomes);
        if let Some(unreported) = &mut self.unreported {
            unreported.counts.add_all(counts);
            unreported.outcomes.append(outcomes);
        }
    }

    /// Adds the next rejects.
    pub(super) fn reject(&mut self, rejects: &Table) {
        if let Some(reasons) = &mut self.reasons {
            reasons.add(rejects);
            self.unreported.iter_mut().for_each(|unreported| unreported.reasons.add(rejects));
        }
    }

    /// Returns what was counted since the last call, as canonical JSON that reads as [`Progress`].
    ///
    /// # Errors
    /// Fails if it has no canonical form.
    pub(super) fn progress(&mut self) -> Result<String, StepError> {
        let unreported = self.unreported.as_mut().map(std::mem::take).unwrap_or_default();
        Ok(canonical_text(&unreported)?.text)
    }
}
