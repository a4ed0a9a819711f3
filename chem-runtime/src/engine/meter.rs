//! Measures what an attempt at a step takes.

use jiff::Timestamp;

use crate::event::Usage;
use crate::process;

/// A measurement that has begun.
pub(super) struct Meter {
    started: Timestamp,
    cpu_ms: Option<u64>,
}

impl Meter {
    pub(super) fn start() -> Self {
        Self { started: now(), cpu_ms: process::cpu_ms() }
    }

    pub(super) fn stop(self) -> Usage {
        let cpu_ms = self.cpu_ms.zip(process::cpu_ms()).map(|(before, after)| after.saturating_sub(before));
        Usage { cpu_ms, ended: now(), peak_memory: process::peak_memory(), started: self.started }
    }
}

/// Returns the time to the microsecond, as the times of events.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
