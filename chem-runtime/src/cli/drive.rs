//! Running a run to its end, for the commands that do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::Shared;
use super::commands::show::print_report;
use super::exit::{Failure, Status};
use super::progress::Watcher;
use super::signals;
use crate::engine::{CoreEngineError, FlowEngine};
use crate::event::FlowId;
use crate::flow::FlowDefinition;
use crate::report::RunReport;
use crate::step::CancelToken;
use crate::store::{EventStore, InMemoryFlowRepository};

/// What is to be run, and where.
pub(super) struct RunPlan {
    pub flow_id: FlowId,
    pub definition: FlowDefinition,
    pub directory: PathBuf,
    pub manifest: Option<String>,
}

/// Runs or resumes a run to its end, and prints what came of it.
pub(super) fn drive(shared: &Shared, store: Arc<dyn EventStore>, plan: RunPlan) -> Result<ExitCode, Failure> {
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let mut builder = FlowEngine::builder(store.clone(), InMemoryFlowRepository::new())
        .directory(plan.directory)
        .cancel_token(cancel)
        .observer(Arc::new(Watcher::new(shared.quiet)));
    if let Some(manifest) = plan.manifest {
        builder = builder.manifest(manifest);
    }
    let result = builder.definition(plan.definition).run(plan.flow_id);
    let status = match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(CoreEngineError::StepFailed { .. }) => Status::RunFailed.into(),
        Err(CoreEngineError::Interrupted { .. }) => Status::Interrupted.into(),
        Err(error) => return Err(Failure::of_run(plan.flow_id, error)),
    };
    let events = store.list(plan.flow_id)?;
    if events.is_empty() {
        // Stopped before anything was recorded.
        return Err(Failure::of_run(plan.flow_id, CoreEngineError::Interrupted { flow_id: plan.flow_id }));
    }
    print_report(shared, &RunReport::of(plan.flow_id, &events)?, store.as_ref())?;
    Ok(status)
}
