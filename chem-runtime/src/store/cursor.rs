//! Where a reader of the log continues.

use std::fmt;
use std::str::FromStr;

/// A reader's position in the log of a store.
///
/// The text form can be saved. It is valid for the store that returned it, even after a dump and restore or a failover.
/// A store restored to an earlier point in time has lost the events after it and reuses their numbers. A PostgreSQL
/// store then rejects a cursor that is not in its log; it fails to detect one only if a new event has both the number
/// and the transaction of the lost event. An SQLite file records only numbers, so after restoring one, start over or
/// use a cursor from before that point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// The number of times the store had been moved.
    pub(super) era: u64,
    /// The transaction of the last event that was read.
    pub(super) xact: u64,
    /// The number of that event in the store's global order.
    pub(super) seq: u64,
}

impl Cursor {
    /// The position before the first event.
    pub const START: Self = Self { era: 0, xact: 0, seq: 0 };

    /// Returns the number of the last event that was read, in the store's global order; 0 before the first.
    pub fn seq(self) -> u64 {
        self.seq
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.era, self.xact, self.seq)
    }
}

/// The text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor; use one that this program has printed")]
pub struct InvalidCursor(String);

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut numbers = text.split('-').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(era)), Some(Ok(xact)), Some(Ok(seq)), None) => Ok(Self { era, xact, seq }),
            _ => Err(InvalidCursor(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_text_and_from_no_other() {
        let cursor = Cursor { era: 1, xact: 735, seq: u64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1-2", "1-2-x", "1-2-3-4", "1--2"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
