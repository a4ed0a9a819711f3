//! Steps of these suites.

use chem_runtime::prelude::*;

/// Gives numbered rows.
#[step("workbench.rows", version = 1)]
pub fn rows(
    /// How many.
    #[param(default = 10)]
    rows: u32,
) -> Result<Table, StepError> {
    let numbers = (0..i64::from(rows)).map(Some).collect();
    Ok(Table::new([(Column::new("number", ColumnType::Integer), ColumnData::Integer(numbers))])?)
}

/// Tells how many rows there are, and puts nothing out.
#[step("workbench.tell", version = 1, kind = Sink)]
pub fn tell(table: Input<Table>, context: &ExecutionContext<'_>) -> Result<(), StepError> {
    context.signal("rows", &table.rows())
}
