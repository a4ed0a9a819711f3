//! A Python process that runs steps, one request after another.

use std::io::{BufReader, BufWriter};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::interpreter::Interpreter;
use super::wire::{self, Said};
use crate::step::StepError;
use crate::steps::process::guard::Guard;
use crate::steps::process::listen::read_errors;

/// The interval at which cancellation is checked.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// How long a worker may take to start.
const START: Duration = Duration::from_secs(120);

/// How long a step that is asked to stop may take to do so before its worker is killed.
const GRACE: Duration = Duration::from_millis(500);

/// How long a worker that has closed its output may take to exit.
const EXIT: Duration = Duration::from_secs(5);

/// A worker. Dropping it kills it with all processes that it started.
pub(super) struct Worker {
    guard: Guard,
    stdin: BufWriter<ChildStdin>,
    said: Receiver<std::io::Result<(Said, Vec<Vec<u8>>)>>,
    errors: Receiver<Vec<u8>>,
}

/// Why a request has no answer.
pub(super) enum Trouble {
    /// The worker died, in the given way.
    Died(String),
    /// The step failed, or was asked to stop.
    Step(StepError),
}

impl From<StepError> for Trouble {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl Worker {
    /// Starts a worker, and waits until it can take requests.
    ///
    /// # Errors
    /// Fails if the interpreter cannot be started, or lacks a package that every worker needs.
    pub(super) fn start(python: &Interpreter, check: &dyn Fn() -> Result<(), StepError>) -> Result<Self, StepError> {
        let name = format!("`{}`", python.shown());
        let mut command = python.command("worker");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guard = Guard::start(&name, command)?;
        let pipes = (guard.child().stdin.take(), guard.child().stdout.take(), guard.child().stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(StepError::new(format!("cannot talk to {name}")));
        };
        let (sender, said) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = wire::read(&mut stdout).transpose() {
                let failed = message.is_err();
                if sender.send(message).is_err() || failed {
                    return;
                }
            }
        });
        let (sender, errors) = channel();
        thread::spawn(move || {
            sender.send(read_errors(stderr, |line| tracing::info!(target: "python", "{line}"))).is_ok()
        });
        let mut worker = Self { guard, stdin: BufWriter::new(stdin), said, errors };
        match worker.answer(check, Instant::now() + START, &mut |_| Ok(()), |said| matches!(said, Said::Ready)) {
            Ok(_) => Ok(worker),
            Err(Trouble::Step(error)) => Err(error),
            Err(Trouble::Died(how)) => {
                let errors = worker.errors.recv_timeout(EXIT).unwrap_or_default();
                let errors = String::from_utf8_lossy(&errors);
                Err(StepError::new(format!("{name} cannot run steps: it {how}: {}", errors.trim())))
            }
        }
    }

    /// Sends a request and waits for the answer. `on` takes the signals and reports of progress before it.
    ///
    /// # Errors
    /// Fails if the worker dies, if the step is asked to stop, and like `on`.
    pub(super) fn request(
        &mut self,
        head: Map<String, Value>,
        bodies: &[Vec<u8>],
        check: &dyn Fn() -> Result<(), StepError>,
        on: &mut dyn FnMut(Said) -> Result<(), StepError>,
    ) -> Result<(Said, Vec<Vec<u8>>), Trouble> {
        // If the worker has died, its exit status says more than the error of writing.
        let written = wire::write(&mut self.stdin, head, bodies);
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        let answer = self.answer(check, far, on, Said::is_answer);
        match (written, answer) {
            (Err(error), Ok(_)) => Err(StepError::context("cannot write to a Python worker", error).into()),
            (_, answer) => answer,
        }
    }

    fn answer(
        &mut self,
        check: &dyn Fn() -> Result<(), StepError>,
        until: Instant,
        on: &mut dyn FnMut(Said) -> Result<(), StepError>,
        is_answer: impl Fn(&Said) -> bool,
    ) -> Result<(Said, Vec<Vec<u8>>), Trouble> {
        loop {
            match self.said.recv_timeout(CHECK_EVERY) {
                Ok(Ok((said, bodies))) if is_answer(&said) => return Ok((said, bodies)),
                Ok(Ok((said, _))) => on(said)?,
                Ok(Err(error)) => return Err(StepError::context("cannot understand a Python worker", error).into()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.died()?),
                Err(RecvTimeoutError::Timeout) if Instant::now() > until => {
                    return Err(StepError::new("the Python worker does not start").into());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = check() {
                self.stop();
                return Err(error.into());
            }
        }
    }

    /// Asks the step to stop, and gives it some time to do so.
    fn stop(&mut self) {
        let cancel = json!({ "type": "cancel" }).as_object().cloned().unwrap_or_default();
        let until = Instant::now() + GRACE;
        if wire::write(&mut self.stdin, cancel, &[]).is_ok() {
            while Instant::now() < until {
                match self.said.recv_timeout(CHECK_EVERY) {
                    Ok(Ok((said, _))) if said.is_answer() => return,
                    Err(RecvTimeoutError::Disconnected) => return,
                    _ => {}
                }
            }
        }
    }

    fn died(&mut self) -> Result<Trouble, StepError> {
        let until = Instant::now() + EXIT;
        loop {
            if let Some(status) = self.guard.ended()? {
                return Ok(Trouble::Died(how_it_ended(status)));
            }
            if Instant::now() > until {
                return Ok(Trouble::Died("closed its output".to_owned()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Describes how a process ended, in the same words on every machine.
fn how_it_ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            _ => return format!("was killed by signal {signal}"),
        };
        return format!("was killed by {name}");
    }
    match status.code() {
        Some(code) => format!("exited with status {code}"),
        None => "was killed".to_owned(),
    }
}
