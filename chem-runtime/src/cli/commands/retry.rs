//! `chem retry`: retries the failed step of a run and continues from there.

use std::process::ExitCode;

use crate::cli::args::{RetryArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::family::{self, Begun};
use crate::cli::runs;
use crate::flow::replay;
use crate::store::OpenMode;

pub(in crate::cli) fn run(shared: &Shared, args: &RetryArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    let instance = replay(flow_id, &events)?;
    let begun = Begun::of(store.as_ref(), &instance)?;
    let plan = family::moved(&begun, RunPlan::stored(flow_id, &events)?, args.manifest.as_deref())?;
    drive(shared, store, plan.reusing(&args.reuse)?, Act::Retry(&args.reason))
}
