//! Finds the processes of a program by a mark in their environment, which child processes inherit. This finds processes
//! that left the process group and whose parents have exited. Only Linux exposes the environment of processes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::process;
use crate::step::StepError;

/// The environment variable that holds the mark.
pub(in crate::steps) const VARIABLE: &str = "CHEM_PROCESS";

/// How long killed processes may take to exit.
const PATIENCE: Duration = Duration::from_secs(10);

/// The unique mark of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::steps) struct Mark {
    /// A random id.
    pub(in crate::steps) id: String,
    /// The process that started the program: its id, its start time, and the host where these are valid.
    owner: (u32, u64, String),
}

impl Mark {
    /// Creates a mark owned by this process.
    pub(in crate::steps) fn new() -> Self {
        let pid = std::process::id();
        let owner = (pid, process::started(pid).unwrap_or(0), process::place());
        // `RandomState` has a random seed.
        let random = || RandomState::new().build_hasher().finish();
        Self { id: format!("{:016x}{:016x}", random(), random()), owner }
    }

    /// Returns the value of the environment variable.
    pub(in crate::steps) fn value(&self) -> String {
        let (pid, started, host) = &self.owner;
        format!("{} {pid} {started} {host}", self.id)
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.splitn(4, ' ');
        let id = parts.next()?.to_owned();
        let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned());
        Some(Self { id, owner })
    }

    /// Returns whether the process that started the program is known to have exited.
    fn is_orphaned(&self) -> bool {
        let (pid, started, host) = &self.owner;
        *host == process::place() && !process::is_alive(*pid, *started)
    }
}

/// Kills every process with this mark.
pub(in crate::steps) fn kill_marked(mark: &Mark) -> Result<(), StepError> {
    kill_all(|found| found.id == mark.id)
}

/// Kills the processes that programs of killed owners left behind, and waits until they have exited.
pub(in crate::steps) fn kill_orphans() -> Result<(), StepError> {
    kill_all(Mark::is_orphaned)
}

/// Kills the processes whose mark is `selected`. Repeats until there are none, because they may start others meanwhile.
fn kill_all(selected: impl Fn(&Mark) -> bool) -> Result<(), StepError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = processes(&selected);
        let Some(first) = found.first() else { return Ok(()) };
        if Instant::now() > until {
            return Err(StepError::new(format!(
                "process {first}, which an earlier program left behind, does not exit although it was killed"
            )));
        }
        found.into_iter().for_each(kill);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the ids of the processes whose mark is `selected`, except this one.
#[cfg(target_os = "linux")]
fn processes(selected: impl Fn(&Mark) -> bool) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        // The environment of other users' processes is unreadable, and that of an exited process is empty.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables =
            environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
        let value = variables.find_map(|variable| variable.strip_prefix(VARIABLE)?.strip_prefix('='));
        value.and_then(Mark::parse).is_some_and(|mark| selected(&mark))
    };
    numbers.filter(|pid| *pid != std::process::id()).filter(is_marked).collect()
}

#[cfg(not(target_os = "linux"))]
fn processes(_: impl Fn(&Mark) -> bool) -> Vec<u32> {
    Vec::new()
}

#[cfg(unix)]
fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // An error means that the process has already exited.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_round_trips_and_is_orphaned_only_without_its_owner() {
        let mark = Mark::new();
        assert_eq!(Mark::parse(&mark.value()), Some(mark.clone()));
        assert!(!mark.is_orphaned());
        let gone = Mark { owner: (1 << 30, 7, process::place()), ..mark.clone() };
        assert!(gone.is_orphaned() || cfg!(not(unix)));
        assert!(!Mark { owner: (1 << 30, 7, "another container".into()), ..mark }.is_orphaned());
        assert_eq!(Mark::parse("something else"), None);
    }
}
