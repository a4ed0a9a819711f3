//! The parts of a table that is being read: rows, and the records that cannot be used.

use serde_json::Value;

use super::qualified::split_cells;
use super::rejects::{Rejects, shortened};
use super::table_survey::{Survey, Surveyed};
use super::typing::type_cells;
use crate::artifact::{Table, TableBuilder};
use crate::cancel;
use crate::step::StepError;

/// The number of records of a part, unless records are read in blocks.
const PART_RECORDS: u64 = 8192;

/// Consecutive records of a table that is being read.
pub(crate) struct RecordPart<T> {
    pub(crate) kept: Table,
    pub(crate) rejects: Table,
    /// What was made of `kept`.
    pub(crate) made: T,
    /// The number of records up to the end of the part.
    pub(crate) records: u64,
}

/// Consecutive records of a text.
pub(super) struct ReadBlock<T> {
    pub(super) kept: Table,
    pub(super) made: T,
    pub(super) refused: Vec<Refused>,
    pub(super) records: u64,
}

/// A record that cannot be used.
pub(super) struct Refused {
    /// Its index in the block.
    pub(super) index: u64,
    pub(super) line: u64,
    /// The beginning of its text.
    pub(super) text: String,
    pub(super) reason: String,
}

/// Gathers records into parts, and passes them on.
pub(super) struct Parts<'a, M, F> {
    survey: &'a Survey<'a>,
    make: &'a M,
    kept: TableBuilder,
    rejects: Rejects,
    /// The number of records of the text so far.
    number: u64,
    /// The number of records of all texts so far.
    done: u64,
    /// The number of records at the beginning that are left out.
    skipped: u64,
    /// The value of `done` when the last part was taken; `None` before the first.
    taken: Option<u64>,
    take: F,
}

impl<'a, T, M: Fn(&Table) -> T, F: FnMut(RecordPart<T>) -> Result<(), StepError>> Parts<'a, M, F> {
    pub(super) fn new(survey: &'a Survey<'a>, skipped: u64, make: &'a M, take: F) -> Self {
        let kept = TableBuilder::new(survey.columns.clone());
        Self { survey, make, kept, rejects: no_rejects(survey), number: 0, done: 0, skipped, taken: None, take }
    }

    /// Begins with the next text.
    pub(super) fn begin(&mut self, text: &Surveyed<'_>) {
        self.number = 0;
        self.rejects.continue_in(text.source.name);
    }

    /// Adds a record whose cells are JSON values. `line` is 0 if the text has no lines.
    pub(super) fn add(
        &mut self,
        text: &Surveyed<'_>,
        line: u64,
        raw: &[u8],
        cells: impl FnOnce() -> Result<Vec<Value>, String>,
    ) -> Result<(), StepError> {
        self.number += 1;
        self.done += 1;
        if self.done <= self.skipped {
            return Ok(());
        }
        let cells = cells().and_then(|cells| self.typed(text, cells));
        // After the record, whose cells may have been read only in part.
        cancel::check()?;
        match cells {
            Ok(mut cells) => {
                cells.extend(self.survey.has_file_column().then(|| Value::from(text.source.name)));
                self.kept.push(cells).map_err(StepError::new)?;
            }
            Err(reason) => self.refuse(text, line, self.number, raw, &reason)?,
        }
        if self.done.is_multiple_of(PART_RECORDS) { self.give() } else { Ok(()) }
    }

    fn typed(&self, text: &Surveyed<'_>, cells: Vec<Value>) -> Result<Vec<Value>, String> {
        let mut cells = match &text.arrangement {
            Some(arrangement) => arrangement.apply(cells),
            None => cells,
        };
        if !self.survey.how.qualified.is_empty() {
            split_cells(&mut cells, |index| self.survey.qualified[index]);
        }
        type_cells(&mut cells, &self.survey.columns, self.survey.how.notation())?;
        Ok(cells)
    }

    /// Adds a block of records as a part.
    pub(super) fn add_block(&mut self, text: &Surveyed<'_>, block: ReadBlock<T>) -> Result<(), StepError> {
        let ReadBlock { mut kept, mut made, refused, records } = block;
        let before = self.number;
        let skipped = self.skipped.saturating_sub(self.done).min(records);
        self.number += records;
        self.done += records;
        if skipped == records {
            return Ok(());
        }
        let mut skipped_rows = skipped;
        for Refused { index, line, text: raw, reason } in refused {
            if index < skipped {
                skipped_rows -= 1;
            } else {
                self.refuse(text, line, before + index + 1, raw.as_bytes(), &reason)?;
            }
        }
        if skipped > 0 {
            kept = kept.slice(usize::try_from(skipped_rows).unwrap_or(usize::MAX)..kept.rows());
            made = (self.make)(&kept);
        }
        self.give_part(kept, made)
    }

    /// Adds a record to the rejects.
    ///
    /// # Errors
    /// Fails if reading is strict.
    fn refuse(
        &mut self,
        text: &Surveyed<'_>,
        line: u64,
        number: u64,
        raw: &[u8],
        reason: &str,
    ) -> Result<(), StepError> {
        let path = text.source.path;
        match (self.survey.how.strict, line) {
            (true, 0) => Err(StepError::new(format!("record {number} of `{path}` cannot be used: {reason}"))),
            (true, line) => {
                let raw = shortened(raw);
                Err(StepError::new(format!("line {line} of `{path}` cannot be used: {reason}; the line is `{raw}`")))
            }
            (false, 0) => {
                self.rejects.push_record(Some(number), raw, reason);
                Ok(())
            }
            (false, line) => {
                self.rejects.push(line, number, raw, reason);
                Ok(())
            }
        }
    }

    fn give(&mut self) -> Result<(), StepError> {
        let kept = std::mem::replace(&mut self.kept, TableBuilder::new(self.survey.columns.clone())).finish()?;
        let made = (self.make)(&kept);
        self.give_part(kept, made)
    }

    fn give_part(&mut self, kept: Table, made: T) -> Result<(), StepError> {
        let next = self.rejects.next_part();
        let rejects = std::mem::replace(&mut self.rejects, next).finish()?;
        self.taken = Some(self.done);
        (self.take)(RecordPart { kept, rejects, made, records: self.done })
    }

    /// Passes on the last part. There is one even if there are no records.
    pub(super) fn end(mut self) -> Result<(), StepError> {
        if self.taken == Some(self.done) { Ok(()) } else { self.give() }
    }
}

fn no_rejects(survey: &Survey<'_>) -> Rejects {
    if survey.several.is_some() { Rejects::of_several() } else { Rejects::default() }
}
