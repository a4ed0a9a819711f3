//! `chem retry`: tries the step again at which a run has failed, and goes on from there.

use std::process::ExitCode;

use crate::cli::args::{RetryArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;

pub(in crate::cli) fn run(shared: &Shared, args: &RetryArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    drive(shared, store, RunPlan::stored(flow_id, &events)?, Act::Retry(&args.reason))
}
