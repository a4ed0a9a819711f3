//! Tables as Arrow IPC streams.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use crate::artifact::{Column, Table, TableBuilder};
use crate::records::type_name;
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

/// Returns what a worker sent as the columns that the step `step` declares for it.
///
/// # Errors
/// Fails if a column is missing, undeclared, or of another type: the worker is not of the release of this program.
pub(super) fn declared(step: &str, columns: &[Column], sent: &Table) -> Result<Table, StepError> {
    let fault = |name: &str, what: String| {
        let help = "install the package `chem_flow` in the release of this program";
        StepError::new(format!("`{step}` declares other columns than its worker sent: `{name}` {what}; {help}"))
    };
    if let Some(other) = sent.columns().iter().find(|sent| columns.iter().all(|column| column.name != sent.name)) {
        return Err(fault(&other.name, "is not declared".to_owned()));
    }
    let found = columns.iter().map(|column| match sent.column(&column.name) {
        None => Err(fault(&column.name, "is missing".to_owned())),
        Some((found, _)) if found.ty != column.ty => {
            Err(fault(&column.name, format!("is {}, and {} is declared", type_name(found.ty), type_name(column.ty))))
        }
        Some((_, values)) => Ok((column.clone(), values.clone())),
    });
    Ok(Table::new(found.collect::<Result<Vec<_>, StepError>>()?)?)
}
