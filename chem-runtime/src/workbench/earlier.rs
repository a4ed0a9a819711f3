//! Earlier runs to compare with: the nearest one in which a step has started.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::WorkbenchError;
use super::facts::FlowFacts;
use crate::event::{FlowEventKind, FlowId};
use crate::flow::replay;
use crate::store::{EventStore, FlowSummary};

/// The earlier runs of one flow, which are read as they are asked for.
pub(super) struct EarlierRuns<'a> {
    store: &'a dyn EventStore,
    /// The newest first.
    runs: Vec<FlowSummary>,
    read: RefCell<HashMap<FlowId, Rc<FlowFacts>>>,
}

impl<'a> EarlierRuns<'a> {
    /// The runs of the flow called `flow`: all, or those that began before `than`.
    pub(super) fn of(store: &'a dyn EventStore, flow: &str, than: Option<FlowId>) -> Result<Self, WorkbenchError> {
        let all = store.flows()?;
        let end = than.and_then(|than| all.iter().position(|run| run.flow_id() == than)).unwrap_or(all.len());
        let mut runs: Vec<FlowSummary> = all.into_iter().take(end).filter(|run| run.flow() == Some(flow)).collect();
        runs.reverse();
        Ok(Self { store, runs, read: RefCell::default() })
    }

    /// Only the run `flow_id`, whatever its flow is called.
    pub(super) fn only(store: &'a dyn EventStore, flow_id: FlowId) -> Result<Self, WorkbenchError> {
        let runs = store.flows()?.into_iter().filter(|run| run.flow_id() == flow_id).collect();
        Ok(Self { store, runs, read: RefCell::default() })
    }

    /// The newest run in which the step called `id` has started.
    pub(super) fn with_step(&self, id: &str) -> Result<Option<Rc<FlowFacts>>, WorkbenchError> {
        for run in self.runs.iter().filter(|run| defines(run, id)) {
            let facts = self.facts(run.flow_id())?;
            if facts.step(id).is_some() {
                return Ok(Some(facts));
            }
        }
        Ok(None)
    }

    fn facts(&self, flow_id: FlowId) -> Result<Rc<FlowFacts>, WorkbenchError> {
        if let Some(facts) = self.read.borrow().get(&flow_id) {
            return Ok(facts.clone());
        }
        let facts = Rc::new(FlowFacts::of_run(&replay(flow_id, &self.store.list(flow_id)?)?));
        self.read.borrow_mut().insert(flow_id, facts.clone());
        Ok(facts)
    }
}

/// Whether the flow of a run has a step called `id`.
fn defines(run: &FlowSummary, id: &str) -> bool {
    match &run.first.kind {
        FlowEventKind::FlowInitialized(initialized) => initialized.definition.steps.iter().any(|step| step.id == id),
        _ => false,
    }
}
