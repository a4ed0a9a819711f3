//! Receives Ctrl-C (SIGINT) in a thread that waits for it, instead of in a signal handler. `signals` handles the other
//! signals.
//!
//! The chemistry library installs a handler of its own for each pattern search and afterwards restores the handler it
//! found. If several threads search, these calls interleave and the library's handler stays: Ctrl-C no longer reaches the
//! program, and every running search ends early with too few matches, which the log would record as wrong numbers. A
//! signal that all threads block runs no handler, whichever is installed.

use std::sync::OnceLock;

use nix::sys::signal::{SigSet, Signal};

use super::ending;
use super::exit::Status;

type Stop = Box<dyn Fn() + Send + Sync>;

/// The action on Ctrl-C. While unset, Ctrl-C ends the program.
static STOP: OnceLock<Stop> = OnceLock::new();

/// Blocks Ctrl-C and starts the thread that waits for it. Call this before the program starts any other thread, since a
/// thread inherits the blocked signals of the thread that starts it. If Ctrl-C was ignored when the program started, it
/// stays ignored.
pub(super) fn take() {
    let ignored = ignored_signals() & (1 << (Signal::SIGINT as u64 - 1)) != 0;
    let interrupt = SigSet::from(Signal::SIGINT);
    let wait = move || {
        while interrupt.wait().is_ok() {
            match STOP.get() {
                Some(stop) => stop(),
                None => ending::now(Status::Interrupted),
            }
        }
    };
    if let Err(error) = interrupt.thread_block() {
        return tracing::warn!(%error, "Ctrl-C will end the program at once");
    }
    let waits = ignored || std::thread::Builder::new().name("interrupts".into()).spawn(wait).is_ok();
    if !waits {
        // Blocked without a waiting thread, Ctrl-C would have no effect.
        let _ = interrupt.thread_unblock();
    }
}

/// Sets the action on Ctrl-C. Only the first call has an effect.
pub(super) fn on_interrupt(stop: impl Fn() + Send + Sync + 'static) {
    let _ = STOP.set(Box::new(stop));
}

/// Returns the mask of ignored signals that Linux reports: bit `n - 1` is signal `n`. On other systems, returns 0.
pub(super) fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
