//! The text of the records that a source read, from its files.

use super::step::{Ran, Run};
use super::{ReadRecord, WrittenText};
use crate::step::{REJECTS, SourceRecord, WrittenRecord};

/// Reads the texts of records again, each of which has the index of its source, and puts them and their lines into the records. A
/// file that has changed since the run is not read.
pub(super) fn add_texts(run: &Run<'_>, records: &mut [(usize, ReadRecord)]) {
    let mut sources: Vec<usize> = records.iter().map(|(source, _)| *source).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let mut of_source: Vec<&mut ReadRecord> =
            records.iter_mut().filter(|(of, _)| *of == source).map(|(_, record)| record).collect();
        let found = texts(run, source, &of_source);
        for (index, record) in of_source.iter_mut().enumerate() {
            match &found {
                Err(reason) => record.written = WrittenText::Unread(reason.clone()),
                Ok(found) => {
                    let Some(Some(written)) = found.get(index) else { continue };
                    record.line = record.line.or(written.line);
                    record.written = WrittenText::Text(written.text.clone());
                    if let Some((file, number)) = &written.place {
                        record.record = Some(*number);
                        record.files = vec![file.clone()];
                        record.file = Some(file.clone());
                    }
                }
            }
        }
    }
}

/// Finds the records of a source in its files, or says why they cannot be read.
fn texts(run: &Run<'_>, source: usize, records: &[&mut ReadRecord]) -> Result<Vec<Option<WrittenRecord>>, String> {
    let Some(ran) = run.ran(source) else { return Ok(Vec::new()) };
    if ran.is_unknown() {
        return Ok(Vec::new());
    }
    let definition = ran.definition()?;
    ran.expect_same_files(definition.as_ref())?;
    let rejected = if ran.reads_several_files() { rejected(&ran) } else { Some(Vec::new()) };
    let Some(rejected) = rejected else { return Ok(Vec::new()) };
    let wanted = records.iter().map(|record| {
        // Of several files, the number of a record is that in its file only if the data have it.
        let is_numbered = !ran.reads_several_files()
            || record.rejected.is_some()
            || record.values.get("record").and_then(serde_json::Value::as_u64) == record.record;
        SourceRecord {
            number: record.record.filter(|_| is_numbered),
            row: record.row,
            rejected: &rejected,
            file: record.file.as_deref(),
            values: &record.values,
        }
    });
    definition.written(&wanted.collect::<Vec<_>>(), ran.files()).map_err(|error| error.to_string())
}

/// Returns the file and the number of each record that a source of several files rejected; `None` if they are not recorded.
fn rejected(ran: &Ran<'_>) -> Option<Vec<(String, u64)>> {
    let Some(rejects) = ran.output(REJECTS).ok()? else { return Some(Vec::new()) };
    let numbers = rejects.only(&["file", "record"]).ok()?;
    let one = |row: usize| {
        let value = |column: &str| numbers.column(column).map(|(_, data)| data.json(row));
        Some((value("file")?.as_str()?.to_owned(), value("record")?.as_u64()?))
    };
    (0..numbers.rows()).map(one).collect()
}
