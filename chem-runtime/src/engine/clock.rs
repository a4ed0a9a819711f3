//! The engine's clock, which tests replace so that they need not wait.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::step::CancelToken;

/// Returns the time, and waits.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Waits for `time`, or less.
    fn pass(&self, time: Duration);
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pass(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// How long a wait may go without checking for cancellation.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits until `end`. If the clock is set back meanwhile, waits no longer than the time that was left at the call.
/// Returns `false` if cancelled first.
pub(super) fn wait_until(clock: &dyn Clock, end: Timestamp, cancel: &CancelToken) -> bool {
    let left = || Duration::try_from(end.duration_since(clock.now())).unwrap_or_default();
    let mut longest = left();
    loop {
        if cancel.is_cancelled() {
            return false;
        }
        let time = left().min(longest).min(GLANCE);
        if time.is_zero() {
            return true;
        }
        clock.pass(time);
        longest -= time;
    }
}

/// Returns the time `milliseconds` after `begin`, or the latest representable time if that is later.
pub(super) fn after(begin: Timestamp, milliseconds: u64) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    begin.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that is set back by a year at the first wait.
    struct SetBack {
        start: Timestamp,
        passed: Mutex<Duration>,
    }

    impl Clock for SetBack {
        fn now(&self) -> Timestamp {
            let passed = *self.passed.lock().unwrap();
            let back = if passed.is_zero() { SignedDuration::ZERO } else { SignedDuration::from_hours(24 * 365) };
            self.start + SignedDuration::try_from(passed).unwrap() - back
        }

        fn pass(&self, time: Duration) {
            *self.passed.lock().unwrap() += time;
        }
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_wait_longer() {
        let clock = SetBack { start: Timestamp::UNIX_EPOCH, passed: Mutex::default() };
        let wait = Duration::from_millis(220);
        assert!(wait_until(&clock, after(clock.start, 220), &CancelToken::default()));
        assert_eq!(*clock.passed.lock().unwrap(), wait);
    }
}
