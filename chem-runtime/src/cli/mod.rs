//! The `chem` command line. Another program that calls [`main`] gets the same command line, with its own steps linked in:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     chem_runtime::cli::main()
//! }
//! ```
//!
//! Results go to stdout; messages and progress go to stderr. `args` parses the command line, each file under `commands`
//! implements one command, and `exit` maps failures to exit statuses.

mod advice;
mod args;
mod commands;
mod drive;
mod exit;
mod family;
#[cfg(unix)]
mod interrupts;
mod output;
mod panics;
mod progress;
mod runs;
mod signals;
mod store_url;
mod visible;

use std::process::ExitCode;

use args::{Arguments, Command};
use exit::Failure;

use crate::step::limits;

/// Runs the command line with the step types that are linked into the program.
///
/// On Unix, blocks SIGINT in this thread and in every thread it starts afterwards, and starts a thread that waits for it.
/// Call this before starting any other thread.
pub fn main() -> ExitCode {
    #[cfg(unix)]
    interrupts::take();
    let arguments = Arguments::typed();
    start_tracing(&arguments);
    #[cfg(unix)]
    signals::survive_file_size_limits();
    panics::guarded(|| dispatch(&arguments).unwrap_or_else(|failure: Failure| failure.report(&arguments.shared)))
}

fn dispatch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let shared = &arguments.shared;
    limits::check().map_err(Failure::usage)?;
    match &arguments.command {
        Command::Check(args) => commands::check::run(shared, args),
        Command::Run(args) => commands::run::run(shared, args),
        Command::Plan(args) => commands::plan::run(shared, args),
        Command::Diff(args) => commands::diff::run(shared, args),
        Command::Verify(args) => commands::verify::run(shared, args),
        Command::Why(args) => commands::why::run(shared, args),
        Command::Resume(args) => commands::resume::run(shared, args),
        Command::Retry(args) => commands::retry::run(shared, args),
        Command::Approve(args) => commands::answer::approve(shared, args),
        Command::Reject(args) => commands::answer::reject(shared, args),
        Command::Branch(args) => commands::branch::run(shared, args),
        Command::Ls(args) => commands::ls::run(shared, args),
        Command::Show(args) => commands::show::run(shared, args),
        Command::Manifest(args) => commands::manifest::run(shared, args),
        Command::Log(args) => commands::log::run(shared, args),
        Command::Artifact(args) => commands::artifact::run(shared, args),
        Command::Steps(args) => commands::steps::run(shared, args),
        Command::Schema(args) => commands::schema::run(shared, args),
        Command::Store(command) => commands::store::run(shared, command),
        Command::New(command) => commands::new::run(shared, command),
        Command::Completions(args) => commands::completions::run(args),
    }
}

fn start_tracing(arguments: &Arguments) {
    use tracing_subscriber::EnvFilter;
    let (default, plain) = match arguments.shared.verbose {
        0 if arguments.shared.quiet => ("off", true),
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
    let _ = match plain {
        true => events.without_time().with_target(false).with_level(false).try_init(),
        false => events.try_init(),
    };
}
