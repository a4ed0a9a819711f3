//! Decides what follows from the death of a process that worked on rows.

use std::collections::HashMap;

use super::child_runs::ChildRuns;
use super::children::Child;
use super::deaths::{Verdict, died_at};
use super::shards::is_single_row;
use crate::event::{ChildOf, FlowEventKind, FlowId};
use crate::flow::{FlowInstance, FlowStatus};
use crate::store::{FlowSummary, PersistenceError, RunFilter};

/// The number of processes that have to die at a shard before it is cut.
const DEATHS_OF_SHARD: u32 = 2;

/// The fewest processes that have to die at a row before it is set apart. Whatever kills processes again and again without a look at
/// their rows has hit this row so often after its shard and the part of it.
const DEATHS_OF_ROW: u32 = 3;

/// The number of rows that may be set apart, if there are few rows.
const FEW_SET_APART: usize = 10;

/// Of so many rows, one may be set apart, if that is more.
const ROWS_FOR_ONE: usize = 10_000;

/// Returns how many rows of `rows` may be set apart.
fn most_set_apart(rows: usize) -> usize {
    (rows / ROWS_FOR_ONE).max(FEW_SET_APART)
}

impl ChildRuns {
    /// Decides what follows if so many processes have died at the step at `index` of a child.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(super) fn verdict(
        &self,
        child: &Child,
        instance: &FlowInstance,
        index: usize,
        deaths: u32,
    ) -> Result<Verdict, PersistenceError> {
        let rows = child.rows.as_ref().map_or(0, |rows| rows.rows.len());
        let attempts = instance.recorded(index).and_then(|step| step.retry.as_ref()).map_or(1, |retry| retry.attempts);
        let enough = match rows {
            1 => attempts.max(DEATHS_OF_ROW),
            // The whole shard had its second chance.
            _ if child.is_part => 1,
            _ => DEATHS_OF_SHARD,
        };
        let step = instance.steps().get(index).map(|step| step.id.as_str()).unwrap_or_default();
        let died = died_at(step, deaths);
        let (most, found) = (most_set_apart(self.shards().map_or(0, |shards| shards.rows())), self.set_apart()?);
        if found >= most {
            let error = format!(
                "{died}, after {found} rows have been set apart for that, which is the most that may be: it is not the rows \
                 that kill the processes"
            );
            return Ok(Verdict::Fails { error, due_to_rows: false });
        }
        if deaths < enough {
            return Ok(Verdict::Again);
        }
        let then = if rows == 1 { "its row is set apart" } else { "its rows are cut into smaller parts" };
        Ok(Verdict::Fails { error: format!("{died}; {then}"), due_to_rows: true })
    }

    /// Returns how many rows have been set apart in the current attempt at the step, in any of the children.
    fn set_apart(&self) -> Result<usize, PersistenceError> {
        let filter = RunFilter { status: Some(FlowStatus::Failed), ..RunFilter::default() };
        let failed = self.store().find_runs(&filter, None, usize::MAX)?;
        let due_to_rows = |run: &&FlowSummary| match &run.last.kind {
            FlowEventKind::StepFailed(failed) => failed.deaths > 0 && self.is_of_this_attempt(run.last.seq),
            _ => false,
        };
        let places: HashMap<FlowId, &ChildOf> =
            failed.iter().filter(due_to_rows).filter_map(|run| Some((run.flow_id(), run.child_of()?))).collect();
        let is_ours = |place: &ChildOf| {
            let mut above = place.parent;
            while let Some(next) = places.get(&above) {
                above = next.parent;
            }
            above == self.recorded().parent()
        };
        Ok(places.values().filter(|place| is_single_row(place) && is_ours(place)).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_rows_may_be_set_apart_and_of_many_rows_some_more() {
        assert_eq!([0, 400, 100_000, 1_000_000].map(most_set_apart), [10, 10, 10, 100]);
    }
}
