//! `chem retry`: retries the failed step of a run and continues from there.

use std::process::ExitCode;

use clap::Args;

use crate::cli::args::{MovedManifest, NamedRun, Reuse, Shared};
use crate::cli::cluster::OnCluster;
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;
use crate::cli::signing::Signers;
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct RetryArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// The reason, for the log.
    #[arg(long, value_name = "TEXT", default_value = "manual retry")]
    pub reason: String,
    #[command(flatten)]
    pub manifest: MovedManifest,
    #[command(flatten)]
    pub reuse: Reuse,
    #[command(flatten)]
    pub signers: Signers,
    #[command(flatten)]
    pub cluster: OnCluster,
}

pub(in crate::cli) fn run(shared: &Shared, args: &RetryArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let plan = RunPlan::moved(shared, store.as_ref(), flow_id, &events, &args.manifest)?;
    if args.cluster.print_script(shared, &plan.definition, &args.reuse, Some(flow_id))? {
        return Ok(ExitCode::SUCCESS);
    }
    let plan = plan.reusing(&args.reuse)?.signed_by(&args.signers)?.on(shared, &args.cluster, &args.reuse)?;
    drive(shared, store, plan, Act::Retry(&args.reason))
}
