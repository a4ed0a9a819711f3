//! Handles Ctrl-C and the other signals that ask a process to stop. `interrupts` receives Ctrl-C.

use super::exit::Status;
use super::{ending, output};
use crate::step::CancelToken;

/// On the first request to stop, cancels `cancel` and prints `message` unless it is empty; on the second, ends the program.
///
/// Signals that were ignored when the program started stay ignored, so `nohup` works as usual.
pub(super) fn stop_on_signals(cancel: CancelToken, message: &'static str) {
    let stop = move || {
        if cancel.is_cancelled() {
            return ending::now(Status::Interrupted);
        }
        cancel.cancel();
        if !message.is_empty() {
            output::say(message);
        }
    };
    // Without a handler the signal kills the process, which loses no finished step.
    if let Err(error) = on_each(stop) {
        tracing::warn!(error, "a request to stop will end the program at once");
    }
}

#[cfg(unix)]
fn on_each(stop: impl Fn() + Clone + Send + Sync + 'static) -> Result<(), String> {
    use signal_hook::consts::{SIGHUP, SIGTERM, SIGUSR1};

    use super::interrupts;

    interrupts::on_interrupt(stop.clone());
    let ignored = interrupts::ignored_signals();
    // Schedulers announce the end of a job with SIGUSR1, which would otherwise kill the process like a fault of its rows.
    let heeded = [SIGTERM, SIGHUP, SIGUSR1].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = signal_hook::iterator::Signals::new(heeded).map_err(|error| error.to_string())?;
    let wait = move || signals.forever().for_each(|_| stop());
    std::thread::Builder::new().name("signals".into()).spawn(wait).map_err(|error| error.to_string())?;
    Ok(())
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail with an error, instead of killing the program with SIGXFSZ.
#[cfg(unix)]
pub(super) fn survive_file_size_limits() {
    let heeded = std::sync::Arc::default();
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, heeded) {
        tracing::warn!(%error, "a file that exceeds the size limit will end the program at once");
    }
}

#[cfg(not(unix))]
fn on_each(stop: impl Fn() + Send + 'static) -> Result<(), String> {
    ctrlc::try_set_handler(stop).map_err(|error| error.to_string())
}
