//! The clock that numbers events: a hybrid logical clock.
//!
//! There is no counter that all writers share. A number is the time of a machine in microseconds, or one more than the
//! greatest number that the writer has read or given, whichever is greater. So an event has a greater number than every event
//! that its writer had read before, even if the clocks of machines differ.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The bits of a number below its microsecond. They tell writers apart that number an event in the same microsecond.
const TAG_BITS: u32 = 10;

/// Numbers events.
#[derive(Debug)]
pub(super) struct Clock {
    newest: AtomicU64,
    tag: u64,
}

impl Clock {
    /// Creates the clock of a writer, told apart by some bits of `random`.
    pub(super) fn new(random: u64) -> Self {
        Self { newest: AtomicU64::new(0), tag: random & ((1 << TAG_BITS) - 1) }
    }

    /// Returns the number of a new event.
    pub(super) fn next(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX >> TAG_BITS);
        let after = |newest: u64| (now.max((newest >> TAG_BITS) + 1) << TAG_BITS) | self.tag;
        let before = self.newest.fetch_update(Ordering::AcqRel, Ordering::Acquire, |newest| Some(after(newest)));
        // The closure always returns a value, so both cases hold the number before.
        after(before.unwrap_or_else(|newest| newest))
    }

    /// Makes all later numbers greater than `seq`, which was read.
    pub(super) fn observe(&self, seq: u64) {
        self.newest.fetch_max(seq, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_are_greater_than_all_that_were_read_although_clocks_differ() {
        let (here, ahead) = (Clock::new(1), Clock::new(2));
        let first = here.next();
        assert!(here.next() > first);
        let far = first + ((3600 * 1_000_000) << TAG_BITS);
        ahead.observe(far);
        let there = ahead.next();
        assert!(there > far);
        here.observe(there);
        assert!(here.next() > there);
        // Numbers fit into the integers of databases.
        assert!(i64::try_from(there).is_ok());
    }
}
