//! Who runs the children of a step: this process, or workers elsewhere.

use std::sync::Arc;

use super::Session;
use super::keep::StepKeeper;
use crate::engine::child_runs::ChildRuns;
use crate::engine::workers::DelegatedChildren;
use crate::engine::{CoreEngineError, FlowEngine, Order};
use crate::step::children::{Advance, Children};
use crate::step::{CancelToken, ShardResults, StepError, StepId};

/// Who runs the children of a step.
pub(super) enum Runner {
    /// This process.
    Own(Arc<ChildRuns>),
    /// The workers of the engine.
    Workers(Arc<DelegatedChildren>),
}

impl Runner {
    /// Returns the children as the step sees them.
    pub(super) fn children(&self) -> Arc<dyn Children> {
        match self {
            Self::Own(runs) => runs.clone(),
            Self::Workers(delegated) => delegated.clone(),
        }
    }

    fn runs(&self) -> &ChildRuns {
        match self {
            Self::Own(runs) => runs,
            Self::Workers(delegated) => delegated.runs(),
        }
    }

    /// Returns whether the children work on shards.
    pub(super) fn is_in_shards(&self) -> bool {
        self.runs().shards().is_some()
    }

    /// Returns why the step `step` was interrupted; `None` if it was asked to stop.
    pub(super) fn take_stop(&self, session: &Session, step: &StepId) -> Option<CoreEngineError> {
        let of_workers = || match self {
            Self::Own(_) => None,
            Self::Workers(delegated) => delegated.take_error(),
        };
        self.runs().stop.take().or_else(|| {
            let (flow_id, step) = (session.flow_id, step.clone());
            of_workers().map(|reason| CoreEngineError::Workers { flow_id, step, reason })
        })
    }
}

impl Session {
    /// Returns who runs the children of the step at `index`; `None` if it has none.
    pub(super) fn runner(
        &self,
        engine: &FlowEngine,
        index: usize,
        keeper: Option<&Arc<StepKeeper>>,
        resumed: bool,
    ) -> Result<Option<Runner>, CoreEngineError> {
        let Some(runs) = ChildRuns::of(engine, &self.instance, index)? else { return Ok(None) };
        let (Some(workers), Some(keeper)) = (&engine.workers, keeper) else {
            return Ok(Some(Runner::Own(Arc::new(runs))));
        };
        let (step, left) = (engine.step_id(index).to_string(), runs.count());
        let needs = runs.needs(engine.definition.steps()[index].policy());
        let order = Order { run: self.flow_id, step, needs, left };
        let (keeper, clock) = (keeper.clone(), engine.clock.clone());
        let delegated = DelegatedChildren::new(runs, order, workers.clone(), keeper, clock, resumed);
        Ok(Some(Runner::Workers(Arc::new(delegated))))
    }

    /// Returns what the shards computed for the step at `index`, once all of its children have ended.
    pub(super) fn gather_shards(
        &self,
        engine: &FlowEngine,
        index: usize,
        runner: &Runner,
    ) -> Result<ShardResults, StepError> {
        let cancel = self.log.cancel();
        match runner {
            Runner::Workers(children) => wait_for_all(children.as_ref(), runner.runs().count(), cancel)?,
            Runner::Own(runs) => engine.run_children(runs, cancel)?,
        }
        let started = self.instance.steps().get(index).and_then(|step| step.started.as_ref());
        let inputs = started.map(|started| started.inputs.clone()).unwrap_or_default();
        cancel.scope(|| runner.runs().results_of(engine.step_id(index).as_str(), &inputs, &self.joined))
    }
}

/// Waits until all of `count` children have ended.
fn wait_for_all(children: &dyn Children, count: usize, cancel: &CancelToken) -> Result<(), StepError> {
    let mut left: Vec<usize> = (0..count).collect();
    loop {
        let mut held = Vec::new();
        for index in left {
            if let Advance::Held = children.advance(index, cancel)? {
                held.push(index);
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        children.wait(cancel)?;
        left = held;
    }
}
