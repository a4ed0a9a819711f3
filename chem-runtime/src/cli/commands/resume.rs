//! `chem resume`: goes on with a run that was interrupted, from its recorded definition.

use std::process::ExitCode;

use crate::cli::args::{RunIdArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;
use crate::flow::{FlowStatus, replay};

pub(in crate::cli) fn run(shared: &Shared, args: &RunIdArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    let instance = replay(flow_id, &events)?;
    match instance.status() {
        FlowStatus::Interrupted | FlowStatus::Waiting => {}
        FlowStatus::Completed => {
            return Err(Failure::usage(format!("run {flow_id} is complete; there is nothing to resume"))
                .with_help(format!("`chem show {flow_id}` shows what came of it")));
        }
        FlowStatus::Failed => {
            return Err(Failure::usage(format!("run {flow_id} has failed and cannot be resumed")).with_help(format!(
                "`chem show {flow_id}` says why; `chem retry {flow_id}` tries the failed step again"
            )));
        }
    }
    drive(shared, store, RunPlan::stored(flow_id, &events)?, Act::Run)
}
