//! The time as the engine knows it, so that tests need not wait.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::step::CancelToken;

/// Says what time it is, and lets time pass.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Lets so much time pass, or less.
    fn pass(&self, time: Duration);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pass(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// For how long a wait does not look whether it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits until `end`. `false` if it was asked to stop before.
pub(super) fn wait_until(clock: &dyn Clock, end: Timestamp, cancel: &CancelToken) -> bool {
    loop {
        if cancel.is_cancelled() {
            return false;
        }
        match Duration::try_from(end.duration_since(clock.now())) {
            Ok(left) if !left.is_zero() => clock.pass(left.min(GLANCE)),
            _ => return true,
        }
    }
}

/// The time so many milliseconds after `begin`; the end of time if that is later.
pub(super) fn after(begin: Timestamp, milliseconds: u64) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    begin.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
