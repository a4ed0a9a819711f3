use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows;

impl RunStep for Rows {
    type Inputs = Input<Table>;
    type Output = ();

    fn run(&self, _: Input<Table>, _: &ExecutionContext<'_>) -> Result<(), StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
