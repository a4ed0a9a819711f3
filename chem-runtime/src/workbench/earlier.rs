//! Finds the nearest earlier run in which a step has started.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::WorkbenchError;
use super::facts::{FlowFacts, StepFacts};
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::flow::replay;
use crate::store::{PersistenceError, RunIndex};

/// The number of runs in the first page. Each further page doubles the number of known runs, up to [`PAGE`] per page.
const FIRST_PAGE: usize = 16;
const PAGE: usize = 1_024;

/// The earlier runs of a flow, listed and read on demand.
pub(super) struct EarlierRuns<'a> {
    store: &'a dyn RunIndex,
    listed: RefCell<Listed>,
    read: RefCell<HashMap<FlowId, Rc<Steps>>>,
}

/// The started steps of a run, by their ids.
pub(super) type Steps = HashMap<String, StepFacts>;

/// The runs listed so far.
struct Listed {
    /// The runs, newest first.
    runs: Vec<Rc<Run>>,
    /// The query for further runs; `None` if all are listed.
    rest: Option<Rest>,
}

/// The runs of the flow called `flow` that began before the event numbered `before`.
struct Rest {
    flow: String,
    before: Option<u64>,
}

/// The beginning of a run.
struct Run {
    flow_id: FlowId,
    /// The ids of the steps in its flow.
    steps: HashSet<String>,
}

impl<'a> EarlierRuns<'a> {
    /// Lists the runs of the flow called `flow`: all, or those that began before `than`.
    pub(super) fn of(store: &'a dyn RunIndex, flow: &str, than: Option<FlowId>) -> Result<Self, WorkbenchError> {
        let began = match than {
            Some(than) => store.read_event(than, 0)?,
            None => None,
        };
        let rest = Rest { flow: flow.to_owned(), before: began.map(|event| event.seq) };
        Ok(Self::listed(store, Listed { runs: Vec::new(), rest: Some(rest) }))
    }

    /// Lists only the run `flow_id`, regardless of its flow.
    pub(super) fn only(store: &'a dyn RunIndex, flow_id: FlowId) -> Result<Self, WorkbenchError> {
        let runs = store.read_event(flow_id, 0)?.iter().map(Run::begun_by).collect();
        Ok(Self::listed(store, Listed { runs, rest: None }))
    }

    fn listed(store: &'a dyn RunIndex, listed: Listed) -> Self {
        Self { store, listed: RefCell::new(listed), read: RefCell::default() }
    }

    /// Returns the newest run in which the step called `id` has started, and the started steps of that run.
    pub(super) fn with_step(&self, id: &str) -> Result<Option<(FlowId, Rc<Steps>)>, WorkbenchError> {
        for index in 0.. {
            let Some(run) = self.run(index)? else { break };
            if !run.steps.contains(id) {
                continue;
            }
            let steps = self.steps(run.flow_id)?;
            if steps.contains_key(id) {
                return Ok(Some((run.flow_id, steps)));
            }
        }
        Ok(None)
    }

    /// Returns the run at `index`, counted from the newest.
    fn run(&self, index: usize) -> Result<Option<Rc<Run>>, PersistenceError> {
        let Listed { runs, rest } = &mut *self.listed.borrow_mut();
        while index >= runs.len() {
            let Some(Rest { flow, before }) = rest else { break };
            let limit = runs.len().clamp(FIRST_PAGE, PAGE);
            let page = self.store.newest_runs(Some(flow), *before, limit)?;
            runs.extend(page.iter().map(Run::begun_by));
            match page.last() {
                Some(oldest) if page.len() == limit => *before = Some(oldest.seq),
                _ => *rest = None,
            }
        }
        Ok(runs.get(index).cloned())
    }

    /// Returns the started steps of the run, by their ids.
    fn steps(&self, flow_id: FlowId) -> Result<Rc<Steps>, WorkbenchError> {
        if let Some(steps) = self.read.borrow().get(&flow_id) {
            return Ok(Rc::clone(steps));
        }
        let facts = FlowFacts::of_run(&replay(flow_id, &self.store.read_run(flow_id, 0)?)?);
        let steps: Rc<Steps> = Rc::new(facts.steps.into_iter().map(|step| (step.id.clone(), step)).collect());
        self.read.borrow_mut().insert(flow_id, Rc::clone(&steps));
        Ok(steps)
    }
}

impl Run {
    fn begun_by(first: &FlowEvent) -> Rc<Self> {
        let steps = match &first.kind {
            FlowEventKind::FlowInitialized(begun) => {
                begun.definition.steps.iter().map(|step| step.id.clone()).collect()
            }
            _ => HashSet::new(),
        };
        Rc::new(Self { flow_id: first.flow_id, steps })
    }
}
