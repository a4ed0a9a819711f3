//! Repeats a step of a stored run: binds it as recorded, runs it on its stored inputs, and compares the outputs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::compare::{self, Compared};
use super::{Fault, Outcome, StepVerification, Tolerances, Verification};
use crate::artifact::{ArtifactSource, ArtifactValue, Dataset, TableRoot};
use crate::engine::{CoreEngineError, RecordedChildren, Repetition, begin_step};
use crate::event::{FlowEventKind, FlowInitialized, FlowStatus, RecordedStep, StepStarted, UserInteractionProvided};
use crate::fingerprint::DefinitionHash;
use crate::flow::{FlowDefinitionError, FlowInstance, StepState, StepStatus, definition_hash, replay, step_types};
use crate::step::children::{Children, MAP_STEP, MapParams};
use crate::step::shard_step::SHARD_STEP;
use crate::step::{
    CancelToken, Confinement, Files, Registry, RowSetApart, ShardResults, StepDefinition, StepId, StepOutput,
};
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::WorkbenchError;
use crate::workbench::difference::{Difference, differences};
use crate::workbench::facts::{FlowFacts, StepFacts};
use crate::workbench::recorded::expect_unseen;
use crate::workbench::rows::{BrokenPromise, RowsError, check_rows, sample_of, tables};
use crate::workbench::set_apart::rows_set_apart;

/// The result of running a step again.
pub(in crate::workbench) struct Repeated {
    pub(in crate::workbench) outputs: Vec<StepOutput>,
    repetition: Repetition,
    /// Whether the step type declares its results approximate.
    approximate: bool,
}

/// The context for repeating the steps of a run.
pub(in crate::workbench) struct Bench<'a> {
    store: &'a Arc<dyn EventStore>,
    instance: &'a FlowInstance,
    registry: Result<Cow<'a, Registry>, FlowDefinitionError>,
    tolerances: &'a Tolerances,
    definition: DefinitionHash,
    files: Arc<Files>,
    cancel: &'a CancelToken,
    /// What the children of a step need.
    linked: &'a Registry,
    outputs: PathBuf,
    confinement: Option<Confinement>,
}

impl<'a> Bench<'a> {
    /// Prepares the steps of a run. They read files from their original paths, and write to `outputs`.
    pub(in crate::workbench) fn of(
        store: &'a Arc<dyn EventStore>,
        instance: &'a FlowInstance,
        registry: &'a Registry,
        tolerances: &'a Tolerances,
        outputs: &Path,
        cancel: &'a CancelToken,
    ) -> Self {
        let initialized = instance.initialized();
        let directory = initialized.and_then(|it| it.environment.directory.clone()).unwrap_or_else(|| ".".to_owned());
        let ids = instance.steps().iter().map(|step| step.id.as_str());
        let files = Arc::new(Files::relative_to(directory).writing_to(outputs).heeding(cancel));
        let (linked, outputs, confinement) = (registry, outputs.to_owned(), None);
        let registry = initialized.map_or(Ok(Cow::Borrowed(registry)), |began| step_types(began, registry));
        let definition = definition_hash(ids);
        Self { store, instance, registry, tolerances, definition, files, cancel, linked, outputs, confinement }
    }

    /// Restricts the files that steps may read to `confinement`.
    pub(in crate::workbench) fn confined(mut self, confinement: Option<Confinement>) -> Self {
        self.files = Arc::new(self.files.as_ref().clone().confined(confinement.clone()));
        self.confinement = confinement;
        self
    }

    /// Refuses a tolerance for a column that does not exist, which is probably misspelt.
    pub(super) fn check_tolerances(&self) -> Result<(), WorkbenchError> {
        if self.tolerances.is_empty() {
            return Ok(());
        }
        let mut columns = BTreeSet::new();
        for output in self.instance.steps().iter().flat_map(|step| &step.outputs) {
            // An unreadable table may have any columns; its step will be reported as not repeatable.
            let Ok(Some(root)) = self.store.read_artifact(output.hash) else { return Ok(()) };
            if let Ok(table) = TableRoot::of(&root) {
                columns.extend(table.columns.into_iter().map(|column| column.name.to_string()));
            }
        }
        match self.tolerances.keys().find(|column| !columns.contains(*column)) {
            Some(column) => {
                Err(WorkbenchError::NoSuchColumn { column: column.clone(), known: columns.into_iter().collect() })
            }
            None => Ok(()),
        }
    }

    /// Repeats the step at `index` and compares the outputs.
    pub(super) fn step(
        &self,
        recorded: &RecordedStep,
        (index, state): (usize, &StepState),
        facts: Option<&StepFacts>,
    ) -> Result<Outcome, WorkbenchError> {
        let (Some(started), Some(facts), StepStatus::FinishedOk) = (&state.started, facts, state.status) else {
            return Ok(Outcome::NotFinished);
        };
        let Repeated { outputs, repetition, approximate } = match self.repeat(recorded, index, started, facts)? {
            Ok(repeated) => repeated,
            Err(outcome) => return Ok(outcome),
        };
        let none = Tolerances::new();
        let tolerances = if approximate { self.tolerances } else { &none };
        Ok(match compare::outputs(self.store, &state.outputs, &outputs, tolerances)? {
            Compared::Same { within } if recorded.uses == MAP_STEP => {
                self.children(recorded, index)?.unwrap_or(Outcome::Verified { within })
            }
            Compared::Same { within } => match self.broken_promise(&repetition, index, &outputs, approximate)? {
                Some(broken) => Outcome::Differs(Fault::Rows(broken)),
                None => Outcome::Verified { within },
            },
            Compared::Differs(fault) => Outcome::Differs(fault),
            Compared::Unreadable(reason) => Outcome::NotRepeatable { reason },
        })
    }

    /// Returns the children of the step at `index`, which are those of the run that computed its result; `None` if it has none.
    fn recorded_children(
        &self,
        recorded: &RecordedStep,
        index: usize,
    ) -> Result<Option<RecordedChildren>, WorkbenchError> {
        if recorded.uses != MAP_STEP {
            return Ok(None);
        }
        let state = &self.instance.steps()[index];
        let (parent, started, params) = match state.reused {
            None => (self.instance.flow_id(), state.started.clone(), recorded.params.clone()),
            Some(source) => {
                let origin = replay(source.flow_id, &self.store.list(source.flow_id)?)?;
                let finished = self.store.read_event(source.flow_id, source.position)?.map(|event| event.kind);
                let Some(FlowEventKind::StepFinished(finished)) = finished else { return Ok(None) };
                let step = origin.recorded(finished.step_index).map(|step| step.params.clone());
                let started = origin.steps().get(finished.step_index).and_then(|step| step.started.clone());
                (source.flow_id, started, step.unwrap_or_default())
            }
        };
        let children = started.zip(MapParams::read(&params).ok());
        Ok(children.map(|(started, params)| RecordedChildren::of(self.store.clone(), parent, started, params)))
    }

    /// Verifies the children of the step at `index`, and returns what keeps one of them from being verified.
    fn children(&self, recorded: &RecordedStep, index: usize) -> Result<Option<Outcome>, WorkbenchError> {
        let Some(children) = self.recorded_children(recorded, index)? else { return Ok(None) };
        for index in 0..children.count() {
            let child = match children.child(index) {
                Ok((child, _)) => child,
                Err(error) => return Ok(Some(Outcome::NotRepeatable { reason: format!("{error:#}") })),
            };
            // A child that failed is in the table with its error, and has nothing to compare with.
            if child.status() == FlowStatus::Failed {
                continue;
            }
            let bench = Bench::of(self.store, &child, self.linked, self.tolerances, &self.outputs, self.cancel);
            let verified = bench.confined(self.confinement.clone()).run()?;
            let in_child = |step: &str| format!("child {index}, run {}: step {step}", child.flow_id());
            for StepVerification { step, outcome, .. } in verified.steps {
                match outcome {
                    Outcome::Verified { .. } => {}
                    Outcome::Differs(fault) => {
                        let (run, fault) = (child.flow_id(), Box::new(fault));
                        return Ok(Some(Outcome::Differs(Fault::Child { index, run, step, fault })));
                    }
                    Outcome::NotRepeatable { reason } => {
                        return Ok(Some(Outcome::NotRepeatable { reason: format!("{}: {reason}", in_child(&step)) }));
                    }
                    Outcome::NotFinished => {
                        let reason = format!("{} has not finished", in_child(&step));
                        return Ok(Some(Outcome::NotRepeatable { reason }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Repeats all steps of the run.
    pub(super) fn run(&self) -> Result<Verification, WorkbenchError> {
        let instance = self.instance;
        let facts = FlowFacts::of_run(instance);
        let initialized = instance.initialized();
        let recorded = initialized.map(|it| it.definition.steps.as_slice()).unwrap_or_default();
        let mut steps = Vec::new();
        for (recorded, state) in recorded.iter().zip(instance.steps()) {
            if self.cancel.is_cancelled() {
                return Err(CoreEngineError::Interrupted { flow_id: instance.flow_id() }.into());
            }
            steps.push(StepVerification {
                step: recorded.id.clone(),
                uses: recorded.uses.clone(),
                version: recorded.version,
                outcome: self.step(recorded, (steps.len(), state), facts.step(&recorded.id))?,
            });
        }
        Ok(Verification { flow_id: instance.flow_id(), flow: facts.flow, steps })
    }

    /// Returns the rows that the step at `index` set apart. A repetition does not work on them either.
    fn set_apart(&self, index: usize) -> Result<Vec<RowSetApart>, WorkbenchError> {
        let (store, state) = (self.store.as_ref(), &self.instance.steps()[index]);
        match self.instance.recorded(index) {
            Some(step) if step.shards.is_some() => {
                Ok(rows_set_apart(store, &store.list(self.instance.flow_id())?, index, state)?)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Repeats a sample of the rows of a row step one by one, in another order and in other pieces. Not for an approximate
    /// step, whose results may differ anyway.
    fn broken_promise(
        &self,
        repetition: &Repetition,
        index: usize,
        outputs: &[StepOutput],
        approximate: bool,
    ) -> Result<Option<BrokenPromise>, WorkbenchError> {
        let step = repetition.step();
        let port = step.inputs().iter().find(|port| port.rows);
        let Some(port) = port.filter(|_| step.row_columns().is_some() && !approximate) else { return Ok(None) };
        let stored = StoredArtifacts(self.store.as_ref());
        let input = repetition.input(port.name).and_then(|hash| stored.artifact(hash).ok());
        // The step has just read this input.
        let Some(input) = input.and_then(|root| Dataset::unpack(&root, &stored).ok()) else { return Ok(None) };
        let run = |rows: &[usize]| Ok(tables(&repetition.run_on(port.name, &input, rows)?));
        let set_apart = self.set_apart(index)?;
        let mut sample = sample_of(input.table().rows());
        sample.retain(|row| set_apart.iter().all(|apart| apart.row != row + 1));
        match check_rows(run, &tables(outputs), &sample) {
            Ok(()) => Ok(None),
            Err(RowsError::Broken(broken)) => Ok(Some(*broken)),
            Err(RowsError::Fails(error)) if error.is_interrupted() => {
                Err(CoreEngineError::Interrupted { flow_id: self.instance.flow_id() }.into())
            }
            Err(RowsError::Fails(error)) => Ok(Some(BrokenPromise::failing(&error))),
        }
    }

    /// Runs the step at `index` again, and returns its outputs or the outcome that prevented it.
    pub(in crate::workbench) fn repeat(
        &self,
        recorded: &RecordedStep,
        index: usize,
        started: &StepStarted,
        facts: &StepFacts,
    ) -> Result<Result<Repeated, Outcome>, WorkbenchError> {
        let approved = decision_on(self.store.as_ref(), self.instance, index)?.and_then(|decision| decision.data);
        let (step, approximate) = match self.bind(recorded, approved) {
            Ok(bound) => bound,
            Err(reason) => return Ok(Err(Outcome::NotRepeatable { reason })),
        };
        let now =
            match begin_step(self.definition, started.step_index, step.as_ref(), &self.files, started.inputs.clone()) {
                Ok(now) => now,
                Err(error) => return Ok(Err(Outcome::NotRepeatable { reason: format!("{error:#}") })),
            };
        if let Some(outcome) = starts_otherwise(started, &now, facts) {
            return Ok(Err(outcome));
        }
        for hash in started.inputs.values() {
            if !matches!(self.store.read_artifact(*hash), Ok(Some(_))) {
                let reason = format!("its input, artifact {hash}, cannot be read");
                return Ok(Err(Outcome::NotRepeatable { reason }));
            }
        }
        let repetition =
            Repetition::of(step, &started.inputs, self.files.clone(), self.store.clone(), self.cancel.clone());
        let children = self.recorded_children(recorded, index)?.map(|children| Arc::new(children) as Arc<dyn Children>);
        let set_apart = self.set_apart(index)?;
        let known = match repetition.step().inputs().iter().find(|port| port.rows).map(|port| port.name) {
            Some(port) if !set_apart.is_empty() => {
                let input = repetition.input(port).map(|hash| self.store.read_artifact(hash)).transpose()?.flatten();
                let rows = input.and_then(|root| TableRoot::of(&root).ok()).map_or(0, |root| root.rows);
                Some(ShardResults::without(rows, &set_apart))
            }
            _ => None,
        };
        let repetition = repetition.with_children(children).setting_apart(known);
        let is_of_shard = |begun: &FlowInitialized| begun.definition.steps.iter().any(|step| step.uses == SHARD_STEP);
        let repetition = repetition.on_part(self.instance.initialized().is_some_and(is_of_shard));
        match repetition.run() {
            Ok(outputs) => Ok(Ok(Repeated { outputs, repetition, approximate })),
            Err(error) if error.is_interrupted() => {
                Err(CoreEngineError::Interrupted { flow_id: self.instance.flow_id() }.into())
            }
            Err(error) => Ok(Err(Outcome::Differs(Fault::Fails { error: format!("{error:#}") }))),
        }
    }

    /// Binds the recorded step, and returns it with whether it is approximate; or the reason why it cannot run.
    fn bind(
        &self,
        recorded: &RecordedStep,
        approved: Option<Value>,
    ) -> Result<(Box<dyn StepDefinition>, bool), String> {
        let (uses, version) = (&recorded.uses, recorded.version);
        let registry = self.registry.as_ref().map_err(ToString::to_string)?;
        let Some(registration) = registry.get(uses) else {
            return Err(format!("this program has no step type `{uses}`"));
        };
        let spec = registration.spec();
        if spec.version != version {
            return Err(format!("it ran as `{uses}@{version}`, but this program has `{uses}@{}`", spec.version));
        }
        // A step with children is repeated from their ends, and they are verified by themselves.
        if !spec.cache && uses != MAP_STEP {
            return Err("a step of this type has side effects or is nondeterministic".to_owned());
        }
        let mut params = recorded.params.clone();
        // The data in an approval overrides the manifest.
        if let Some(Value::Object(data)) = approved {
            params.extend(data);
        }
        let id = StepId::new(recorded.id.clone()).map_err(|error| error.to_string())?;
        let step = registration.bind(id, &params).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            format!("its recorded parameters are no longer valid: {}", problems.join("; "))
        })?;
        Ok((step, spec.approximate))
    }
}

/// Returns the decision on the step at `index`, from the run itself or, if a branch shares the step, from its parent.
fn decision_on(
    store: &dyn EventStore,
    run: &FlowInstance,
    index: usize,
) -> Result<Option<UserInteractionProvided>, WorkbenchError> {
    let mut parent: Option<FlowInstance> = None;
    let mut seen = BTreeSet::from([run.flow_id()]);
    loop {
        let run = parent.as_ref().unwrap_or(run);
        if let Some(decision) = run.steps().get(index).and_then(|step| step.decision.clone()) {
            return Ok(Some(decision));
        }
        let Some(branch) = run.branch().filter(|branch| index < branch.step_index) else { return Ok(None) };
        expect_unseen(&mut seen, branch.parent)?;
        parent = Some(replay(branch.parent, &store.list(branch.parent)?)?);
    }
}

/// Returns the outcome for a step whose fingerprint differs; `None` if it is the same.
fn starts_otherwise(was: &StepStarted, is: &StepStarted, facts: &StepFacts) -> Option<Outcome> {
    if was.fingerprint == is.fingerprint {
        return None;
    }
    let now = StepFacts { params: is.params.clone(), uses: is.uses.clone(), version: is.version, ..facts.clone() };
    let found = differences(facts, &now);
    let file = |difference: &Difference| matches!(difference, Difference::File { .. });
    if !found.is_empty() && found.iter().all(file) {
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Some(Outcome::NotRepeatable { reason: words.join("; ") });
    }
    Some(Outcome::Differs(Fault::Fingerprint { differences: found, was: was.fingerprint, is: is.fingerprint }))
}
