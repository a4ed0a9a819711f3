use chem_runtime::prelude::*;

/// Passes the columns of a table on.
#[step("demo.pass", version = 1, rows)]
fn pass(table: Rows<Table>) -> Result<Table, StepError> {
    Ok(table.head()?)
}

fn main() {}
