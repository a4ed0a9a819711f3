//! The results from which the rows of an input are taken over: an earlier one, or those of the shards of the input.
//!
//! The result of a shard is like any earlier result: a row that it does not have is worked on. So the outputs never depend on
//! how the input was cut. A row that killed the processes that worked on it has no result, and is not worked on: it is set apart.

use std::sync::Arc;

use super::set_apart::SetApart;
use super::taken_over::{FoundRows, Known};
use crate::artifact::Column;
use crate::event::TakenOver;
use crate::step::earlier_rows::{EarlierRows, KnownShard, ShardResult, ShardResults};
use crate::step::error::StepError;

/// Reads a result; `None` if it does not fit.
type Read<'a> = Box<dyn Fn(&EarlierRows, &FoundRows) -> Result<Option<Known>, StepError> + 'a>;

/// What is known about rows before any work on them.
#[derive(Clone)]
pub(super) enum Foreknown {
    /// An earlier result, which may have them.
    Result(Arc<Known>),
    /// They are set apart.
    SetApart(Arc<SetApart>),
}

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
    Whole { known: Option<Foreknown>, earlier: &'a EarlierRows },
    /// One for each shard.
    Shards {
        read: Read<'a>,
        shards: &'a ShardResults,
        /// The columns of rejects that the step gives.
        rejects: Option<Vec<Column>>,
        /// The index of the shard that was read last, the end of its rows, and what is known about them.
        newest: Option<(usize, usize, Option<Foreknown>)>,
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
        let known = read(earlier, &found)?.map(Arc::new).map(Foreknown::Result);
        Ok(Self { results: Results::Whole { known, earlier }, found })
    }

    /// Takes over the rows of each shard from its result. A step that gives rejects with the columns `rejects` has those that are
    /// set apart among them.
    pub(super) fn shards(read: Read<'a>, shards: &'a ShardResults, rejects: Option<Vec<Column>>) -> Self {
        Self { results: Results::Shards { read, shards, rejects, newest: None }, found: FoundRows::default() }
    }

    /// Returns what is known about the row of the input with this index, and the index of the first row after it of which
    /// something else is known.
    ///
    /// # Errors
    /// Fails if the result cannot be read.
    pub(super) fn at(&mut self, row: usize) -> Result<(Option<Foreknown>, usize), StepError> {
        let (read, shards, rejects, newest) = match &mut self.results {
            Results::None => return Ok((None, usize::MAX)),
            Results::Whole { known, .. } => return Ok((known.clone(), usize::MAX)),
            Results::Shards { read, shards, rejects, newest } => (read, &shards.shards, rejects, newest),
        };
        let (mut index, mut end) = match newest {
            Some((_, end, known)) if row < *end => return Ok((known.clone(), *end)),
            Some((index, end, _)) => (*index + 1, *end),
            None => (0, 0),
        };
        while let Some(ShardResult { rows, known }) = shards.get(index) {
            end += rows;
            if row < end {
                let known = match known {
                    KnownShard::Nothing => None,
                    KnownShard::Result(earlier) => read(earlier, &self.found)?.map(Arc::new).map(Foreknown::Result),
                    KnownShard::SetApart { reason, .. } => {
                        let (reason, rejects) = (reason.clone(), rejects.clone());
                        Some(Foreknown::SetApart(Arc::new(SetApart { reason, rejects })))
                    }
                };
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
