//! `chem run`: checks a manifest and runs it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use super::check::read_and_check;
use crate::cli::args::{Overrides, Reuse, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::{Failure, Status};
use crate::cli::runs;
use crate::event::FlowId;
use crate::store::{OpenMode, Takeover};

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub reuse: Reuse,
}

pub(in crate::cli) fn run(shared: &Shared, args: &RunArgs) -> Result<ExitCode, Failure> {
    let checked = read_and_check(shared, &args.manifest, &args.overrides)?;
    checked.print(shared)?;
    let Some(definition) = checked.definition else {
        return Ok(Status::Usage.into());
    };
    let reuse = runs::reuse_policy(&args.reuse, &definition)?;
    let store = runs::open_store(shared, OpenMode::Create)?;
    let manifest = args.manifest.file_name().map(|name| name.to_string_lossy().into_owned());
    let (flow_id, directory, takeover) = (FlowId::new(), checked.directory, Takeover::IfFree);
    // A new run has no decisions to check.
    let signers = None;
    drive(shared, store, RunPlan { flow_id, definition, directory, manifest, reuse, takeover, signers }, Act::Run)
}
