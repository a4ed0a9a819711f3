use chem_runtime::prelude::*;

/// Drops columns.
#[step("table.drop", version = 1, columns = remaining)]
fn drop_columns(table: Input<Table>) -> Result<Table, StepError> {
    Ok(Table::clone(&table))
}

fn remaining(_: &DropColumns) -> Columns {
    Columns::Unknown
}

fn main() {}
