//! `chem snapshot`: compares what flows do with their pinned snapshots.

#[cfg(feature = "testing")]
mod compared;

use std::path::PathBuf;
#[cfg(not(feature = "testing"))]
use std::process::ExitCode;

use clap::{Args, ValueHint};

#[cfg(not(feature = "testing"))]
use crate::cli::args::Shared;
#[cfg(not(feature = "testing"))]
use crate::cli::exit::Failure;
#[cfg(feature = "testing")]
pub(in crate::cli) use compared::run;

#[derive(Debug, Args)]
pub(in crate::cli) struct SnapshotArgs {
    /// The manifests. The snapshot of `flows/NAME.yaml` is `snapshots/flows/NAME.snap`, which tests in Rust and in Python read,
    /// too.
    #[arg(required = true, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifests: Vec<PathBuf>,
    /// Write a snapshot that is missing or differs.
    #[arg(long)]
    pub accept: bool,
}

#[cfg(not(feature = "testing"))]
pub(in crate::cli) fn run(_: &Shared, _: &SnapshotArgs) -> Result<ExitCode, Failure> {
    Err(Failure::usage("this program cannot compare snapshots")
        .with_help("build it with the feature `testing` of chem-runtime"))
}
