use chem_runtime::prelude::*;

struct Molecules;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows;

impl RunStep for Rows {
    type Inputs = Input<Molecules>;
    type Output = Table;

    fn run(&self, _: Input<Molecules>, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
