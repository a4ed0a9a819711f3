//! The outputs of a step that does not keep its rows in memory.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::outlet::Outlets;
use super::port::{MAIN_OUTPUT, OutputSpec, REJECTS};
use super::rejects::Reasons;
use super::row_kind::RowKind;
use super::rows::RowReturn;
use super::signature::{StepReturn, WithRejects};
use crate::artifact::{ArtifactError, ArtifactValue as _, RowTexts, Table};
use crate::fingerprint::canonical_text;

/// The outputs of a step whose rows came piece by piece: those of `R`.
pub struct Streamed<R> {
    outputs: Vec<StepOutput>,
    of: PhantomData<fn() -> R>,
}

impl<R> Streamed<R> {
    pub(super) fn of(outputs: Vec<StepOutput>) -> Self {
        Self { outputs, of: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<R: StepReturn> StepReturn for Streamed<R> {
    const OUTPUTS: &'static [OutputSpec] = R::OUTPUTS;

    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError> {
        Ok(self.outputs)
    }
}

/// Takes the rows of a step that reads records, and the records that cannot be used.
pub(crate) struct RecordOutlets<'a> {
    outlets: Outlets<'a>,
    told: Told,
    /// What was told since the step last stored how far it has got.
    unstored: Told,
}

/// What a step tells of its records besides the rows.
#[derive(Default, Serialize, Deserialize)]
struct Told {
    /// Why records were refused.
    #[serde(flatten)]
    reasons: Reasons,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counted: BTreeMap<String, u64>,
}

impl Told {
    fn append(&mut self, more: Self) {
        self.reasons.append(more.reasons);
        more.counted.into_iter().for_each(|(name, count)| *self.counted.entry(name).or_default() += count);
    }
}

impl<'a> RecordOutlets<'a> {
    /// Continues where an earlier attempt at the step has got to.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) fn resumed(context: &'a ExecutionContext<'a>) -> Result<Self, StepError> {
        let mut outlets = Outlets::new(context, &[MAIN_OUTPUT, REJECTS]);
        let mut told = Told::default();
        outlets.resume::<Told>()?.into_iter().for_each(|more| told.append(more));
        Ok(Self { outlets, told, unstored: Told::default() })
    }

    /// Returns the number of records that are done.
    pub(crate) fn position(&self) -> u64 {
        self.outlets.position()
    }

    /// Counts what the step says of the records that it puts next.
    #[cfg(feature = "chemistry")]
    pub(crate) fn count(&mut self, counts: impl IntoIterator<Item = (&'static str, u64)>) {
        for (name, count) in counts {
            for told in [&mut self.told, &mut self.unstored] {
                *told.counted.entry(name.to_owned()).or_default() += count;
            }
        }
    }

    /// Returns what was counted.
    #[cfg(feature = "chemistry")]
    pub(crate) fn counted(&self) -> &BTreeMap<String, u64> {
        &self.told.counted
    }

    /// Adds rows and rejects, with which the first `records` records are done. `texts` are those of the rows.
    ///
    /// # Errors
    /// Fails if a row is too long to store, or if nothing can be stored any more.
    pub(crate) fn put(
        &mut self,
        part: WithRejects<Table>,
        texts: Result<RowTexts, ArtifactError>,
        records: u64,
    ) -> Result<(), StepError> {
        let WithRejects { kept, rejects } = part;
        let reasons = Reasons::of(&rejects);
        self.told.reasons.append(reasons.clone());
        self.unstored.reasons.append(reasons);
        self.outlets.put(0, kept, texts)?;
        let texts = rejects.row_texts(0..rejects.rows(), self.outlets.rows(1))?;
        self.outlets.push(1, rejects, &texts)?;
        let unstored = &mut self.unstored;
        self.outlets.reached(records, || Ok(canonical_text(&std::mem::take(unstored))?.text))
    }

    /// Returns the numbers of rows and of rejects.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.outlets.rows(0), self.outlets.rows(1))
    }

    /// Returns why records were refused.
    pub(crate) fn reasons(&self) -> &Reasons {
        &self.told.reasons
    }

    /// Returns the outputs, the main one of the kind `K`.
    ///
    /// # Errors
    /// Fails if an output is too large to store.
    pub(crate) fn finish<K: RowKind>(self) -> Result<Streamed<WithRejects<K>>, StepError> {
        let outputs = self.outlets.finish(|index, rows| match index {
            0 => {
                let handed = rows.map(|rows| WithRejects::<K>::hand_on(K::KIND, Arc::new(rows)));
                Ok((K::KIND.to_owned(), handed.transpose()?))
            }
            _ => Ok((Table::KIND.to_owned(), rows.map(|rows| Arc::new(rows).hand_on()))),
        })?;
        Ok(Streamed::of(outputs))
    }
}
