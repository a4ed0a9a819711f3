use chem_runtime::prelude::*;

struct Molecules;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1, source)]
struct Rows;

impl RunStep for Rows {
    type Inputs = ();
    type Output = Molecules;

    fn run(&self, _: (), _: &ExecutionContext<'_>) -> Result<Molecules, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
