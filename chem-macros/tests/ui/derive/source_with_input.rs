use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1, source)]
struct Rows;

impl RunStep for Rows {
    type Inputs = Input<Table>;
    type Output = Table;

    fn run(&self, _: Input<Table>, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
