//! Finds records in files by their numbers, as they are written there.

use super::delimited_blocks::{Block, each_block};
use super::delimited_reader::Layout;
use super::json_lines_reader::JsonLine;
use super::record_files::RecordFiles;
use super::record_text::RecordText;
use super::table_text::{SourceText, TableFormat, TableText};
use crate::step::{Files, NamedFile, SourceRecord, StepError, WrittenRecord};

/// Finds records that a step read from the files at `path`, whose names it may have put into `file_column`. `find` returns those
/// with the given numbers in a file.
///
/// # Errors
/// Fails like `find`, or if the files are not found.
pub(crate) fn written_in_files(
    path: &RecordFiles,
    files: &Files,
    file_column: Option<&str>,
    records: &[SourceRecord<'_>],
    find: impl Fn(&NamedFile, Search) -> Result<Search, StepError>,
) -> Result<Vec<Option<WrittenRecord>>, StepError> {
    let mut all: Vec<Option<WrittenRecord>> = vec![None; records.len()];
    let is_single = path.single().is_some();
    let is_placed =
        |record: &SourceRecord<'_>| record.number.is_some() && (is_single || record.file_in(file_column).is_some());
    let by_row = records.iter().any(|record| !is_placed(record) && record.row.is_some());
    // The rows of the main output come file by file, so that the number of records in each file says which rows are its own.
    let mut first = 0;
    for file in path.found(files)? {
        let mut wanted: Vec<(usize, u64)> = Vec::new();
        for (at, record) in records.iter().enumerate().filter(|(_, record)| is_placed(record)) {
            let is_of_file = is_single || record.file_in(file_column) == Some(file.name.as_str());
            wanted.extend(record.number.filter(|_| is_of_file).map(|number| (at, number)));
        }
        let placed = wanted.len();
        if by_row {
            let count = find(&file, Search::counting())?.passed;
            let kept = Kept::of(count, records, &file.name);
            for (at, record) in records.iter().enumerate().filter(|(_, record)| !is_placed(record)) {
                let number = record.row.and_then(|row| row.checked_sub(first)).and_then(|row| kept.number_of(row));
                let number = number.filter(|number| record.number.is_none_or(|known| known == *number));
                wanted.extend(number.map(|number| (at, number)));
            }
            first += kept.count();
        }
        if wanted.is_empty() {
            continue;
        }
        let found = find(&file, Search::of(wanted.iter().map(|(_, number)| *number).collect()))?.found;
        for (index, ((at, number), found)) in wanted.into_iter().zip(found).enumerate() {
            let place = (index >= placed).then(|| (file.name.clone(), number));
            all[at] = found.map(|found| WrittenRecord { place, ..found });
        }
    }
    Ok(all)
}

/// The records of a file that were not rejected.
struct Kept {
    /// The number of records.
    of: u64,
    /// The numbers of those that were rejected, in ascending order.
    rejected: Vec<u64>,
}

impl Kept {
    fn of(count: u64, records: &[SourceRecord<'_>], file: &str) -> Self {
        let all = records.first().map(|record| record.rejected).unwrap_or_default();
        let mut rejected: Vec<u64> = all.iter().filter(|(of, _)| of == file).map(|(_, number)| *number).collect();
        rejected.sort_unstable();
        rejected.dedup();
        Self { of: count, rejected }
    }

    fn count(&self) -> usize {
        usize::try_from(self.of).unwrap_or(usize::MAX).saturating_sub(self.rejected.len())
    }

    /// Returns the number of the record in the row at this index among those of the file.
    fn number_of(&self, row: usize) -> Option<u64> {
        let mut number = u64::try_from(row).ok()? + 1;
        for rejected in &self.rejected {
            if *rejected > number {
                break;
            }
            number += 1;
        }
        (row < self.count()).then_some(number)
    }
}

impl TableText<'_> {
    /// Searches for records in a text. Finds none if the format is not text.
    ///
    /// # Errors
    /// Fails if the text cannot be read.
    pub(crate) fn written(&self, source: &SourceText<'_>, search: Search) -> Result<Search, StepError> {
        match self.format {
            TableFormat::Delimited(delimiter) => {
                written_in_delimited(source.path, source.text, self.layout(delimiter), search)
            }
            TableFormat::JsonLines => {
                search.during(|search| self.each_object(source, |JsonLine { line, raw, .. }| search.pass(line, raw)))
            }
            #[cfg(feature = "excel")]
            TableFormat::Excel => {
                let sheet = self.sheet(source)?;
                search.during(|search| {
                    sheet.rows(self.cells.missing).try_for_each(|row| search.pass(row.number, row.text.as_bytes()))
                })
            }
            #[cfg(not(feature = "excel"))]
            TableFormat::Excel => Ok(search),
            TableFormat::Parquet => Ok(search),
        }
    }
}

/// Searches for records in a delimited text. `name` is that of the text, for messages.
///
/// # Errors
/// Fails if the text cannot be read.
fn written_in_delimited(
    name: &str,
    text: &RecordText<'_>,
    layout: Layout<'_>,
    search: Search,
) -> Result<Search, StepError> {
    let work = |block: &mut Block<'_>| {
        let mut all: Vec<(u64, Vec<u8>)> = Vec::new();
        block.each_record(|line, raw, _| {
            all.push((line, raw.to_vec()));
            Ok(())
        })?;
        Ok(all)
    };
    search.during(|search| {
        let take = |block: Vec<(u64, Vec<u8>)>| block.iter().try_for_each(|(line, raw)| search.pass(*line, raw));
        each_block(name, text, layout, work, take).map(drop)
    })
}

/// A search for the records with some numbers, from 1.
pub(crate) struct Search {
    numbers: Vec<u64>,
    /// The number of records that were passed.
    passed: u64,
    /// The record with each number.
    found: Vec<Option<WrittenRecord>>,
    /// Whether all records are passed, to count them.
    counts: bool,
}

impl Search {
    fn of(numbers: Vec<u64>) -> Self {
        let found = vec![None; numbers.len()];
        Self { numbers, passed: 0, found, counts: false }
    }

    /// Creates a search that finds no record, and counts all.
    fn counting() -> Self {
        Self { counts: true, ..Self::of(Vec::new()) }
    }

    /// Passes the next record. Once all records are found, fails to stop the reader.
    pub(crate) fn pass(&mut self, line: u64, text: &[u8]) -> Result<(), StepError> {
        self.passed += 1;
        for (number, found) in self.numbers.iter().zip(&mut self.found) {
            if *number == self.passed {
                *found = Some(WrittenRecord::on_line(line, text));
            }
        }
        if self.is_done() { Err(StepError::interrupted()) } else { Ok(()) }
    }

    fn is_done(&self) -> bool {
        !self.counts && self.found.iter().all(Option::is_some)
    }

    /// Searches while `read` passes records.
    ///
    /// # Errors
    /// Fails like `read`, unless all records are found.
    pub(crate) fn during(mut self, read: impl FnOnce(&mut Self) -> Result<(), StepError>) -> Result<Self, StepError> {
        match read(&mut self) {
            Err(error) if !self.is_done() => Err(error),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::table_text::CellText;
    use super::*;

    fn written(text: &str, format: TableFormat, numbers: &[u64]) -> Vec<Option<(Option<u64>, String)>> {
        let types = BTreeMap::new();
        let how =
            TableText { name: "a", format, types: &types, cells: CellText::default(), qualified: &[], strict: false };
        let text = RecordText::Whole(text.as_bytes().into());
        let source = SourceText { path: "a", name: "a", text: &text };
        let found = how.written(&source, Search::of(numbers.to_vec())).unwrap().found;
        found.into_iter().map(|found| found.map(|found| (found.line, found.text))).collect()
    }

    #[test]
    fn records_are_found_by_their_numbers_as_they_are_written() {
        let csv = "a,b\n1,\"x\ny\"\n\nbad\"\n 2 , z\n";
        let record = |line, text: &str| Some((Some(line), text.to_owned()));
        let found = written(csv, TableFormat::Delimited(b','), &[3, 1, 2, 4, 1]);
        let first = || record(2, "1,\"x\ny\"");
        assert_eq!(found, [record(6, " 2 , z"), first(), record(5, "bad\""), None, first()]);
        let lines = "{\"a\": 1}\n\n{ \"a\":2 }\n";
        assert_eq!(written(lines, TableFormat::JsonLines, &[2]), [record(3, "{ \"a\":2 }")]);
    }

    #[test]
    fn records_far_behind_are_found() {
        let text: String = (1..=60_000).map(|number| format!("{number},\"x\ny\"\n")).collect();
        let numbers = [1, 30_000, 60_000, 60_001];
        let found = written(&format!("n,t\n{text}"), TableFormat::Delimited(b','), &numbers);
        let expected =
            numbers.map(|number| (number <= 60_000).then(|| (Some(2 * number), format!("{number},\"x\ny\""))));
        assert_eq!(found, expected);
    }
}
