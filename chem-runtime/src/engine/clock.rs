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

/// Waits until `end`, and no longer than it takes from now, should the clock be set back meanwhile. `false` if it was
/// asked to stop before.
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

/// The time so many milliseconds after `begin`; the end of time if that is later.
pub(super) fn after(begin: Timestamp, milliseconds: u64) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    begin.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that is set back by a year when it is first waited for.
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
