use chem_runtime::prelude::*;

#[derive(Step)]
#[step("table.rows", version = 1, source)]
struct Rows {
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
