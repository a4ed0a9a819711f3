//! Tables as Arrow IPC streams.

use crate::artifact::Table;
use crate::step::StepError;

/// Returns a table as a stream of one record batch.
#[cfg(any(feature = "cli", feature = "python"))]
pub(in crate::steps) fn write(table: &Table) -> Result<Vec<u8>, StepError> {
    use arrow_ipc::writer::StreamWriter;

    let batch = table.to_record_batch();
    let mut stream = Vec::new();
    let mut writer = StreamWriter::try_new(&mut stream, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    Ok(stream)
}

/// Reads a stream as a table.
///
/// # Errors
/// Fails if it is not a stream, or has columns of other types than tables have.
#[cfg(any(feature = "cli", feature = "python"))]
pub(in crate::steps) fn read(stream: &[u8]) -> Result<Table, StepError> {
    use std::io::Cursor;

    use arrow_array::RecordBatch;
    use arrow_ipc::reader::StreamReader;

    use crate::artifact::TableBuilder;

    let reader = StreamReader::try_new(Cursor::new(stream), None)?;
    let head = Table::try_from(&RecordBatch::new_empty(reader.schema()))?;
    let mut parts = reader.map(|batch| Ok(Table::try_from(&batch?)?)).collect::<Result<Vec<Table>, StepError>>()?;
    match parts.len() {
        0 => Ok(head),
        1 => Ok(parts.remove(0)),
        _ => {
            let mut all = TableBuilder::new(head.columns().to_vec());
            parts.iter().try_for_each(|part| all.append(part))?;
            Ok(all.finish()?)
        }
    }
}

#[cfg(not(any(feature = "cli", feature = "python")))]
pub(in crate::steps) fn write(_: &Table) -> Result<Vec<u8>, StepError> {
    Err(StepError::new(NOT_LINKED))
}

#[cfg(not(any(feature = "cli", feature = "python")))]
pub(in crate::steps) fn read(_: &[u8]) -> Result<Table, StepError> {
    Err(StepError::new(NOT_LINKED))
}

#[cfg(not(any(feature = "cli", feature = "python")))]
const NOT_LINKED: &str = "this program has no Arrow streams: build it with the feature `cli` or `python`";
