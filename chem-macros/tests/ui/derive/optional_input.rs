use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows;

impl RunStep for Rows {
    type Inputs = Option<Input<Table>>;
    type Output = Table;

    fn run(&self, _: Option<Input<Table>>, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
