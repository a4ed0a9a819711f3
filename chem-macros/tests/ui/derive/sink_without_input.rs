use chem_runtime::prelude::*;

/// Writes rows.
#[derive(Step)]
#[step("table.rows", version = 1, sink)]
struct Rows;

impl RunStep for Rows {
    type Inputs = ();
    type Output = ();

    fn run(&self, _: (), _: &ExecutionContext<'_>) -> Result<(), StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
