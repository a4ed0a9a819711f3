//! A machine whose disk is full: how its processes record that, and how others read it.
//!
//! A full disk says nothing about the work that failed on it. So a process that works on the children of a run hands such a child
//! back, as if it had been asked to stop, and takes no more: otherwise one machine would take one child after the other and
//! fail them all.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::disk::{NoSpace, Room, bytes};
use crate::event::{FlowEvent, FlowEventKind};
use crate::step::{StepError, secret};
use crate::store::Holder;

/// The signal by which a process records that its machine had no space for the step.
pub(crate) const OUT_OF_SPACE: &str = "out_of_space";

/// A machine without space for the work of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfSpace {
    /// The name of the machine.
    pub host: String,
    /// The id of the process that noticed.
    #[serde(default)]
    pub process: u32,
    /// A directory on the full disk. If it is not known which one is full, that of temporary files.
    #[serde(default)]
    pub directory: String,
    /// The number of bytes that were free there; `None` if the system did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<u64>,
    /// The size of the disk in bytes; `None` if the system did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The error of the step with its causes.
    #[serde(default)]
    pub error: String,
}

impl OutOfSpace {
    /// Returns the finding if `error` says that this machine has no space. The disk is that of temporary files or
    /// of one of the other `directories`.
    pub(super) fn behind(error: &StepError, directories: impl IntoIterator<Item = PathBuf>) -> Option<Self> {
        let directory = match error.no_space()? {
            NoSpace::Full(disk) => disk.directory.clone(),
            NoSpace::Refused => {
                let temporary = std::env::temp_dir();
                let mut all = [temporary.clone()].into_iter().chain(directories);
                all.find(|directory| crate::disk::FullDisk::of(directory).is_some()).unwrap_or(temporary)
            }
        };
        let (room, Holder { host, pid, .. }) = (Room::in_directory(&directory), Holder::this_process());
        Some(Self {
            host,
            process: pid,
            directory: storable(&directory.to_string_lossy()),
            available: room.map(|room| room.available),
            total: room.map(|room| room.total),
            error: storable(&format!("{error:#}")),
        })
    }

    /// Returns the finding that an event records; `None` for any other event.
    pub(crate) fn recorded(event: &FlowEventKind) -> Option<Self> {
        match event {
            FlowEventKind::StepSignal(signal) if signal.signal == OUT_OF_SPACE => {
                serde_json::from_value(signal.data.clone()).ok()
            }
            _ => None,
        }
    }

    /// Returns the findings at the end of a log: nothing has happened in the run since.
    pub(super) fn last_of(events: &[FlowEvent]) -> Vec<Self> {
        events.iter().rev().map_while(|event| Self::recorded(&event.kind)).collect()
    }

    /// Returns whether both say the same of the same machine.
    pub(super) fn is_known_by(&self, other: &Self) -> bool {
        (&self.host, &self.directory) == (&other.host, &other.directory)
    }

    /// Returns the machine, the directory and how full it was, such as ``` `n2` has 0 B of 256 KiB free in `/tmp` ```.
    pub fn summary(&self) -> String {
        let Self { host, directory, .. } = self;
        match (self.available, self.total) {
            (Some(available), Some(total)) => {
                format!("`{host}` has {} of {} free in `{directory}`", bytes(available), bytes(total))
            }
            _ => format!("`{host}` has no space in `{directory}`"),
        }
    }
}

impl fmt::Display for OutOfSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

/// Masks secrets, and escapes NUL, which the log cannot hold.
fn storable(text: &str) -> String {
    secret::mask(text).replace('\0', "\\0")
}
