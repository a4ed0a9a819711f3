//! Runs a program with an input and a time limit, and kills it with all processes that it started.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::listen::{Stream, listen};
use crate::step::StepError;

/// The interval at which cancellation is checked.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// How long the output of an exited program may stay open, held by a process that it started and that left its group.
const LINGER: Duration = Duration::from_secs(5);

/// The result of a program that has exited.
pub(in crate::steps) struct Finished {
    pub(in crate::steps) status: ExitStatus,
    /// The whole standard output.
    pub(in crate::steps) output: Vec<u8>,
    /// The end of the standard error.
    pub(in crate::steps) errors: Vec<u8>,
}

/// Runs `program` to its end with `input` on its standard input.
///
/// # Errors
/// Fails if the program cannot be started, runs for longer than `timeout`, or writes too much, or if the run is cancelled.
pub(in crate::steps) fn run_child(
    name: &str,
    mut program: Command,
    input: Vec<u8>,
    timeout: Duration,
    check_cancelled: &dyn Fn() -> Result<(), StepError>,
) -> Result<Finished, StepError> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut guard = Guard::start(name, program)?;
    let streams = listen(guard.child(), name, input);
    let until = Instant::now() + timeout;
    let (mut output, mut errors) = (None, None);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if let (Some((status, _)), Some(output), Some(errors)) = (ended, &mut output, &mut errors) {
            return Ok(Finished { status, output: std::mem::take(output), errors: std::mem::take(errors) });
        }
        match streams.recv_timeout(CHECK_EVERY) {
            Ok(Stream::Output(Ok(text))) => output = Some(text),
            Ok(Stream::Output(Err(reason))) => return Err(StepError::new(format!("{name} {reason}"))),
            Ok(Stream::Errors(text)) => errors = Some(text),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        check_cancelled()?;
        let now = Instant::now();
        match ended {
            None => {
                ended = guard.ended()?.map(|status| (status, now));
                if ended.is_none() && now > until {
                    let seconds = timeout.as_secs_f64();
                    return Err(StepError::new(format!(
                        "{name} ran for longer than its timeout of {seconds} s and was killed"
                    )));
                }
            }
            Some((_, at)) if now > at + LINGER => {
                let message = format!("{name} exited, but left a process behind that keeps its output open");
                return Err(StepError::new(message));
            }
            Some(_) => {}
        }
    }
}
