use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1, source)]
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

fn main() {
    let _ = Rows::new("three");
}
