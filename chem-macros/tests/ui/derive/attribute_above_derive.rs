use chem_runtime::prelude::*;

/// Gives rows.
#[step("table.rows", version = 1, source)]
#[derive(Step)]
struct Rows {
    /// How many.
    rows: u32,
}

impl RunStep for Rows {
    type Inputs = ();
    type Output = Table;

    fn run(&self, _: (), _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
