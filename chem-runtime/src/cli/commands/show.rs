//! `chem show`: shows a run, its steps, and their results.

use std::process::ExitCode;

use clap::Args;

use crate::cli::args::{NamedRun, Shared};
use crate::cli::details::Details;
use crate::cli::exit::Failure;
use crate::cli::report::print_report;
use crate::cli::runs;
use crate::report::RunReport;
use crate::store::OpenMode;
use crate::workbench::covered;

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    pub run: NamedRun,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let report = RunReport::of(flow_id, &events)?;
    let covered = covered(store.as_ref(), flow_id)?;
    print_report(shared, &report, Some(&Details::of(&report, covered)), store.as_ref())?;
    Ok(ExitCode::SUCCESS)
}
