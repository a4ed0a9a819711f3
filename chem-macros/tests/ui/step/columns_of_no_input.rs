use chem_runtime::prelude::*;

/// Drops columns.
#[step("table.drop", version = 1)]
fn drop_columns(
    table: Input<Table>,
    /// The columns to drop.
    #[param(columns_of = "tables")]
    columns: Vec<ColumnName>,
) -> Result<Table, StepError> {
    Ok(Table::clone(&table))
}

fn main() {}
