use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows;

impl RunStep for Rows {
    type Inputs = Table;
    type Output = Table;

    fn run(&self, _: Table, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
