//! What the logs of the children of a step say, to a process that runs none of them.

use std::collections::HashSet;

use super::child_runs::ChildRuns;
use super::children::{Child, end_of};
use super::out_of_space::OutOfSpace;
use crate::event::FlowId;
use crate::step::StepError;
use crate::step::children::ChildEnd;

impl ChildRuns {
    /// Returns the indices of the children that have completed, as the index of the store has them.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(super) fn completed(&self) -> Result<Vec<usize>, StepError> {
        let completed = self.store().completed_children(self.recorded().parent());
        let completed: HashSet<FlowId> = completed.map_err(|error| self.stop.keep(error.into()))?.into_iter().collect();
        Ok((0..self.count()).filter(|index| completed.contains(&self.recorded().id(*index))).collect())
    }

    /// Returns the number of the last event of the child at `index` and of its parts, unless that is of a machine without space, and its
    /// end if they have ended in the current attempt.
    ///
    /// # Errors
    /// Fails if a log cannot be read.
    pub(super) fn end(&self, index: usize) -> Result<(Option<u64>, Option<ChildEnd>), StepError> {
        let end = self.recorded().at(index).and_then(|child| self.end_of(&child));
        end.map_err(|error| self.stop.keep_of_store(error))
    }

    fn end_of(&self, child: &Child) -> Result<(Option<u64>, Option<ChildEnd>), StepError> {
        let (instance, events) = self.recorded().read(child)?;
        // What a machine without space began got the child no further.
        let is_stuck = !OutOfSpace::last_of(&events).is_empty();
        let mut last = events.last().map(|event| event.seq).filter(|_| !is_stuck);
        let mut end = end_of(&instance).filter(|_| !self.is_due_again(&instance, &events));
        if end.is_some() {
            for part in self.recorded().parts(child, &instance).unwrap_or_default() {
                let (last_of_part, end_of_part) = self.end_of(&part)?;
                (last, end) = (last.max(last_of_part), end.and(end_of_part));
            }
        }
        Ok((last, end))
    }

    /// Returns the machines that had no space for the child at `index`, which has not ended, since it got further last.
    ///
    /// # Errors
    /// Fails if a log cannot be read.
    pub(super) fn full_machines(&self, index: usize) -> Result<Vec<OutOfSpace>, StepError> {
        let full = self.recorded().at(index).and_then(|child| self.full_for(&child));
        full.map_err(|error| self.stop.keep_of_store(error))
    }

    fn full_for(&self, child: &Child) -> Result<Vec<OutOfSpace>, StepError> {
        let (instance, events) = self.recorded().read(child)?;
        let mut full = OutOfSpace::last_of(&events);
        for part in self.recorded().parts(child, &instance).unwrap_or_default() {
            full.extend(self.full_for(&part)?);
        }
        Ok(full)
    }

    /// Returns whether a process runs the child at `index` or a part of it.
    ///
    /// # Errors
    /// Fails if the leases cannot be read.
    pub(super) fn is_held(&self, index: usize) -> Result<bool, StepError> {
        let is_held = self.recorded().at(index).and_then(|child| self.is_any_held(&child));
        is_held.map_err(|error| self.stop.keep_of_store(error))
    }

    fn is_any_held(&self, child: &Child) -> Result<bool, StepError> {
        if self.store().lease_holder(child.flow_id)?.is_some() {
            return Ok(true);
        }
        let (instance, _) = self.recorded().read(child)?;
        for part in self.recorded().parts(child, &instance).unwrap_or_default() {
            if self.is_any_held(&part)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
