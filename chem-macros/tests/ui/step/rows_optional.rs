use chem_runtime::prelude::*;

/// Passes a table on.
#[step("demo.pass", version = 1, rows)]
fn pass(table: Option<Rows<Table>>) -> Result<RowWork<Table>, StepError> {
    Err(StepError::new(format!("{}", table.is_some())))
}

fn main() {}
