//! The parts of a table that is being read: rows, and the records that cannot be used.

use serde_json::Value;

use super::rejects::{Rejects, shortened};
use crate::artifact::{Column, Table, TableBuilder};
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
pub(crate) struct ReadBlock<T> {
    pub(crate) kept: Table,
    pub(crate) made: T,
    pub(crate) refused: Vec<Refused>,
    pub(crate) records: u64,
}

/// A record that cannot be used.
pub(crate) struct Refused {
    /// Its index in the block.
    pub(crate) index: u64,
    pub(crate) line: u64,
    /// The beginning of its text.
    pub(crate) text: String,
    pub(crate) reason: String,
}

/// Gathers records into parts, and passes them on.
pub(crate) struct Parts<'a, M, F> {
    columns: &'a [Column],
    /// What ends the error for a record that cannot be used; `None` if such records are rejected.
    strict: Option<&'static str>,
    make: &'a M,
    kept: TableBuilder,
    rejects: Rejects,
    /// The path of the text, for messages.
    path: &'a str,
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
    /// Gathers the records of a table with these columns. Rejects name their files if `several`.
    pub(crate) fn new(
        columns: &'a [Column],
        several: bool,
        strict: Option<&'static str>,
        make: &'a M,
        take: F,
    ) -> Self {
        let kept = TableBuilder::new(columns.to_vec());
        let rejects = if several { Rejects::of_several() } else { Rejects::default() };
        Self { columns, strict, make, kept, rejects, path: "", number: 0, done: 0, skipped: 0, taken: None, take }
    }

    /// Leaves out the first `skipped` records.
    pub(super) fn behind(self, skipped: u64) -> Self {
        Self { skipped, ..self }
    }

    /// Begins with the next text, the file at `path`, which is called `name` in the data.
    pub(crate) fn begin(&mut self, path: &'a str, name: &str) {
        self.path = path;
        self.number = 0;
        self.rejects.continue_in(name);
    }

    /// Passes over records of the text that were read before.
    pub(crate) fn pass_over(&mut self, records: u64) {
        self.number += records;
        self.done += records;
    }

    /// Adds a record whose cells are JSON values. `line` is 0 if the text has no lines.
    pub(super) fn add(
        &mut self,
        line: u64,
        raw: &[u8],
        cells: impl FnOnce() -> Result<Vec<Value>, String>,
    ) -> Result<(), StepError> {
        self.pass_over(1);
        if self.done <= self.skipped {
            return Ok(());
        }
        let cells = cells();
        // After the record, whose cells may have been read only in part.
        cancel::check()?;
        match cells {
            Ok(cells) => self.kept.push(cells).map_err(StepError::new)?,
            Err(reason) => self.refuse(line, self.number, raw, &reason)?,
        }
        if self.done.is_multiple_of(PART_RECORDS) { self.give() } else { Ok(()) }
    }

    /// Adds a block of records as a part.
    pub(crate) fn add_block(&mut self, block: ReadBlock<T>) -> Result<(), StepError> {
        let ReadBlock { mut kept, mut made, refused, records } = block;
        let before = self.number;
        let skipped = self.skipped.saturating_sub(self.done).min(records);
        self.pass_over(records);
        if skipped == records {
            return Ok(());
        }
        let mut skipped_rows = skipped;
        for Refused { index, line, text: raw, reason } in refused {
            if index < skipped {
                skipped_rows -= 1;
            } else {
                self.refuse(line, before + index + 1, raw.as_bytes(), &reason)?;
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
    fn refuse(&mut self, line: u64, number: u64, raw: &[u8], reason: &str) -> Result<(), StepError> {
        let path = self.path;
        match (self.strict, line) {
            (Some(end), 0) => Err(StepError::new(format!("record {number} of `{path}` cannot be used: {reason}{end}"))),
            (Some(end), line) => {
                let raw = shortened(raw);
                Err(StepError::new(format!(
                    "line {line} of `{path}` cannot be used: {reason}; the line is `{raw}`{end}"
                )))
            }
            (None, 0) => {
                self.rejects.push_record(Some(number), raw, reason);
                Ok(())
            }
            (None, line) => {
                self.rejects.push(line, number, raw, reason);
                Ok(())
            }
        }
    }

    fn give(&mut self) -> Result<(), StepError> {
        let kept = std::mem::replace(&mut self.kept, TableBuilder::new(self.columns.to_vec())).finish()?;
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
    pub(crate) fn end(mut self) -> Result<(), StepError> {
        if self.taken == Some(self.done) { Ok(()) } else { self.give() }
    }
}
