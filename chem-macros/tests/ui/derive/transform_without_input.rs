use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows;

impl RunStep for Rows {
    type Inputs = ();
    type Output = Table;

    fn run(&self, _: (), _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
