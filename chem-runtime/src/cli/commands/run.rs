//! `chem run`: checks a manifest and runs it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use super::check::{CheckedManifest, check_sweep, read_and_check};
use crate::cli::args::{Overrides, Reuse, Shared};
use crate::cli::cluster::OnCluster;
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::{Failure, Status};
use crate::cli::runs;
use crate::event::FlowId;
use crate::manifest::Sweep;
use crate::store::{OpenMode, Takeover};

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    pub flow: FlowArgs,
    #[command(flatten)]
    pub cluster: OnCluster,
}

/// The flow of a new run.
#[derive(Debug, Args)]
pub(in crate::cli) struct FlowArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub reuse: Reuse,
}

/// A run for each combination of values.
#[derive(Debug, Args)]
pub(in crate::cli) struct SweepArgs {
    /// Run the flow once for each of these values of a parameter, and gather the results in a table. Can be given several
    /// times: then once for each combination.
    #[arg(long, value_name = "NAME=VALUE,VALUE")]
    pub sweep: Vec<String>,
    /// What the table of a sweep takes from each run: STEP for the number of rows of its table, STEP.COLUMN for the value in a
    /// table of one row, STEP.OUTPUT for another output. Can be given several times; left out, the rows of all tables.
    #[arg(long, value_name = "[COLUMN=]STEP", requires = "sweep")]
    pub take: Vec<String>,
    /// Put the error of a run that fails into the table of a sweep, instead of failing the sweep.
    #[arg(long, requires = "sweep")]
    pub collect_errors: bool,
}

impl FlowArgs {
    /// Reads the manifest and checks it, or the flow that sweeps over it.
    pub(in crate::cli) fn check(&self, shared: &Shared) -> Result<CheckedManifest, Failure> {
        let SweepArgs { sweep, take, collect_errors } = &self.sweep;
        if sweep.is_empty() {
            return read_and_check(shared, &self.manifest, &self.overrides);
        }
        let (over, set, take) = (sweep.clone(), self.overrides.set.clone(), take.clone());
        check_sweep(shared, &self.manifest, &Sweep { over, set, take, collect: *collect_errors })
    }
}

pub(in crate::cli) fn run(shared: &Shared, args: &RunArgs) -> Result<ExitCode, Failure> {
    let RunArgs { flow: args, cluster } = args;
    let checked = args.check(shared)?;
    checked.print(shared)?;
    let Some(definition) = checked.definition else {
        return Ok(Status::Usage.into());
    };
    let reuse = runs::reuse_policy(&args.reuse, &definition)?;
    if cluster.print_script(shared, &definition, &args.reuse, None)? {
        return Ok(ExitCode::SUCCESS);
    }
    let workers = cluster.workers(shared, &definition, &args.reuse)?;
    let store = runs::open_store(shared, OpenMode::Create)?;
    // No manifest says what a sweep is; its log does.
    let manifest = args.manifest.file_name().filter(|_| args.sweep.sweep.is_empty());
    let manifest = manifest.map(|name| name.to_string_lossy().into_owned());
    let (flow_id, directory, takeover) = (FlowId::new(), checked.directory, Takeover::IfFree);
    // A new run has no decisions to check.
    let signers = None;
    let plan = RunPlan { flow_id, definition, directory, manifest, reuse, takeover, signers, workers };
    drive(shared, store, plan, Act::Run)
}
