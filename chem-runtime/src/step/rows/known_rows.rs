//! The results from which the rows of an input are taken over: an earlier one, or those of the shards of the input.
//!
//! The result of a shard is like any earlier result: a row that it does not have is worked on. So the outputs never depend on
//! how the input was cut.

use std::sync::Arc;

use super::taken_over::{FoundRows, Known};
use crate::event::TakenOver;
use crate::step::earlier_rows::{EarlierRows, ShardResults};
use crate::step::error::StepError;

/// Reads a result; `None` if it does not fit.
type Read<'a> = Box<dyn Fn(&EarlierRows, &FoundRows) -> Result<Option<Known>, StepError> + 'a>;

/// The results from which the rows of an input are taken over.
pub(super) struct KnownRows<'a> {
    results: Results<'a>,
    /// The rows that were found, and those that were not.
    found: FoundRows,
}

enum Results<'a> {
    /// No result.
    None,
    /// One for all rows.
    Whole { known: Option<Arc<Known>>, earlier: &'a EarlierRows },
    /// One for each shard.
    Shards {
        read: Read<'a>,
        shards: &'a ShardResults,
        /// The index of the shard that was read last, the end of its rows, and its result.
        newest: Option<(usize, usize, Option<Arc<Known>>)>,
    },
}

impl<'a> KnownRows<'a> {
    /// Takes over no rows.
    pub(super) fn none() -> Self {
        Self { results: Results::None, found: FoundRows::default() }
    }

    /// Takes over rows from one result.
    ///
    /// # Errors
    /// Fails like `read`.
    pub(super) fn whole(read: Read<'a>, earlier: &'a EarlierRows) -> Result<Self, StepError> {
        let found = FoundRows::default();
        let known = read(earlier, &found)?.map(Arc::new);
        Ok(Self { results: Results::Whole { known, earlier }, found })
    }

    /// Takes over the rows of each shard from its result.
    pub(super) fn shards(read: Read<'a>, shards: &'a ShardResults) -> Self {
        Self { results: Results::Shards { read, shards, newest: None }, found: FoundRows::default() }
    }

    /// Returns the result for the row of the input with this index, and the index of the first row after it to which another
    /// result applies.
    ///
    /// # Errors
    /// Fails if the result cannot be read.
    pub(super) fn at(&mut self, row: usize) -> Result<(Option<Arc<Known>>, usize), StepError> {
        let (read, shards, newest) = match &mut self.results {
            Results::None => return Ok((None, usize::MAX)),
            Results::Whole { known, .. } => return Ok((known.clone(), usize::MAX)),
            Results::Shards { read, shards, newest } => (read, &shards.shards, newest),
        };
        let (mut index, mut end) = match newest {
            Some((_, end, known)) if row < *end => return Ok((known.clone(), *end)),
            Some((index, end, _)) => (*index + 1, *end),
            None => (0, 0),
        };
        while let Some((rows, earlier)) = shards.get(index) {
            end += rows;
            if row < end {
                let known = earlier.as_ref().map(|earlier| read(earlier, &self.found)).transpose()?.flatten();
                let known = known.map(Arc::new);
                *newest = Some((index, end, known.clone()));
                return Ok((known, end));
            }
            index += 1;
        }
        Ok((None, usize::MAX))
    }

    /// Returns what was taken over from an earlier result; `None` if there was none.
    pub(super) fn taken_over(&self) -> Option<TakenOver> {
        match &self.results {
            Results::Whole { known: Some(_), earlier } => {
                let (rows, computed) = self.found.counts();
                Some(TakenOver { computed, rows, source: earlier.source })
            }
            _ => None,
        }
    }

    /// Returns how many rows the results of the shards do not have, so that they were worked on again.
    pub(super) fn missing(&self) -> u64 {
        match &self.results {
            Results::Shards { .. } => self.found.counts().1,
            _ => 0,
        }
    }
}
