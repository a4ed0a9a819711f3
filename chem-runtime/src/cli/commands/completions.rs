//! `chem completions`: prints the completion script for a shell.

use std::process::ExitCode;

use crate::cli::args::{self, CompletionsArgs};
use crate::cli::exit::Failure;
use crate::cli::output;

pub(in crate::cli) fn run(asked: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut args::command(), "chem", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
