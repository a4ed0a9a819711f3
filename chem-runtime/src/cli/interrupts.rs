//! Ctrl-C (SIGINT) is taken by a thread that waits for it, and by no handler. The other signals are in `signals`.
//!
//! The chemistry library puts a handler of its own in place for each search of a pattern, and afterwards puts back what it
//! found. Where several threads search, these get mixed up and its own stays: Ctrl-C no longer reaches the program, and
//! every search under way then ends early, with too few matches, which would go into the log as wrong numbers. Whatever
//! handler there is, a signal that all threads block does not run it.

use std::sync::OnceLock;

use nix::sys::signal::{SigSet, Signal};

use super::exit::Status;
use super::signals::ignored_signals;

type Stop = Box<dyn Fn() + Send + Sync>;

/// What Ctrl-C does; until it is said, it ends the process.
static STOP: OnceLock<Stop> = OnceLock::new();

/// Takes Ctrl-C from here on. To be called before the program starts a thread, since a thread blocks what the one that
/// starts it blocks. If Ctrl-C was ignored when the program began, it stays ignored.
pub(super) fn take() {
    let ignored = ignored_signals() & (1 << (Signal::SIGINT as u64 - 1)) != 0;
    let interrupt = SigSet::from(Signal::SIGINT);
    let wait = move || {
        while interrupt.wait().is_ok() {
            match STOP.get() {
                Some(stop) => stop(),
                None => std::process::exit(i32::from(Status::Interrupted as u8)),
            }
        }
    };
    if let Err(error) = interrupt.thread_block() {
        return tracing::warn!(%error, "Ctrl-C will end the program at once");
    }
    let waits = ignored || std::thread::Builder::new().name("interrupts".into()).spawn(wait).is_ok();
    if !waits {
        // Blocked and waited for by nobody, it would do nothing at all.
        let _ = interrupt.thread_unblock();
    }
}

/// From now on Ctrl-C does this.
pub(super) fn on_interrupt(stop: impl Fn() + Send + Sync + 'static) {
    let _ = STOP.set(Box::new(stop));
}
