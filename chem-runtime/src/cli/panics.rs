//! Handles panics on the command line.
//!
//! The engine catches a panic in a step and records it in the log, so the default message of the panic hook would repeat
//! it. Any other panic is a bug in this program and is reported as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use super::output;

/// The location and message of the latest panic.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program, and turns an uncaught panic into an error message and exit status 101.
pub(super) fn guarded(program: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        tracing::debug!("{info}");
    }));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let what = LATEST.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let help = "the recorded events are safe; please report this with the command that caused it";
        output::print_error("this is a bug in the program", &[what], Some(help));
        ExitCode::from(101)
    })
}
