//! Ends the program in one place: a command runs in a thread of its own while the calling thread waits for an exit status,
//! which comes from the command or, at once, from a signal.

use std::process::ExitCode;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::exit::Status;
use super::output;

/// The stack of the command's thread: that of a main thread on Linux.
const STACK: usize = 8 << 20;

/// The exit status, once there is one. The first to set it wins.
static STATUS: Mutex<Option<ExitCode>> = Mutex::new(None);
static IS_SET: Condvar = Condvar::new();

/// Runs `command` and returns its exit status, or an earlier one from [`now`]. The thread of the command then continues
/// until the process ends, which the caller's return from its own `main` does.
pub(super) fn wait_for(command: impl FnOnce() -> ExitCode + Send + 'static) -> ExitCode {
    // A signal may have come before the command.
    if let Some(status) = STATUS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return status;
    }
    let thread = thread::Builder::new().name("command".into()).stack_size(STACK);
    if let Err(error) = thread.spawn(move || now(command())) {
        output::print_error("cannot start a thread", &[error.to_string()], None);
        return Status::Usage.into();
    }
    let mut status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match status.take() {
            Some(status) => return status,
            None => status = IS_SET.wait(status).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Makes [`wait_for`] return `status` without waiting for the command.
pub(super) fn now(status: impl Into<ExitCode>) {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(status.into());
    IS_SET.notify_all();
}
