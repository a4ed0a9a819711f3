//! `chem completions`: the completion script of a shell.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::args::{Arguments, CompletionsArgs};
use crate::cli::exit::Failure;
use crate::cli::output;

pub(in crate::cli) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "chem", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
