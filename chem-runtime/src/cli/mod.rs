//! The `chem` command line. Another program that calls [`main`] gets the same command line, with its own steps linked in:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     chem_runtime::cli::main()
//! }
//! ```
//!
//! This module parses arguments, calls the other modules, prints their answers and chooses the exit status. What a library
//! user could want is not here: `workbench` finds, compares and checks runs, `engine` runs them.
//!
//! - The table below lists the commands; `commands` has one file for each. `args` has the options that several take.
//! - `drive` runs a flow to its end; `progress` prints what happens meanwhile, and `report` what came of it. `details` has
//!   who was involved, and what the steps took; `family` has the children of a run.
//! - `cluster` has the children of a run worked on by jobs of a cluster.
//! - `sealing` seals the log after a run; `signing` has the options of commands that sign or check signatures.
//! - `exit` maps failures to exit statuses and messages, and `advice` renders the commands that they suggest.
//! - `output` prints, and `visible` escapes control characters.
//! - `signals`, `interrupts` and `panics` handle what can end a command early; `ending` alone ends the program.
//!
//! # Adding a command
//!
//! Four files change, and the snapshots of the help:
//!
//! 1. `commands/NAME.rs` has the arguments, a struct that derives `clap::Args`, and the function `run`.
//! 2. `commands/mod.rs` gets a `mod` line.
//! 3. This file gets a row in the table: help, arguments, function, and whether the command needs a store and can be confined.
//! 4. `README.md` names the command, with what it does.
//!
//! A test in `tests/suites/cli` compares the README with the table and pins the help.

mod advice;
mod args;
mod cluster;
mod commands;
mod details;
mod drive;
mod ending;
mod exit;
mod family;
#[cfg(unix)]
mod interrupts;
mod output;
mod panics;
mod progress;
mod report;
mod runs;
mod sealing;
mod signals;
mod signing;
#[macro_use]
mod table;
mod visible;

use std::process::ExitCode;

use args::{Arguments, Shared};
use clap::{Subcommand, ValueEnum};
use commands::{
    answer, artifact, audit, branch, check, completions, depict, diff, export, import, log, ls, manifest, new, plan,
    resume, retry, run, schema, seal, show, sign, snapshot, steps, store, trace, ui, verify, whoami, why, work,
};
use exit::Failure;

use crate::step::limits;

commands! {
    /// Check manifests and report every problem, without running anything.
    Check(check::CheckArgs) => check::run, store: false, confinable: false;
    /// Check a manifest and run it. Reuses results that are already in the store.
    Run(run::RunArgs) => run::run, store: true, confinable: true;
    /// Show what running a manifest would do, step by step, and why. Runs and writes nothing.
    Plan(run::FlowArgs) => plan::run, store: true, confinable: true;
    /// Explain why a step of a run ran: what differs from an earlier run.
    Why(why::WhyArgs) => why::run, store: true, confinable: false;
    /// Follow a record through a run: where it was read, what each step made of it, and the step that dropped it.
    Trace(trace::TraceArgs) => trace::run, store: true, confinable: false;
    /// Compare two runs, a run and a manifest, or a sealed plan and a run. Exits with status 1 if they differ.
    Diff(diff::DiffArgs) => diff::run, store: true, confinable: true;
    /// Run the steps of a stored or exported run again and compare all their outputs. Exits with status 1 unless every step had finished
    /// and every output is the same.
    Verify(verify::VerifyArgs) => verify::run, store: true, confinable: true;
    /// Continue an interrupted run.
    Resume(resume::ResumeArgs) => resume::run, store: true, confinable: true;
    /// Retry the failed step of a run, and continue from there.
    Retry(retry::RetryArgs) => retry::run, store: true, confinable: true;
    /// Run children of a run that no other process runs, until none is left. Any number of workers can share them.
    Work(work::WorkArgs) => work::run, store: true, confinable: true;
    /// Approve a step that waits for a decision, and continue the run.
    Approve(answer::ApproveArgs) => answer::approve, store: true, confinable: true;
    /// Reject a step that waits for a decision, which fails the run.
    Reject(answer::AnswerArgs) => answer::reject, store: true, confinable: false;
    /// Start a new run from a step of another run, sharing the finished steps before it.
    Branch(branch::BranchArgs) => branch::run, store: true, confinable: true;
    /// List the newest runs of the store, oldest first.
    Ls(ls::LsArgs) => ls::run, store: true, confinable: false;
    /// Show a run: its steps, their fingerprints and outputs.
    Show(show::ShowArgs) => show::run, store: true, confinable: false;
    /// Print a manifest that repeats a run, from its log alone.
    Manifest(manifest::ManifestArgs) => manifest::run, store: true, confinable: false;
    /// Print the events of a run, or follow the events of all runs.
    Log(log::LogArgs) => log::run, store: true, confinable: false;
    /// Print an artifact, such as an output of a step.
    Artifact(artifact::ArtifactArgs) => artifact::run, store: true, confinable: false;
    /// Draw the structure of a SMILES as SVG.
    Depict(depict::DepictArgs) => depict::run, store: false, confinable: false;
    /// Show the store in a browser: runs, steps, tables and structures. Changes nothing.
    Ui(ui::UiArgs) => ui::run, store: true, confinable: true;
    /// Compare what flows do with their pinned snapshots. Exits with status 1 if one differs.
    Snapshot(snapshot::SnapshotArgs) => snapshot::run, store: false, confinable: true;
    /// Seal the log: store a checkpoint of all its events, and keep a copy outside the store.
    Seal(seal::SealArgs) => seal::run, store: true, confinable: false;
    /// Sign a statement about a run, with an SSH key.
    Sign(sign::SignArgs) => sign::run, store: true, confinable: false;
    /// Compare the log, its artifacts and its checkpoints with what was sealed, or an exported run with what proves it. Exits
    /// with status 1 if anything differs.
    Audit(audit::AuditArgs) => audit::run, store: true, confinable: false;
    /// Write a run into one file, with everything that proves it, to hand it over.
    Export(export::ExportArgs) => export::run, store: true, confinable: false;
    /// Put an exported run into the store.
    Import(import::ImportArgs) => import::run, store: true, confinable: false;
    /// Show who the log says that you are, or write it to the identity file.
    Whoami(whoami::WhoamiArgs) => whoami::run, store: false, confinable: false;
    /// List the step types of this program, or document one.
    Steps(steps::StepsArgs) => steps::run, store: false, confinable: false;
    /// Print the JSON Schema of manifests, with which editors complete step types and parameters.
    Schema(schema::SchemaArgs) => schema::run, store: false, confinable: false;
    /// Inspect and maintain the store.
    #[command(subcommand)]
    Store(store::StoreCommand) => store::run, store: true, confinable: false;
    /// Create a flow, a step or a project to start from.
    #[command(subcommand)]
    New(new::NewCommand) => new::run, store: false, confinable: false;
    /// Print the completion script for a shell.
    Completions(completions::CompletionsArgs) => completions::run, store: false, confinable: false;
}

impl CommandName {
    /// Returns the name as it is typed.
    fn typed(self) -> String {
        // Only a hidden variant has no value, and none is hidden.
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Runs the command line with the step types that are linked into the program, and returns the exit status. If a signal
/// asks for an end at once, returns while the command still runs in another thread. Return from the program's `main` then:
/// Ctrl-C has no further effect.
///
/// On Unix, blocks SIGINT in this thread and in every thread it starts afterwards, and starts a thread that waits for it.
/// Call this before starting any other thread.
pub fn main() -> ExitCode {
    #[cfg(unix)]
    interrupts::take();
    ending::wait_for(|| panics::guarded(run_typed))
}

/// Parses the arguments and runs the command that they name.
fn run_typed() -> ExitCode {
    let Arguments { shared, command } = match Arguments::typed() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A failure to print the help or the error could not be reported anywhere.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX));
        }
    };
    start_tracing(&shared);
    #[cfg(unix)]
    signals::survive_file_size_limits();
    let result = limits::check().map_err(Failure::usage).and_then(|()| command.run(&shared));
    result.unwrap_or_else(|failure| failure.report(&shared))
}

fn start_tracing(shared: &Shared) {
    use tracing_subscriber::EnvFilter;
    let (default, plain) = match shared.verbose {
        0 if shared.quiet => ("off", true),
        // Shows why the program waits while the store retries.
        0 => ("chem_runtime::store::retry=warn", true),
        1 => ("chem_runtime=info", false),
        2 => ("chem_runtime=debug", false),
        _ => ("trace", false),
    };
    let asked = EnvFilter::try_from_default_env();
    let plain = plain && asked.is_err();
    let events = tracing_subscriber::fmt()
        .with_env_filter(asked.unwrap_or_else(|_| EnvFilter::new(default)))
        .with_writer(|| output::Messages)
        // Reporting to stderr that stderr is closed would panic.
        .log_internal_errors(false)
        .with_ansi(output::stderr_is_styled());
    // The calling program may have set up tracing already; keep its subscriber.
    let _ =
        if plain { events.without_time().with_target(false).with_level(false).try_init() } else { events.try_init() };
}
