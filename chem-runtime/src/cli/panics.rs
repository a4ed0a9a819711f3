//! Panics on the command line.
//!
//! The engine catches what a step does, and the log then has it, so that the usual message of the panic hook would only
//! tell it twice. A panic of our own is a bug, and says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use super::output;

/// Where the latest panic was, and what it said.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program, and turns a panic that nobody caught into a message.
pub(super) fn guarded(program: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        tracing::debug!("{info}");
    }));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let what = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let help = "what was recorded is safe; please report this with the command that led to it";
        output::print_error("this is a bug in the program", &[what], Some(help));
        ExitCode::from(101)
    })
}
