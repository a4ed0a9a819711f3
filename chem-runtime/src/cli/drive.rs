//! Drives a run to its end, for the commands that do so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::CommandName;
use super::advice::Advice;
use super::args::{MovedManifest, Reuse, Shared};
use super::cluster::OnCluster;
use super::exit::{Failure, Status};
use super::progress::Watcher;
use super::report::print_report;
use super::signing::Signers;
use super::{output, runs, sealing, signals};
use crate::engine::{Answer, CoreEngineError, FlowEngine, ReusePolicy, Workers};
use crate::event::{FlowEvent, FlowEventKind, FlowId};
use crate::evidence::{AllowedSigners, Identity, operator};
use crate::flow::{FlowDefinition, replay};
use crate::report::RunReport;
use crate::step::CancelToken;
use crate::store::{EventStore, Takeover};
use crate::workbench::{ManifestComparison, RecordedRun, RecordedRunError};

/// The run to drive, and where and how to run it.
pub(super) struct RunPlan {
    pub flow_id: FlowId,
    pub definition: FlowDefinition,
    pub directory: PathBuf,
    pub manifest: Option<String>,
    pub reuse: ReusePolicy,
    pub takeover: Takeover,
    pub signers: Option<AllowedSigners>,
    /// Who runs the children of steps; `None` if this process does.
    pub workers: Option<Arc<dyn Workers>>,
}

impl RunPlan {
    /// Returns the plan of an existing run, from its log. The modules of its manifest are beside `manifest`, if it has moved.
    pub(super) fn stored(
        shared: &Shared,
        flow_id: FlowId,
        events: &[FlowEvent],
        manifest: Option<&Path>,
    ) -> Result<Self, Failure> {
        let Some(FlowEventKind::FlowInitialized(initialized)) = events.first().map(|event| &event.kind) else {
            return Err(RecordedRunError::NotBegun { flow_id }.into());
        };
        // A manifest that is missing is reported when it is compared.
        let moved = manifest.filter(|path| path.exists()).and_then(Path::parent);
        let definition = FlowDefinition::of_run_in(moved, &replay(flow_id, events)?, &shared.step_types()?)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let directory = initialized.environment.directory.clone().unwrap_or_else(|| ".".to_owned()).into();
        let manifest = initialized.environment.manifest.clone();
        let (reuse, takeover) = (ReusePolicy::wherever_possible(), Takeover::IfFree);
        Ok(Self { flow_id, definition, directory, manifest, reuse, takeover, signers: None, workers: None })
    }

    /// Returns the plan with the directory and file name of the manifest at `path`.
    pub(super) fn at(self, path: &Path) -> Result<Self, Failure> {
        let directory = std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default();
        let manifest = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { directory, manifest, ..self })
    }

    /// Returns the plan of an existing run at the current path of its manifest, if the user gives it. The manifest must give
    /// the flow that the run recorded; retries, timeouts and gates may differ.
    pub(super) fn moved(
        shared: &Shared,
        store: &dyn EventStore,
        flow_id: FlowId,
        events: &[FlowEvent],
        manifest: &MovedManifest,
    ) -> Result<Self, Failure> {
        let plan = Self::stored(shared, flow_id, events, manifest.path.as_deref())?;
        let Some(path) = &manifest.path else { return Ok(plan) };
        let instance = replay(flow_id, events)?;
        match RecordedRun::of(store, &instance)?.compare_manifest(Some(path), &shared.step_types()?)? {
            ManifestComparison::Changed { changes, .. } if !changes.is_empty() => {
                let error = RecordedRunError::ManifestChanged { path: path.clone(), changes };
                Err(Failure::usage(error.to_string()))
            }
            ManifestComparison::Invalid { diagnostics } => {
                Err(RecordedRunError::ManifestInvalid { path: path.clone(), diagnostics }.into())
            }
            ManifestComparison::Same | ManifestComparison::Unavailable | ManifestComparison::Changed { .. } => {
                plan.at(path)
            }
        }
    }

    /// Returns the plan with the allowed signers that the options `signers` select.
    pub(super) fn signed_by(self, signers: &Signers) -> Result<Self, Failure> {
        Ok(Self { signers: signers.open()?, ..self })
    }

    /// Returns the plan with the workers that the options `cluster` ask for.
    pub(super) fn on(self, shared: &Shared, cluster: &OnCluster, reuse: &Reuse) -> Result<Self, Failure> {
        Ok(Self { workers: cluster.workers(shared, &self.definition, reuse)?, ..self })
    }

    /// Returns the plan with the reuse policy that the options `reuse` select.
    pub(super) fn reusing(self, reuse: &Reuse) -> Result<Self, Failure> {
        Ok(Self { reuse: runs::reuse_policy(reuse, &self.definition)?, ..self })
    }
}

/// The action to take on a run before it continues to its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act<'a> {
    /// Takes no action: the run starts or resumes.
    Run,
    /// Retries the failed step, for this reason.
    Retry(&'a str),
    /// Answers the question of the step with this id.
    Answer(&'a str, &'a Answer),
    /// Begins the run as a branch of `parent` from the step `from`, with the parameters `set` changed.
    Branch { parent: FlowId, from: &'a str, set: &'a Map<String, Value> },
}

/// Returns the engine for a run.
pub(super) fn engine_for(
    shared: &Shared,
    store: Arc<dyn EventStore>,
    plan: RunPlan,
    cancel: CancelToken,
) -> Result<FlowEngine, Failure> {
    let person = Identity::read()?.as_ref().map(Identity::person);
    let mut builder = FlowEngine::on(store)
        .confinement(shared.confinement(&plan.directory))
        .directory(plan.directory)
        .operator(Some(operator(person)))
        .measured()
        .cancel_token(cancel)
        .reuse(plan.reuse)
        .takeover(plan.takeover)
        .allowed_signers(plan.signers)
        .workers(plan.workers)
        .observer(Arc::new(Watcher::new(shared)));
    if let Some(manifest) = plan.manifest {
        builder = builder.manifest(manifest);
    }
    Ok(builder.definition(plan.definition))
}

/// Runs or resumes a run to its end, and prints its report.
pub(super) fn drive(
    shared: &Shared,
    store: Arc<dyn EventStore>,
    plan: RunPlan,
    act: Act<'_>,
) -> Result<ExitCode, Failure> {
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let flow_id = plan.flow_id;
    let has_workers = plan.workers.is_some();
    let engine = engine_for(shared, store.clone(), plan, cancel)?;
    let result = match act {
        Act::Run => engine.run(flow_id),
        Act::Retry(reason) => engine.retry(flow_id, reason),
        Act::Branch { parent, from, set } => engine.handle(flow_id).branch_from(parent, from, set.clone()),
        Act::Answer(step, answer) => engine.handle(flow_id).answer(step, answer.clone()),
    };
    let status = match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(CoreEngineError::StepFailed { .. }) => Status::RunFailed.into(),
        Err(CoreEngineError::Waiting { .. }) => Status::Waiting.into(),
        Err(CoreEngineError::Interrupted { .. }) => {
            if has_workers {
                let resume = Advice::text("the workers that were submitted go on; ");
                let resume = resume.then_command(CommandName::Resume, &[&flow_id, &"--on", &"SCHEDULER"]);
                output::advise(shared, &resume.then(" waits for them again"));
            }
            Status::Interrupted.into()
        }
        Err(error) => return Err(Failure::of_run(flow_id, error)),
    };
    let events = store.list(flow_id)?;
    if events.is_empty() {
        // The run was stopped before it recorded anything.
        return Err(Failure::of_run(flow_id, CoreEngineError::Interrupted { flow_id }));
    }
    print_report(shared, &RunReport::of(flow_id, &events)?, None, store.as_ref())?;
    sealing::after_a_run(shared, store.as_ref());
    Ok(status)
}
