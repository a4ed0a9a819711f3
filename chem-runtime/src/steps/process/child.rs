//! A program that is given its input, and is killed with all that it started when its time is up.

use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::step::{ExecutionContext, StepError};

/// A program may write so many bytes, 2 GiB.
const MAX_OUTPUT: usize = 2 << 30;
/// So much of the end of its standard error is kept.
const KEPT_ERRORS: usize = 8 << 10;
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

/// What the threads that listen to a program tell.
enum Heard {
    Output(Result<Vec<u8>, String>),
    Errors(Vec<u8>),
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
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut program, 0);
    let child = program.spawn().map_err(|error| StepError::context(format!("cannot start {name}"), error))?;
    let mut group = Group { child, running: true };
    let heard = listen(&mut group.child, name, input);
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
                ended = group.ended()?.map(|status| (status, now));
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

/// Starts the threads that feed the program and listen to it.
fn listen(child: &mut Child, name: &str, input: Vec<u8>) -> Receiver<Heard> {
    let (tell, heard) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read all that it is given: it closes its end, and writing fails.
        thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    if let Some(stdout) = child.stdout.take() {
        let tell = tell.clone();
        thread::spawn(move || tell.send(Heard::Output(read_output(stdout))).is_ok());
    }
    if let Some(stderr) = child.stderr.take() {
        let (tell, name) = (Sender::clone(&tell), name.to_owned());
        thread::spawn(move || tell.send(Heard::Errors(read_errors(stderr, &name))).is_ok());
    }
    heard
}

fn read_output(stdout: impl Read) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = stdout.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut text);
    match read {
        Err(error) => Err(format!("cannot be read from: {error}")),
        Ok(length) if length > MAX_OUTPUT => Err(format!("wrote more than {MAX_OUTPUT} bytes")),
        Ok(_) => Ok(text),
    }
}

/// The end of what the program says on its standard error, each line of which is logged.
fn read_errors(mut stderr: impl Read, name: &str) -> Vec<u8> {
    let (mut kept, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match stderr.read(&mut part) {
            Ok(0) => break,
            Ok(length) => {
                kept.extend_from_slice(&part[..length]);
                for line in String::from_utf8_lossy(&part[..length]).lines() {
                    tracing::info!(program = name, "{line}");
                }
                if kept.len() > 2 * KEPT_ERRORS {
                    kept.drain(..kept.len() - KEPT_ERRORS);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    kept.split_off(kept.len().saturating_sub(KEPT_ERRORS))
}

/// A program and what it started: killed when nobody waits for it any more.
struct Group {
    child: Child,
    running: bool,
}

impl Group {
    /// The program's status, if it has ended. What it left running in its group is killed then, since it would hold the
    /// output open.
    fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.kill();
        }
        Ok(status)
    }

    fn kill(&mut self) {
        // Once it is gone, its number may become another's.
        if !std::mem::replace(&mut self.running, false) {
            return;
        }
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // A group that is gone already is what was wanted.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // Collects its status, so that it does not stay behind as a zombie.
        let _ = self.child.wait();
    }
}
