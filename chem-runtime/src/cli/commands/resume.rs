//! `chem resume`: goes on with a run that was interrupted, from its recorded definition.

use std::process::ExitCode;

use crate::cli::args::{RunIdArgs, Shared};
use crate::cli::drive::{RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;
use crate::engine::ReusePolicy;
use crate::event::FlowEventKind;
use crate::flow::{FlowDefinition, FlowStatus, replay};
use crate::step::Registry;

pub(in crate::cli) fn run(shared: &Shared, args: &RunIdArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    let instance = replay(flow_id, &events)?;
    let Some(FlowEventKind::FlowInitialized(initialized)) = events.first().map(|event| &event.kind) else {
        return Err(Failure::usage(format!("run {flow_id} has not begun")));
    };
    match instance.status() {
        FlowStatus::Interrupted | FlowStatus::Waiting => {}
        FlowStatus::Completed => {
            return Err(Failure::usage(format!("run {flow_id} is complete; there is nothing to resume"))
                .with_help(format!("`chem show {flow_id}` shows what came of it")));
        }
        FlowStatus::Failed => {
            return Err(Failure::usage(format!("run {flow_id} has failed and cannot be resumed"))
                .with_help(format!("`chem show {flow_id}` says why; put that right and run the manifest anew")));
        }
    }
    let definition = FlowDefinition::from_recorded(&initialized.flow, &initialized.definition, Registry::linked()?)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let directory = initialized.environment.directory.clone().unwrap_or_else(|| ".".to_owned());
    let manifest = initialized.environment.manifest.clone();
    let reuse = ReusePolicy::wherever_possible();
    drive(shared, store, RunPlan { flow_id, definition, directory: directory.into(), manifest, reuse })
}
