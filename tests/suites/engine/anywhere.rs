//! Loses power before and after each append, in every flow of the repository, on every store. The resumed run ends with
//! the undisturbed fingerprint, and no finished step runs twice.
//!
//! Each step of a flow works once and afterwards returns the same result: the test covers the engine and the stores with
//! the flow's real artifacts, and not the chemistry, which would take hours.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};

use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::event::FlowId;
use chem_runtime::flow::{FlowDefinition, StepStatus, replay};
use chem_runtime::manifest;
use chem_runtime::step::{
    ExecutionContext, Files, OutputSpec, PlannedStep, PortSpec, Registry, StepDefinition, StepError, StepId, StepKind,
    StepOutput, StepRunResult, StepTypeRef,
};
use chem_runtime::store::EventStore;
use chem_tests::stores::fresh;
use serde_json::{Map, Value};

use crate::counting::{PowerLoss, Watched};

/// A flow of the repository whose steps do their work only once.
struct Flow {
    manifest: PathBuf,
    definition: FlowDefinition,
    worked: Vec<Arc<OnceLock<Vec<StepOutput>>>>,
    /// The ids of the steps that ran, in order.
    ran: Arc<Mutex<Vec<String>>>,
    /// The directory that sinks write to.
    outputs: tempfile::TempDir,
}

/// A step that returns the result of its first run on every run.
struct Once {
    flow: FlowDefinition,
    index: usize,
    worked: Arc<OnceLock<Vec<StepOutput>>>,
    ran: Arc<Mutex<Vec<String>>>,
}

impl Once {
    fn step(&self) -> &dyn StepDefinition {
        self.flow.steps()[self.index].step()
    }
}

impl StepDefinition for Once {
    fn id(&self) -> &StepId {
        self.step().id()
    }

    fn kind(&self) -> StepKind {
        self.step().kind()
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        self.step().step_type()
    }

    fn inputs(&self) -> &[PortSpec] {
        self.step().inputs()
    }

    fn outputs(&self) -> &[OutputSpec] {
        self.step().outputs()
    }

    fn params(&self) -> Result<Map<String, Value>, StepError> {
        self.step().params()
    }

    fn identity(&self, files: &Files) -> Result<Map<String, Value>, StepError> {
        self.step().identity(files)
    }

    fn is_reusable(&self) -> bool {
        self.step().is_reusable()
    }

    fn has_effects(&self) -> bool {
        self.step().has_effects()
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        self.ran.lock().unwrap().push(self.id().to_string());
        if let Some(outputs) = self.worked.get() {
            return StepRunResult::success(outputs.clone());
        }
        match self.step().run(context) {
            StepRunResult::Success { outputs, signals } => {
                let _ = self.worked.set(outputs.clone());
                StepRunResult::Success { outputs, signals }
            }
            failure => failure,
        }
    }
}

impl Flow {
    fn of(manifest: PathBuf) -> Self {
        let loaded = manifest::load(&manifest, &[], Registry::linked().unwrap());
        let definition =
            loaded.definition.unwrap_or_else(|| panic!("{}: {:?}", manifest.display(), loaded.diagnostics));
        let worked = definition.steps().iter().map(|_| Arc::default()).collect();
        Self { manifest, definition, worked, ran: Arc::default(), outputs: tempfile::tempdir().unwrap() }
    }

    /// Returns an engine as a new process would build it.
    fn engine(&self, store: Arc<dyn EventStore>) -> FlowEngine {
        let recorded = self.definition.recorded().unwrap();
        let planned = self.definition.steps().iter().enumerate().map(|(index, planned)| {
            let (worked, ran) = (self.worked[index].clone(), self.ran.clone());
            let step: Box<dyn StepDefinition> = Box::new(Once { flow: self.definition.clone(), index, worked, ran });
            let inputs = recorded.steps[index].inputs.clone().into_iter().collect();
            let source = step.kind() == StepKind::Source;
            PlannedStep { inputs, source, policy: planned.policy().clone(), ..step.into() }
        });
        FlowEngine::on(store)
            .directory(self.manifest.parent().unwrap())
            .output_directory(self.outputs.path())
            .definition(FlowDefinition::new(planned).unwrap())
    }

    fn take_ran(&self) -> Vec<String> {
        std::mem::take(&mut self.ran.lock().unwrap())
    }
}

fn flows() -> Vec<Flow> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows");
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut manifests: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    // Without the chemistry, only this flow has all its step types.
    manifests.retain(|path| cfg!(feature = "chemistry") || path.ends_with("demo.yaml"));
    manifests.sort();
    manifests.into_iter().map(Flow::of).collect()
}

#[test]
fn power_lost_at_any_append_of_any_flow_on_any_store_costs_nothing_that_had_finished() {
    let backends = fresh();
    for flow in flows() {
        let name = flow.manifest.file_name().unwrap().to_string_lossy().into_owned();
        let calm = Arc::new(Watched::new(None));
        let undisturbed = flow.engine(calm.clone());
        undisturbed.run_to_end().unwrap();
        let expected = undisturbed.flow_fingerprint().unwrap();
        // The maximum: events recorded during an append are batched into the next one.
        let appends = flow.take_ran().len() + 1;
        assert!((2..=appends).contains(&calm.appends.load(Ordering::SeqCst)), "{name}");

        for (kind, backend) in &backends {
            for loss in (0..appends).flat_map(|append| [PowerLoss::Before(append), PowerLoss::After(append)]) {
                let case = format!("{name} on {kind}, {loss:?}");
                let flow_id = FlowId::new();
                let watched = Arc::new(Watched::on(backend.store(), Some(loss)));
                let first = flow.engine(watched.clone());
                let ended = first.run(flow_id);
                drop(first);
                assert_eq!(matches!(ended, Err(CoreEngineError::Store(_))), watched.is_dark(), "{case}: {ended:?}");
                flow.take_ran();

                let store = backend.store();
                let instance = replay(flow_id, &store.list(flow_id).unwrap()).unwrap();
                let steps = instance.steps().iter();
                let finished: Vec<String> =
                    steps.filter(|step| step.status == StepStatus::FinishedOk).map(|step| step.id.clone()).collect();
                let resumed = flow.engine(store);
                match resumed.run(flow_id) {
                    Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
                    Err(error) => panic!("{case}: {error}"),
                }
                assert_eq!(resumed.flow_fingerprint_for(flow_id).unwrap(), expected, "{case}");
                let again: Vec<String> = flow.take_ran().into_iter().filter(|step| finished.contains(step)).collect();
                assert_eq!(again, [""; 0], "{case}: finished steps ran again");
            }
        }
    }
}
