//! The processes that write runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::process;

/// A process that writes runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The host name of its machine, for display.
    pub host: String,
    /// The scope in which `pid` is valid: the boot of the machine and the container.
    pub place: String,
    /// The process id, valid within `place`.
    pub pid: u32,
    /// The start time of the process by its machine's clock, which distinguishes processes that reuse a process id.
    pub started: u64,
    /// The job of Slurm of which the process is a part; `None` if it is in no job, or of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Holder {
    /// Returns the identity of the current process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        let started = process::started(pid).unwrap_or(0);
        Self { host: process::host(), place: process::place(), pid, started, job: job() }
    }

    /// Returns whether the process is known to be dead. Always `false` for a process with another `place`, such as one
    /// on another machine.
    pub fn is_gone(&self) -> bool {
        self.place == process::place() && !process::is_alive(self.pid, self.started)
    }

    /// Returns whether the process belongs to an earlier boot of this machine, and is therefore dead.
    ///
    /// Machines are compared by host name, which may not be unique. Call this only if all writers share one machine, as
    /// the writers of a file do.
    pub fn is_of_an_earlier_start(&self) -> bool {
        let start = |place: &str| place.split_once('/').map(|(start, _)| start.to_owned());
        let (then, now) = (start(&self.place), start(&process::place()));
        self.host == process::host() && then.zip(now).is_some_and(|(then, now)| then != now)
    }
}

/// Returns the job of Slurm of which this process is a part, with the number of its task if it is one of an array.
fn job() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let task = || Some(format!("{}_{}", variable("SLURM_ARRAY_JOB_ID")?, variable("SLURM_ARRAY_TASK_ID")?));
    let job = task().or_else(|| variable("SLURM_JOB_ID"))?;
    job.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_').then_some(job)
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_gone_and_this_one_is_not() {
        let me = Holder::this_process();
        assert!(!me.is_gone());
        assert!(!Holder { place: "elsewhere".into(), pid: 1 << 30, ..me.clone() }.is_gone());

        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let started = process::started(child.id()).unwrap_or(0);
        let other = Holder { pid: child.id(), started, ..me.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_an_earlier_start_differs_from_one_of_another_container() {
        let me = Holder::this_process();
        let (start, _) = me.place.split_once('/').unwrap();
        let before = Holder { place: "0000/pid:[1]".into(), ..me.clone() };
        assert!(before.is_of_an_earlier_start());
        assert!(!Holder { host: "far".into(), ..before }.is_of_an_earlier_start());
        assert!(!Holder { place: format!("{start}/pid:[1]"), ..me.clone() }.is_of_an_earlier_start());
        assert!(!me.is_of_an_earlier_start());
    }
}
