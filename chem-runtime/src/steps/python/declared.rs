//! Compares the tables that workers send with what their steps declare.

use crate::artifact::{Column, Table};
use crate::records::type_name;
use crate::step::StepError;

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
