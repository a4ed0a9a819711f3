use chem_runtime::prelude::*;

/// Passes a table on.
#[derive(Step)]
#[step("demo.pass", version = 1, rows)]
struct Pass;

impl RunStep for Pass {
    type Inputs = Input<Table>;
    type Output = Table;

    fn run(&self, table: Input<Table>, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Ok(Table::clone(&table))
    }
}

fn main() {}
