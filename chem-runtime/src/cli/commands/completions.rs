//! `chem completions`: prints the completion script for a shell.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::cli::args::{self, Shared};
use crate::cli::exit::Failure;
use crate::cli::output;

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

pub(in crate::cli) fn run(_: &Shared, asked: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut args::command(), "chem", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
