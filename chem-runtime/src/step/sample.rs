//! A sample of the rows of a step's input, on which the step is tried.

use crate::artifact::{Dataset, TableStream};

/// Which rows of an input a sample has.
///
/// A step that is tried on a sample has to give what came out for these rows of the whole input. So the runtime numbers the rows
/// as there, and says of a column as a whole what it is there. The step itself sees the sample alone.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The number of each row in the whole input, from 1.
    numbers: Vec<usize>,
    whole: TableStream,
}

impl Sample {
    /// Creates the sample of the rows with these indices in `whole`.
    pub fn of(whole: &Dataset, rows: &[usize]) -> Self {
        Self { numbers: rows.iter().map(|row| row + 1).collect(), whole: whole.table().clone().into() }
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn whole(&self) -> &TableStream {
        &self.whole
    }

    /// Returns the number in the whole input of the row with this index in the sample.
    pub(super) fn number_of(&self, row: usize) -> Option<usize> {
        self.numbers.get(row).copied()
    }
}
