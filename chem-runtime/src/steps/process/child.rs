//! A program that is given its input, and is killed with all that it started when its time is up.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::listen::{Heard, listen};
use crate::step::{ExecutionContext, StepError};

/// How often a request to stop is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a program that has ended may keep its output open, through one that it started and that left its group.
const LINGER: Duration = Duration::from_secs(5);

/// A program that has ended.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// Its standard output.
    pub(super) output: Vec<u8>,
    /// The end of its standard error.
    pub(super) errors: Vec<u8>,
}

/// Runs `program` to its end with `input` on its standard input.
///
/// # Errors
/// Says that it cannot be started, that it ran for longer than `timeout`, that it wrote too much, or that the run was
/// asked to stop.
pub(super) fn run_child(
    name: &str,
    mut program: Command,
    input: Vec<u8>,
    timeout: Duration,
    context: &ExecutionContext<'_>,
) -> Result<Finished, StepError> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut guard = Guard::start(name, program)?;
    let heard = listen(guard.child(), name, input);
    let until = Instant::now() + timeout;
    let (mut output, mut errors) = (None, None);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if let (Some((status, _)), Some(output), Some(errors)) = (ended, &mut output, &mut errors) {
            return Ok(Finished { status, output: std::mem::take(output), errors: std::mem::take(errors) });
        }
        match heard.recv_timeout(LOOK_EVERY) {
            Ok(Heard::Output(Ok(text))) => output = Some(text),
            Ok(Heard::Output(Err(reason))) => return Err(StepError::new(format!("{name} {reason}"))),
            Ok(Heard::Errors(text)) => errors = Some(text),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        context.check_cancelled()?;
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
                let message = format!("{name} ended, but left a program behind that keeps its output open");
                return Err(StepError::new(message));
            }
            Some(_) => {}
        }
    }
}
