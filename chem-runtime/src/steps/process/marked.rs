//! Processes that belong to a program by a mark in their environment, which whatever they start inherits. So one is found
//! that has left the process group and whose parent has ended. Only Linux shows the environment of processes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::process;
use crate::step::StepError;

/// The environment variable that holds the mark.
pub(super) const VARIABLE: &str = "CHEM_PROCESS";

/// How long processes that were killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mark of its own for each program, with the process that started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// What no other program has.
    pub(super) id: String,
    /// The number of the process that started it, when that began, and where that number means anything.
    owner: (u32, u64, String),
}

impl Mark {
    /// A new mark of this process.
    pub(super) fn new() -> Self {
        let pid = std::process::id();
        let owner = (pid, process::started(pid).unwrap_or(0), process::place());
        // A new map's hasher is seeded at random.
        let random = || RandomState::new().build_hasher().finish();
        Self { id: format!("{:016x}{:016x}", random(), random()), owner }
    }

    /// The value of the variable.
    pub(super) fn value(&self) -> String {
        let (pid, started, place) = &self.owner;
        format!("{} {pid} {started} {place}", self.id)
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.splitn(4, ' ');
        let id = parts.next()?.to_owned();
        let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned());
        Some(Self { id, owner })
    }

    /// Whether the process that started the program is known to be gone.
    fn is_orphaned(&self) -> bool {
        let (pid, started, place) = &self.owner;
        *place == process::place() && !process::is_alive(*pid, *started)
    }
}

/// Kills every process with this mark.
pub(super) fn kill_marked(mark: &Mark) -> Result<(), StepError> {
    kill_all(|found| found.id == mark.id)
}

/// Kills what earlier processes have left behind that had no time to do it themselves, and waits until it is gone.
pub(super) fn kill_orphans() -> Result<(), StepError> {
    kill_all(Mark::is_orphaned)
}

/// Kills the marked processes that `is_meant` chooses, again and again until there is none: one may start another meanwhile.
fn kill_all(is_meant: impl Fn(&Mark) -> bool) -> Result<(), StepError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = processes(&is_meant);
        let Some(first) = found.first() else { return Ok(()) };
        if Instant::now() > until {
            return Err(StepError::new(format!(
                "process {first}, which an earlier program left behind, does not end although it was killed"
            )));
        }
        found.into_iter().for_each(kill);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The numbers of the processes whose mark `is_meant` chooses, without this one.
#[cfg(target_os = "linux")]
fn processes(is_meant: impl Fn(&Mark) -> bool) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        // The environment of other users' processes cannot be read, and that of one that has ended is empty.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables =
            environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
        let value = variables.find_map(|variable| variable.strip_prefix(VARIABLE)?.strip_prefix('='));
        value.and_then(Mark::parse).is_some_and(|mark| is_meant(&mark))
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
        // One that has ended meanwhile is what was wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_is_no_orphan_while_its_owner_lives() {
        let mark = Mark::new();
        assert_eq!(Mark::parse(&mark.value()), Some(mark.clone()));
        assert!(!mark.is_orphaned());
        let gone = Mark { owner: (1 << 30, 7, process::place()), ..mark.clone() };
        assert!(gone.is_orphaned() || cfg!(not(unix)));
        assert!(!Mark { owner: (1 << 30, 7, "another container".into()), ..mark }.is_orphaned());
        assert_eq!(Mark::parse("something else"), None);
    }
}
