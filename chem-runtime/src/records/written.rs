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
    for file in path.found(files)? {
        let of_file = |record: &SourceRecord<'_>| is_single || record.file_in(file_column) == Some(file.name.as_str());
        let (indices, numbers): (Vec<usize>, Vec<u64>) = records
            .iter()
            .enumerate()
            .filter(|(_, record)| of_file(record))
            .map(|(at, record)| (at, record.number))
            .unzip();
        if numbers.is_empty() {
            continue;
        }
        let found = find(&file, Search::of(numbers))?.found;
        for (index, found) in indices.into_iter().zip(found) {
            all[index] = found;
        }
    }
    Ok(all)
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
}

impl Search {
    fn of(numbers: Vec<u64>) -> Self {
        let found = vec![None; numbers.len()];
        Self { numbers, passed: 0, found }
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
        self.found.iter().all(Option::is_some)
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
