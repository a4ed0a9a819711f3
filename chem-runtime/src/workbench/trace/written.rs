//! The text of the records that a source read, from its files.

use serde_json::Value;

use super::parameters::{is_of, texts_of};
use super::step::Run;
use super::{ReadRecord, WrittenText};
use crate::step::{Files, ParamType, SourceRecord, WrittenRecord};

/// Reads the texts of records again, each of which has the index of its source, and puts them and their lines into the records. A
/// file that has changed since the run is not read.
pub(super) fn add_texts(run: &Run<'_>, files: &Files, records: &mut [(usize, ReadRecord)]) {
    let mut sources: Vec<usize> = records.iter().map(|(source, _)| *source).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let mut of_source: Vec<&mut ReadRecord> =
            records.iter_mut().filter(|(of, _)| *of == source).map(|(_, record)| record).collect();
        let found = texts(run, source, files, &of_source);
        for (index, record) in of_source.iter_mut().enumerate() {
            match &found {
                Err(reason) => record.written = WrittenText::Unread(reason.clone()),
                Ok(found) => {
                    let Some(Some(written)) = found.get(index) else { continue };
                    record.line = record.line.or(written.line);
                    record.written = WrittenText::Text(written.text.clone());
                }
            }
        }
    }
}

/// Finds the records of a source in its files, or says why they cannot be read.
fn texts(
    run: &Run<'_>,
    source: usize,
    files: &Files,
    records: &[&mut ReadRecord],
) -> Result<Vec<Option<WrittenRecord>>, String> {
    let Some(ran) = run.ran(source) else { return Ok(Vec::new()) };
    if ran.is_unknown() {
        return Ok(Vec::new());
    }
    let definition = ran.definition()?;
    let is_file = |ty: &ParamType| is_of(ty, &[ParamType::InputFile, ParamType::InputFiles]);
    let read = ran.spec.params.iter().filter(|param| is_file(&param.ty.make())).map(|param| param.name);
    let read: Vec<&str> = read.collect();
    if !read.is_empty() {
        let now = definition.identity(files).map_err(|error| error.to_string())?;
        let before = ran.state.started.as_ref().map(|started| &started.params);
        if read.iter().any(|name| before.and_then(|before| before.get(*name)) != now.get(*name)) {
            let named = texts_of(ran.spec, &ran.recorded.params, &[ParamType::InputFile, ParamType::InputFiles]);
            return Err(format!("`{}` has changed since it was read", named.join("`, `")));
        }
    }
    // Of several files, the number of a record is that in its file only if the data have it.
    let several = ran
        .state
        .started
        .iter()
        .any(|started| read.iter().any(|name| started.params.get(*name).is_some_and(Value::is_array)));
    let numbered = |record: &ReadRecord| {
        !several || record.rejected.is_some() || record.values.get("record").and_then(Value::as_u64) == record.record
    };
    let wanted = records.iter().filter(|record| numbered(record)).filter_map(|record| {
        let file = record.file.as_deref();
        Some(SourceRecord { number: record.record?, file, values: &record.values })
    });
    let wanted: Vec<SourceRecord<'_>> = wanted.collect();
    if wanted.len() < records.len() {
        return Ok(Vec::new());
    }
    definition.written(&wanted, files).map_err(|error| error.to_string())
}
