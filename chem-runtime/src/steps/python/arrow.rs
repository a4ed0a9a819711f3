//! Tables as Arrow IPC streams.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use crate::artifact::{Table, TableBuilder};
use crate::step::StepError;

/// Returns a table as a stream of one record batch.
pub(super) fn write(table: &Table) -> Result<Vec<u8>, StepError> {
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
pub(super) fn read(stream: &[u8]) -> Result<Table, StepError> {
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
