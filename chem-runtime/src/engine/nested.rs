//! Helps with the children of a child that another process runs.

use super::CoreEngineError;
use super::child_runs::{ChildRuns, Ran};
use super::children::ChildFlows;
use crate::flow::StepStatus;
use crate::step::children::{ChildEnd, MAP_STEP};
use crate::step::{CancelToken, StepError};

impl ChildRuns {
    /// Runs those children of the child at `index` that have not ended and that no process runs, and returns them with their ends.
    /// Another process runs the child itself. Stops before the next one if `is_over`.
    ///
    /// # Errors
    /// Fails like [`run`](Self::run).
    pub(super) fn help(
        &self,
        index: usize,
        cancel: &CancelToken,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Vec<ChildEnd>, StepError> {
        let mut ends = Vec::new();
        if !self.has_children(index) || is_over() {
            return Ok(ends);
        }
        let engine = self.engine(&self.recorded().at(index)?, false, cancel)?;
        let failed = |error| match error {
            CoreEngineError::Store(_) => self.stop.keep(error),
            error => StepError::context("the children of a child cannot be read".to_owned(), error),
        };
        let instance = engine.load(self.recorded().id(index)).map_err(failed)?;
        let running = instance.current().filter(|(_, step)| step.status == StepStatus::Running);
        let Some((step, _)) = running else { return Ok(ends) };
        let Some(below) = ChildRuns::of(&engine, &instance, step).map_err(failed)? else { return Ok(ends) };
        for index in 0..below.count() {
            if is_over() {
                break;
            }
            let ran = below.run(index, cancel);
            match ran.map_err(|error| self.stop.keep_from(&below.stop, error))? {
                Ran::Now(end) => ends.push(end),
                Ran::Held => {
                    let helped = below.help(index, cancel, is_over);
                    ends.extend(helped.map_err(|error| self.stop.keep_from(&below.stop, error))?);
                }
                Ran::Before(_) => {}
            }
        }
        Ok(ends)
    }

    /// Returns whether the child at `index` has children itself.
    fn has_children(&self, index: usize) -> bool {
        match self.recorded().flows() {
            ChildFlows::Map(params) => {
                let mut steps = params.children[index].definition.steps.iter();
                steps.any(|step| step.uses == MAP_STEP || step.shards.is_some())
            }
            ChildFlows::Shards(_) => false,
        }
    }
}
