//! Ensures that no process of a program outlives the step or this process, even if this process is killed by SIGKILL.
//!
//! On Unix, a watcher shell leads the process group of the program. Its standard input is a pipe that this process keeps
//! open without writing to it. When this process exits for any reason, the pipe ends, and the shell kills the group and all
//! processes with the program's mark. The program joins the group before it closes its copy of the pipe, so it is watched
//! at all times. Every Unix has a shell, and a program that embeds this library need not do anything.

use std::process::{Child, Command, ExitStatus, Stdio};

use super::marked::{self, Mark};
use crate::step::StepError;

/// The script of the watcher. It ignores the signals that the program may send to its own group, except SIGKILL.
#[cfg(unix)]
const WATCH: &str = r#"
trap '' HUP INT QUIT PIPE TERM USR1 USR2 TSTP TTIN TTOU
read -r line
rounds=0
while [ "$rounds" -lt 100 ]; do
    found=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
    [ -n "$found" ] || break
    for environment in $found; do
        process=${environment#/proc/}
        kill -9 "${process%/environ}" 2>/dev/null
    done
    rounds=$((rounds + 1))
done
kill -9 0
"#;

/// A running program. Dropping it kills the program and all processes that it started.
pub(in crate::steps) struct Guard {
    child: Child,
    mark: Mark,
    running: bool,
    #[cfg(unix)]
    watcher: Child,
}

impl Guard {
    /// Starts `program`. `name` is its name in messages.
    #[cfg(unix)]
    pub(in crate::steps) fn start(name: &str, mut program: Command) -> Result<Self, StepError> {
        use std::os::unix::process::CommandExt as _;

        marked::kill_orphans()?;
        let mark = Mark::new();
        let mut watch = Command::new("/bin/sh");
        watch.args(["-c", WATCH, "sh", &mark.id]).env_clear().current_dir("/").process_group(0);
        if let Some(path) = std::env::var_os("PATH") {
            watch.env("PATH", path);
        }
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let cannot_watch =
            |error| StepError::context(format!("cannot start `/bin/sh`, which watches over {name}"), error);
        let watcher = watch.spawn().map_err(cannot_watch)?;
        let group = i32::try_from(watcher.id()).unwrap_or(0);
        let started = program.env(marked::VARIABLE, mark.value()).process_group(group).spawn();
        match started {
            Ok(child) => Ok(Self { child, mark, running: true, watcher }),
            Err(error) => {
                end(watcher);
                Err(cannot_start(name, error))
            }
        }
    }

    #[cfg(not(unix))]
    pub(in crate::steps) fn start(name: &str, mut program: Command) -> Result<Self, StepError> {
        let child = program.spawn().map_err(|error| cannot_start(name, error))?;
        Ok(Self { child, mark: Mark::new(), running: true })
    }

    /// Returns the process of the program.
    pub(in crate::steps) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns the status of the program if it has exited. Then also kills the processes that it left running, because they
    /// would keep its output open.
    ///
    /// # Errors
    /// Fails if the watcher has exited, or if processes that the program left running cannot be killed.
    pub(in crate::steps) fn ended(&mut self) -> Result<Option<ExitStatus>, StepError> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.kill()?;
            return Ok(status);
        }
        #[cfg(unix)]
        if self.watcher.try_wait()?.is_some() {
            return Err(StepError::new(
                "the process that watches over the program was killed, and the program with it",
            ));
        }
        Ok(None)
    }

    fn kill(&mut self) -> Result<(), StepError> {
        if !std::mem::replace(&mut self.running, false) {
            return Ok(());
        }
        // The watcher has not been reaped, so its id still identifies the group.
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.watcher.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // An error means that the group has already exited.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        marked::kill_marked(&self.mark)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, "a program was left behind");
        }
        // Reap both to avoid zombies.
        let _ = self.child.wait();
        #[cfg(unix)]
        let _ = self.watcher.wait();
    }
}

#[cfg(unix)]
fn end(mut watcher: Child) {
    let _ = watcher.kill();
    let _ = watcher.wait();
}

fn cannot_start(name: &str, error: std::io::Error) -> StepError {
    StepError::context(format!("cannot start {name}"), error)
}
