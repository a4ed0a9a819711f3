use chem_runtime::prelude::*;

/// Passes a table on.
#[derive(Step)]
#[step("demo.pass", version = 1, rows)]
struct Pass;

impl RunRows for Pass {
    type Inputs = Input<Table>;
    type Output = Table;

    fn run(&self, table: Input<Table>, _: &ExecutionContext<'_>) -> Result<RowWork<Table>, StepError> {
        Err(StepError::new(format!("{} rows", table.rows())))
    }
}

fn main() {}
